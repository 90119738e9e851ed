"""What a job has cost, will cost, and may cost."""
