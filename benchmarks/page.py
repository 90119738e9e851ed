"""The dashboard as its reader meets it: how soon it answers, and what it weighs after hours.

Chromium goes the reader's way through the page server: the list of jobs, a click on a row, the
dashboard. Kernels are held ready, as `gladius serve` does, and the browser has been here before.
Then the dashboard shows two hours of training in a few minutes: a process writes the rows, events,
lines and snapshots of two hours at 2 steps/s, `SPEED` times as fast, and in the page's kernel the
budget and the pace of the panels are as many times as fast; so as many messages reach the browser
as in two hours. What is idle is measured on a job that is over, at the usual pace.

python -m benchmarks.page
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import BrowserContext, Page, sync_playwright

from benchmarks._processes import cpu_s, processes, words
from benchmarks._runs import Trainer, completed, in_training
from benchmarks.crowd import show
from benchmarks.live import FLAGS, serving, write_page
from gladius_widgets.core.paths import Home
from gladius_widgets.serve.notebooks import PAGES, directory

WARMING, VISITS, PREHEAT = 1, 5, 1
POINTS = {"short": (10_000, 2.0), "long": (1_000_000, 2.5)}
"""Job → the points of its loss curve, and within how many seconds the page must answer."""

HOURS, STEPS_PER_S, SPEED = 2.0, 2, 24
SETTLED_S, WATCHED_S, LOOKED_S = 5.0, 30.0, 2.0
CALM_S = 90.0  # at most so long is waited for kernels to be ready
STREAM = "stream.ipynb"
QUICK = {
    "WARMING": 0,
    "VISITS": 1,
    "PREHEAT": 0,
    "POINTS": {"short": (500, 2.0)},
    "HOURS": 0.005,
    "SETTLED_S": 0.2,
    "WATCHED_S": 1.0,
    "LOOKED_S": 0.2,
    "CALM_S": 0.5,
}
# The dashboard of the run that is being replayed, its clock as many times as fast.
NOTEBOOK = """
from gladius_widgets import JobDashboard
from gladius_widgets.panels.live import feed, pace
feed._budget._rates = tuple(rate * {speed} for rate in feed._budget._rates)
known = pace.Part.__init__
def faster(self, *given, **named):
    known(self, *given, **named)
    self.every_s /= {speed}
