"""What a page costs a slow line: 10 Mbit/s and 60 ms, a first visit and a second.

A kernel is held ready, as `gladius serve` does, so that the line is what is waited for.

python -m benchmarks.line
"""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks._runs import completed
from benchmarks.live import FLAGS, serving
from benchmarks.page import calm
from gladius_widgets.core.paths import Home
from gladius_widgets.serve.notebooks import PAGES, directory

BITS_PER_S, DELAY_MS, LIMIT_S = 10_000_000, 60, 4.0
VISITORS, STEPS, PREHEAT = 3, 2_000, 1
SHOWN = {
    "jobs": ("jobs.ipynb", ".gw-jobname"),
    "job": ("job.ipynb?job=line", ".gw-chart path.line"),
    "console": ("console.ipynb?job=line", ".xterm-rows"),
    "new": ("new.ipynb?preset=moe_chitchat", ".gw-form"),
    "compare": ("compare.ipynb?jobs=line", ".gw-cmp__plot path.line"),
}
QUICK = {"VISITORS": 1, "STEPS": 50, "PREHEAT": 0, "SHOWN": {"jobs": SHOWN["jobs"]}}

Visit = tuple[float, float, int]
"""Seconds until it is drawn, kB over the line, requests."""


def main() -> None:
    """Measure and print one line a page."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Home(Path(folder) / "home")
        home.runs.mkdir(parents=True)
        completed(home, "line", STEPS)
        program = os.environ.get("GLADIUS_CHROMIUM") or shutil.which("chromium")
        with (
            serving(home, directory(), PAGES, PREHEAT) as (url, server),
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            print(
                f"Until a page is drawn over {BITS_PER_S / 1e6:g} Mbit/s and {DELAY_MS} ms, s (the"
                f" first visit under {LIMIT_S:g}); kB and requests"
            )
            for name, (path, drawn) in SHOWN.items():
                visits = [both(browser, url(path), drawn, server) for _ in range(VISITORS)]
                print(f"  {name:<10}{told(first for first, _ in visits)}", end="")
                print(f"   again {told(second for _, second in visits)}", flush=True)
            browser.close()


def told(visits: Iterable[Visit]) -> str:
    """The median of each figure."""
    seconds, size_kb, requests = (statistics.median(figure) for figure in zip(*visits, strict=True))
    return f"{seconds:6.2f} s {size_kb:7,.0f} kB {requests:4.0f}"


def both(browser: Browser, url: str, drawn: str, server: int) -> tuple[Visit, Visit]:
    """A new visitor's first visit and the one after it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    visits = []
    for _ in range(2):
        calm(server)
        visits.append(visit(context, url, drawn))
    context.close()
    return visits[0], visits[1]


def visit(context: BrowserContext, url: str, drawn: str) -> Visit:
    """Open a page over the slow line until what it is about is drawn."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    speed = BITS_PER_S / 8
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": DELAY_MS, "downloadThroughput": speed,
         "uploadThroughput": speed},
    )  # fmt: skip
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    began = time.monotonic()
    page.goto(url, timeout=120_000)
    page.locator(drawn).first.wait_for(state="attached", timeout=120_000)
    seconds = time.monotonic() - began
    page.close()
    return seconds, sum(sizes) / 1e3, len(sizes)


if __name__ == "__main__":
    main()
