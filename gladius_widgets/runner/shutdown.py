"""Ending training processes politely, then surely."""

import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

import psutil

from gladius_widgets.core.machine.processes import processes_of, signal_all
from gladius_widgets.core.paths import AttemptDirectory
from gladius_widgets.store.run.records import read_processes


class Reason(IntEnum):
    """Why processes are ended; a later one replaces an earlier one."""

    NONE = 0
    LEFT_BEHIND = 1  # the launcher has ended and some of its processes have not
    RANK_DIED = 2  # the others would wait for it for ever
    HANG = 3
    CAP = 4  # of money or time, before the first step: there is nothing to save
    INTERRUPTED = 5  # the runner itself was asked to end
    CANCEL = 6


@dataclass
class Shutdown:
    """A plan of signals, each due some seconds after the plan was made."""

    attempt: AttemptDirectory
    reason: Reason = Reason.NONE
    _since: float = 0.0
    _due: list[tuple[float, signal.Signals]] = field(default_factory=list)

    def begin(self, reason: Reason, *, term_after_s: float | None, kill_after_s: float) -> None:
        """Make or replace the plan; a weaker reason than the present one changes nothing."""
        if reason <= self.reason:
            return
        self.reason, self._since = reason, time.monotonic()
        self._due = [(kill_after_s, signal.SIGKILL)]
        if term_after_s is not None:
            self._due.insert(0, (term_after_s, signal.SIGTERM))

    def step(self) -> None:
        """Send what is due."""
        elapsed_s = time.monotonic() - self._since
        while self._due and elapsed_s >= self._due[0][0]:
            _, number = self._due.pop(0)
            signal_all(self._targets(number), number)
        if self.reason and not self._due:  # killed already: whoever shows up now goes too
            signal_all(processes_of(self.attempt), signal.SIGKILL)

    def _targets(self, number: signal.Signals) -> Iterable[psutil.Process]:
        """SIGTERM goes to the ranks: the launcher would end at once and tear them down."""
        everyone = processes_of(self.attempt)
        if number == signal.SIGKILL:
            return everyone
        ranks = {rank.pid for rank in read_processes(self.attempt).ranks if rank.alive()}
        return [process for process in everyone if process.pid in ranks] or everyone
