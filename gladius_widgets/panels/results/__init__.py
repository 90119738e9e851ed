"""What a job that is over leaves behind."""
