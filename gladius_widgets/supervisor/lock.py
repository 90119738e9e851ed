"""At most one supervisor a home: the one that holds the lock.

How a submit and an idle exit cannot miss each other: whoever submits first commits the job and
then looks whether the lock is held; an idle supervisor first lets go of the lock and then looks
once more for jobs. In either order of the two, one of them sees the other.
"""

import fcntl
import os
import time
from contextlib import suppress
from typing import Self

import psutil

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.paths import Home
from gladius_widgets.engines.detach import spawn_detached

_BEAT_S = 2.0
SILENT_S = 60.0  # a busy machine may hold up a round of many jobs
_STOPPED = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


class SupervisorLock:
    """An exclusive flock on supervisor.lock; it goes with the process, however that dies.

    The file is opened close-on-exec, as Python does by itself: a runner that inherited it
    would hold the lock for as long as its run.
    """

    def __init__(self, home: Home) -> None:
        self._path = home.supervisor_lock
        self._descriptor: int | None = None
        self._beat_at = float("-inf")

    def acquire(self, patience_s: float = 0.0) -> bool:
        """Take the lock; try again for `patience_s`, as a probe may hold it for a moment."""
        deadline = time.monotonic() + patience_s
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        while not _try_lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return False
            time.sleep(0.02)
        self._descriptor = descriptor
        self.beat()
        with suppress(OSError):  # a full disk: the lock is held without a name
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, _identity_json(), 0)
        return True

    def beat(self) -> None:
        """Say that the holder is at work: the file's time is its heartbeat."""
        now = time.monotonic()
        if self._descriptor is not None and now - self._beat_at >= _BEAT_S:
            self._beat_at = now
            with suppress(OSError):
                os.utime(self._descriptor)

    def release(self) -> None:
        """Let go; does nothing when not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def supervisor_is_running(home: Home) -> bool:
    """Whether somebody holds the lock. A shared probe, so that two of them do not collide."""
    try:
        descriptor = os.open(home.supervisor_lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def supervisor_pid(home: Home) -> int | None:
    """The running supervisor's pid, or None."""
    if not supervisor_is_running(home):
        return None
    identity = ProcessIdentity.from_dict(read_json(home.supervisor_lock))
    return identity.pid if identity else None


def stuck_supervisor(home: Home) -> GladiusError | None:
    """What is wrong with a supervisor that is there and does nothing; None where none is.

    One that was stopped by a signal shows at once, one that hangs after `SILENT_S`.
    """
    if not supervisor_is_running(home):
        return None
    identity = ProcessIdentity.from_dict(read_json(home.supervisor_lock))
    process = identity.process() if identity else None
    name = f"The supervisor (process {process.pid})" if process else "The supervisor"
    hint = "End it, whatever it is: the next command starts another, and no job is hurt."
    if process is not None and _status(process) in _STOPPED:
        return GladiusError(
            f"{name} has been stopped, so nothing that waits is started.",
            f"`kill -CONT {process.pid}` lets it go on.",
        )
    try:
        silent_s = time.time() - home.supervisor_lock.stat().st_mtime
    except OSError:
        return None
    if silent_s < SILENT_S:
        return None
    if process is not None:
        hint = f"`kill -9 {process.pid}` ends it: the next command starts another, no job is hurt."
    return GladiusError(f"{name} has not answered for {silent_s:.0f} s.", hint)


def _status(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.Error:
        return ""


# It needs about half a second to take the lock; nobody should start a second in that time.
_BIRTH_S = 3.0
_started_at: dict[str, float] = {}


def ensure_supervisor(home: Home) -> None:
    """Start a supervisor, detached, unless one runs. Does not wait for it."""
    if supervisor_is_running(home):
        _started_at.pop(str(home.root), None)
        return
    born = _started_at.get(str(home.root))
    if born is not None and time.monotonic() - born < _BIRTH_S:
        return
    _started_at[str(home.root)] = time.monotonic()
    spawn_detached(
        ["-m", "gladius_widgets.supervisor", "--home", str(home.root)],
        log=home.supervisor_log,
        folder=home.root,
        environment={**os.environ, "GLADIUS_HOME": str(home.root)},
    )


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def _identity_json() -> bytes:
    import json

    return json.dumps(ProcessIdentity.of().to_dict()).encode()
