"""A page's kernel has one loop: what is read from disk is read beside it, from the first on."""

import asyncio
import gc
import inspect
import json
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances as held_by_ipywidgets
from recorded_runs import install
from wire import until

import gladius_widgets
from gladius_widgets import Client
from gladius_widgets.components import Element, events, location, toasts
from gladius_widgets.core.errors import GladiusError, JobNotFoundError
from gladius_widgets.core.paths import Home
from gladius_widgets.panels.live import feed as feeds
from gladius_widgets.panels.live.panel import Panel, default_client
from gladius_widgets.panels.live.reader import RunReader
from gladius_widgets.store.metrics import MetricReader
from gladius_widgets.store.run.events import append_event
from gladius_widgets.store.run.log import LogTail

WIDGETS = sorted(
    name
    for name in gladius_widgets.__all__
    if inspect.isclass(found := getattr(gladius_widgets, name))
    and issubclass(found, ipywidgets.Widget)
)
PANELS = [name for name in WIDGETS if issubclass(getattr(gladius_widgets, name), Panel)]
PAGES = ["CompareJobs", "JobDashboard", "TrainingConsole"]
WITHOUT_JOB = {"JobsPage", "JobsTable", "NewJobPage", "QueuePanel"}
_LISTING = {"open", "os.listdir", "os.scandir", "sqlite3.connect"}


