"""The live feed of one job: watches its run directory and keeps panels up to date.

    files change → the log goes out at once
                 → topics are marked → a part is due → read what is new → paint

All widgets are touched on the kernel's loop only; all files are read in threads, from the first
reading on (only where no loop runs there is nothing that it could hold up, and it is done at
once). The feed runs while a page is open (`Location` says so) and stops when the last one is gone.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pyarrow as pa
from watchfiles import awatch

from gladius_widgets.components import events as page_events
from gladius_widgets.components import location
from gladius_widgets.core.errors import GladiusError, JobNotFoundError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.panels.live import topics as reading
from gladius_widgets.panels.live.history import History
from gladius_widgets.panels.live.pace import Budget, Part, Schedule
from gladius_widgets.panels.live.reader import RunReader
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.live.topics import JobSource, News
from gladius_widgets.store.run.events import Event
from gladius_widgets.store.run.log import LogTail

# inotify: wait this long for more changes before telling (ms); a log line must be out in 10 ms.
_STEP_MS, _DEBOUNCE_MS = 1, 3
# A job that is over writes no log: looking for changes every millisecond costs 1.4 % of a core.
_OVER_STEP_MS = 50
_LOOK_UP_MS = 2000  # the job may have begun or ended meanwhile
_POLL_S = 0.25
_TICK_S = 1.0
_RECORD_S = 2.0  # the registry's row may change without a file of the run changing
_LOG_BYTES_PER_S = 4 * 1024 * 1024
_REPEAT_ERROR_S = 30.0

LogListener = Callable[[bytes], None]
EventListener = Callable[[list[Event]], None]
GoneListener = Callable[[GladiusError], None]

_budget = Budget()
_feeds: "dict[str, JobFeed]" = {}


class JobFeed:
    """Reads one run as it grows. Use `feed_of`: one per run and kernel.

    What is read at first is no news: whoever listens from `ready` on hears all that comes later.

    Attributes:
        history: the metric rows that charts draw.
        job: the newest look at the job; none before the first reading.
        events: all events of the run so far.
        shared: what the panels of this feed have one of, by its type.

    Raises:
        GladiusError: there is no such job; where a loop runs, `ready` raises it.
    """

    job: JobSnapshot

    def __init__(self, run: RunDirectory, source: JobSource) -> None:
        self.run = run
        self.history = History()
        self.events: list[Event] = []
        self.shared: dict[type, Any] = {}
        self._reader = RunReader(run, source)
        self._schedule = Schedule(_budget)
        self._log_listeners: list[LogListener] = []
        self._event_listeners: list[EventListener] = []
        self._gone_listeners: list[GoneListener] = []
        self._dirty: set[str] = set()
        self._wake: asyncio.Event | None = None
        self._log_wake: asyncio.Event | None = None
        self._log = LogTail(run.log)
        self._tasks: list[asyncio.Task[Any]] = []
        self._reported: dict[str, float] = {}
        self._holders: set[object] = set()
        self._first_is_over = asyncio.Event()
        self._failure: Exception | None = None
        self._subscriptions = [
            location().on("alive", self.start),
            location().on("gone", self.stop),
        ]
        self._stop_first: Callable[[], object] = page_events.nothing
        self._stop_first = page_events.begin(self._read_first())
        if self._failure is not None:
            raise self._failure

    # The first reading

    @property
    def is_read(self) -> bool:
        """Whether the run was read once, so that there is something to show."""
        return self._first_is_over.is_set() and self._failure is None

    async def ready(self) -> None:
        """Wait until the run was read once.

        Raises:
            GladiusError: there is no such job.
        """
        await self._first_is_over.wait()
        if self._failure is not None:
            raise self._failure

    async def _read_first(self) -> None:
        try:
            first = await page_events.in_thread(self._read_all)
            assert first.snapshot is not None
            self.job = first.snapshot
            self._take(first)
        except Exception as error:
            self._failure = error
            self.close()
        self._first_is_over.set()

    def _read_all(self) -> News:
        """Nobody has the history yet: what takes long in it is done in the thread too."""
        news = self._reader.read(reading.ALL)
        _add_rows(self.history, news.tables)
        news.tables = {}
        return news

    # Who listens

    def show(self, parts: Iterable[Part]) -> Callable[[], None]:
        """Keep these parts up to date; returns the way to stop that.

        When the last one is taken out, the feed ends.
        """
        remove = self._schedule.add(parts)

        def end() -> None:
            remove()
            self.leave()

        return end

    def hold(self) -> Callable[[], None]:
        """Keep the feed, whatever it is to paint; returns the way to let go of it."""
        holder = object()
        self._holders.add(holder)

        def let_go() -> None:
            self._holders.discard(holder)
            self.leave()

        return let_go

    def leave(self) -> None:
        """End the feed if nobody shows or holds it."""
        if not self._schedule and not self._holders:
            self.close()

    def follow_log(
        self, listener: LogListener, start: int | None = None
    ) -> tuple[int, Callable[[], None]]:
        """Have `listener` called with what is written to the log from now on.

        Args:
            listener: takes the bytes.
            start: where to begin if nobody follows the log yet; by default at its end, which is
                looked up on the loop.

        Returns:
            The byte of the log from which it will hear, and the way to stop that.
        """
        if not self._log_listeners:
            self._log.position = self._log.size_bytes() if start is None else start
            if self._log_wake is not None:
                self._log_wake.set()
        return self._log.position, _listen(self._log_listeners, listener)

    @property
    def log_position(self) -> int:
        """The byte of the log up to which listeners have heard."""
        return self._log.position

    def on_events(self, listener: EventListener) -> Callable[[], None]:
        """Have `listener` called with new events; those in `events` are not repeated."""
        return _listen(self._event_listeners, listener)

    def on_gone(self, listener: GoneListener) -> Callable[[], None]:
        """Have `listener` called once when the job is deleted; the feed has stopped by then."""
        return _listen(self._gone_listeners, listener)

    def refresh(self, topics: Iterable[str] = reading.ALL) -> None:
        """Read these topics soon, whatever was noticed; also what follows a command."""
        self._mark(topics)

    # Running

    @property
    def is_running(self) -> bool:
        """Whether it watches now."""
        return bool(self._tasks)

    def start(self, _payload: object = None) -> None:
        """Begin to watch once it is read. Needs a running loop; without one, that stays."""
        if self._tasks or not page_events.on_loop():
            return
        self._wake, self._log_wake = asyncio.Event(), asyncio.Event()
        self._mark(reading.ALL)
        self._log_wake.set()
        self._tasks = [
            page_events.spawn(self._forever(part))
            for part in (self._watch, self._paint, self._pump_log, self._tick)
        ]

    def stop(self, _payload: object = None) -> None:
        """Stop watching; `start` goes on from where it was."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    def close(self) -> None:
        """Stop for good."""
        self._stop_first()
        self.stop()
        _feeds.pop(str(self.run.root), None)
        for undo in self._subscriptions:
            undo()

    async def _forever(self, part: Callable[[], Any]) -> None:
        """Run a part of the feed again whenever it fails; each failure is shown."""
        await self._first_is_over.wait()
        while True:
            try:
                await part()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._report(error)
            await asyncio.sleep(_TICK_S)

    def _report(self, error: Exception) -> None:
        """Show an exception on the page; the same one not more than twice a minute."""
        text, now = f"{type(error).__name__}: {error}", time.monotonic()
        if now - self._reported.get(text, -math.inf) > _REPEAT_ERROR_S:
            self._reported[text] = now
            page_events.report(error)

    # Noticing

    async def _watch(self) -> None:
        """Notice changes by inotify and the like; by looking again and again where that fails."""
        try:
            while True:
                await self._watch_files()
                self._notice(None)  # what changed while nobody watched
        except (OSError, RuntimeError):  # no watches left, or a file system that has none
            while True:
                self._notice(None)
                await asyncio.sleep(_POLL_S)

    async def _watch_files(self) -> None:
        """Notice changes until the job ends or begins again."""
        is_over, changed = self.job.status.is_final, asyncio.Event()
        async for changes in awatch(
            self.run.root,
            watch_filter=None,
            step=_OVER_STEP_MS if is_over else _STEP_MS,
            debounce=_DEBOUNCE_MS,
            rust_timeout=_LOOK_UP_MS,
            yield_on_timeout=True,
            stop_event=changed,
        ):
            if changes:
                self._notice({path for _, path in changes})
            if self.job.status.is_final != is_over:
                changed.set()

    def _notice(self, paths: set[str] | None) -> None:
        """Files changed; None: any may have."""
        assert self._log_wake is not None
        if paths is None or str(self.run.log) in paths:
            self._log_wake.set()
        if paths is None:
            self._mark(reading.ALL)
        else:
            self._mark({t for path in paths for t in reading.topics_of(self.run, path)})

    async def _tick(self) -> None:
        """Time passes: windows move on; and now and then look at all, whatever was noticed."""
        looked_at = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_S)
            if time.monotonic() - looked_at < _RECORD_S:
                self._mark({reading.TICK})
                continue
            looked_at = time.monotonic()
            self._notice(None)

    def _mark(self, topics: Iterable[str]) -> None:
        self._dirty.update(topics)
        self._schedule.mark(topics)
        if self._wake is not None:
            self._wake.set()

    # Log

    async def _pump_log(self) -> None:
        """Pass on new bytes of the log at once; a flood at what a terminal can take."""
        assert self._log_wake is not None
        while True:
            await self._log_wake.wait()
            self._log_wake.clear()
            while self._log_listeners and (data := await asyncio.to_thread(self._log.poll)):
                for listener in list(self._log_listeners):
                    listener(data)
                await asyncio.sleep(len(data) / _LOG_BYTES_PER_S)

    # Painting

    async def _paint(self) -> None:
        assert self._wake is not None
        while True:
            await self._until_due()
            await self._read()
            self._schedule.paint(time.monotonic(), self._report)

    async def _until_due(self) -> None:
        """Wait until a part that has news may be painted."""
        assert self._wake is not None
        while (wait := self._schedule.next_at(time.monotonic()) - time.monotonic()) > 0:
            self._wake.clear()
            if self._dirty & {reading.EVENTS, reading.STATE} and math.isinf(wait):
                return  # nobody paints these, and still somebody may listen
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), None if math.isinf(wait) else wait)

    async def _read(self) -> None:
        topics, self._dirty = self._dirty, set()
        try:
            self._take(await asyncio.to_thread(self._reader.read, topics))
        except JobNotFoundError as error:
            self._tell_gone(error)
        except Exception as error:
            self._report(error)

    def _tell_gone(self, error: GladiusError) -> None:
        """There is nothing left to read: forget the run, and say so once."""
        listeners = list(self._gone_listeners)
        if not listeners:
            self._report(error)
        self.close()
        for listener in listeners:
            page_events.call(listener, error)

    def _take(self, news: News) -> None:
        _add_rows(self.history, news.tables)
        self.job = replace(news.snapshot or self.job, system=self.history.system)
        for problem in news.problems:
            self._report(RuntimeError(problem))
        if news.events:
            self.events += news.events
            for listener in list(self._event_listeners):
                page_events.call(listener, news.events)

    def __repr__(self) -> str:
        return f"JobFeed({self.run.id!r})"


def feed_of(run: RunDirectory, source: JobSource) -> JobFeed:
    """The feed of this run in this kernel, made at the first call; raises as `JobFeed` does."""
    feed = known_feed(run)
    if feed is None:
        feed = _feeds[str(run.root)] = JobFeed(run, source)
    return feed


def known_feed(run: RunDirectory) -> JobFeed | None:
    """The feed of this run, if it has one in this kernel."""
    return _feeds.get(str(run.root))


def _add_rows(history: History, tables: Mapping[str, pa.Table]) -> None:
    adders = {
        reading.TRAIN: history.add_train,
        reading.VALIDATION: history.add_validation,
        reading.SYSTEM: history.add_system,
    }
    for name, table in tables.items():
        adders[name](table)


def _listen(listeners: list[Any], listener: Any) -> Callable[[], None]:
    listeners.append(listener)
    return lambda: listeners.remove(listener) if listener in listeners else None