pace.Part.__init__ = faster
JobDashboard({job!r})
"""

# Notes, across the change of page, when the row was clicked, the curve drawn, a button answered.
WATCH = """(() => {
  const CURVE = ".gw-fig--loss path.line";
  if (location.pathname.endsWith("/jobs.ipynb")) {
    addEventListener("click", () => { sessionStorage.clicked = Date.now(); }, true);
    return;
  }
  if (!sessionStorage.clicked) return;
  const since = () => performance.timeOrigin + performance.now() - sessionStorage.clicked;
  const curve = () => [...document.querySelectorAll(CURVE)]
    .some((path) => path.getAttribute("d")?.includes("L"));
  const tab = (chosen) => document.querySelector(
    `[data-tab="event-log"][aria-selected="${chosen}"]`);
  const times = window.times = { begun: since() };
  const look = () => {
    if (!times.drawn && curve()) requestAnimationFrame(() => { times.drawn ??= since(); });
    if (times.drawn && !times.pressed && tab(false)) {
      times.pressed = since();
      tab(false).click();
    }
    if (times.pressed && tab(true)) times.answered = since();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()"""


def main() -> None:
    """Measure and print one line a figure."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home, pages = Home(Path(folder) / "home"), Path(folder) / "pages"
        home.runs.mkdir(parents=True)
        for name, (points, _) in POINTS.items():
            completed(home, name, points)
        shutil.copytree(directory(), pages)
        write_page(pages / STREAM, NOTEBOOK.format(job="stream", speed=SPEED))
        with visitor(Path(folder) / "profile") as browser:
            with serving(home, pages, PAGES, PREHEAT) as (url, server):
                for name, (points, limit_s) in POINTS.items():
                    visits(browser, url, server, name, points, limit_s)
                idle(browser, url, server)
                active(browser, home, url, server)
            stream(browser, home, pages)


def visits(
    browser: BrowserContext,
    url: Callable[[str], str],
    server: int,
    name: str,
    points: int,
    limit_s: float,
) -> None:
    """Click on a job in the list, again and again; print the medians."""
    seen = [visit(browser, url, server, name) for _ in range(WARMING + VISITS)][WARMING:]
    print(f"From the click on a job with {points:,} points, median of {VISITS}")
    for key, label in (
        ("begun", "the dashboard's page has begun"),
        ("drawn", "its loss curve is drawn"),
        ("answered", f"and a button has answered (under {limit_s:.1f} s)"),
    ):
        times = sorted(times[key] for times in seen)
        note = f"  {times[0]:,.0f} to {times[-1]:,.0f}"
        show(label, statistics.median(times), f"ms{note}")


def visit(
    browser: BrowserContext, url: Callable[[str], str], server: int, name: str
) -> dict[str, float]:
    """One visit: the list, the click, the dashboard; times since the click, in ms."""
    page = browser.new_page()
    calm(server)
    page.goto(url("jobs.ipynb"), timeout=120_000)
    row = page.locator("tbody tr", has=page.get_by_text(name, exact=True))
    row.wait_for(timeout=60_000)
    calm(server)
    row.locator("td").nth(2).click()
    page.wait_for_function("window.times?.answered", timeout=120_000)
    times: dict[str, float] = page.evaluate("window.times")
    page.close()
    return times


def idle(browser: BrowserContext, url: Callable[[str], str], server: int) -> None:
    """What a page costs whose job is over."""
    page = opened(browser, url("job.ipynb?job=short"))
    calm(server)
    print("A dashboard whose job is over")
    working(page, server, "under 2")
    page.close()


def active(browser: BrowserContext, home: Home, url: Callable[[str], str], server: int) -> None:
    """What a page costs whose job trains."""
    with training(home, "active", 1) as (begin, _):
        page = opened(browser, url("job.ipynb?job=active"))
        calm(server)
        begin()
        print(f"A dashboard whose job trains, {STEPS_PER_S} steps a second")
        working(page, server, "under 10")
        page.close()


def stream(browser: BrowserContext, home: Home, pages: Path) -> None:
    """Two hours of training, `SPEED` times as fast; each half hour a look at the events."""
    with (
        training(home, "stream", SPEED) as (begin, hours),
        serving(home, pages, (STREAM,), PREHEAT) as (url, server),
    ):
        page = opened(browser, url(STREAM))
        calm(server)
        print(f"A dashboard over {HOURS:g} h of training, {SPEED} times as fast")
        weigh("at first", page, server)
        begin()
        for hour in hours:
            for tab in ("event-log", "overview"):
                page.locator(f'[data-tab="{tab}"]').click()
                page.locator(f'[data-tab="{tab}"][aria-selected="true"]').wait_for()
            page.wait_for_timeout(LOOKED_S * 1000)
            weigh(f"after {hour:.1f} h", page, server)
        page.close()


def working(page: Page, server: int, limit: str) -> None:
    """Print the share of a core that a page takes, in the kernel and in the browser."""
    page.wait_for_timeout(SETTLED_S * 1000)
    parts = (kernel_of(page, server), renderer())
    before = [cpu_s(part) for part in parts]
    page.wait_for_timeout(WATCHED_S * 1000)
    used = [cpu_s(p) - known for p, known in zip(parts, before, strict=True)]
    show(f"kernel, of a core ({limit})", used[0] / WATCHED_S * 100, "%")
    show("renderer, of a core", used[1] / WATCHED_S * 100, "%")
    weigh("memory", page, server)


def weigh(label: str, page: Page, server: int) -> None:
    """Print what a page holds, garbage aside: memory that nobody shares, and what may leak."""
    session = page.context.new_cdp_session(page)
    for command in ("Performance.enable", "HeapProfiler.collectGarbage"):
        session.send(command)
    told: Any = session.send("Performance.getMetrics")
    known = {metric["name"]: metric["value"] for metric in told["metrics"]}
    session.detach()
    uss = renderer().memory_full_info().uss, kernel_of(page, server).memory_full_info().uss
    print(
        f"  {label:<16} renderer {uss[0] / 1e6:6.1f} MB (under 150)   kernel {uss[1] / 1e6:6.1f} MB"
        f" (under 200)   heap {known['JSHeapUsedSize'] / 1e6:5.1f} MB"
        f"   nodes {known['Nodes']:6,.0f}   listeners {known['JSEventListeners']:5,.0f}",
        flush=True,
    )


def opened(browser: BrowserContext, url: str) -> Page:
    """A page whose tabs are there."""
    page = browser.new_page()
    page.goto(url, timeout=120_000)
    page.locator("[data-tab]").first.wait_for(timeout=120_000)
    return page


def calm(server: int) -> None:
    """Wait until the kernels held ready are ready: nothing of the server works any more."""
    quiet, deadline = 0, time.monotonic() + CALM_S
    while quiet < 4 and time.monotonic() < deadline:
        before = {process: cpu_s(process) for process in processes(server, "ipykernel_launcher")}
        time.sleep(0.5)
        used = sum(cpu_s(p) - known for p, known in before.items() if words(p))
        quiet = quiet + 1 if used < 0.02 * len(before) else 0


def kernel_of(page: Page, server: int) -> psutil.Process:
    """The kernel behind a page."""
    config = page.locator("#jupyter-config-data").text_content()
    known: dict[str, str] = json.loads(config or "{}")
    return next(p for p in processes(server, "ipykernel_launcher") if known["kernelId"] in words(p))


def renderer() -> psutil.Process:
    """The browser's process that draws; the largest, as an empty page has one too."""
    drawing = processes(os.getpid(), "--type=renderer")
    return max(drawing, key=lambda process: process.memory_info().rss)


@contextmanager
def visitor(profile: Path) -> Iterator[BrowserContext]:
    """Chromium with a cache on disk, as a reader has it."""
    program = os.environ.get("GLADIUS_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            profile, executable_path=program, args=FLAGS, viewport={"width": 1440, "height": 900}
        )
        browser.add_init_script(WATCH)
        yield browser
        browser.close()


@contextmanager
def training(
    home: Home, name: str, speed: int
) -> Iterator[tuple[Callable[[], None], Iterator[float]]]:
    """A process that is the job's trainer: how to let it begin, and each quarter of its hours."""
    command = [sys.executable, "-m", "benchmarks.page"]
    command += [str(home.root), name, str(speed), str(HOURS)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdin is not None
    assert process.stdout is not None
    say, hours = process.stdin.write, process.stdout
    assert hours.readline() == "ready\n"
    try:
        yield lambda: (say("begin\n"), None)[1], (float(hours.readline()) for _ in range(4))
    finally:
        process.terminate()
        process.wait(timeout=30)


def train(home: Home, name: str, speed: int, hours: float) -> None:
    """So many hours of steps, with what belongs to them; each quarter of them is told."""
    run = in_training(home, name)
    print("ready", flush=True)
    sys.stdin.readline()
    total = round(hours * 3600 * STEPS_PER_S)
    begin = time.monotonic()
    with Trainer(run, total) as trainer:
        for step in range(1, total + 1):
            time.sleep(max(0.0, begin + step / STEPS_PER_S / speed - time.monotonic()))
            trainer.step(step)
            if step % (total // 4) == 0:
                print(step / STEPS_PER_S / 3600, flush=True)
    sys.stdin.read()  # alive until the page has been looked at


if __name__ == "__main__":
    if len(sys.argv) == 5:
        train(Home(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    else:
        main()
