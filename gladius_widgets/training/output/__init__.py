"""What a run writes: metrics, log, status, errors, its processes."""
