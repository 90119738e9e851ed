"""The rows of one run as numpy columns: grown by what is new, cut where a new attempt begins."""

import math
from collections import deque
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from gladius_widgets.store.metrics import newest_attempt, schemas

Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]

# The columns that charts need; the rest is not even read.
TRAIN = pa.schema(
    [
        schemas.TRAIN.field(name)
        for name in (
            "step",
            "attempt",
            "time",
            "epoch",
            "loss",
            "learning_rate",
            "grad_norm",
            "tokens",
            "step_time_s",
            "expert_load",
            "expert_loss",
        )
    ]
)
_VALIDATION = ("step", "attempt", "time", "epoch", "split", "loss", "perplexity", "accuracy")
VALIDATION = pa.schema([schemas.VALIDATION.field(name) for name in _VALIDATION])
SYSTEM = schemas.SYSTEM

_RECENT_S = 600.0
_LOAD_ROWS = 200
_TRAIN_COLUMNS = ("step", "epoch", "loss", "time", "tokens")
_RECENT_COLUMNS = ("time", "tokens", "step_time", "learning_rate", "grad_norm")
_VALIDATION_COLUMNS = ("step", "epoch", "loss", "time", "perplexity", "accuracy")


class Columns:
    """Float columns of one length that grow in place (amortised O(1) a row)."""

    def __init__(self, *names: str) -> None:
        self._data = {name: np.empty(1024) for name in names}
        self._length = 0

    def __len__(self) -> int:
        return self._length

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

    Non-finite values are passed over. Grows with the training loss that it follows.
    """

    def __init__(self, span: int) -> None:
        self.span = span
        self._values = Columns("y")
        self._cuts_seen = 0

    def follow(self, history: "History") -> Floats:
        """The average of the run's training loss; only what is new is computed."""
        for length in history.cuts[self._cuts_seen :]:
            self._values.truncate(length)
        self._cuts_seen = len(history.cuts)
        known, losses = len(self._values), history.train["loss"]
        if known < len(losses):
            last = [float(self._values["y"][-1])] if known else []
            mean = list(accumulate([*last, *losses[known:].tolist()], self._step))
            self._values.extend({"y": np.array(mean[len(last) :])})
        return self._values["y"]

    def _step(self, mean: float, value: float) -> float:
        if not math.isfinite(value):
            return mean
        return mean + (value - mean) * 2 / (self.span + 1) if math.isfinite(mean) else value


class History:
    """What the charts of one run draw.

    Attributes:
        train: columns step, epoch, loss, time (unix s), tokens (trained on until then) of all
            steps, the newest attempt's where several have one.
        recent: columns time (unix s), tokens (of the step), step_time (s), learning_rate,
            grad_norm of about the last ten minutes.
        loads: expert loads (shares) of the last steps, newest last.
        expert_loss: of the last step that has one.
        validation: columns step, epoch, loss, time (unix s), perplexity, accuracy of the
            validation split.
        system: the newest row of the system table.
        cuts: for each time that the run went back, how many train rows stayed.
    """

    def __init__(self) -> None:
        self.train = Columns(*_TRAIN_COLUMNS)
        self.recent = Columns(*_RECENT_COLUMNS)
        self.loads: deque[list[float]] = deque(maxlen=_LOAD_ROWS)
        self.expert_loss: list[float | None] = []
        self.validation = Columns(*_VALIDATION_COLUMNS)
        self.system: dict[str, Any] | None = None
        self.cuts: list[int] = []
        self._attempt = 0
        self._begins: dict[int, float] = {}  # attempt → its first step
        self._validations: list[dict[str, Any]] = []

    def add_train(self, table: pa.Table) -> bool:
        """Take in new rows of the train table; whether there were any."""
        table = newest_attempt(table)
        if not table.num_rows:
            return False
        attempts = _floats(table, "attempt")
        edges = [0, *(np.flatnonzero(np.diff(attempts)) + 1), table.num_rows]
        for start, end in pairwise(edges):
            if attempts[start] >= self._attempt:
                self._add_attempt(table.slice(start, end - start))
        return True

    def add_validation(self, table: pa.Table) -> bool:
        """Take in new rows of the validation table; whether there were any of its split."""
        new = [row for row in table.to_pylist() if row["split"] == "validation"]
        if new:
            self._validations += new
            self._sort_validations()
        return bool(new)

    def add_system(self, table: pa.Table) -> bool:
        """Take in new rows of the system table; whether there were any."""
        if table.num_rows:
            self.system = table.slice(table.num_rows - 1).to_pylist()[0]
        return table.num_rows > 0

    def _add_attempt(self, table: pa.Table) -> None:
        attempt = int(table.column("attempt")[0].as_py())
        rows = {name: _floats(table, name) for name in _TRAIN_COLUMNS}
        recent = {name: _floats(table, name) for name in _RECENT_COLUMNS if name != "step_time"}
        recent["step_time"] = _floats(table, "step_time_s")
        steps = self.train["step"]
        if attempt > self._attempt or (len(steps) and rows["step"][0] <= steps[-1]):
            self._attempt = attempt
            self._begins[attempt] = rows["step"][0]
            self._cut(rows["step"][0])
        before = self.train["tokens"][-1] if len(self.train) else 0.0
        rows["tokens"] = before + np.cumsum(np.nan_to_num(rows["tokens"]))
        self.train.extend(rows)
        self.recent.extend(recent)
        self._trim_recent()
        self._add_experts(table)

    def _cut(self, step: float) -> None:
        """The run goes on from `step`: what was done from there on is another branch."""
        self.train.truncate(int(np.searchsorted(self.train["step"], step)))
        self.cuts.append(len(self.train))
        self._sort_validations()

    def _sort_validations(self) -> None:
        """Keep the validations of the branch that counts; there are few, so all are looked at."""
        table = newest_attempt(pa.Table.from_pylist(self._validations, schema=VALIDATION))
        rows = {name: _floats(table, name) for name in _VALIDATION_COLUMNS}
        attempts = _floats(table, "attempt")
        kept = np.ones(table.num_rows, dtype=bool)
        for attempt, begin in self._begins.items():
            kept &= (attempts >= attempt) | (rows["step"] < begin)
        self.validation.truncate(0)
        self.validation.extend({name: values[kept] for name, values in rows.items()})

    def _trim_recent(self) -> None:
        times = self.recent["time"]
        old = int(np.searchsorted(times, times[-1] - _RECENT_S)) if len(times) else 0
        if old > len(times) // 2:
            self.recent.drop_first(old)

    def _add_experts(self, table: pa.Table) -> None:
        tail = table.slice(max(0, table.num_rows - _LOAD_ROWS))
        self.loads.extend(row for row in tail.column("expert_load").to_pylist() if row)
        losses = [row for row in tail.column("expert_loss").to_pylist() if row]
        self.expert_loss = losses[-1] if losses else self.expert_loss


def _floats(table: pa.Table, name: str) -> Floats:
    """A column as floats; null is NaN."""
    return table.column(name).to_numpy().astype(np.float64)
