"""The trainer: our own accelerate loop. Launched as a process; nothing imports it."""
