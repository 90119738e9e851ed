"""Time spent training, without pauses, validations and saves; and how much is left."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import fmean, median

_RECENT_STEPS = 50


class TrainingClock:
    """Step times and the cost of what comes between steps.

    Only this attempt's steps count, as the machine may be another one than before.

    Args:
        now: a clock in s that never goes back.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._mark = now()
        self._aside_s = 0.0
        self._steps: deque[float] = deque(maxlen=_RECENT_STEPS)
        self._asides: dict[str, deque[float]] = {}
        self.paused_s = 0.0

    def step_done(self) -> float:
        """Wall time (s) since the last step's end, without what was put aside."""
        now = self._now()
        step_s = max(1e-9, now - self._mark - self._aside_s)
        self._mark, self._aside_s = now, 0.0
        self._steps.append(step_s)
        return step_s

    def forget_step(self) -> None:
        """Start the next step's time here (the first step begins now)."""
        self._mark, self._aside_s = self._now(), 0.0

    @contextmanager
    def aside(self, what: str) -> Iterator[None]:
        """Around a validation, a checkpoint or a pause: it is no part of a step."""
        start, before_s = self._now(), self._aside_s
        try:
            yield
        finally:
            # A checkpoint amid a validation is put aside by itself already.
            spent = self._now() - start - (self._aside_s - before_s)
            self._aside_s += spent
            self._asides.setdefault(what, deque(maxlen=5)).append(spent)
            if what == "pause":
                self.paused_s += spent

    @property
    def typical_step_s(self) -> float | None:
        """Median of the recent step times; None before the second step (the first warms up)."""
        recent = list(self._steps)
        return (
            median(recent[1:] if len(recent) < _RECENT_STEPS else recent)
            if len(recent) > 1
            else None
        )

    def typical_s(self, what: str) -> float:
        """Mean time of one aside of this kind; 0 when none was seen."""
        return fmean(self._asides[what]) if self._asides.get(what) else 0.0

    def remaining_s(self, steps: int, validations: int, checkpoints: int) -> float | None:
        """Time until the end: steps, and the validations and checkpoints still due."""
        if self.typical_step_s is None:
            return None
        return (
            steps * self.typical_step_s
            + validations * self.typical_s("validation")
            + checkpoints * self.typical_s("checkpoint")
        )
