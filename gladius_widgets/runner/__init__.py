"""One light process an attempt: starts the launcher, watches, samples, and writes the end."""
