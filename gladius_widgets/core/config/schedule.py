"""The learning-rate schedule, as a pure function of the step.

It lives in core because the trainer follows it and the dashboard previews it.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from gladius_widgets.core.config.live import FACTOR_KEY, PEAK_KEY
from gladius_widgets.core.config.schema import OptimizationSection


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up from zero, then cosine, linear or no decay towards a floor.

    The same formulas as `transformers.get_cosine_schedule_with_warmup` and its siblings: step i
    (from 0) of T with W warm-up steps runs at i / W, then decays over (i - W) / (T - W).

    Attributes:
        kind: cosine, linear or constant.
        peak: learning rate at the top of the schedule.
        warmup_steps: steps from zero to the peak.
        total_steps: optimizer steps of the run.
        floor_ratio: lowest share of the peak.
        scale: what live changes multiplied the schedule by.
        anchor_step, anchor_decay: where the decay (0 = start, 1 = end) stood when `total_steps`
            last changed, so that a longer or shorter run bends the curve without a jump.
    """

    kind: str
    peak: float
    warmup_steps: int
    total_steps: int
    floor_ratio: float = 0.0
    scale: float = 1.0
    anchor_step: int | None = None
    anchor_decay: float = 0.0

    @classmethod
    def of(cls, optimization: OptimizationSection, total_steps: int) -> Self:
        """The schedule of a run that begins."""
        return cls(
            kind=optimization.schedule,
            peak=optimization.learning_rate,
            warmup_steps=optimization.warmup_steps,
            total_steps=total_steps,
            floor_ratio=optimization.min_learning_rate_ratio,
        )

    @property
    def warning(self) -> str:
        """What is wrong with it, for people; empty when it reaches its peak."""
        if self.warmup_steps < self.total_steps:
            return ""
        highest = self.learning_rate(max(0, self.total_steps - 1))
        return (
            f"The warm-up takes {self.warmup_steps:,} steps and the run has {self.total_steps:,}, "
            f"so the learning rate comes to {highest:.2g} and never to its peak of "
            f"{self.peak:.2g}. Lower optimization.warmup_steps."
        )

    def learning_rate(self, step: int) -> float:
        """The learning rate of optimizer step `step`, counted from 0."""
        return self.peak * self.scale * self.factor(step)

    def factor(self, step: int) -> float:
        """The share of the peak, without live changes."""
        if step < self.warmup_steps:
            return step / self.warmup_steps
        decay = self.decay(step)
        if self.kind == "constant":
            return 1.0
        shape = 0.5 * (1 + math.cos(math.pi * decay)) if self.kind == "cosine" else 1 - decay
        return self.floor_ratio + (1 - self.floor_ratio) * shape

    def decay(self, step: int) -> float:
        """How much of the decay is done, 0 to 1."""
        start = self.warmup_steps if self.anchor_step is None else self.anchor_step
        share = (step - start) / max(1, self.total_steps - start)
        return min(1.0, max(0.0, self.anchor_decay + (1 - self.anchor_decay) * share))

    def with_learning_rate(self, step: int, learning_rate: float) -> Self:
        """The schedule that stands at `learning_rate` at `step` and goes on from there, downwards.

        In warm-up that is the end of the warm-up, so the rate never exceeds what was asked for;
        where the schedule has come to zero the new value becomes the peak.
        """
        if step < self.warmup_steps:
            return replace(self, peak=learning_rate, scale=1.0, warmup_steps=step)
        factor = self.factor(step)
        if factor <= 0:
            return replace(self, peak=learning_rate, scale=1.0)
        return replace(self, scale=learning_rate / (self.peak * factor))

    def highest(self, step: int) -> float:
        """The highest rate from `step` on: the peak in warm-up, then the rate at `step`."""
        return self.learning_rate(max(step, self.warmup_steps))

    def with_factor(self, factor: float) -> Self:
        """The schedule with everything from now on multiplied by `factor`."""
        return replace(self, scale=self.scale * factor)

    def with_changes(self, step: int, changes: Mapping[str, Any]) -> Self:
        """The schedule after a `set` at `step` (see `live`); other settings leave it alone."""
        schedule = self
        if "learning_rate" in changes:
            schedule = schedule.with_learning_rate(step, changes["learning_rate"])
        if FACTOR_KEY in changes:
            schedule = schedule.with_factor(changes[FACTOR_KEY])
        if PEAK_KEY in changes:
            schedule = replace(schedule, peak=changes[PEAK_KEY], scale=1.0)
        return schedule

    def with_total_steps(self, step: int, total_steps: int) -> Self:
        """The schedule stretched or shortened from `step` on; no jump at `step`."""
        if total_steps == self.total_steps:
            return self
        if step <= self.warmup_steps:
            return replace(self, total_steps=total_steps)
        return replace(
            self, total_steps=total_steps, anchor_step=step, anchor_decay=self.decay(step)
        )

    def curve(self, first_step: int = 0, points: int = 200) -> list[tuple[int, float]]:
        """(step, learning rate) pairs from `first_step` to the end, for a preview."""
        span = max(0, self.total_steps - first_step)
        count = min(points, span + 1)
        steps = [first_step + round(i * span / max(1, count - 1)) for i in range(count)]
        return [(step, self.learning_rate(step)) for step in steps]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)


def schedule_from(values: Mapping[str, Any] | None) -> Schedule | None:
    """The schedule that `to_dict` wrote; None for none, and for one of a newer version."""
    try:
        return None if values is None else Schedule(**values)
    except TypeError:
        return None
