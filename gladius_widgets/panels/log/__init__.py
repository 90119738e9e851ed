"""The training log, and finding a moment of the run in it."""
