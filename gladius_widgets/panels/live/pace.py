"""How often the page is told: parts of panels take turns within a budget of messages and bytes.

An unpaced flood of messages costs the browser its responsiveness and can lose the last state.
Here a change only marks a part; a part is painted from what is known at that moment, so what is
left out is overtaken, never lost: a marked part stays marked until it has been painted.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

MESSAGES_PER_S = 8.0  # ten with what is not paced: answers, toasts, the log
BYTES_PER_S = 200_000.0
_INSTANT_S = 1e-6  # rounding must not make a free budget look spent


@dataclass(frozen=True)
class Sent:
    """What one painting sent to the browser."""

    messages: int = 0
    size_bytes: int = 0

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(self.messages + other.messages, self.size_bytes + other.size_bytes)


@dataclass(eq=False)
class Part:
    """A piece of a panel that is painted as one.

    Args:
        paint: brings the widgets up to date with what is known; says what it sent.
        topics: the news that make it stale.
        every_s: it is painted at most this often.
        shown: whether anybody can see it; what nobody sees stays stale.
    """

    paint: Callable[[], Sent]
    topics: frozenset[str]
    every_s: float
    shown: Callable[[], bool] = lambda: True
    stale: bool = False
    painted_at: float = -math.inf

    @property
    def due_at(self) -> float:
        """When it may be painted (monotonic s); infinity while nothing has changed."""
        return self.painted_at + self.every_s if self.stale and self.shown() else math.inf


class Budget:
    """What all feeds of a kernel may send. Holds on average; a second's worth may go at once."""

    def __init__(
        self, messages_per_s: float = MESSAGES_PER_S, bytes_per_s: float = BYTES_PER_S
    ) -> None:
        self._rates = (messages_per_s, bytes_per_s)
        self._left = list(self._rates)
        self._updated_at = -math.inf

    def spend(self, sent: Sent, now: float) -> None:
        """Account for what was sent; the balance may become negative."""
        self._fill(now)
        self._left[0] -= sent.messages
        self._left[1] -= sent.size_bytes

    def free_at(self, now: float) -> float:
        """When something may be sent again: `now` while anything is left."""
        self._fill(now)
        wait = max(-left / rate for left, rate in zip(self._left, self._rates, strict=True))
        return now if wait < _INSTANT_S else now + wait

    def _fill(self, now: float) -> None:
        passed = max(0.0, now - self._updated_at)
        self._left = [
            min(rate, left + rate * passed) if math.isfinite(passed) else rate
            for left, rate in zip(self._left, self._rates, strict=True)
        ]
        self._updated_at = now


class Schedule:
    """The parts that show one job, and whose turn it is."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._parts: list[Part] = []

    def add(self, parts: Iterable[Part]) -> Callable[[], None]:
        """Take parts in; returns the way to take them out."""
        added = list(parts)
        self._parts.extend(added)

        def remove() -> None:
            self._parts = [part for part in self._parts if part not in added]

        return remove

    def __bool__(self) -> bool:
        return bool(self._parts)

    def mark(self, topics: Iterable[str]) -> None:
        """Note that there is news of these topics."""
        news = frozenset(topics)
        for part in self._parts:
            part.stale = part.stale or bool(part.topics & news)

    def next_at(self, now: float) -> float:
        """When something is to be painted (monotonic s); infinity when nothing has changed."""
        due = min((part.due_at for part in self._parts), default=math.inf)
        return due if due == math.inf else max(due, self._budget.free_at(now))

    def due_topics(self, now: float) -> frozenset[str]:
        """The topics of the parts that would be painted now."""
        due = [part.topics for part in self._parts if part.due_at <= now]
        return frozenset().union(*due)

    def paint(self, now: float, failed: Callable[[Exception], None]) -> None:
        """Paint what is due, longest overdue first, as far as the budget goes.

        A part that raises is passed to `failed` and waits for the next news.
        """
        due = sorted((p for p in self._parts if p.due_at <= now), key=lambda part: part.due_at)
        for part in due:
            if self._budget.free_at(now) > now:
                return
            part.stale, part.painted_at = False, now
            try:
                self._budget.spend(part.paint(), now)
            except Exception as error:
                failed(error)
