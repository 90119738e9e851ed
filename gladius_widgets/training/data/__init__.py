"""From rows to tokens on disk, and from these to batches."""
