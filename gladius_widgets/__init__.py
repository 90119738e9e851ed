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
    from gladius_widgets.panels.charts.experts import ExpertChart
    from gladius_widgets.panels.charts.memory import MemoryChart
    from gladius_widgets.panels.charts.throughput import ThroughputChart
    from gladius_widgets.panels.controls.panel import TrainingControls
    from gladius_widgets.panels.cost.panel import CostTracker
    from gladius_widgets.panels.events.panel import EventLog
    from gladius_widgets.panels.jobs.table import JobsTable
    from gladius_widgets.panels.log.panel import TrainingLog
    from gladius_widgets.panels.loss.chart import LossChart
    from gladius_widgets.panels.loss.curve import LossCurve
    from gladius_widgets.panels.overview.config import ConfigSnapshot
    from gladius_widgets.panels.overview.header import ProgressHeader
    from gladius_widgets.panels.overview.metrics import CurrentMetrics
    from gladius_widgets.panels.overview.progress import ProgressOverview
    from gladius_widgets.panels.overview.stages import StageIndicator
    from gladius_widgets.panels.overview.status_bar import StatusBar
    from gladius_widgets.panels.queue.panel import QueuePanel
    from gladius_widgets.panels.results.panel import JobResults

__version__ = "0.1.0"

_HOMES = {
    "Client": "client",
    "GladiusError": "core.errors",
    "CompareJobs": "pages.compare",
    "ConfigSnapshot": "panels.overview.config",
    "CostTracker": "panels.cost.panel",
    "CurrentMetrics": "panels.overview.metrics",
    "EventLog": "panels.events.panel",
    "ExpertChart": "panels.charts.experts",
    "JobDashboard": "pages.job.page",
    "JobResults": "panels.results.panel",
    "JobsPage": "pages.jobs",
    "JobsTable": "panels.jobs.table",
    "LossChart": "panels.loss.chart",
    "LossCurve": "panels.loss.curve",
    "MemoryChart": "panels.charts.memory",
    "NewJobPage": "pages.new_job",
    "ProgressHeader": "panels.overview.header",
    "ProgressOverview": "panels.overview.progress",
    "QueuePanel": "panels.queue.panel",
    "StageIndicator": "panels.overview.stages",
    "StatusBar": "panels.overview.status_bar",
    "ThroughputChart": "panels.charts.throughput",
    "TrainingConsole": "pages.console.page",
    "TrainingControls": "panels.controls.panel",
    "TrainingLog": "panels.log.panel",
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
    from gladius_widgets.core.text.suggest import did_you_mean

    raise AttributeError(f"gladius_widgets has no '{name}'. {did_you_mean(name, _HOMES)}")


def __dir__() -> list[str]:
    return sorted(__all__)
