"""What a kernel still holds after its panels were opened and closed a thousand times.

The resident memory after the first 50 openings is where it begins: by then all is imported, and the
heap has its size.

python -m benchmarks.closing
"""

import gc
import inspect
import tempfile
from pathlib import Path
from typing import Any

import ipywidgets
import psutil

import gladius_widgets
from benchmarks._runs import completed
from gladius_widgets.client import Client
from gladius_widgets.core.paths import Home

FIRST, OPENINGS = 50, 1_000
STEPS = 400
ALONE = frozenset({"CompareJobs", "JobsPage", "JobsTable", "NewJobPage", "QueuePanel"})
"""Those that show no single job."""
QUICK = {"FIRST": 1, "OPENINGS": 3}


def main() -> None:
    """Measure and print one line a widget."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Home(Path(folder) / "home")
        home.runs.mkdir(parents=True)
        completed(home, "closing", STEPS)
        client = Client(home)
        print(f"Resident memory after {OPENINGS:,} openings, against that after {FIRST} (MB)")
        for name in gladius_widgets.__all__:
            kind = getattr(gladius_widgets, name)
            if inspect.isclass(kind) and issubclass(kind, ipywidgets.Widget):
                job = [] if name in ALONE else ["closing"]
                print(f"  {name:<24}{growth_mb(kind, job, client):>10,.1f}", flush=True)


def growth_mb(kind: Any, job: list[str], client: Client) -> float:
    """How much larger the process is after the later openings than after the first."""
    begin = after(FIRST, kind, job, client)
    return after(OPENINGS - FIRST, kind, job, client) - begin


def after(openings: int, kind: Any, job: list[str], client: Client) -> float:
    """The resident memory of this process in MB, that many openings later."""
    for _ in range(openings):
        kind(*job, client=client).close()
    gc.collect()
    return psutil.Process().memory_info().rss / 1e6


if __name__ == "__main__":
    main()
