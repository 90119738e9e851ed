"""What time on a machine costs, and will cost."""
