"""Composite widgets about a job, one a file; each works alone in a notebook cell."""
