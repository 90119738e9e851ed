"""What one training process knows and says about itself, before torch is imported."""

import ctypes
import faulthandler
import os
import signal
import sys
import threading
from types import FrameType

from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.paths import AttemptDirectory

_PR_SET_PDEATHSIG = 1


def rank() -> int:
    """This process's index over all machines, as the launcher set it; 0 without one."""
    return int(os.environ.get("RANK", "0"))


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the launcher dies, however it dies (Linux only).

    Without it a `kill -9` of the launcher leaves its processes training on as orphans.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def record_identity(attempt: AttemptDirectory, index: int) -> None:
    """Write `rank-<i>.json`, so that the runner knows whom to signal."""
    attempt.ranks.mkdir(parents=True, exist_ok=True)
    attempt.fail(index).unlink(missing_ok=True)
    write_json(attempt.rank(index), ProcessIdentity.of().to_dict())


def dump_stacks_on_request() -> None:
    """SIGUSR1 prints every thread's stack to the log, for the runner's hang watchdog."""
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)


class Interruption:
    """Remembers SIGTERM until the loop reaches a step boundary; a deadline ends a stuck one.

    Args:
        grace_s: time to save a checkpoint; then the process ends itself.
    """

    def __init__(self, grace_s: float) -> None:
        self.grace_s = grace_s
        self.requested = False

    def install(self) -> None:
        """Take over SIGTERM in the main thread."""
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self.requested:
            self.requested = True
            deadline = threading.Timer(self.grace_s, os._exit, args=(128 + signal.SIGTERM,))
            deadline.daemon = True
            deadline.start()
