"""status.json: the run's snapshot, kept fresh from a thread of its own."""

import threading
import time
from contextlib import suppress
from typing import Any, Self

from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import RunStatus, StageState, read_status
from gladius_widgets.core.states import JobStatus, Stage


class StatusReporter:
    """Writes `RunStatus` once a beat, and at once when something important changes.

    The thread beats on while the loop is paused, validating or saving.

    Args:
        run: the run directory; None on other ranks, where nothing is written.
        attempt: the attempt's number.
        beat_s: time between two writes.
    """

    def __init__(self, run: RunDirectory | None, attempt: int, beat_s: float = 1.0) -> None:
        self._run = run
        self._beat_s = beat_s
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="status", daemon=True)
        self.status = _first(run, attempt)
        self._timer = RunTimer(self.status.elapsed_s, self.status.active_s)

    def start(self) -> Self:
        """Write the first snapshot and start beating."""
        self._write()
        if self._run is not None:
            self._thread.start()
        return self

    def close(self) -> None:
        """Stop beating and write the last snapshot."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._write()

    def update(self, **fields: Any) -> None:
        """Change fields; the next beat writes them."""
        with self._lock:
            self._assign(fields)

    def change(self, **fields: Any) -> None:
        """Change fields and write at once."""
        with self._lock:
            self._assign(fields)
            self._write_locked()

    def stage(self, stage: Stage, substatus: str = "") -> None:
        """Enter a stage: the ones before it are done. Writes at once."""
        now = time.time()
        with self._lock:
            for other, state in self.status.stages.items():
                if other != stage and state.state == "active":
                    _finish(state, "done", now)
            current = self.status.stages[stage]
            if current.state != "active":
                current.state, current.started_at, current.duration_s = "active", now, None
            current.substatus = substatus
            self.status.stage = stage
            self._write_locked()

    def substatus(self, text: str) -> None:
        """Say what the current stage is busy with. Writes at once."""
        with self._lock:
            if self.status.stage is not None:
                self.status.stages[self.status.stage].substatus = text
            self.status.progressed_at = time.time()
            self._write_locked()

    def progress(self, text: str) -> None:
        """As `substatus`, written at the next beat."""
        with self._lock:
            if self.status.stage is not None:
                self.status.stages[self.status.stage].substatus = text
            self.status.progressed_at = time.time()

    @staticmethod
    def now() -> float:
        """Unix s, as all times on disk."""
        return time.time()

    def end_stages(self, outcome: str) -> None:
        """Close the active stage as `done` or `failed`."""
        with self._lock:
            for state in self.status.stages.values():
                if state.state == "active":
                    _finish(state, outcome, time.time())

    @property
    def timer(self) -> "RunTimer":
        """Elapsed and active time, as the snapshots show them."""
        return self._timer

    def _assign(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            if name not in RunStatus.model_fields:
                raise AttributeError(f"RunStatus has no field {name}")
            setattr(self.status, name, value)

    def _beat(self) -> None:
        while not self._ended.wait(self._beat_s):
            self._write()

    def _write(self) -> None:
        with self._lock:
            self._write_locked()

    def _write_locked(self) -> None:
        self.status.heartbeat = time.time()
        self.status.elapsed_s = self._timer.elapsed_s()
        self.status.active_s = self._timer.active_s()
        if self._run is not None:
            with suppress(OSError):  # a full disk ends no training; the next beat tries again
                self.status.write(self._run)


class RunTimer:
    """Time since training began, over all attempts: all of it, and without pauses (s)."""

    def __init__(self, elapsed_s: float = 0.0, active_s: float = 0.0) -> None:
        self._base: tuple[float, float] = (elapsed_s, active_s)
        self._since: float | None = None
        self._paused_s = 0.0
        self._paused_since: float | None = None

    def start(self, elapsed_s: float, active_s: float) -> None:
        """Go on from what earlier attempts took.

        A checkpoint knows less of it than the last snapshot, as the steps after it were lost: the
        time that they took was not.
        """
        self._base = (max(elapsed_s, self._base[0]), max(active_s, self._base[1]))
        self._since = time.monotonic()

    def pause(self) -> None:
        """Active time stands still; elapsed time does not."""
        self._paused_since = time.monotonic()

    def resume(self) -> None:
        """Active time goes on."""
        self._paused_s, self._paused_since = self._pauses_s(), None

    def elapsed_s(self) -> float:
        """With pauses."""
        return self._base[0] + self._here_s()

    def active_s(self) -> float:
        """Without pauses."""
        return self._base[1] + self._here_s() - self._pauses_s()

    def _here_s(self) -> float:
        return 0.0 if self._since is None else time.monotonic() - self._since

    def _pauses_s(self) -> float:
        running = 0.0 if self._paused_since is None else time.monotonic() - self._paused_since
        return self._paused_s + running


def _first(run: RunDirectory | None, attempt: int) -> RunStatus:
    """The runner's snapshot, which keeps the progress of earlier attempts in view."""
    found = read_status(run) if run is not None else None
    if found is not None and found.attempt == attempt:
        return found
    return RunStatus(state=JobStatus.PROVISIONING, attempt=attempt)


def _finish(state: StageState, outcome: str, now: float) -> None:
    state.state = outcome
    state.duration_s = now - (state.started_at or now)
