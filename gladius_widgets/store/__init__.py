"""What a run writes and any number of readers follow: metrics, events, log, control, registry."""
