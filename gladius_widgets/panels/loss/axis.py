"""What the x axis of a loss chart counts: steps, epochs, time or tokens, and the way between."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gladius_widgets.panels.charts import axes
from gladius_widgets.panels.live.history import History
from gladius_widgets.panels.live.series import Floats
from gladius_widgets.panels.text import format as fmt

XKind = Literal["step", "epoch", "time", "tokens"]
Range = tuple[float, float]

X_KINDS: tuple[XKind, ...] = ("step", "epoch", "time", "tokens")
X_NAMES: dict[XKind, str] = {
    "step": "Training step",
    "epoch": "Epoch",
    "time": "Time since training began",
    "tokens": "Tokens trained on",
}
X_LABELS: dict[XKind, str] = {"step": "Step", "epoch": "Epoch", "time": "After", "tokens": "Tokens"}
# What an empty chart shows (console spec, chart A).
EMPTY_X: dict[XKind, Range] = {
    "step": (0.0, 1000.0),
    "epoch": (0.0, 100.0),
    "time": (0.0, 3600.0),
    "tokens": (0.0, 1e6),
}
_TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_DAY_S = 86400
_MOST_TICKS = 7


@dataclass(frozen=True)
class LossAxis:
    """The x axis over one run's history. x values are steps, epochs, seconds or tokens.

    Args:
        history: the run's rows.
        kind: what x counts.
        began_at: when training began (unix s), where that is known.
    """

    history: History
    kind: XKind = "step"
    began_at: float | None = None

    @property
    def origin(self) -> float:
        """What the column has where x is 0: the time when training began."""
        times = self.history.train["time"]
        if self.kind != "time" or not len(times):
            return 0.0
        first = float(times[0])
        return first if self.began_at is None else min(first, self.began_at)

    @property
    def column(self) -> Floats:
        """The train column that x is made from, ascending."""
        return self.history.train[self.kind]

    def at(self, rows: "np.ndarray | slice") -> Floats:
        """Where these train rows are."""
        return self.column[rows] - self.origin

    @property
    def last(self) -> float | None:
        """Where the newest row is."""
        return float(self.column[-1]) - self.origin if len(self.column) else None

    def rows_within(self, shown: Range | None) -> tuple[int, int]:
        """First and last row (exclusive) within a range, and one beyond each edge."""
        column = self.column
        if shown is None:
            return 0, len(column)
        low, high = shown[0] + self.origin, shown[1] + self.origin
        first = int(np.searchsorted(column, low))
        last = int(np.searchsorted(column, high, side="right"))
        return max(0, first - 1), min(len(column), last + 1)

    def rows_inside(self, shown: Range | None) -> slice:
        """The train rows whose x is within the range."""
        if shown is None:
            return slice(0, len(self.column))
        low, high = shown[0] + self.origin, shown[1] + self.origin
        first = int(np.searchsorted(self.column, low))
        return slice(first, int(np.searchsorted(self.column, high, side="right")))

    def row_near(self, x: float) -> int | None:
        """The train row nearest to x."""
        return _nearest(self.column, x + self.origin)

    def row_of(self, step: float | None = None, time: float | None = None) -> int | None:
        """The last train row up to a step, or else up to a time (unix s); None without rows."""
        name, value = ("step", step) if step is not None else ("time", time)
        column = self.history.train[name]
        if value is None or not len(column):
            return None
        return max(0, int(np.searchsorted(column, value, side="right")) - 1)

    def x_of(self, step: float | None = None, time: float | None = None) -> float | None:
        """Where a step, or else a time (unix s), is on x."""
        if self.kind == "step" and step is not None:
            return float(step)
        row = self.row_of(step, time)
        return None if row is None else float(self.column[row]) - self.origin

    def validations(self) -> Floats:
        """Where the validations are: at the train row of their step."""
        steps = self.history.validation["step"]
        if self.kind == "step":
            return steps
        if not len(self.column):
            return np.full(len(steps), np.nan)
        rows = np.searchsorted(self.history.train["step"], steps, side="right") - 1
        return self.at(np.maximum(rows, 0))

    def ticks(self, shown: Range) -> tuple[list[float], list[str] | None]:
        """Round values within the range; their words where a number would not do."""
        if self.kind == "time":
            return _time_ticks(*shown)
        values = axes.ticks(*shown, most=_MOST_TICKS)
        if self.kind == "tokens":
            return values, [short_count(value) for value in values]
        return values, None


def short_count(value: float) -> str:
    """A count in few letters: `800`, `1.5k`, `2M`, `1.25B`."""
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{fmt.plain(value / size)}{unit}"
    return fmt.plain(value)


def _nearest(column: Floats, value: float) -> int | None:
    if not len(column):
        return None
    right = int(np.searchsorted(column, value))
    if right == 0:
        return 0
    if right == len(column):
        return right - 1
    return right - 1 if value - column[right - 1] <= column[right] - value else right


def _time_ticks(low: float, high: float, most: int = _MOST_TICKS) -> tuple[list[float], list[str]]:
    """Ticks at round times: seconds, minutes, hours, days."""
    width = high - low
    steps = (*_TIME_STEPS_S, *(_DAY_S * d for d in (1, 2, 5, 10, 20, 50, 100)))
    if width < most - 1:
        values = axes.ticks(low, high)
        return values, [f"{fmt.plain(value)}s" for value in values]
    step = next((s for s in steps if width / s <= most - 1), steps[-1])
    first = int(np.ceil(low / step - 1e-9))
    values = [float(i * step) for i in range(first, int(high / step + 1e-9) + 1)]
    return values, [_elapsed(value) for value in values]


def _elapsed(seconds: float) -> str:
    """`0`, `45s`, `5m`, `1m 30s`, `2h`, `2h 30m`, `3d`."""
    left, parts = round(seconds), []
    for size, unit in ((_DAY_S, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0"
