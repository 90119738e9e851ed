"""What browser tests share: real jobs, small enough to start in seconds, and a look at pages."""

import json
import sys
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from support import REPOSITORY, wait_until

from gladius_widgets.client import Client, Job
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import JobStatus

SMALL = (
    "data.max_samples=300",
    "model.train_tokenizer_vocab=400",
    "training.validation_interval_steps=20",
    "checkpointing.interval_steps=100000",
    "cost.hourly_rate=2.49",
)
START_S = 120  # two cores, and other tests on them


_SERVE = """
import json, sys
from gladius_widgets.serve.launch import serve
serve(on_ready=lambda url: print(url, flush=True), **json.loads(sys.argv[1]))
"""


def start_pages(start_server: Callable[..., Any], folder: Path) -> Any:
    """Our own pages on a home in `folder`.

    Kernels end soon after their page, else a module of tests would fill the server.
    """
    home = Home(folder / "home")
    settings = {"home": str(home.root), "port": 0, "unwatched_s": 3}
    return start_server([sys.executable, "-c", _SERVE, json.dumps(settings)], home)


def submit(
    home: Home, name: str, *overrides: str, max_steps: int = 100_000, held: bool = False
) -> Job:
    """Queue the example with little data; it trains until somebody stops it."""
    settings = (*SMALL, f"training.max_steps={max_steps}", *overrides)
    config = REPOSITORY / "configs" / "moe_chitchat.yaml"
    return Client(home).submit(config, name, settings, held=held)


def state(home: Home, job: Job) -> dict[str, Any]:
    """What `gladius show --json` would print."""
    return Client(home).state(job.id)


def wait_for_step(home: Home, job: Job, step: int, timeout_s: float = START_S) -> None:
    """Wait until the job has made this step."""
    wait_until(lambda: state(home, job)["step"] >= step, timeout_s, f"step {step} of {job.name}")


def wait_for_status(home: Home, job: Job, status: JobStatus, timeout_s: float = START_S) -> None:
    """Wait until the job's records prove this status."""
    wait_until(lambda: state(home, job)["status"] == status, timeout_s, f"{job.name} {status}")


def growing(page: Page, read: Callable[[], Any], timeout_s: float = 30) -> None:
    """Wait until what `read` returns is more than it was."""
    before = read()
    wait_until(lambda: read() > before, timeout_s, f"more than {before} on {page.url}")


def line_points(page: Page, figure: str = ".gw-fig--loss", curve: int = 1) -> int:
    """How many points the longest line of a figure has."""
    paths = page.eval_on_selector_all(
        f"{figure} path.line", "paths => paths.map(path => path.getAttribute('d') || '')"
    )
    return max((path.count("L") for path in paths), default=0)


def violations(page: Page, impacts: Container[str] | None = None) -> list[str]:
    """Violations of these impacts, or of any, by axe-core."""
    found = Axe().run(page).response["violations"]
    return [
        f"{v['id']}: {v['help']} {[n['target'] for n in v['nodes']][:4]}"
        for v in found
        if impacts is None or v["impact"] in impacts
    ]


def serious(page: Page) -> list[str]:
    """Violations of impact serious or critical."""
    return violations(page, ("serious", "critical"))
