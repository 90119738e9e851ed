"""The writing end of a metric table: cheap for the training loop, and never in its way."""

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from gladius_widgets.core.atomic import NO_SPACE
from gladius_widgets.store.metrics.encode import Row, squeeze, to_batch, widen
from gladius_widgets.store.metrics.live import LiveFile
from gladius_widgets.store.metrics.segments import list_table
from gladius_widgets.store.metrics.tidy import FAN_IN, Tidied, compact, roll_live_files

MAX_WAITING_ROWS = 65_536  # kept in memory while the disk refuses them; then the oldest go
_RETRY_S = 1.0
_RETRY_ROLL_S = 10.0
_LAST_ROWS_PATIENCE_S = 5.0  # of a full disk; a run has three tables, and 20 s when cancelled


class MetricWriter:
    """Appends rows to one table of a run. One writer a table at a time; thread-safe.

    A row is in the live file within `flush_s` of `append`, and when the last flush is longer
    ago than that, before `append` returns: SIGKILL loses nothing older. Rolled segments are
    fsynced. No failure of the disk reaches the caller: it is counted in `errors`, told in
    `last_error`, and tried again.

    Args:
        directory: the table's folder; made when missing. What earlier writers left there is
            salvaged first.
        schema: the columns. A row with further keys adds columns, in a new file.
        attempt: goes into every row that has none, and into file names.
        roll_rows: rows after which a live file becomes a Parquet segment.
        roll_s: seconds after which it does so.
        flush_s: the longest that a row waits in memory, in seconds.
        make_room: called by `close` when the disk is too full for the last rows.
    """

    def __init__(
        self,
        directory: Path,
        schema: pa.Schema,
        attempt: int,
        *,
        roll_rows: int = 4096,
        roll_s: float = 60.0,
        flush_s: float = 0.05,
        make_room: Callable[[], object] | None = None,
    ) -> None:
        self.directory = Path(directory)
        self.attempt = attempt
        self.errors = 0
        self.dropped_rows = 0
        self.last_error: str | None = None
        self._make_room = make_room
        self._is_full = False
        self._schema = schema.remove_metadata()
        self._names = frozenset(schema.names)
        self._filled_in = self._names & {"attempt", "time"}
        self._roll_rows, self._roll_s, self._flush_s = roll_rows, roll_s, flush_s
        self._rows: list[Row] = []
        self._waiting: list[pa.RecordBatch] = []  # refused by the disk so far
        self._live: LiveFile | None = None
        self._k = -1  # of the newest live file
        self._live_since = self._last_flush = float("-inf")
        self._closed = False
        self._process_id = os.getpid()
        self._changed = threading.Condition()
        self._retired = threading.Event()
        self._rolling = threading.Lock()
        self._try(lambda: self.directory.mkdir(parents=True, exist_ok=True))
        self._tidy()
        # pyarrow imports pandas at its first conversion (0.4 s): better now than within a step
        self._try(lambda: to_batch([{}], self._schema))
        self._threads = [
            threading.Thread(target=target, name=f"metrics-{self.directory.name}", daemon=True)
            for target in (self._flush_in_time, self._tidy_in_time)
        ]
        for thread in self._threads:
            thread.start()
        atexit.register(self.close)

    def append(self, row: dict[str, Any]) -> None:
        """Add one row; `attempt` and `time` (unix s) are filled in when the schema has them."""
        self.extend([row])

    def extend(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add several rows that belong together, such as one a layer, in one write at most."""
        given = {"attempt": self.attempt, "time": time.time()}
        filled_in = {name: given[name] for name in self._filled_in}
        with self._changed:
            if self._closed:
                self._note(ValueError(f"row appended to the closed table {self.directory.name}"))
                return
            was_empty = not self._rows
            for row in rows:
                if not self._names.issuperset(row):
                    self._try(partial(self._widen, row))
                self._rows.append(filled_in | row)
            if time.monotonic() - self._last_flush >= self._flush_s:
                self._flush()
            elif was_empty and self._rows:
                self._changed.notify()

    def flush(self) -> None:
        """Bring all rows into the live file now."""
        with self._changed:
            self._flush()

    def roll(self) -> None:
        """Bring all rows into a Parquet segment and to the disk before returning."""
        with self._changed:
            self._flush()
            self._retire()
        self._tidy(fan_in=None)
        self._retired.set()  # compacting is left to the thread

    def close(self) -> None:
        """Roll, compact, and stop the threads. Harmless when called again or in a fork.

        On a full disk it waits `_LAST_ROWS_PATIENCE_S` at most for room for the last rows.
        """
        if os.getpid() != self._process_id:
            return
        self._wait_for_room()
        with self._changed:
            if self._closed:
                return
            self._flush()
            self._retire()
            self._closed = True
            self._changed.notify_all()
        self._retired.set()
        for thread in self._threads:
            thread.join()
        self._tidy(fan_in=2)
        self.dropped_rows += sum(batch.num_rows for batch in self._waiting)
        atexit.unregister(self.close)

    def _wait_for_room(self) -> None:
        self.flush()
        if not (self._waiting and self._is_full) or self._closed:
            return
        if self._make_room is not None:
            self._make_room()
        deadline = time.monotonic() + _LAST_ROWS_PATIENCE_S
        while self._waiting and self._is_full and time.monotonic() < deadline:
            time.sleep(_RETRY_S / 10)
            self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"MetricWriter({str(self.directory)!r}, attempt={self.attempt})"

    # The methods below, up to the threads, are called with `_changed` held.

    def _flush(self) -> None:
        self._last_flush = time.monotonic()
        if self._rows:
            rows, self._rows = self._rows, []
            if not self._try(lambda: self._encode(rows)):
                self.dropped_rows += len(rows)
        while self._waiting and self._try(partial(self._write, self._waiting[0])):
            del self._waiting[0]
        if self._waiting:
            self._waiting, dropped = squeeze(self._waiting, MAX_WAITING_ROWS)
            self.dropped_rows += dropped
            self._changed.notify()  # the thread has to try again
        if self._live and (
            self._live.rows >= self._roll_rows
            or self._last_flush - self._live_since >= self._roll_s
        ):
            self._retire()

    def _encode(self, rows: list[Row]) -> None:
        batch, bad_values = to_batch(rows, self._schema)
        self._waiting.append(batch)
        if bad_values:
            self._note(ValueError(f"{bad_values} values of a wrong type became null"), bad_values)

    def _write(self, batch: pa.RecordBatch) -> None:
        if self._live and self._live.schema != batch.schema:
            self._retire()
        if self._live is None:
            # counted here, as a listing may miss a file that is being compacted
            self._k = max(self._k + 1, list_table(self.directory).next_k(self.attempt))
            path = self.directory / f"live-{self.attempt}-{self._k}.arrows"
            self._live = LiveFile(path, batch.schema)
            self._live_since = time.monotonic()
            self._changed.notify()  # the thread has an age to watch now
        self._live.append(batch)

    def _retire(self) -> None:
        if self._live:
            live, self._live = self._live, None
            if live.rows == 0:  # the disk refused its only batch: its number is free again
                self._try(live.path.unlink)
                self._k -= 1
            self._try(live.close)
            self._retired.set()

    def _widen(self, row: Row) -> None:
        schema = widen(self._schema, row)
        if schema.names != self._schema.names:
            self._flush()  # the next batch, of the new schema, begins a new file
            self._schema, self._names = schema, frozenset(schema.names)

    # Threads

    def _flush_in_time(self) -> None:
        with self._changed:
            while not self._closed:
                self._changed.wait(self._next_due_s())
                if self._next_due_s() == 0:
                    self._flush()

    def _next_due_s(self) -> float | None:
        """Seconds until a flush or a roll by age is due; None when neither will be."""
        due = []
        if self._rows:
            due.append(self._last_flush + self._flush_s)
        if self._waiting:
            due.append(self._last_flush + _RETRY_S)
        if self._live:
            due.append(self._live_since + self._roll_s)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _tidy_in_time(self) -> None:
        all_done = True
        while True:
            self._retired.wait(None if all_done else _RETRY_ROLL_S)
            self._retired.clear()
            if self._closed:
                return
            all_done = self._tidy()

    def _tidy(self, fan_in: int | None = FAN_IN) -> bool:
        """Roll what is retired and, with a `fan_in`, compact; whether the disk let us."""
        done = Tidied()
        with self._rolling:
            succeeded = self._try(partial(roll_live_files, self.directory, done))
        if fan_in is not None:
            succeeded &= self._try(partial(compact, self.directory, done, fan_in=fan_in))
        for problem in done.problems:
            self._note(ValueError(problem))
        return succeeded

    def _try(self, action: Callable[[], object]) -> bool:
        try:
            action()
        except Exception as error:  # metrics must never end a training run
            self._is_full = isinstance(error, OSError) and error.errno in NO_SPACE
            self._note(error)
            return False
        return True

    def _note(self, error: Exception, count: int = 1) -> None:
        self.errors += count
        self.last_error = f"{type(error).__name__}: {error}"
