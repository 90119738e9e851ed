"""Loss curves of several jobs on one pair of axes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gladius_widgets.panels.charts import axes
from gladius_widgets.panels.live.series import Floats
from gladius_widgets.panels.loss import lines as loss_lines
from gladius_widgets.panels.loss.axis import EMPTY_X, LossAxis, Range

# The budget of a page is 200 KB a second: eight jobs' lines of so many points are half of that.
MOST_POINTS = 1200
_EMPTY_LOG_Y: Range = (-2.0, 0.0)


@dataclass(frozen=True)
class JobLines:
    """One job's curves; on a logarithmic axis y is the decimal logarithm. NaN is a gap."""

    x: Floats
    train: Floats
    validation_x: Floats
    validation: Floats


def lines(
    axis: LossAxis,
    average: Floats | None = None,
    *,
    zoom: Range | None = None,
    log: bool = False,
    points: int = MOST_POINTS,
) -> JobLines:
    """The visible part of a job's curves, decimated so that every extreme stays.

    Args:
        axis: what x counts, over the job's rows.
        average: what to draw in place of the training loss, as long as it.
        zoom: visible range of x; None for all.
        log: logarithmic y.
        points: how many points a line has at most, about.
    """
    drawn = loss_lines.lines(
        axis, average, x_limits=EMPTY_X[axis.kind], zoom=zoom, log=log, points=points
    )
    train = drawn.train if average is None else drawn.average
    x, validation_x = (values.astype(np.float32) for values in (drawn.x, drawn.validation_x))
    return JobLines(x, train, validation_x, drawn.validation)


def x_limits(all_axes: Iterable[LossAxis]) -> Range:
    """From 0 to a round number past the longest run."""
    ends = [last for axis in all_axes if (last := axis.last) is not None]
    end = max(ends, default=0.0)
    return (0.0, axes.round_up_finely(end)) if end > 0 else (0.0, 1.0)


def y_limits(drawn: Sequence[JobLines], *, log: bool = False) -> Range:
    """Round limits around all that is drawn."""
    parts = [y[np.isfinite(y)] for one in drawn for y in (one.train, one.validation)]
    values = np.concatenate(parts) if parts else np.empty(0)
    if not len(values):
        return _EMPTY_LOG_Y if log else loss_lines.EMPTY_Y
    low, high = float(values.min()), float(values.max())
    if not log:
        return axes.limits(low, high)
    low, high = axes.log_limits(10**low, 10**high)
    return float(np.log10(low if low > 0 else high / 100)), float(np.log10(high))
