"""Loss: the lines of the chart and the figures beside it."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gladius_widgets.panels import format as fmt
from gladius_widgets.panels.history import Columns, Floats, History
from gladius_widgets.panels.models import axes
from gladius_widgets.store.metrics import decimate

XAxis = Literal["epoch", "step"]

# What an empty chart shows (console spec, chart A).
EMPTY_X = {"epoch": (0.0, 100.0), "step": (0.0, 1000.0)}
EMPTY_Y = (0.0, 0.15)
MOST_POINTS = 2000


@dataclass(frozen=True)
class LossLines:
    """What to draw. Arrays are float32; y is NaN where a loss is not finite: a gap in the line.

    Attributes:
        x, train, average: the training loss and its moving average at the same x.
        validation_x, validation: the validation loss.
        bad_x: where the training loss was not finite.
        x_limits, y_limits: round limits of the axes.
    """

    x: Floats
    train: Floats
    average: Floats
    validation_x: Floats
    validation: Floats
    bad_x: Floats
    x_limits: tuple[float, float]
    y_limits: tuple[float, float]


@dataclass(frozen=True)
class LossStats:
    """The figures beside the chart, as text; `direction` is of the delta."""

    current: str = fmt.UNKNOWN
    best: str = fmt.UNKNOWN
    best_epoch: str = ""
    delta: str = fmt.UNKNOWN
    direction: Literal["down", "up", "flat", ""] = ""
    summary: str = "Loss. No step yet."


@dataclass(frozen=True)
class Best:
    """The best loss so far: where on the chart, and the number of its epoch (from 1)."""

    loss: float
    epoch: float
    step: float
    source: Literal["validation", "epoch mean"]

    @property
    def epoch_number(self) -> int:
        """The epoch it was in, from 1."""
        return epoch_number(self.epoch)


def epoch_number(epoch: float) -> int:
    """The epoch, from 1, in which a run stands after `epoch` passes over the data."""
    return max(1, int(np.ceil(epoch - 1e-9)))


def lines(
    history: History,
    average: Floats,
    *,
    x_axis: XAxis = "epoch",
    x_end: float | None = None,
    zoom: tuple[float, float] | None = None,
    points: int = MOST_POINTS,
) -> LossLines:
    """The lines within the visible range, decimated to `points` so that every extreme stays.

    Args:
        history: the run's rows.
        average: moving average of the training loss, as long as it.
        x_axis: what x counts.
        x_end: where the run will end, on x; None when that is not known.
        zoom: visible range of x; None for all.
        points: how many points a line has at most.
    """
    x, y = history.train[x_axis], history.train["loss"]
    shown = _within(x, zoom)
    x, y, average = x[shown], y[shown], average[shown]
    kept = decimate(x, y, points) if len(x) > points else np.arange(len(x))
    val_shown = _within(history.validation[x_axis], zoom)
    val_x = history.validation[x_axis][val_shown]
    val_y = history.validation["loss"][val_shown]
    finite = np.isfinite(y)
    return LossLines(
        x=x[kept].astype(np.float32),
        train=_gaps(y[kept]),
        average=_gaps(average[kept]),
        validation_x=val_x.astype(np.float32),
        validation=_gaps(val_y),
        bad_x=x[~finite][:MOST_POINTS].astype(np.float32),
        x_limits=zoom or x_limits(history, x_axis, x_end),
        y_limits=_y_limits(y[finite], val_y[np.isfinite(val_y)]),
    )


def validation_limits(drawn: LossLines) -> tuple[float, float]:
    """Limits of an axis of the validation loss alone."""
    known = drawn.validation[np.isfinite(drawn.validation)]
    return _y_limits(known, known)


def x_limits(history: History, x_axis: XAxis, x_end: float | None) -> tuple[float, float]:
    """From 0 to a round number past the newest step, or to the run's end if that is nearer."""
    x = history.train[x_axis]
    if not len(x) or x[-1] <= 0:
        return EMPTY_X[x_axis] if x_end is None else (0.0, float(x_end))
    high = axes.round_up(float(x[-1]) * 1.02)
    return (0.0, min(high, float(x_end)) if x_end is not None and x_end >= x[-1] else high)


