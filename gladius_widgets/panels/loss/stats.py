"""Loss: the figures beside the chart, and its summary in words."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gladius_widgets.panels.live.history import History
from gladius_widgets.panels.loss.axis import XKind
from gladius_widgets.panels.text import format as fmt


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


def stats(history: History, x_kind: XKind = "epoch") -> LossStats:
    """Current, best and delta, as reading.md defines them."""
    losses = history.train["loss"]
    if not len(losses):
        return LossStats()
    top = best(history)
    delta = epoch_delta(history)
    where = f"epoch {top.epoch_number}" if top else ""
    current = fmt.loss(float(losses[-1]))
    place = f"step {int(history.train['step'][-1]):,}"
    summary = f"Loss by {x_kind}. Current {current} at {place}"
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
    means = list(history.epochs)
    if not means:
        return None
    lowest = min(means, key=lambda epoch: epoch.mean)
    return Best(lowest.mean, lowest.last_epoch, lowest.last_step, "epoch mean")


def epoch_delta(history: History) -> float | None:
    """This epoch's mean minus the last one's; None in the first epoch."""
    means = [epoch.mean for epoch in history.epochs]
    return means[-1] - means[-2] if len(means) > 1 else None


def summary(history: History) -> str:
    """The loss curve in words, for those who do not see it: range, newest, best values."""
    train, validation = history.train, history.validation
    if not len(train):
        return "Loss curve. No step yet."
    first, last = int(train["step"][0]), int(train["step"][-1])
    said = f"Loss curve, steps {first:,} to {last:,}. Training loss {fmt.loss(train['loss'][-1])}"
    if len(validation):
        said += f", validation loss {fmt.loss(validation['loss'][-1])}"
    lowest = best(history)
    if lowest is not None and lowest.source == "validation":
        said += f". Best validation loss {fmt.loss(lowest.loss)} at step {int(lowest.step):,}"
    return said + "."
