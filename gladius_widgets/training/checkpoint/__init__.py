"""Checkpoints: their folders, what is in them, merging adapters."""
