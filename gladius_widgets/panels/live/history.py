"""The rows of one run as numpy columns: grown by what is new, cut where a new attempt begins."""

from collections import deque
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from gladius_widgets.panels.live.epoch_means import EpochMeans
from gladius_widgets.panels.live.series import Columns, Extremes, Floats
from gladius_widgets.store.metrics import newest_attempt, schemas

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
_VALIDATION = (
    "step", "attempt", "time", "epoch", "split", "loss", "perplexity", "accuracy", "tokens",
)  # fmt: skip
VALIDATION = pa.schema([schemas.VALIDATION.field(name) for name in _VALIDATION])
SYSTEM = schemas.SYSTEM

_RECENT_S = 600.0
_LOAD_ROWS = 200
_SAMPLES = 120
_TRAIN_COLUMNS = ("step", "epoch", "loss", "time", "tokens")
_RECENT_COLUMNS = ("time", "tokens", "step_time", "learning_rate", "grad_norm")
_VALIDATION_COLUMNS = ("step", "epoch", "loss", "time", "perplexity", "accuracy", "tokens")


class History:
    """What the charts of one run draw.

    Attributes:
        train: columns step, epoch, loss, time (unix s), tokens (trained on until then) of all
            steps, the newest attempt's where several have one.
        recent: columns time (unix s), tokens (of the step), step_time (s), learning_rate,
            grad_norm of about the last ten minutes.
        loads: expert loads (shares) of the last steps, newest last.
        expert_loss: of the last step that has one.
        validation: columns step, epoch, loss, time (unix s), perplexity, accuracy, tokens
            (counted) of the validation split.
        system: the newest row of the system table.
        samples: its last rows, newest last.
        cuts: for each time that the run went back, how many train rows stayed.
        extremes: where the training loss stands out.
        epochs: mean training loss of each epoch.
    """

    def __init__(self) -> None:
        self.train = Columns(*_TRAIN_COLUMNS)
        self.recent = Columns(*_RECENT_COLUMNS)
        self.loads: deque[list[float]] = deque(maxlen=_LOAD_ROWS)
        self.expert_loss: list[float | None] = []
        self.validation = Columns(*_VALIDATION_COLUMNS)
        self.system: dict[str, Any] | None = None
        self.samples: deque[dict[str, Any]] = deque(maxlen=_SAMPLES)
        self.cuts: list[int] = []
        self.extremes = Extremes()
        self.epochs = EpochMeans()
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
        self.extremes.follow(self.train["loss"], self.cuts)
        self.epochs.follow(self.train, self.cuts)
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
            self.samples.extend(table.slice(max(0, table.num_rows - _SAMPLES)).to_pylist())
            self.system = self.samples[-1]
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
        rows["time"] = np.maximum.accumulate(rows["time"])
        if len(self.train):  # a clock that was set back must not turn the axis around
            rows["time"] = np.maximum(rows["time"], self.train["time"][-1])
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
