"""How long news takes from a run directory to the screen, and what a page's kernel weighs.

The log and the train table of a recorded run grow by our own writers, one piece at a time, while
Chromium shows it through the page server.

python -m benchmarks.live
"""

import json
import os
import re
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

import nbformat
from playwright.sync_api import Page, sync_playwright

from benchmarks._processes import processes
from benchmarks._runs import completed
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.serve.notebooks import directory
from gladius_widgets.store.metrics import MetricReader, MetricWriter
from gladius_widgets.store.metrics.schemas import TRAIN

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
FIRST_STEPS, LINES, STEPS, MANY_STEPS = 20, 100, 40, 10_000
PAGES, PREHEAT = ("live.ipynb", "console.ipynb"), 1
# A page shows at most five charts a second: pieces come slower, so that each is shown by itself.
LINE_PAUSE_S, STEP_PAUSE_S, HISTORY_S = 0.12, 0.45, 3.0
QUICK = {"PREHEAT": 0, "LINES": 5, "STEPS": 3, "MANY_STEPS": 100, "HISTORY_S": 0.5}

# What the page under test runs besides the panels: it notes when each piece was sent and drawn.
NOTEBOOK = """
import json, time
from ipywidgets import VBox
from gladius_widgets import LossChart, TrainingLog
notes = open({notes!r}, "a", buffering=1)
def note(**fields): notes.write(json.dumps(fields) + "\\n")
chart, log = LossChart({job!r}, x="step"), TrainingLog({job!r})
await chart.ready()
await log.ready()
line = chart.slots["plot"].series[0].mark
line.observe(lambda change: note(kind="chart", sent=time.time()), "y")
log.terminal.measure = True
log.terminal.on("measured", lambda times: note(kind="log", **times))
VBox([log, chart])
"""
# When the train line's path changes, note the time after the frame that shows it.
WATCH_LINE = """() => {
  window.drawn = [];
  const note = () => requestAnimationFrame(() => setTimeout(() =>
    window.drawn.push((performance.timeOrigin + performance.now()) / 1000)));
  for (const path of document.querySelectorAll(".gw-fig--loss path.line"))
    new MutationObserver(note).observe(path, {attributes: true, attributeFilter: ["d"]});
}"""
SERVE = """
import json, sys
from gladius_widgets.serve.launch import serve
serve(on_ready=lambda url: print(url, flush=True), **json.loads(sys.argv[1]))
"""


def main() -> None:
    """Measure and print one line a figure."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home, pages = Home(Path(folder) / "home"), Path(folder) / "pages"
        home.runs.mkdir(parents=True)
        run = completed(home, "live", FIRST_STEPS)
        notes = Path(folder) / "notes.jsonl"
        shutil.copytree(directory(), pages)
        write_page(pages / "live.ipynb", NOTEBOOK.format(notes=str(notes), job=run.id))
        with (
            serving(home, pages, PAGES, PREHEAT) as (url, server),
            opened(url("live.ipynb")) as page,
        ):
            page.wait_for_selector(".gw-fig--loss path.line", state="attached", timeout=60_000)
            page.wait_for_selector(".xterm-rows", timeout=60_000)
            log_lines(run, notes)
            steps(run, notes, page)
            page.goto(url(f"console.ipynb?job={run.id}"))
            page.wait_for_selector(".gw-statusbar", timeout=60_000)
            kernels(server)


def log_lines(run: RunDirectory, notes: Path) -> None:
    """Line written → in the terminal's buffer → on the screen."""
    written = []
    for number in range(LINES):
        with run.log.open("ab") as log:
            log.write(f"[INFO] Line {number} of the benchmark\n".encode())
            written.append(time.time())
        time.sleep(LINE_PAUSE_S)
    deadline = time.monotonic() + 10
    while (told := notes_of(notes, "log"))[-1]["sent"] < written[-1]:
        if time.monotonic() > deadline:
            raise TimeoutError("the last line never came")
        time.sleep(0.1)
    pairs = [(at, next(t for t in told if t["sent"] > at)) for at in written]
    print("Log line, one at a time")
    for label, key in (("sent by the kernel", "sent"), ("in the buffer", "parsed")):
        show(f"written → {label}", [t[key] - at for at, t in pairs])
    show("written → painted", [t["painted"] - at for at, t in pairs])


