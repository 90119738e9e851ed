"""The job dashboard: one job on one page."""
