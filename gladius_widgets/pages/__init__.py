"""Whole pages: the jobs list and the training console, in Voila and in JupyterLab."""

from gladius_widgets.pages.console import TrainingConsole
from gladius_widgets.pages.jobs import JobsPage

__all__ = ["JobsPage", "TrainingConsole"]
