"""The table of all jobs, and what can be done with them."""