class Gate:
    """Lets nobody through until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._opened = threading.Event()
        self.arrived = threading.Event()

    def guard(self, owner: type, name: str) -> None:
        """Have this method wait at the gate before it does anything."""
        method = getattr(owner, name)

        def guarded(*given: Any, **named: Any) -> Any:
            self.arrived.set()
            assert self._opened.wait(20), "the gate was never opened"
            return method(*given, **named)

        self._monkeypatch.setattr(owner, name, guarded)

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(monkeypatch)
    yield gate
    gate.open()


@pytest.fixture
def runs(home: Home) -> Iterator[list[str]]:
    """Ids of two recorded runs; the home is open already."""
    default_client.cache_clear()
    runs = [install(home, "completed").id, install(home, "failed").id]
    default_client()
    toasts().items = []
    yield runs
    default_client.cache_clear()
    for feed in list(feeds._feeds.values()):  # of a test that failed
        feed.close()


def make(name: str, runs: list[str]) -> Any:
    arguments = {"CompareJobs": [runs]} | {key: [] for key in WITHOUT_JOB}
    return getattr(gladius_widgets, name)(*arguments.get(name, runs[:1]))


def look_at(widget: Any) -> None:
    """As a page that has just loaded does."""
    ready = {"query": {}, "path": "/", "standalone": False}
    location()._message("ready", ready, [])
    location()._message("ping", {"page": "one", "sent": 0.0, "visible": True}, [])


async def leave(widget: Any) -> None:
    """Close the widget and the page; wait for what runs."""
    widget.close()
    location()._message("bye", {"page": "one"}, [])
    await asyncio.sleep(0)
    await asyncio.gather(*events._tasks, return_exceptions=True)


def in_kernel(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario()

    asyncio.run(main())


def is_busy(widget: Any) -> bool:
    return '"aria-busy": "true"' in json.dumps(widget.tree)


def has_content(widget: Any) -> bool:
    return not is_busy(widget) and all(
        has_content(child) for child in widget.slots.values() if isinstance(child, Element)
    )


async def soon(done: Callable[[], Any]) -> None:
    await until(done, 20)  # a busy machine takes its time


async def content(widget: Any) -> None:
    await soon(lambda: has_content(widget))


@pytest.mark.parametrize("name", [*PANELS, *PAGES])
def test_bones_stand_there_until_the_run_is_read(runs, gate, name):
    gate.guard(RunReader, "read")

    async def scenario() -> None:
        widget = make(name, runs)
        assert is_busy(widget)
        await soon(gate.arrived.is_set)  # the loop goes on meanwhile
        assert not has_content(widget)
        gate.open()
        await content(widget)
        await leave(widget)

    in_kernel(scenario)


@pytest.mark.parametrize("name", [*PANELS, *PAGES])
def test_what_is_closed_before_it_is_read_leaves_nothing(runs, gate, name):
    async def once() -> None:
        widget = make(name, runs)
        await soon(gate.arrived.is_set)
        widget.close()
        gate.open()
        await asyncio.sleep(0)
        await asyncio.gather(*events._tasks, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_default_executor()  # the threads are through
        assert widget.comm is None

    make(name, runs).close()  # what there is one of in a kernel stays
    gate.guard(RunReader, "read")
    gc.collect()
    before = set(held_by_ipywidgets)
    in_kernel(once)
    gc.collect()
    assert not {held_by_ipywidgets[one] for one in {*held_by_ipywidgets} - before}
    assert not feeds._feeds


def test_a_panel_that_is_closed_at_once_leaves_the_others_their_feed(runs):
    async def scenario() -> None:
        first, second = make("LossChart", runs), make("EventLog", runs)
        first.close()
        await second.ready()
        assert "Event log table" in json.dumps(second.tree)
        await leave(second)
        assert not feeds._feeds

    in_kernel(scenario)


def test_without_a_loop_the_content_is_there_at_once(runs):
    for name in [*PANELS, *PAGES, "QueuePanel"]:
        widget = make(name, runs)
        assert has_content(widget), name
        widget.close()


def test_one_that_cannot_be_read_says_so(runs, monkeypatch):
    def broken(*_given: Any) -> None:
        raise JobNotFoundError("The folder is gone.", "Put it back.")

    monkeypatch.setattr(RunReader, "read", broken)

    async def scenario() -> None:
        for name in ("LossChart", "JobDashboard", "TrainingConsole", "CompareJobs"):
            widget = make(name, runs)
            await soon(lambda widget=widget: "The folder is gone." in json.dumps(widget.tree))
            assert not feeds._feeds
            await leave(widget)
        chart = make("LossChart", runs)
        with pytest.raises(GladiusError, match="The folder is gone"):
            await chart.ready()
        chart.close()

    in_kernel(scenario)


def test_what_happens_while_a_page_opens_is_news_and_what_was_before_is_not(runs, home, gate):
    """The gate stands between the events and the metrics of the first reading."""
    run = home.run(runs[0])
    append_event(run, "warning", "old news", source="trainer")
    gate.guard(MetricReader, "poll")

    async def scenario() -> None:
        page = make("JobDashboard", runs)
        look_at(page)
        await soon(gate.arrived.is_set)
        append_event(run, "warning", "just now", source="trainer")
        gate.open()
        await soon(lambda: toasts().items)
        assert [toast["text"] for toast in toasts().items] == ["just now"]
        assert [event.message for event in page._feed.events[-2:]] == ["old news", "just now"]
        await leave(page)

    in_kernel(scenario)


def test_a_log_that_grows_while_its_end_is_read_is_shown_once(runs, home, gate):
    log = home.run(runs[0]).log
    log.write_bytes(b"old 1\nold 2\n")
    gate.guard(LogTail, "lines_before")

    async def scenario() -> None:
        panel = make("TrainingLog", runs)
        look_at(panel)
        await soon(gate.arrived.is_set)
        with log.open("ab") as file:
            file.write(b"new 1\n")
        await soon(lambda: panel.feed.log_position == log.stat().st_size)
        with log.open("ab") as file:
            file.write(b"new 2\n")
        gate.open()
        await content(panel)
        await soon(lambda: panel.feed.log_position == log.stat().st_size)
        assert bytes(panel.terminal._lines) == b"old 1\nold 2\nnew 1\nnew 2\n"
        assert await panel._page(1) == b"old 1\nold 2\nnew 1\n"
        await leave(panel)

    in_kernel(scenario)


def test_the_queue_shows_bones_until_it_is_read(runs, gate):
    gate.guard(Client, "queue")

    async def scenario() -> None:
        panel = make("QueuePanel", runs)
        assert is_busy(panel)
        await soon(gate.arrived.is_set)
        closed = make("QueuePanel", runs)
        closed.close()
        gate.open()
        await content(panel)
        assert closed.comm is None
        await leave(panel)

    in_kernel(scenario)


def test_errors_asked_for_before_the_page_is_read_are_shown(runs):
    async def scenario() -> None:
        page = make("JobDashboard", runs[1:])
        page.show_errors()
        await content(page)
        assert page._panels["events"].query.types == ("error",)
        await leave(page)

    in_kernel(scenario)


def test_jobs_removed_from_a_comparison_faster_than_it_is_read_are_both_gone(runs, home):
    third = install(home, "cancelled").id

    async def scenario() -> None:
        page = make("CompareJobs", [*runs, third])
        await content(page)
        page._remove(runs[0])
        page._remove(third)
        await soon(lambda: [job.id for job in page._jobs] == [runs[1]])
        await leave(page)

    in_kernel(scenario)


# Nothing at all on the loop


class Watch:
    """Notes what this thread opens or lists under a folder."""

    def __init__(self) -> None:
        self.folder = ""
        self.seen: list[str] = []
        self._thread = threading.get_ident()
        sys.addaudithook(self._hook)  # for good: one that is off looks at nothing

    def _hook(self, event: str, given: tuple[Any, ...]) -> None:
        if not self.folder or event not in _LISTING or threading.get_ident() != self._thread:
            return
        place = str(given[0]) if given else ""
        if self.folder in place:
            self.seen.append(f"{event} {place}")


_watch = Watch()


@pytest.fixture
def watch(home: Home) -> Iterator[Watch]:
    _watch.seen = []
    _watch.folder = str(home.root)
    yield _watch
    _watch.folder = ""


def test_the_watch_sees(home, runs, watch):
    Client(home).jobs()
    list(home.runs.iterdir())
    home.run(runs[0]).config.read_text()
    assert {line.split()[0] for line in watch.seen} == {"open", "os.listdir", "sqlite3.connect"}


async def look_around(name: str, widget: Any) -> None:
    """Click on what reads."""
    if name == "ConfigSnapshot":
        widget.emit("view")
        await soon(lambda: widget._dialog.body)
    elif name == "JobDashboard":
        widget.show_tab("event-log")
        await soon(lambda: "events" in widget._panels)
    elif name == "TrainingLog":
        assert await widget._page(10)
    elif name == "JobsPage":
        widget._source.ask(widget._source.query.on_tab("queue"))
        await soon(lambda: widget._queue is not None and has_content(widget._queue))


@pytest.mark.parametrize("name", WIDGETS)
def test_nothing_is_read_on_the_loop(runs, home, watch, name):
    """A panel alone looks up who is meant, so that its cell can say that there is none."""

    async def scenario() -> None:
        widget = make(name, runs)
        look_at(widget)
        await content(widget)
        append_event(home.run(runs[0]), "warning", "news", source="trainer")
        watch.seen = [line for line in watch.seen if not line.endswith("events.jsonl")]
        feed = feeds._feeds.get(str(home.run(runs[0]).root))
        if feed is not None:
            feed.refresh()
            await soon(lambda: feed.events and feed.events[-1].message == "news")
        await look_around(name, widget)
        await leave(widget)

    in_kernel(scenario)
    if name in PANELS:
        watch.seen = [line for line in watch.seen if "registry.sqlite" not in line]
    assert watch.seen == []
