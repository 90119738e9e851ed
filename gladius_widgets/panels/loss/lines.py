"""The lines of a loss chart: what of a run's rows is drawn, and between which limits."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from gladius_widgets.panels.charts import axes
from gladius_widgets.panels.live.series import Floats, Indices
from gladius_widgets.panels.loss.axis import EMPTY_X, LossAxis, Range
from gladius_widgets.store.metrics import decimate

EMPTY_Y: Range = (0.0, 0.15)  # console spec, chart A
MOST_POINTS = 2000
FEW_POINTS = 120  # so many get a marker each
_MOST_VALIDATIONS = 400
BOTH = frozenset({"train", "validation"})


@dataclass(frozen=True)
class LossLines:
    """What to draw. y is NaN where a loss is not finite: a gap in the line.

    On a logarithmic axis, y and its limits are decimal logarithms, and a loss of 0 is a gap.

    Attributes:
        x, train, average: the training loss and its moving average at the same x.
        validation_x, validation: the validation loss.
        bad_x: where the training loss was not finite.
        x_limits: of the axis.
        y_limits: of the left axis, and of the right one while both share a scale.
        validation_limits: of the right axis when it has a scale of its own.
        is_sparse: few enough points to mark each.
    """

    x: Floats
    train: Floats
    average: Floats
    validation_x: Floats
    validation: Floats
    bad_x: Floats
    x_limits: Range
    y_limits: Range
    validation_limits: Range
    is_sparse: bool


def lines(
    axis: LossAxis,
    average: Floats | None = None,
    *,
    x_limits: Range,
    zoom: Range | None = None,
    log: bool = False,
    shown: AbstractSet[str] = BOTH,
    empty_y: Range = EMPTY_Y,
    points: int = MOST_POINTS,
) -> LossLines:
    """The lines within the visible range, decimated to `points` so that every extreme stays.

    Args:
        axis: what x counts, over the run's history.
        average: moving average of the training loss, as long as it; None for none.
        x_limits: of the whole run.
        zoom: visible range of x; None for all.
        log: logarithmic y.
        shown: lines that the limits of y are to hold: `train`, `validation`.
        empty_y: limits of y without any value.
        points: how many points a line has at most, about.
    """
    kept = _kept(axis, zoom, points)
    x, losses = axis.at(kept), axis.history.train["loss"][kept]
    validation_x, validations = _validations(axis, zoom)
    train, validation = _gaps(losses, log), _gaps(validations, log)
    smooth = np.empty(0) if average is None else _gaps(average[kept], log)
    both = [v for v, name in ((train, "train"), (validation, "validation")) if name in shown]
    return LossLines(
        x=x,
        train=train.astype(np.float32),
        average=smooth.astype(np.float32),
        validation_x=validation_x,
        validation=validation.astype(np.float32),
        bad_x=x[~np.isfinite(losses)],
        x_limits=zoom or x_limits,
        y_limits=_y_limits(np.concatenate([*both, []]), log, empty_y),
        validation_limits=_y_limits(validation, log, empty_y),
        is_sparse=len(x) <= FEW_POINTS,
    )


def x_limits(axis: LossAxis, end: float | None, *, snug: bool = False) -> Range:
    """From 0 to a round number past the newest row, or to the run's end if that is nearer.

    Args:
        axis: what x counts.
        end: where the run will end, on x; None when that is not known.
        snug: end as near to the newest row as a number of two digits can.
    """
    last = axis.last
    if last is None or last <= 0:
        return EMPTY_X[axis.kind] if end is None else (0.0, float(end))
    high = axes.round_up_finely(last * 1.01) if snug else axes.round_up(last * 1.02)
    return (0.0, min(high, float(end)) if end is not None and end >= last else high)


def y_ticks(limits: Range, *, log: bool = False) -> tuple[list[float], list[str] | None]:
    """Round values within the limits; on a logarithmic axis their logarithms and their words."""
    if not log:
        return axes.ticks(*limits), None
    values = axes.log_ticks(10 ** limits[0], 10 ** limits[1])
    return [round(float(np.log10(v)), 6) for v in values], [f"{v:.4g}" for v in values]


def _kept(axis: LossAxis, zoom: Range | None, points: int) -> Indices:
    """The rows to draw: what stands out, the shape between, and where a validation was."""
    history = axis.history
    first, last = axis.rows_within(zoom)
    if last - first <= points:
        return np.arange(first, last)
    rows = history.extremes.standing_out(first, last)
    kept = rows[decimate(axis.column[rows], history.train["loss"][rows], points)]
    return np.union1d(kept, _validated(axis, first, last))


def _validated(axis: LossAxis, first: int, last: int) -> Indices:
    """The rows of validated steps, so that a tooltip has both losses at one step."""
    steps = axis.history.validation["step"]
    rows = np.searchsorted(axis.history.train["step"], steps, side="right") - 1
    rows = rows[(rows >= first) & (rows < last)]
    return rows if len(rows) <= _MOST_VALIDATIONS else rows[:0]


def _validations(axis: LossAxis, zoom: Range | None) -> tuple[Floats, Floats]:
    x, y = axis.validations(), axis.history.validation["loss"]
    if zoom is not None:
        first = max(0, int(np.searchsorted(x, zoom[0])) - 1)
        last = int(np.searchsorted(x, zoom[1], side="right")) + 1
        x, y = x[first:last], y[first:last]
    if len(x) > MOST_POINTS:
        kept = decimate(x, y, MOST_POINTS)
        x, y = x[kept], y[kept]
    return x, y


def _gaps(values: Floats, log: bool) -> Floats:
    """Values on the axis; NaN where there is none."""
    known = np.isfinite(values) & (values > 0) if log else np.isfinite(values)
    drawn = np.full(len(values), np.nan)
    drawn[known] = np.log10(values[known]) if log else values[known]
    return drawn


def _y_limits(drawn: Floats, log: bool, empty: Range) -> Range:
    known = drawn[np.isfinite(drawn)]
    if not log:
        return axes.limits(float(known.min()), float(known.max())) if len(known) else empty
    low, high = (
        axes.log_limits(float(10 ** known.min()), float(10 ** known.max()))
        if len(known)
        else (max(empty[0], empty[1] / 100), empty[1])
    )
    low = low if low > 0 else high / 100
    return float(np.log10(low)), float(np.log10(high))
