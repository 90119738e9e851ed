"""The event log's arithmetic: which events match, which of them a page shows."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from gladius_widgets.panels.events.query import PAGE_ROWS, EventQuery
from gladius_widgets.store.run.events import Event


class EventIndex:
    """Finds the events that match a query; new events cost only themselves.

    Args:
        events: all events in order of arrival; may grow at its end.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._texts: list[str] = []
        self._counts: Counter[str] = Counter()
        self._counted = 0
        self._asked: object = None
        self._matches: list[int] = []
        self._looked_at = 0

    def counts(self) -> Counter[str]:
        """How many events there are of each type."""
        new = self._events[self._counted :]
        self._counts.update(map(attrgetter("type"), new))
        self._counted += len(new)
        return self._counts

    def matches(self, query: EventQuery, now: float) -> Sequence[int]:
        """Positions of the events that match, in order of arrival; `now` in unix s."""
        if not query.words:
            self._texts = []  # nobody searches: give the memory back
        if not query.is_filtered:
            self._asked, self._matches = None, []
            return range(len(self._events))
        bounds = query.bounds(now)
        asked = (query.types, query.words, bounds)
        if asked != self._asked:
            self._asked, self._matches, self._looked_at = asked, [], 0
        end = len(self._events)
        self._matches += self._find(query.types, query.words, bounds, self._looked_at, end)
        self._looked_at = end
        return self._matches

    def _find(
        self,
        types: Sequence[str],
        words: Sequence[str],
        bounds: tuple[float | None, float | None],
        start: int,
        end: int,
    ) -> Sequence[int]:
        """One filter after another, each a plain loop: this is what 100,000 events wait for."""
        events, found = self._events, range(start, end)
        if types:
            chosen = frozenset(types)
            found = [at for at in found if events[at].type in chosen]
        if bounds != (None, None):
            low = -math.inf if bounds[0] is None else bounds[0]
            high = math.inf if bounds[1] is None else bounds[1]
            found = [at for at in found if low <= events[at].time <= high]
        if words:
            self._prepare_texts()
            texts = self._texts
            for word in words:
                found = [at for at in found if word in texts[at]]
        return found

    def _prepare_texts(self) -> None:
        new = self._events[len(self._texts) :]
        self._texts += [event.text.lower() for event in new]


@dataclass(frozen=True)
class LogPage:
    """One page of what matches. `first` and `last` count from 1, newest first.

    Attributes:
        rows: positions of its events, newest first.
        waiting: matching events that came after what is shown.
    """

    number: int
    count: int
    first: int
    last: int
    total: int
    rows: tuple[int, ...]
    waiting: int

    @property
    def words(self) -> str:
        """`Showing 1–50 of 583 events`."""
        events = f"{self.total:,} event{'' if self.total == 1 else 's'}"
        return f"Showing {self.first:,}–{self.last:,} of {events}" if self.total else "No events"


def page_of(matches: Sequence[int], number: int, horizon: int) -> LogPage:
    """A page of the events before `horizon`; the last one if there are fewer by now.

    Args:
        matches: positions in order of arrival.
        number: from 1.
        horizon: position of the first event that is not shown yet.
    """
    total = bisect_left(matches, horizon)
    count = max(1, math.ceil(total / PAGE_ROWS))
    number = min(max(1, number), count)
    newest = total - (number - 1) * PAGE_ROWS
    oldest = max(0, newest - PAGE_ROWS)
    rows = tuple(matches[oldest:newest][::-1])
    first = (number - 1) * PAGE_ROWS + 1 if total else 0
    return LogPage(number, count, first, total - oldest, total, rows, len(matches) - total)


def page_number(matches: Sequence[int], position: int, horizon: int) -> int | None:
    """The page that an event is on; None when it does not match or is not shown yet."""
    at, total = bisect_left(matches, position), bisect_left(matches, horizon)
    if at >= total or matches[at] != position:
        return None
    return (total - 1 - at) // PAGE_ROWS + 1


def nearest(
    events: Sequence[Event], matches: Sequence[int], step: int | None, time_s: float | None
) -> int | None:
    """The matching event nearest to a moment, by its time if that is known, else by its step."""
    if time_s is not None:
        return min(matches, key=lambda at: abs(events[at].time - time_s), default=None)
    if step is None:
        return None
    steps = ((at, step_of(events[at])) for at in matches)
    known = [(abs(found - step), at) for at, found in steps if found is not None]
    return min(known)[1] if known else None


def step_of(event: Event) -> int | None:
    """The step that an event tells of."""
    step = (event.payload or {}).get("step")
    return step if isinstance(step, int) and not isinstance(step, bool) else None
