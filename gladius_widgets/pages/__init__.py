"""Whole pages: the jobs list, a job, and its console, in Voila and in JupyterLab."""

from gladius_widgets.pages.console.page import TrainingConsole
from gladius_widgets.pages.job.page import JobDashboard
from gladius_widgets.pages.jobs import JobsPage

__all__ = ["JobDashboard", "JobsPage", "TrainingConsole"]
