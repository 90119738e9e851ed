"""The loop that looks after a launched run until no process of it is left."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import psutil

from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.machine.processes import processes_of, signal_all
from gladius_widgets.core.paths import AttemptDirectory, RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import Command, JobStatus, Stage
from gladius_widgets.runner.budget import BudgetGuard
from gladius_widgets.runner.requests import RequestDesk
from gladius_widgets.runner.room import Room
from gladius_widgets.runner.shutdown import Reason, Shutdown
from gladius_widgets.runner.watchdog import Watchdog
from gladius_widgets.store.run.records import read_processes

TICK_S = 0.1
LOOK_S = 0.5
# Cancel: SIGTERM at once, SIGKILL after 20 s. Nothing but the runner obeys a cancel, so waiting
# for somebody else first, as the 20-40-60 s that users are promised would allow, only keeps a
# machine that is paid for. A rank that gets SIGTERM finishes the checkpoint it is writing, saves
# one if it can, and ends: most are over in 2 s. A kill between leaves the old checkpoint whole.
CANCEL_KILL_S = 20.0
# Orphans were told by the kernel to end when their launcher died.
ORPHAN_KILL_S = 5.0
RANK_DIED_KILL_S = 2.0
# At a cap before the first step there is nothing to save.
CAP_KILL_S = 5.0
_BEFORE_TRAINING = (None, Stage.PREPROCESSING, Stage.MODEL_LOADING)
# Beyond the trainer's own limit for a last checkpoint.
INTERRUPT_MARGIN_S = 5.0

Say = Callable[[str, str, dict[str, Any] | None], None]


class Watch:
    """Obeys cancel, notices hangs, dead ranks and spent budgets, and ends what is left behind.

    Args:
        run: the run directory.
        attempt: its attempt.
        config: for time limits.
        launcher: the child.
        desk: where a cancel comes in.
        room: looks at the disk.
        say: writes an event (type, message, payload).
    """

    def __init__(
        self,
        run: RunDirectory,
        attempt: AttemptDirectory,
        config: TrainingConfig,
        launcher: subprocess.Popen[bytes],
        desk: RequestDesk,
        room: Room,
        say: Say,
    ) -> None:
        self.interrupted = False
        self._run, self._attempt = run, attempt
        self._training = config.training
        self._launcher, self._desk, self._say = launcher, desk, say
        self._shutdown = Shutdown(attempt)
        self._watchdog = Watchdog(config.training.hang_timeout_s)
        self._guard = BudgetGuard(run, attempt, config, say)
        self._room = room
        self._status: RunStatus | None = None
        self._looked_at = 0.0

    def step(self) -> int | None:
        """The optimizer step last heard of; None before training."""
        status = self._status
        return status.step if status is not None and status.training_started_at else None

    def until_over(self) -> tuple[int, Reason]:
        """Wait for the end; returns the launcher's exit code and why we ended it, if we did."""
        while True:
            returncode = self._launcher.poll()
            if returncode is not None:
                left = processes_of(self._attempt)
                if not left:
                    return returncode, self._shutdown.reason
                self._reap(left)
                self._begin(Reason.LEFT_BEHIND, None, ORPHAN_KILL_S)
            self._check_orders()
            if time.monotonic() - self._looked_at >= LOOK_S:
                self._looked_at = time.monotonic()
                self._look()
            self._shutdown.step()
            time.sleep(TICK_S)

    def _check_orders(self) -> None:
        if self._shutdown.reason < Reason.CANCEL:
            request = self._desk.cancel()
            if request is not None:
                who = request.requested_by or "someone"
                self._say("command", f"Cancelling, as asked by {who}", dict(request.args))
                self._begin(Reason.CANCEL, 0.0, CANCEL_KILL_S)
        if self.interrupted and self._shutdown.reason < Reason.INTERRUPTED:
            self._say("warning", "The machine is going down; saving a checkpoint", None)
            grace_s = self._training.sigterm_grace_s + INTERRUPT_MARGIN_S
            self._begin(Reason.INTERRUPTED, 0.0, grace_s)

    def _look(self) -> None:
        self._room.check()
        status = read_status(self._run)
        if status is not None and status.attempt == self._attempt.number:
            self._status = status
        hang = self._watchdog.check(self._status)
        if hang is not None:
            self._report_hang(hang)
        if self._launcher.poll() is None and self._a_rank_died():
            self._begin(Reason.RANK_DIED, None, RANK_DIED_KILL_S)
        if not self._shutdown.reason and not self._is_ending():
            self._guard.check()
            if self.cap_command is not None and self._is_before_training():
                self._begin(Reason.CAP, 0.0, CAP_KILL_S)

    @property
    def cap_command(self) -> Command | None:
        """What the budget guard has asked for and waits for, if it does."""
        return self._guard.waits_for

    def _is_before_training(self) -> bool:
        """Whether this attempt prepares data or loads a model, where nobody obeys requests yet."""
        return self._status is None or self._status.stage in _BEFORE_TRAINING

    def _report_hang(self, message: str) -> None:
        self._say("warning", message, {"kind": "hang"})
        ranks = {rank.pid for rank in read_processes(self._attempt).ranks}
        alive = [p for p in processes_of(self._attempt) if p.pid in ranks]
        signal_all(alive, signal.SIGUSR1)  # the trainer prints its stacks into the log
        if self._training.on_hang == "fail":
            self._begin(Reason.HANG, 2.0, 2.0 + self._training.sigterm_grace_s)

    def _a_rank_died(self) -> bool:
        """Whether one of several ranks is gone before the end; the others wait for it for ever.

        torch's launcher notices too, but gives the others 30 s to answer a SIGTERM that a
        process inside a collective cannot answer.
        """
        if self._is_ending():
            return False
        ranks = read_processes(self._attempt).ranks
        return len(ranks) > 1 and any(not rank.alive() for rank in ranks)

    def _is_ending(self) -> bool:
        """Whether the trainer itself is about to be done."""
        return self._status is not None and (
            self._status.state.is_final or self._status.stage == Stage.FINALIZATION
            or self._status.state == JobStatus.STOPPING
        )  # fmt: skip

    def _begin(self, reason: Reason, term_after_s: float | None, kill_after_s: float) -> None:
        self._shutdown.begin(reason, term_after_s=term_after_s, kill_after_s=kill_after_s)

    @staticmethod
    def _reap(processes: list[psutil.Process]) -> None:
        """Take the exit status of orphans that have become our children."""
        for process in processes:
            try:
                os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:
                continue
