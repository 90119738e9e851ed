"""Where in the log a moment of the run is told: log lines name epoch and batch, not the step."""

import math

from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.panels.cursor import Moment
from gladius_widgets.panels.history import History
from gladius_widgets.panels.models.loss_axis import LossAxis


def place_of(history: History, moment: Moment, run: RunStatus | None) -> tuple[int, int] | None:
    """Epoch (from 1) and batch of a moment's step; None while that cannot be told."""
    row = LossAxis(history).row_of(moment.step, moment.time)
    if row is None or run is None or not run.batches_per_epoch:
        return None
    passes = float(history.train["epoch"][row])
    epoch = max(1, math.ceil(passes - 1e-9))
    return epoch, round((passes - (epoch - 1)) * run.batches_per_epoch)
