"""Mission control for LLM fine-tuning, inside Jupyter.

`from gladius_widgets import TrainingConsole` and so on; each name is imported when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gladius_widgets.client import Client
    from gladius_widgets.core.errors import GladiusError
    from gladius_widgets.pages.compare import CompareJobs
    from gladius_widgets.pages.console.page import TrainingConsole
    from gladius_widgets.pages.job.page import JobDashboard
    from gladius_widgets.pages.jobs import JobsPage
    from gladius_widgets.pages.new_job import NewJobPage
    from gladius_widgets.panels.config_snapshot import ConfigSnapshot
    from gladius_widgets.panels.controls import TrainingControls
    from gladius_widgets.panels.cost import CostTracker
    from gladius_widgets.panels.event_log import EventLog
    from gladius_widgets.panels.experts import ExpertChart
    from gladius_widgets.panels.job_progress import ProgressHeader
    from gladius_widgets.panels.jobs_table import JobsTable
    from gladius_widgets.panels.log import TrainingLog
    from gladius_widgets.panels.loss import LossChart
    from gladius_widgets.panels.loss_curve import LossCurve
    from gladius_widgets.panels.memory import MemoryChart
    from gladius_widgets.panels.metrics import CurrentMetrics
    from gladius_widgets.panels.progress import ProgressOverview
    from gladius_widgets.panels.queue import QueuePanel
    from gladius_widgets.panels.results import JobResults
    from gladius_widgets.panels.stages import StageIndicator
    from gladius_widgets.panels.status_bar import StatusBar
    from gladius_widgets.panels.throughput import ThroughputChart

__version__ = "0.1.0"

_HOMES = {
    "Client": "client",
    "GladiusError": "core.errors",
    "CompareJobs": "pages.compare",
    "ConfigSnapshot": "panels.config_snapshot",
    "CostTracker": "panels.cost",
    "CurrentMetrics": "panels.metrics",
    "EventLog": "panels.event_log",
    "ExpertChart": "panels.experts",
    "JobDashboard": "pages.job.page",
    "JobResults": "panels.results",
    "JobsPage": "pages.jobs",
    "JobsTable": "panels.jobs_table",
    "LossChart": "panels.loss",
    "LossCurve": "panels.loss_curve",
    "MemoryChart": "panels.memory",
    "NewJobPage": "pages.new_job",
    "ProgressHeader": "panels.job_progress",
    "ProgressOverview": "panels.progress",
    "QueuePanel": "panels.queue",
    "StageIndicator": "panels.stages",
    "StatusBar": "panels.status_bar",
    "ThroughputChart": "panels.throughput",
    "TrainingConsole": "pages.console.page",
    "TrainingControls": "panels.controls",
    "TrainingLog": "panels.log",
}

__all__ = [
    "Client",
    "CompareJobs",
    "ConfigSnapshot",
    "CostTracker",
    "CurrentMetrics",
    "EventLog",
    "ExpertChart",
    "GladiusError",
    "JobDashboard",
    "JobResults",
    "JobsPage",
    "JobsTable",
    "LossChart",
    "LossCurve",
    "MemoryChart",
    "NewJobPage",
    "ProgressHeader",
    "ProgressOverview",
    "QueuePanel",
    "StageIndicator",
    "StatusBar",
    "ThroughputChart",
    "TrainingConsole",
    "TrainingControls",
    "TrainingLog",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name.startswith("__"):  # what Python itself looks for
        raise AttributeError(name)
    from gladius_widgets.core.suggest import did_you_mean

    raise AttributeError(f"gladius_widgets has no '{name}'. {did_you_mean(name, _HOMES)}")


def __dir__() -> list[str]:
    return sorted(__all__)
