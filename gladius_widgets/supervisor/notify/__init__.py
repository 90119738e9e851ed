"""Telling the outside what happens to jobs, each thing once."""
