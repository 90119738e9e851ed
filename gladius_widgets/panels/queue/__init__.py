"""The slots and the waiting jobs, and their order."""
