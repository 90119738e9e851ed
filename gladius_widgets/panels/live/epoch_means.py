"""Mean training loss of each epoch, kept while the run grows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gladius_widgets.panels.live.series import Columns


@dataclass
class EpochMean:
    """One epoch: its number from 1, its finite losses, and where its last row is."""

    number: int
    total: float = 0.0
    count: int = 0
    last_epoch: float = 0.0
    last_step: float = 0.0

    @property
    def mean(self) -> float:
        """Mean of its finite losses."""
        return self.total / self.count


class EpochMeans:
    """The epochs that have a finite loss, in order; each row is looked at once."""

    def __init__(self) -> None:
        self._epochs: dict[int, EpochMean] = {}
        self._known = 0
        self._cuts_seen = 0

    def __iter__(self) -> Iterator[EpochMean]:
        return iter(self._epochs.values())

    def follow(self, train: Columns, cuts: Sequence[int] = ()) -> None:
        """Take in what is new of columns step, epoch, loss; cuts as of `MovingAverage.follow`."""
        if len(cuts) > self._cuts_seen and min(cuts[self._cuts_seen :]) < self._known:
            self._epochs, self._known = {}, 0
        self._cuts_seen = len(cuts)
        new = slice(self._known, len(train))
        self._known = len(train)
        finite = np.isfinite(train["loss"][new])
        if not finite.any():
            return
        losses, epochs, steps = (train[name][new][finite] for name in ("loss", "epoch", "step"))
        numbers = np.maximum(1, np.ceil(epochs - 1e-9)).astype(np.int64)
        starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
        ends = np.append(starts[1:], len(numbers))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            number = int(numbers[start])
            one = self._epochs.setdefault(number, EpochMean(number))
            one.total += float(losses[start:end].sum())
            one.count += end - start
            one.last_epoch, one.last_step = float(epochs[end - 1]), float(steps[end - 1])
