"""The jobs that the reader wants to see, looked up again and again while a page is open."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from gladius_widgets.client import Client, Job
from gladius_widgets.components import events as page_events
from gladius_widgets.components import location
from gladius_widgets.core.states import FINAL, JobStatus
from gladius_widgets.panels.jobs.query import JobsQuery, Page, page_of

LOOK_S = 1.0
# Never more than this share of a core goes into looking, and still there are news within 2 s.
_BUSY, _SLOWEST_S = 0.05, 1.5
_LOOK_ANYWAY_S = 30.0  # a day ends, and a date range moves on
_UNSETTLED = tuple(status for status in JobStatus if status not in FINAL)


@dataclass(frozen=True)
class Look:
    """What there was at one moment.

    Attributes:
        query: what was asked for.
        jobs: one page of jobs.
        page: which one.
        queued: how many jobs wait.
        unsettled: how many are not over.
        creators: everybody who has submitted a job.
        any_jobs: whether there is any job at all.
        any_here: whether the tab has any job, whatever is filtered.
        seen_at: unix s.
    """

    query: JobsQuery
    jobs: tuple[Job, ...]
    page: Page
    queued: int
    unsettled: int
    creators: tuple[str, ...]
    any_jobs: bool
    any_here: bool
    seen_at: float


class JobsSource:
    """Looks once a second; where nothing was written and nothing runs, not at all.

    Attributes:
        query: what the reader wants to see; change it with `ask`.
        look: the newest look, None before the first.
        failed_at: when looking began to fail (unix s); None while it works.
    """

    def __init__(self, client: Client, query: JobsQuery | None = None) -> None:
        self.client = client
        self.query = query or JobsQuery()
        self.look: Look | None = None
        self.failed_at: float | None = None
        self._stamp: object = None
        self._wake: asyncio.Event | None = None
        self._task: asyncio.Task[Any] | None = None
        self._reported = ""
        self._on_look: list[Callable[[], object]] = []
        self._on_query: list[Callable[[], object]] = []
        place = location()
        self._subscriptions = [
            place.on("ready", self.start),  # comes with the page, a second before `alive`
            place.on("alive", self.start),
            place.on("gone", self.stop),
        ]

    # Who listens

    def on_look(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Have it called after each look that brought something; returns the way to stop that."""
        self._on_look.append(listener)
        return lambda: self._on_look.remove(listener)

    def on_query(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Have it called when the reader asks for something else."""
        self._on_query.append(listener)
        return lambda: self._on_query.remove(listener)

    # What is wanted

    def ask(self, query: JobsQuery) -> None:
        """Show these jobs from now on."""
        if query == self.query:
            return
        self.query = query
        self._tell(self._on_query)
        self.refresh()

    def refresh(self) -> None:
        """Look soon, whatever has been written."""
        self._stamp = None
        if self._wake is not None:
            self._wake.set()

    # Running

    def start(self, _payload: object = None) -> None:
        """Begin to look. Needs a running loop."""
        if self._task is None and page_events.on_loop():
            self._wake = asyncio.Event()
            self._task = page_events.spawn(self._keep_looking())

    def stop(self, _payload: object = None) -> None:
        """Stop looking; `start` goes on."""
        if self._task is not None:
            self._task.cancel()
        self._task = self._wake = None

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        for undo in self._subscriptions:
            undo()

    async def _keep_looking(self) -> None:
        while self._wake is not None:
            self._wake.clear()
            began = time.process_time()
            await self._look_once()
            busy_s = time.process_time() - began
            pause_s = min(max(LOOK_S, busy_s / _BUSY), _SLOWEST_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause_s)

    async def _look_once(self) -> None:
        try:
            look = await asyncio.to_thread(self.read, self.query)
        except Exception as error:
            self._fail(error)
            return
        recovered, self.failed_at, self._reported = self.failed_at is not None, None, ""
        if look is not None and look.query != self.query:
            return  # the reader has asked for something else meanwhile: the wake is set
        if look is not None:
            self._take(look)
        if look is not None or recovered:
            self._tell(self._on_look)

    def _take(self, look: Look) -> None:
        """Where the page asked for is no more, the query, and so the address, is the one shown."""
        query = look.query.changed(page=look.page.number)
        self.look = replace(look, query=query)
        if query != self.query:
            self.query = query
            self._tell(self._on_query)

    def _fail(self, error: Exception) -> None:
        """Told once, not every second; the last good rows stay, with their age."""
        self._stamp = None
        if self.failed_at is None:
            self.failed_at = time.time()
            self._tell(self._on_look)
        if str(error) != self._reported:
            self._reported = str(error)
            page_events.report(error)

    # Looking

    def read(self, query: JobsQuery) -> Look | None:
        """Look now, in whatever thread; None when there can be nothing new.

        Raises:
            GladiusError: the registry cannot be read.
        """
        now = time.time()
        stamp, before = self._registry_stamp(), self.look
        unchanged = stamp is not None and stamp == self._stamp
        same = before is not None and before.query == query and unchanged
        if same and before and not before.unsettled and now - before.seen_at < _LOOK_ANYWAY_S:
            return None
        look = self._read(query, now, before if unchanged else None)
        # Taken before reading: what was written meanwhile is read again.
        self._stamp = stamp
        return look

    def _read(self, query: JobsQuery, now: float, before: Look | None) -> Look:
        """`before` is a look at the same registry: what it counted still holds."""
        client, filters = self.client, query.filters(now)
        if before is not None and before.query.filters(0) == query.filters(0):
            total = before.page.total
        else:
            total = client.count(**filters)
        page = page_of(query, total)
        jobs = client.jobs(
            **filters,
            **query.order(),
            limit=query.size if query.tab != "queue" else 0,
            offset=(page.number - 1) * query.size,
        )
        if before is None:
            queued = client.queued()
            unsettled = client.count(statuses=_UNSETTLED)
            creators = tuple(client.creators())
        else:
            queued, unsettled, creators = before.queued, before.unsettled, before.creators
        any_here = bool(total or client.count(**query.without_filters().filters(now)))
        return Look(
            query, tuple(jobs), page, queued, unsettled, creators, bool(creators), any_here, now
        )

    def _registry_stamp(self) -> object:
        """Changes with every write to the registry; None when it cannot be told."""
        path = self.client.home.registry
        stamps = []
        for name in (path, path.with_name(f"{path.name}-wal")):
            try:
                found = name.stat()
            except FileNotFoundError:
                stamps.append(None)
            except OSError:
                return None
            else:
                stamps.append((found.st_ino, found.st_mtime_ns, found.st_size))
        return tuple(stamps)

    @staticmethod
    def _tell(listeners: list[Callable[[], object]]) -> None:
        for listener in list(listeners):
            page_events.call(listener)
