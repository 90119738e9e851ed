"""A run's disk: noticing that it is full, saying from when to when, and what is done about it."""

import shutil
import time
from collections.abc import Callable
from typing import Any

from gladius_widgets.core import reserve
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.store.registry.home_errors import FULL_BELOW_BYTES
from gladius_widgets.store.run.events import append_waiting
from gladius_widgets.store.run.log import LogWriter

_TAIL_BYTES = 4096
_KIND = {"kind": "disk"}

Say = Callable[[str, str, dict[str, Any] | None], None]


class Room:
    """Keeps the run's reserve filled, and tells of a full disk once as it begins and as it ends.

    Args:
        run: the run directory.
        say: writes an event (type, message, payload).
    """

    def __init__(self, run: RunDirectory, say: Say) -> None:
        self._run, self._say = run, say
        self._full_since: float | None = None

    def check(self) -> None:
        """Look at the disk; to be called now and then while the run is under way."""
        try:
            free_bytes = shutil.disk_usage(self._run.root).free
        except OSError:  # the disk is away: the next look may find it
            return
        if free_bytes < FULL_BELOW_BYTES:
            if self._full_since is None:
                self._full_since = time.time()
                self._say(
                    "warning",
                    "The disk is full: lines of the log are lost and no checkpoint can be saved; "
                    "metrics wait in memory",
                    _KIND,
                )
        elif free_bytes > 2 * reserve.BALLAST_BYTES:
            reserve.lay_in(self._run.reserve, ballast=True)
            append_waiting(self._run)
            if self._full_since is not None:
                span = _times(self._full_since, time.time())
                self._say("warning", f"The disk was full {span}", _KIND)
                self._full_since = None

    def mark_log(self) -> None:
        """At the end of a run on a full disk: lines may be missing, and nobody else can say so.

        A trainer that ended in good order has marked the gap itself, with the number of lines.
        """
        if self._full_since is None:
            return
        try:
            with self._run.log.open("r+b") as log:
                end = log.seek(0, 2)
                log.seek(max(0, end - _TAIL_BYTES))
                is_marked = b"the disk was full from" in log.read()
            if not is_marked:
                with self._run.log.open("ab", buffering=0) as log:
                    span = _times(self._full_since, time.time())
                    writer = LogWriter(log.fileno())
                    writer.line(f"[WARN] … lines may be missing here: the disk was full {span} …")
        except OSError:
            return


def _times(since: float, until: float) -> str:
    """`from 10:02:11 to 10:03:40`; both in unix s."""
    begin, end = (time.strftime("%H:%M:%S", time.localtime(one)) for one in (since, until))
    return f"from {begin} to {end}"
