"""One moment of a run that charts, events and log point at together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gladius_widgets.components import events as page_events

if TYPE_CHECKING:
    from gladius_widgets.panels.live.feed import JobFeed


@dataclass(frozen=True)
class Moment:
    """Where the cursor is: a step, and when it was (unix s); either may be unknown."""

    step: int | None = None
    time: float | None = None


class JobCursor:
    """The cursor of one job. Use `cursor_of`: one per feed, so that all panels share it."""

    def __init__(self) -> None:
        self.moment: Moment | None = None
        self._listeners: list[Callable[[Moment | None], object]] = []

    def move(self, moment: Moment | None) -> None:
        """Point at a moment, or at nothing; everyone who listens is told, the mover too."""
        if moment == self.moment:
            return
        self.moment = moment
        for listener in list(self._listeners):
            page_events.call(listener, moment)

    def on_move(self, listener: Callable[[Moment | None], object]) -> Callable[[], None]:
        """Have `listener` called with each new moment; returns the way to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None


def cursor_of(feed: "JobFeed") -> JobCursor:
    """The cursor of a feed's job, made at the first call."""
    return feed.shared.setdefault(JobCursor, JobCursor())
