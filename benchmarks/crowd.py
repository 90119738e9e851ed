"""Twenty active jobs, ten open jobs pages: how late each page is, and what its kernel costs.

The recorded run of tests/notebooks is replayed into twenty run directories at its own pace, by a
process of its own through our own writers; Chromium shows the jobs page in ten tabs.

python -m benchmarks.crowd
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks._processes import cpu_s, processes
from benchmarks.live import FLAGS, serving
from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import JobStatus
from gladius_widgets.serve.notebooks import directory
from gladius_widgets.store.metrics import MetricReader, MetricWriter
from gladius_widgets.store.metrics.schemas import TRAIN
from gladius_widgets.store.registry.registry import Registry

RECORDED = Path(__file__).resolve().parents[1] / "tests" / "notebooks" / "recorded" / "recorded-moe"
JOBS, PAGES, MEASURED_S, PREHEAT = 20, 10, 40.0, 1
# Runs end after so long, so that one percent, which the list shows, is about one second.
LENGTH_S = 150.0
QUICK = {"JOBS": 3, "PAGES": 2, "MEASURED_S": 3.0, "PREHEAT": 0, "LENGTH_S": 200.0}
# Notes when each job's badge came to show which percentage.
WATCH_BADGES = """() => {
  window.shown = [];
  const last = new Map();
  const look = () => {
    const now = (performance.timeOrigin + performance.now()) / 1000;
    for (const row of document.querySelectorAll("tbody tr")) {
      const name = row.querySelector(".gw-jobname")?.textContent;
      const percent = row.textContent.match(/Training \\((\\d+)%\\)/)?.[1];
      if (!percent || last.get(name) === percent) continue;
      last.set(name, percent);
      window.shown.push([name, Number(percent), now]);
    }
  };
  look();
  window.shown = [];
  new MutationObserver(look).observe(document.body, {childList: true, subtree: true,
    characterData: true});
}"""


def main() -> None:
    """Measure and print one line a figure."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home, notes = Home(Path(folder) / "home"), Path(folder) / "notes.jsonl"
        make_runs(home)
        with (
            replaying(home, notes),
            serving(home, directory(), ("jobs.ipynb",), PREHEAT) as (url, server),
            sync_playwright() as playwright,
        ):
            program = os.environ.get("GLADIUS_CHROMIUM") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            pages = [browser.new_page() for _ in range(PAGES)]
            for page in pages:
                page.goto(url("jobs.ipynb"))
                page.wait_for_selector(".gw-jobname", timeout=120_000)
                page.evaluate(WATCH_BADGES)
            watch(pages, server, notes)
            browser.close()


def watch(pages: list[Page], server: int, notes: Path) -> None:
    """Let it run, then compare what was written with what was shown."""
    joined = processes(server, "ipykernel_launcher")
    before = {process: cpu_s(process) for process in joined}
    begin = time.time()
    while time.time() < begin + MEASURED_S:
        pages[0].wait_for_timeout(1000)
    pages[0].wait_for_function("begin => window.shown.some(([, , at]) => at > begin)", arg=begin)
    used = [(cpu_s(p) - before[p]) / (time.time() - begin) * 100 for p in joined]
    written = {(n["job"], n["percent"]): n["at"] for n in map(json.loads, notes.open())}
    late = [
        at - written[job, percent]
        for page in pages
        for job, percent, at in page.evaluate("window.shown")
        if at > begin and (job, percent) in written
    ]
    busy = sorted(used, reverse=True)[:PAGES]  # the others are held ready for the next page
    print(f"{JOBS} active jobs, {PAGES} pages, {len(late):,} changes shown in {MEASURED_S:.0f} s")
    ordered = sorted(late)
    show("written → on the page, median", statistics.median(ordered) * 1e3, "ms")
    show("  95th percentile (under 2,000)", ordered[int(len(ordered) * 0.95)] * 1e3, "ms")
    show("  latest", ordered[-1] * 1e3, "ms")
    show("a page's kernel, of a core, median", statistics.median(busy), "%")
    show("  busiest (under 10)", busy[0], "%")


def make_runs(home: Home) -> None:
    """Twenty run directories in training, claimed by nobody yet."""
    home.runs.mkdir(parents=True)
    record: dict[str, Any] = read_json(RECORDED / "job.json") or {}
    registry = Registry(home)
    for number in range(JOBS):
        run = home.run(f"crowd-{number:02}")
        run.create()
        shutil.copy(RECORDED / "config.yaml", run.config)
        run.log.touch()
        run.events.touch()
        now = time.time()
        known = {"id": run.id, "name": run.id, "created_by": "bench", "created_at": now}
        write_json(run.job, record | known)
        registry.insert(
            **known, status=JobStatus.TRAINING, holds_slot=True, started_at=now, claimed_at=now,
            hourly_rate=2.49,
        )  # fmt: skip


@contextmanager
def replaying(home: Home, notes: Path) -> Iterator[None]:
    """A process that plays the part of all runners and trainers."""
    command = [sys.executable, "-m", "benchmarks.crowd", "--replay"]
    command += [str(home.root), str(notes), str(LENGTH_S)]
    process = subprocess.Popen(command)
    try:
        while not notes.exists():
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def replay(home: Home, notes: Path, length_s: float) -> None:
    """Rows at the pace they were recorded at, a snapshot a second, of every run."""
    rows = MetricReader(RunDirectory(RECORDED).table("train"), TRAIN).read().to_pylist()
    pace_s = statistics.median(row["step_time_s"] for row in rows)
    snapshot = read_status(RunDirectory(RECORDED))
    assert snapshot is not None
    runs = home.all_runs()
    writers = [MetricWriter(run.table("train"), TRAIN, 1) for run in runs]
    me = {"runner": ProcessIdentity.of().to_dict(), "started_at": time.time(), "host": "here"}
    for run in runs:
        run.attempt(1).ranks.mkdir(parents=True)
        write_json(run.attempt(1).proc, me)
    total, begin, step, percents = round(length_s / pace_s), time.time(), 0, [-1] * len(runs)
    with notes.open("a", buffering=1) as noted:
        while step < total:
            step += 1
            time.sleep(max(0.0, begin + step * pace_s - time.time()))
            for number, (run, writer) in enumerate(zip(runs, writers, strict=True)):
                writer.append(rows[step % len(rows)] | {"step": step, "time": time.time()})
                percent = int(100 * step / total)
                if percent > percents[number]:
                    percents[number] = percent
                    training(snapshot, step, total).write(run)
                    noted.write(
                        json.dumps({"job": run.id, "percent": percent, "at": time.time()}) + "\n"
                    )


def training(recorded: RunStatus, step: int, total: int) -> RunStatus:
    """The recorded snapshot as it was in the middle of training."""
    now = time.time()
    changes: dict[str, Any] = {"state": JobStatus.TRAINING, "attempt": 1, "step": step}
    changes |= {"total_steps": total, "heartbeat": now, "progressed_at": now}
    return recorded.model_copy(update=changes)


def show(label: str, value: float, unit: str) -> None:
    """One aligned line."""
    print(f"  {label:<48}{value:>10,.1f} {unit}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--replay"]:
        replay(Home(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]))
    else:
        main()
