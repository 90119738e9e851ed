"""The event log: what happened to a job, with filters and search."""
