"""Rows out of files and packages, and the split that each is in."""