def stats(history: History, x_axis: XAxis = "epoch") -> LossStats:
    """Current, best and delta, as reading.md defines them."""
    losses = history.train["loss"]
    if not len(losses):
        return LossStats()
    top = best(history)
    delta = epoch_delta(history.train)
    where = f"epoch {top.epoch_number}" if top else ""
    current = fmt.loss(float(losses[-1]))
    place = f"step {int(history.train['step'][-1]):,}"
    summary = f"Loss by {x_axis}. Current {current} at {place}"
    summary += f", best {fmt.loss(top.loss)} at {where} ({top.source})." if top else "."
    text = fmt.signed_loss(delta)
    direction = (
        "" if delta is None else "flat" if text == "0.0000" else "down" if delta < 0 else "up"
    )
    return LossStats(
        current=current,
        best=fmt.loss(top.loss) if top else fmt.UNKNOWN,
        best_epoch=f"E{top.epoch_number}" if top else "",
        delta=text,
        direction=direction,
        summary=summary,
    )


def best(history: History) -> Best | None:
    """The lowest validation loss where there is one, else the lowest epoch mean."""
    validation = history.validation
    if len(validation) and np.isfinite(validation["loss"]).any():
        index = int(
            np.nanargmin(np.where(np.isfinite(validation["loss"]), validation["loss"], np.nan))
        )
        value, epoch, step = (float(validation[c][index]) for c in ("loss", "epoch", "step"))
        return Best(value, epoch, step, "validation")
    means = epoch_means(history.train)
    if not len(means.mean):
        return None
    index = int(np.argmin(means.mean))
    return Best(
        float(means.mean[index]),
        float(means.last_epoch[index]),
        float(means.last_step[index]),
        "epoch mean",
    )


@dataclass(frozen=True)
class EpochMeans:
    """Mean finite loss of each epoch that has one, and where the epoch's last row is."""

    number: Floats = field(default_factory=lambda: np.empty(0))
    mean: Floats = field(default_factory=lambda: np.empty(0))
    last_epoch: Floats = field(default_factory=lambda: np.empty(0))
    last_step: Floats = field(default_factory=lambda: np.empty(0))


def epoch_means(train: Columns) -> EpochMeans:
    """Means by epoch, in order."""
    finite = np.isfinite(train["loss"])
    if not finite.any():
        return EpochMeans()
    losses, epochs, steps = (train[name][finite] for name in ("loss", "epoch", "step"))
    numbers = np.maximum(1, np.ceil(epochs - 1e-9)).astype(np.int64)
    counts = np.bincount(numbers)
    present = np.flatnonzero(counts)
    last = np.searchsorted(numbers, present, side="right") - 1
    sums = np.bincount(numbers, weights=losses)
    return EpochMeans(
        present.astype(np.float64), sums[present] / counts[present], epochs[last], steps[last]
    )


def epoch_delta(train: Columns) -> float | None:
    """This epoch's mean minus the last one's; None in the first epoch."""
    means = epoch_means(train)
    return float(means.mean[-1] - means.mean[-2]) if len(means.mean) > 1 else None


def _within(x: Floats, zoom: tuple[float, float] | None) -> slice:
    """The visible rows, and one beyond each edge so that the line reaches it."""
    if zoom is None:
        return slice(0, len(x))
    first, last = np.searchsorted(x, zoom[0]), np.searchsorted(x, zoom[1], side="right")
    return slice(max(0, int(first) - 1), int(last) + 1)


def _gaps(y: Floats) -> Floats:
    return np.where(np.isfinite(y), y, np.nan).astype(np.float32)


def _y_limits(train: Floats, validation: Floats) -> tuple[float, float]:
    both = np.concatenate([train, validation])
    return axes.limits(float(both.min()), float(both.max())) if len(both) else EMPTY_Y
