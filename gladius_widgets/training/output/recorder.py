"""Everything rank 0 writes down: metric rows, events, the log, TensorBoard."""

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.reserve import throw_ballast
from gladius_widgets.store.metrics import MetricWriter
from gladius_widgets.store.metrics.schemas import EXPERTS, TRAIN, VALIDATION
from gladius_widgets.store.run.events import append_event, append_waiting
from gladius_widgets.store.run.log import LogWriter

_STDOUT = 1  # the log
_EVENT_OF_LEVEL = {"INFO": "status", "SUCCESS": "status", "WARN": "warning", "ERROR": "error"}


class Recorder:
    """Writes for the whole run; on other ranks it does nothing.

    Args:
        run: the run directory.
        attempt: the attempt's number.
        enabled: whether this is rank 0.
        tensorboard: write TensorBoard event files too.
        first_step: what the attempt starts from; newer TensorBoard points are hidden.
    """

    def __init__(
        self, run: RunDirectory, attempt: int, *, enabled: bool, tensorboard: bool, first_step: int
    ) -> None:
        self.enabled = enabled
        self._run = run
        self._attempt = attempt
        self._tables: dict[str, MetricWriter] = {}
        self._board: Any = None
        self._told: dict[str, int] = {}
        self._log = LogWriter(_STDOUT)
        if enabled:
            schemas = {"train": TRAIN, "validation": VALIDATION, "experts": EXPERTS}
            self._tables = {
                name: MetricWriter(
                    run.table(name),
                    schema,
                    attempt,
                    make_room=partial(throw_ballast, run.reserve),
                )
                for name, schema in schemas.items()
            }
            self._board = _open_board(run, first_step) if tensorboard else None

    def row(self, table: str, values: dict[str, Any]) -> None:
        """Append one row to a metric table."""
        if self.enabled:
            self._tables[table].append(values)

    def flush(self, table: str) -> None:
        """Bring a table's rows to its readers before anybody is told of them."""
        if self.enabled:
            self._tables[table].flush()

    def scalars(self, step: int, values: dict[str, float | None]) -> None:
        """Points for TensorBoard, as one event: `add_scalar` costs a queue and a lock each."""
        if self._board is not None:
            from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[attr-defined]  # made at run time

            points = [
                Summary.Value(tag=tag, simple_value=value)
                for tag, value in values.items()
                if value is not None
            ]
            self._on_board(lambda: self._board.file_writer.add_summary(Summary(value=points), step))

    def _on_board(self, write: Callable[[], object]) -> None:
        """TensorBoard's writer fails for good once the disk has refused it a point."""
        try:
            write()
        except OSError as error:
            self._board = None
            self.tell("WARN", f"TensorBoard gets no more points: {error.strerror or error}")

    def line(self, text: str) -> None:
        """Print a line to the log."""
        if self.enabled:
            with suppress(OSError):  # a full disk ends no training
                sys.stdout.flush()
            self._log.line(text)

    def log(self, level: str, text: str) -> None:
        """Print `[LEVEL] text`; levels are INFO, SUCCESS, WARN, ERROR."""
        self.line(f"[{level}] {text}")

    def tell(
        self, level: str, text: str, payload: dict[str, Any] | None = None, kind: str | None = None
    ) -> None:
        """A log line and an event of type `kind`, by default the level's."""
        self.log(level, text)
        self.event(kind or _EVENT_OF_LEVEL[level], text, payload)

    def event(self, kind: str, text: str, payload: dict[str, Any] | None = None) -> None:
        """An event without a log line."""
        if self.enabled:
            append_event(self._run, kind, text, payload, source="trainer", attempt=self._attempt)

    def roll(self) -> None:
        """Bring all rows into Parquet segments now (at checkpoints and pauses)."""
        for table in self._tables.values():
            table.roll()
        if self._board is not None:
            self._on_board(self._board.flush)
        self._tell_of_trouble()

    def close(self) -> None:
        """Finish all files."""
        for table in self._tables.values():
            table.close()
        if self._board is not None:
            self._on_board(self._board.close)
        self._tell_of_trouble()
        self._log.close()
        append_waiting(self._run)
        with suppress(OSError):
            sys.stdout.flush()

    def _tell_of_trouble(self) -> None:
        """The writers keep training going whatever the disk does; say so once they could not."""
        for name, table in self._tables.items():
            if table.errors > self._told.get(name, 0):
                self._told[name] = table.errors
                self.tell("WARN", f"Metric table {name}: {table.last_error}")


def _open_board(run: RunDirectory, first_step: int) -> Any:
    from torch.utils.tensorboard.writer import SummaryWriter

    run.tensorboard.mkdir(exist_ok=True)
    return SummaryWriter(str(run.tensorboard), purge_step=first_step + 1, flush_secs=10)
