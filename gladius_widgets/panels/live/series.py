"""Series that grow: columns, their moving average, and where their extremes are."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]
Indices = np.ndarray[Any, np.dtype[np.int64]]

_AVERAGE_BLOCK = 32


class Columns:
    """Float columns of one length that grow in place (amortised O(1) a row)."""

    def __init__(self, *names: str) -> None:
        self._data = {name: np.empty(1024) for name in names}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._data)

    def __getitem__(self, name: str) -> Floats:
        """A view of one column; valid until the next change."""
        return self._data[name][: self._length]

    def extend(self, rows: dict[str, Floats]) -> None:
        """Append rows; `rows` has every column, all of one length."""
        added = len(next(iter(rows.values())))
        end = self._length + added
        for name, old in self._data.items():
            if end > len(old):
                grown = np.empty(max(end, 2 * len(old)))
                grown[: self._length] = old[: self._length]
                self._data[name] = grown
            self._data[name][self._length : end] = rows[name]
        self._length = end

    def truncate(self, length: int) -> None:
        """Keep the first `length` rows."""
        self._length = min(self._length, length)

    def drop_first(self, rows: int) -> None:
        """Forget the oldest `rows` rows."""
        kept = self._length - rows
        for data in self._data.values():
            data[:kept] = data[rows : self._length].copy()
        self._length = kept


class MovingAverage:
    """Exponential moving average y[i] = a·x[i] + (1-a)·y[i-1], a = 2 / (span + 1).

    Non-finite values are passed over. Grows with the series that it follows: only what is new
    is computed, a million rows at once in some 50 ms.
    """

    def __init__(self, span: int) -> None:
        self.span = span
        self._values = Columns("y")
        self._cuts_seen = 0

    def follow(self, values: Floats, cuts: Sequence[int] = ()) -> Floats:
        """The average of a series that has grown.

        Args:
            values: all of the series.
            cuts: for each time that its end was taken back, how many values stayed.
        """
        for length in cuts[self._cuts_seen :]:
            self._values.truncate(length)
        self._cuts_seen = len(cuts)
        known = len(self._values)
        if known < len(values):
            last = float(self._values["y"][-1]) if known else np.nan
            self._values.extend({"y": self._averaged(values[known:], last)})
        return self._values["y"]

    def _averaged(self, values: Floats, last: float) -> Floats:
        finite = np.isfinite(values)
        known = values[finite]
        if not len(known):
            return np.full(len(values), last)
        averaged = np.concatenate(([last], self._filtered(known, last)))
        return averaged[np.cumsum(finite)]

    def _filtered(self, values: Floats, last: float) -> Floats:
        """The recurrence over finite values, a block of rows a matrix product."""
        share, size = 2 / (self.span + 1), _AVERAGE_BLOCK
        mean = last if np.isfinite(last) else float(values[0])
        powers = (1 - share) ** np.arange(size + 1)
        lag = np.arange(size)[None, :] - np.arange(size)[:, None]
        weights = np.where(lag >= 0, share * powers[np.maximum(lag, 0)], 0.0)
        blocks = -(-len(values) // size)
        padded = np.zeros(blocks * size)
        padded[: len(values)] = values
        inner = padded.reshape(blocks, size) @ weights
        begins = np.empty(blocks)
        for block, end in enumerate(inner[:, -1].tolist()):
            begins[block] = mean
            mean = end + powers[size] * mean
        return (inner + begins[:, None] * powers[None, 1:]).reshape(-1)[: len(values)]


class Extremes:
    """Where each block of 64 rows has its lowest, its highest and its first missing value.

    Kept as a series grows, so that a picture of a million rows needs a look at the blocks only,
    and misses no row that stands out.
    """

    BLOCK = 64
    DIRECT_ROWS = 65_536  # fewer than these are looked at one by one

    def __init__(self) -> None:
        self._rows = Columns("low", "high", "missing")
        self._cuts_seen = 0

    def follow(self, values: Floats, cuts: Sequence[int] = ()) -> None:
        """Take in what is new of a series; arguments as of `MovingAverage.follow`."""
        for length in cuts[self._cuts_seen :]:
            self._rows.truncate(length // self.BLOCK)
        self._cuts_seen = len(cuts)
        known, whole = len(self._rows), len(values) // self.BLOCK
        if known == whole:
            return
        blocks = values[known * self.BLOCK : whole * self.BLOCK].reshape(-1, self.BLOCK)
        finite = np.isfinite(blocks)
        first = np.arange(known, whole) * self.BLOCK
        missing = first + np.argmin(finite, axis=1)
        self._rows.extend(
            {
                "low": first + np.argmin(np.where(finite, blocks, np.inf), axis=1),
                "high": first + np.argmax(np.where(finite, blocks, -np.inf), axis=1),
                "missing": np.where(finite.all(axis=1), -1, missing),
            }
        )

    def standing_out(self, first: int, last: int) -> Indices:
        """Ascending row numbers within [first, last) that are enough to draw the range from."""
        begin, end = -(-first // self.BLOCK), last // self.BLOCK
        if last - first <= self.DIRECT_ROWS or end > len(self._rows):
            return np.arange(first, last)
        blocks = [self._rows[name][begin:end] for name in ("low", "high", "missing")]
        inner = np.unique(np.concatenate(blocks).astype(np.int64))
        return np.concatenate(
            [
                np.arange(first, begin * self.BLOCK),
                inner[inner >= 0],
                np.arange(end * self.BLOCK, last),
            ]
        )
