"""Finding every process of an attempt, also those that nobody recorded."""

import os
import signal
import time
from collections.abc import Iterable

import psutil

from gladius_widgets.core.paths import AttemptDirectory

# Every process that works on an attempt inherits this variable: the attempt's real path.
MARK = "GLADIUS_ATTEMPT"


def mark_of(attempt: AttemptDirectory) -> str:
    """The value of `MARK` in the environment of the attempt's processes."""
    return os.path.realpath(attempt.root)


def processes_of(attempt: AttemptDirectory) -> list[psutil.Process]:
    """All live processes of the attempt but this one, by a scan of the machine."""
    wanted, found = mark_of(attempt), []
    for process in psutil.process_iter():
        try:
            ours = process.pid != os.getpid() and process.environ().get(MARK) == wanted
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def signal_all(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to each that still runs; psutil makes sure that the pid is not another's."""
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.Error:
            continue


def kill_all(attempt: AttemptDirectory, timeout_s: float = 10.0) -> list[int]:
    """SIGKILL every process of the attempt and wait until the scan finds none.

    Returns:
        The pids that were killed.

    Raises:
        TimeoutError: some are still there (a process in uninterruptible sleep, say).
    """
    deadline, killed = time.monotonic() + timeout_s, set[int]()
    while alive := processes_of(attempt):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still alive: {[process.pid for process in alive]}")
        killed.update(process.pid for process in alive)
        signal_all(alive, signal.SIGKILL)
        time.sleep(0.02)  # the scan leaves zombies out, which psutil.wait_procs would wait for
    return sorted(killed)
