"""Two requests to the Linux kernel that keep a run's processes together."""

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Become the parent of descendants whose own parent dies, instead of init."""
    if sys.platform.startswith("linux"):
        _libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> Callable[[], None] | None:
    """What a child calls between fork and exec so that it is killed when its parent dies.

    The library is loaded here, as little as possible should happen between fork and exec.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = _libc().prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    return ask


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
