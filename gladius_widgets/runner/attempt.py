"""One attempt, from the launcher's start to the exit record."""

import logging
import os
import socket
import subprocess
import time
from typing import Any

import psutil

from gladius_widgets.core import reserve
from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.machine.gpus import visible_names
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import RunError, RunStatus, read_status
from gladius_widgets.core.states import JobStatus
from gladius_widgets.runner.alerts import SystemAlerts
from gladius_widgets.runner.ending import Ending, Evidence, judge, out_of_memory_kills
from gladius_widgets.runner.environment import training_environment
from gladius_widgets.runner.gpu import GpuReader
from gladius_widgets.runner.launch import launch_command
from gladius_widgets.runner.prctl import die_with_parent
from gladius_widgets.runner.requests import RequestDesk
from gladius_widgets.runner.room import Room
from gladius_widgets.runner.snapshot import TOLD, caught_up, first_snapshot, last_snapshot
from gladius_widgets.runner.watch import Watch
from gladius_widgets.store.run.events import append_event, append_waiting

logger = logging.getLogger(__name__)

# A disk that is full when the run ends may have room again a little later.
_LAST_WORDS_PATIENCE_S = 60.0
_NEWEST_ROWS = 2000  # more than a trainer writes between two snapshots


class Runner:
    """Starts `accelerate launch`, watches it, and writes how it ended.

    Args:
        run: the run directory.
        number: the attempt, counted from 1.
    """

    def __init__(self, run: RunDirectory, number: int) -> None:
        self._run, self._number = run, number
        self._attempt = run.attempt(number)
        self._desk = RequestDesk(run)
        self._room = Room(run, self._say)
        self._watch: Watch | None = None
        self._interrupted = False
        self._started_at = time.time()
        self._gpus = visible_names() or []  # UUIDs of those that we were given

    def interrupt(self) -> None:
        """Have the ranks save a checkpoint and end. Safe to call from a signal handler."""
        self._interrupted = True
        if self._watch is not None:
            self._watch.interrupted = True

    def run(self) -> None:
        """Do everything; returns at once when this attempt has, or had, another runner."""
        if not self._claim():
            return
        reserve.lay_in(self._run.reserve, ballast=True)
        try:
            self._begin()
            ending = self._train()
        except GladiusError as error:
            ending = Ending(JobStatus.FAILED, error=RunError(type="start", message=str(error)))
        except Exception as error:  # without an exit record the run would count as lost
            logger.exception("the runner failed")
            kind = type(error).__name__
            ending = Ending(JobStatus.FAILED, error=RunError(type=kind, message=str(error)))
        self._finish(ending)
        is_waiting = ending.status == JobStatus.PAUSED  # without a process, until it is resumed
        reserve.give_up(self._run.reserve, but=reserve.WAITING_SLIPS if is_waiting else 0)

    def _claim(self) -> bool:
        """Put our identity into proc.json, unless another runner's is there: link is exclusive."""
        self._attempt.ranks.mkdir(parents=True, exist_ok=True)
        mine = self._attempt.root / f".proc.{os.getpid()}.tmp"
        write_json(mine, self._proc_record())
        try:
            os.link(mine, self._attempt.proc)
        except FileExistsError:
            return False
        finally:
            mine.unlink()
        return not self._attempt.exit.exists()

    def _proc_record(self, launcher: ProcessIdentity | None = None) -> dict[str, Any]:
        return {
            "runner": ProcessIdentity.of().to_dict(),
            "launcher": launcher and launcher.to_dict(),
            "started_at": self._started_at,
            "host": socket.gethostname(),
            "gpus": self._gpus,
        }

    def _begin(self) -> None:
        before = read_status(self._run)
        if before is not None and self._number > 1:
            self._desk.reject_older_than(before.heartbeat)
        first_snapshot(before, self._number).write(self._run)
        self._say("status", "Provisioning", {"status": JobStatus.PROVISIONING})

    def _train(self) -> Ending:
        config = load_config(self._run.config)
        memory_kills = out_of_memory_kills()
        log_start = self._run.log.stat().st_size if self._run.log.exists() else 0
        launcher = self._launch(config)
        # Reading and writing tables takes half a second to import; the trainer is on its way.
        from gladius_widgets.runner.system import SystemSampler

        self._watch = Watch(
            self._run, self._attempt, config, launcher, self._desk, self._room, self._say
        )
        self._watch.interrupted = self._interrupted  # the signal may have come before the watch
        sampler = SystemSampler(
            self._run,
            self._number,
            processes=lambda: _tree(launcher.pid),
            step=self._watch.step,
            on_problem=lambda message: self._say("warning", message),
            on_sample=SystemAlerts(config.alerts, self._say).look,
        )
        sampler.start()
        try:
            returncode, reason = self._watch.until_over()
        finally:
            reserve.throw_ballast(self._run.reserve)
            sampler.close()
        return judge(
            Evidence(
                attempt=self._attempt,
                returncode=returncode,
                snapshot=self._own_snapshot(),
                reason=reason,
                log=self._run.log,
                log_start=log_start,
                out_of_memory_kills=out_of_memory_kills() - memory_kills,
                cap_command=self._watch.cap_command,
            )
        )

    def _launch(self, config: TrainingConfig) -> subprocess.Popen[bytes]:
        """Start the launcher, its output appended to the log by the kernel itself.

        No pipe: a line is in the file when the trainer has written it, and goes on being
        written if the runner dies.
        """
        command, extra = launch_command(config, self._run, self._number, GpuReader().count)
        threads = config.resources.threads_per_process
        with self._run.log.open("ab") as log:
            launcher = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._run.root,
                env=training_environment(os.environ, threads=threads, extra=extra),
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - no thread has been started yet
            )
        try:
            identity = ProcessIdentity.of(launcher.pid)
        except psutil.NoSuchProcess:
            identity = None
        write_json(self._attempt.proc, self._proc_record(identity))
        return launcher

    def _own_snapshot(self) -> RunStatus | None:
        """The trainer's last word, if it got as far as to say one."""
        snapshot = read_status(self._run)
        return snapshot if snapshot is not None and snapshot.attempt == self._number else None

    def _caught_up(self) -> RunStatus | None:
        """The same, with the steps that were written after it."""
        from gladius_widgets.store.metrics import MetricReader, schemas

        snapshot = self._own_snapshot()
        if snapshot is None:
            return None
        table = MetricReader(self._run.table("train"), schemas.TRAIN).read([*TOLD, "attempt"])
        newest = table.slice(max(0, table.num_rows - _NEWEST_ROWS)).to_pylist()
        rows = [row for row in newest if row["attempt"] == self._number]
        return caught_up(snapshot, rows)

    def _finish(self, ending: Ending) -> None:
        """Whole Parquet tables, snapshot, answers, event, and last the exit record."""
        self._seal_tables()
        self._room.mark_log()
        message = ending.error.message if ending.error else f"Run {ending.status}"
        kind = "error" if ending.status == JobStatus.FAILED else "status"
        self._say(kind, message, {"status": ending.status})
        deadline = time.monotonic() + _LAST_WORDS_PATIENCE_S
        while True:
            try:
                self._write_end(ending)
                append_waiting(self._run)
                return
            except OSError:
                logger.exception("the end could not be written")
                if time.monotonic() > deadline:
                    raise
                time.sleep(1.0)

    def _seal_tables(self) -> None:
        """Turn what a killed trainer left in live files into Parquet, for every other reader."""
        from gladius_widgets.store.metrics import schemas, tidy

        for table in schemas.TABLES:
            try:
                if self._run.table(table).is_dir():
                    tidy(self._run.table(table))
            except OSError:  # our own readers see live files too, and the next attempt tries again
                logger.exception("the %s table could not be sealed", table)

    def _write_end(self, ending: Ending) -> None:
        snapshot = last_snapshot(self._caught_up(), self._number, ending.status, ending.error)
        snapshot.write(self._run)
        self._desk.close(ending.status, snapshot.step)
        error = ending.error.model_dump() if ending.error else None
        write_json(
            self._attempt.exit,
            {
                "attempt": self._number,
                "status": ending.status,
                "returncode": ending.returncode,
                "signal": ending.signal,
                "error": error,
                "started_at": self._started_at,
                "ended_at": time.time(),
            },
            reserve=self._run.reserve,
        )
        if ending.status == JobStatus.PAUSED:
            self._desk.confirm_release(snapshot.step)

    def _say(self, kind: str, message: str, payload: dict[str, Any] | None = None) -> None:
        append_event(self._run, kind, message, payload, source="runner", attempt=self._number)


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []
