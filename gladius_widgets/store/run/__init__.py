"""One run directory: its events, log, requests, records and checkpoints."""