def steps(run: RunDirectory, notes: Path, page: Page) -> None:
    """Row appended → chart painted, with few steps of history and with many."""
    template = MetricReader(run.table("train"), TRAIN).read().to_pylist()[-1]
    with MetricWriter(run.table("train"), TRAIN, template["attempt"]) as writer:
        page.evaluate(WATCH_LINE)
        first = template["step"] + 1
        grow(writer, template, range(first, first + STEPS), notes, page, "a short history")
        first += STEPS
        writer.extend([row(template, step) for step in range(first, first + MANY_STEPS)])
        time.sleep(HISTORY_S)
        first += MANY_STEPS
        label = f"{MANY_STEPS:,} steps of history"
        grow(writer, template, range(first, first + STEPS), notes, page, label)


def grow(
    writer: MetricWriter,
    template: dict[str, Any],
    numbers: range,
    notes: Path,
    page: Page,
    history: str,
) -> None:
    """Append one row at a time and print what each took."""
    written = []
    page.evaluate("window.drawn = []")
    for step in numbers:
        written.append(time.time())
        writer.append(row(template, step))
        page.wait_for_timeout(STEP_PAUSE_S * 1000)
    page.wait_for_function("at => window.drawn.some((time) => time > at)", arg=written[-1])
    sent = [n["sent"] for n in notes_of(notes, "chart")]
    drawn = page.evaluate("window.drawn")
    pairs = [(at, following(at, sent), following(at, drawn)) for at in written]
    print(f"Step, one at a time, {history}")
    show("written → sent by the kernel (ours)", [s - at for at, s, _ in pairs])
    show("sent → painted (chart update)", [d - s for _, s, d in pairs])
    show("written → painted", [d - at for at, _, d in pairs])


def kernels(server: int) -> None:
    """What the kernel of an open console weighs, and that torch is not in it."""
    print("Kernels of open pages")
    for process in processes(server, "ipykernel_launcher"):
        torch = any("torch" in item.path for item in process.memory_maps())
        size = process.memory_info().rss / 1e6
        print(f"  {'resident memory':<48}{size:>10,.1f} MB  torch loaded: {torch}")


def row(template: dict[str, Any], step: int) -> dict[str, Any]:
    """The real row once more, as another step whose loss differs a little."""
    return template | {"step": step, "time": time.time(), "loss": template["loss"] + step % 7 / 10}


def following(at: float, times: list[float]) -> float:
    """The first of the times after `at`."""
    return next(time for time in times if time > at)


def notes_of(path: Path, kind: str) -> list[dict[str, float]]:
    """What the page noted."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def show(label: str, durations_s: list[float]) -> None:
    """Median and 95th percentile, in ms."""
    ordered = sorted(durations_s)
    high = ordered[int(len(ordered) * 0.95)] * 1e3
    print(f"  {label:<48}{statistics.median(ordered) * 1e3:>10,.1f} ms  p95 {high:,.1f}")


def write_page(path: Path, source: str) -> None:
    """A notebook of one cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbformat.write(notebook, path)


@contextmanager
def serving(
    home: Home, pages: Path, names: tuple[str, ...], preheat: int = 1
) -> Iterator[tuple[Callable[[str], str], int]]:
    """A page server over these notebooks: how to address a page, and its pid.

    `preheat`: kernels of each page held ready.
    """
    settings = {
        "home": str(home.root),
        "port": 0,
        "notebooks": str(pages),
        "pages": names,
        "preheat": preheat,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, json.dumps(settings)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    found = re.search(r"(http://\S+?)/\S*token=([\w-]+)", process.stdout.readline())
    assert found is not None
    address, token = found.groups()

    def url(path: str) -> str:
        joint = "&" if "?" in path else "?"
        return f"{address}/voila/render/{path}{joint}token={token}"

    try:
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def opened(url: str) -> Iterator[Page]:
    """A page in Chromium."""
    program = os.environ.get("GLADIUS_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(url)
        yield page
        browser.close()


if __name__ == "__main__":
    main()
