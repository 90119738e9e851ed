"""How quick the event log is with 100,000 events.

python -m benchmarks.events
"""

import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import psutil

from benchmarks.store import show
from gladius_widgets.client import Client
from gladius_widgets.client import client as client_module
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.panels.events.panel import EventLog
from gladius_widgets.panels.events.query import EventQuery
from gladius_widgets.panels.text.export import to_csv, to_json
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run.events import TYPES, EventReader, append_event

EVENTS = 100_000
TIMES = 9
QUICK = {"EVENTS": 2_000, "TIMES": 2}


def main() -> None:
    """Measure and print one line a figure."""
    client_module.ensure_supervisor = lambda _home: None
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        Registry(home).insert(id="many", name="many events", created_by="ada")
        run = home.run("many")
        run.create()
        size = fill(run)
        print(f"{EVENTS:,} events, {size / 1e6:.0f} MB: processor time, median and worst (ms)")
        timed("reading them all", lambda: EventReader(run).poll(), times=5)
        panel(Client(home), run)


def fill(run: RunDirectory) -> int:
    """A long run's events.jsonl; its size in bytes."""
    now = time.time()
    with run.events.open("wb") as file:
        for at in range(EVENTS):
            figures = {"kind": "step", "step": at, "loss": 1 / (at + 1), "learning_rate": 1.8e-4,
                       "tokens_per_s": 2847.2, "gpu_utilization_percent": [87.0, 88.0]}  # fmt: skip
            event = {"time": now - (EVENTS - at), "type": TYPES[at % len(TYPES)],
                     "message": f"Step {at}: loss={1 / (at + 1):.4f}, lr=0.00018, gpu_util=87%",
                     "payload": figures, "source": "trainer", "attempt": 1}  # fmt: skip
            file.write(orjson.dumps(event) + b"\n")
    return run.events.stat().st_size


def panel(client: Client, run: RunDirectory) -> None:
    """What the reader does in the log."""
    process = psutil.Process()
    gc.collect()
    before = process.memory_info().rss
    log = EventLog("many", client=client)
    show("memory of the feed and the log", (process.memory_info().rss - before) / 2**20, "MiB")
    show("the page, as sent", len(json.dumps(log.tree)) / 1e3, "kB")
    none = EventQuery()

    def asks(label: str, *queries: EventQuery) -> None:
        """Each time from no filter at all."""

        def act() -> None:
            for query in queries:
                log.ask(query)

        timed(label, act, prepare=lambda: log.ask(none))

    timed("first page", lambda: log.ask(none), prepare=log._nodes.clear)
    asks("page 1,000", none.changed(page=1000))
    asks("two types", none.changed(types=("warning", "error")))
    asks("last hour", none.changed(range="hour"))
    asks("search, the texts not ready", none.changed(search="step 99,99"))
    timed(
        "search, one more letter",
        lambda: log.ask(none.changed(search="step 99")),
        prepare=lambda: log.ask(none.changed(search="step 9")),
    )
    asks("search that finds nothing", none.changed(search="no such words"))
    asks("a payload", none.changed(opened=EVENTS - 7))
    show("memory with the texts ready", (process.memory_info().rss - before) / 2**20, "MiB")
    for label, query in (
        ("a new event", none),
        ("a new event, searched", none.changed(search="9")),
    ):
        log.ask(query)
        timed(label, lambda: take_news(log), prepare=lambda: new_event(run))
    timed("all as JSON", lambda: to_json(log.feed.events), times=3)
    timed("all as CSV", lambda: to_csv(log.feed.events), times=3)
    log.close()


def new_event(run: RunDirectory) -> None:
    """As the trainer appends it."""
    append_event(run, "metrics", "Step 9: loss=0.1", {"step": 9}, source="trainer", attempt=1)


def take_news(log: EventLog) -> None:
    """What the feed does when events.jsonl has changed."""
    log.feed._take(log.feed._reader.read({"events"}))
    assert log._paint_news().messages == 1


def timed(
    label: str,
    action: Callable[[], Any],
    times: int = TIMES,
    prepare: Callable[[], Any] | None = None,
) -> None:
    """Print the median and the worst processor time (ms) of some calls."""
    taken = []
    for _ in range(times):
        if prepare is not None:
            prepare()
        began = time.process_time()
        action()
        taken.append((time.process_time() - began) * 1e3)
    show(label, statistics.median(taken), "ms", f"{max(taken):.1f}")


if __name__ == "__main__":
    main()
