"""A job in short: progress, stages, status, settings, key figures."""
