"""The index over all runs: its file, its tables, and the jobs in it."""
