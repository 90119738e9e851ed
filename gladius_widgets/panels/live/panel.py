"""What all panels share: a job, its feed, and parts that are painted when there is news.

The client and the feed are imported with the first panel: `from gladius_widgets import LossChart`
costs little more than bqplot.
"""

import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import ipywidgets

from gladius_widgets.components import Element, Node, empty, h, location, toasts
from gladius_widgets.components import events as page_events
from gladius_widgets.core.errors import GladiusError, JobNotFoundError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.text.suggest import reject_unknown
from gladius_widgets.panels.live.pace import Part, Sent

if TYPE_CHECKING:
    from gladius_widgets.client import Client
    from gladius_widgets.panels.live.feed import JobFeed
    from gladius_widgets.panels.live.snapshot import JobSnapshot


class Panel(Element):
    """One composite widget about one job. Works alone in a notebook cell and inside a page.

    Where an event loop runs, as in a kernel, the run is read in a thread, and the panel shows bones
    until it is; `await panel.ready()` to go on with what it holds then.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        client: the door to the jobs; by default that of `$GLADIUS_HOME`.

    Raises:
        GladiusError: there is no such job, or no job at all.
        TypeError: an unknown keyword; the message names the nearest.
    """

    def __init__(
        self, job: str | None = None, *, client: "Client | None" = None, **unknown: Any
    ) -> None:
        reject_unknown(type(self).__name__, unknown, _keywords(type(self)))
        self.client = client or default_client()
        self.feed = open_feed(job, self.client)
        self._let_go = self.feed.hold()
        super().__init__()
        toasts()  # where exceptions of handlers and of the feed show
        location()  # tells the feed whether anybody looks
        self._stop_waiting: Callable[[], object] = page_events.nothing
        self._end_show: Callable[[], object] = page_events.nothing
        if self.feed.is_read:
            self._begin()
        else:
            self.tree = empty.bones()
            self._stop_waiting = page_events.begin(self._begin_when_read())
        self._view_count = 0  # from now on the browser counts its views
        self.observe(self._viewed, "_view_count")

    _has_begun = False
    _was_shown = False

    async def ready(self) -> None:
        """Wait until the panel shows its job.

        Raises:
            GladiusError: the job cannot be read.
        """
        await self.feed.ready()
        if self._is_open and not self._has_begun:
            self._stop_waiting()
            self._begin()

    async def _begin_when_read(self) -> None:
        try:
            await self.feed.ready()
        except Exception as error:
            self.tree = empty.unreadable(error)
            if not isinstance(error, GladiusError):
                page_events.report(error)
        else:
            self._begin()

    def _begin(self) -> None:
        """The feed has something to show."""
        self.build()
        self._has_begun = True
        parts = list(self.parts())
        for part in parts:
            part.shown = self._is_shown
            part.paint()
        self._end_show = self.feed.show(parts)

    @property
    def job(self) -> "JobSnapshot":
        """The newest look at the job."""
        return self.feed.job

    def build(self) -> None:
        """Make the child widgets, once."""

    def parts(self) -> Iterable[Part]:
        """What is painted, on which news, how often."""
        return ()

    def put_tree(self, tree: Node) -> Sent:
        """Show a tree; says what was sent, which is nothing if it is the one shown."""
        if tree == self.tree:
            return Sent()
        self.tree = tree
        return Sent(1, len(json.dumps(tree)))

    def put_slots(self, **children: ipywidgets.DOMWidget) -> None:
        """The child widgets of the tree's slots."""
        self.slots = children

    def _is_shown(self) -> bool:
        """False once its last view is gone, as when a cell of a notebook is run again."""
        return not (self._was_shown and self._view_count == 0)

    def _viewed(self, change: Any) -> None:
        if change["new"]:
            self._was_shown = True
            self.feed.refresh(())

    def end(self) -> None:
        """Let go of what `build` made and is no slot."""

    def close(self) -> None:
        """End the panel and its children."""
        if self._is_open:
            self._stop_waiting()
            self._end_show()
            self._let_go()
        super().close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.feed.run.id!r})"


@cache
def default_client() -> "Client":
    """The door to the jobs of `$GLADIUS_HOME`, one a kernel."""
    from gladius_widgets.client import Client

    return Client()


def open_feed(job: str | None, client: "Client") -> "JobFeed":
    """The feed of the job of that id, prefix or name; without one, of the newest job.

    A job that is not shown yet is looked up at once, so that whoever names it hears of a mistake;
    a page, which nobody calls, goes by `read_feed`.

    Raises:
        GladiusError: there is none.
    """
    from gladius_widgets.panels.live.feed import feed_of

    return _shown(job, client) or feed_of(_find_run(job, client), client)


@asynccontextmanager
async def read_feed(job: str | None, client: "Client") -> "AsyncIterator[JobFeed]":
    """As `open_feed`, with all that is read in threads; it holds until panels show the feed.

    Raises:
        GladiusError: there is none, or it cannot be read.
    """
    from gladius_widgets.panels.live.feed import feed_of

    feed = _shown(job, client)
    if feed is None:
        feed = feed_of(await page_events.in_thread(_find_run, job, client), client)
    let_go = feed.hold()
    try:
        await feed.ready()
        yield feed
    finally:
        let_go()


def _shown(job: str | None, client: "Client") -> "JobFeed | None":
    """The feed of the job of that id, if a panel shows it already."""
    from gladius_widgets.panels.live.feed import known_feed

    with suppress(ValueError):  # a name that is no id
        return known_feed(client.home.run(job)) if job else None
    return None


def _find_run(job: str | None, client: "Client") -> RunDirectory:
    if job is not None:
        return client.run(job)
    newest = client.newest()
    if newest is None:
        raise JobNotFoundError("There is no job yet.", "Start one with `gladius submit CONFIG`.")
    return client.run(newest)


def stat(label: Any, value: Any, *, big: bool = False) -> Node:
    """A figure beside a chart."""
    classes = "gw-stat gw-stat--big" if big else "gw-stat"
    return h("dl", {"class": classes}, h("dt", None, label), h("dd", None, value))


def _keywords(panel: type[Panel]) -> set[str]:
    """Names that a panel's constructor takes."""
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names: set[str] = set()
    for owner in panel.__mro__[: panel.__mro__.index(Panel) + 1]:
        if "__init__" in vars(owner):
            parameters = inspect.signature(vars(owner)["__init__"]).parameters.values()
            names |= {p.name for p in parameters if p.kind in kinds}
    return names - {"self"}
