"""The one door to jobs: submit, query, command."""

from gladius_widgets.client.client import Client
from gladius_widgets.store.registry.registry import Job

__all__ = ["Client", "Job"]
