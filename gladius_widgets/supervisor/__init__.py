"""One process a home that gives queued jobs a slot and notices when jobs end."""

from gladius_widgets.supervisor.gpu_claims import LOCAL, local_gpus
from gladius_widgets.supervisor.lock import (
    ensure_supervisor,
    stuck_supervisor,
    supervisor_is_running,
)
from gladius_widgets.supervisor.reconcile import observed, refresh
from gladius_widgets.supervisor.settings import Settings, load_settings

__all__ = [
    "LOCAL",
    "Settings",
    "ensure_supervisor",
    "load_settings",
    "local_gpus",
    "observed",
    "refresh",
    "stuck_supervisor",
    "supervisor_is_running",
]
