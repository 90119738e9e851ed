"""Noticing that training has become slow, against its own average."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from gladius_widgets.core.threshold import Threshold

WINDOW_STEPS = 20

Tell = Callable[[str, str, dict[str, Any]], object]


class PaceAlert:
    """Tells once when the recent throughput falls far under the average, and once as it is back.

    A step's time is that of the step alone, so pauses, validations and checkpoints do not count.
    The average is that of the steps before the recent ones, and rests while it is slow. It starts
    anew when the batch changes, as other batches have another speed; a warning that is on then is
    taken back.

    Args:
        slow_share: how far under the average is slow, as a share of it.
        tell: writes a log line and an event (level, text, payload).
    """

    def __init__(self, slow_share: float, tell: Tell) -> None:
        self._share, self._tell = slow_share, tell
        self._batch: Hashable = None
        self._begin()

    def _begin(self) -> None:
        self._threshold = Threshold(self._share, self._share / 2)
        self._recent: deque[tuple[float, float]] = deque()
        self._tokens, self._seconds, self._steps = 0.0, 0.0, -1  # the first step warms up

    def step(self, step: int, tokens: float, step_time_s: float, batch: Hashable) -> None:
        """One step: its tokens, its time (s), and what says how large its batches are."""
        if batch != self._batch:
            self._batch = batch
            if self._threshold.is_on:
                self._take_back(step)
            self._begin()
        self._steps += 1
        if self._steps == 0:
            return
        self._recent.append((tokens, step_time_s))
        if len(self._recent) <= WINDOW_STEPS:
            return
        old_tokens, old_seconds = self._recent.popleft()
        if not self._threshold.is_on:
            self._tokens += old_tokens
            self._seconds += old_seconds
        if self._steps < 2 * WINDOW_STEPS:
            return
        self._look(step)

    def _take_back(self, step: int) -> None:
        text = f"Throughput is measured anew from step {step:,} on, as the batch size has changed"
        self._tell("INFO", text, {"kind": "slow", "state": "resolved", "step": step})

    def _look(self, step: int) -> None:
        average = self._tokens / self._seconds
        recent = sum(t for t, _ in self._recent) / sum(s for _, s in self._recent)
        turn = self._threshold.look(1 - recent / average)
        if turn is None:
            return
        figures = f"{recent:,.0f} tokens/s over {WINDOW_STEPS} steps, {average:,.0f} on average"
        payload = {"kind": "slow", "state": turn, "step": step, "tokens_per_s": recent,
                   "average_tokens_per_s": average, "limit": self._share}  # fmt: skip
        if turn == "on":
            self._tell("WARN", f"Throughput is low at step {step:,}: {figures}", payload)
        else:
            self._tell("INFO", f"Throughput is back at step {step:,}: {figures}", payload)
