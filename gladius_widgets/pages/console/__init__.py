"""The console: everything about one running job on one page."""
