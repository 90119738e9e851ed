"""The client: every submit, query and command goes through it, with all checks.

What only submit and command need (the config model, YAML) is imported there: `gladius jobs`
shall answer at once.
"""

import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gladius_widgets.client.money import MoneyQueries
from gladius_widgets.client.queue import QueueCommands
from gladius_widgets.core.errors import GladiusError, HomeError, JobNotFoundError
from gladius_widgets.core.machine.identity import login_name
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.run_state import read_status, training_state
from gladius_widgets.core.states import ACTIVE, FINAL, Command, JobStatus
from gladius_widgets.store.registry.home_errors import (
    full_error,
    home_error,
    is_full,
    look_only_error,
    may_write,
)
from gladius_widgets.store.registry.job_record import write_record
from gladius_widgets.store.registry.registry import Job, Registry
from gladius_widgets.store.run import requests
from gladius_widgets.store.run.events import EventReader, append_event
from gladius_widgets.store.run.last_known import last_known
from gladius_widgets.store.run.records import read_exit, read_processes
from gladius_widgets.supervisor import (
    LOCAL,
    Settings,
    ensure_supervisor,
    load_settings,
    local_gpus,
    observed,
    refresh,
)

if TYPE_CHECKING:
    from gladius_widgets.core.config.schema import TrainingConfig

# Logs, metrics and one small checkpoint; below it a run would end half-way.
MIN_FREE_BYTES = 64 * 1024**2
_LAST_ANSWER_S = 2.0


@dataclass(frozen=True)
class Reindexed:
    """How many jobs were found, and one sentence for each folder that is left out."""

    jobs: int
    problems: tuple[str, ...] = ()


class Client(QueueCommands, MoneyQueries):
    """Submit, query and command the jobs of a home.

    Every answer is read from the run directories, so it is true with or without a supervisor;
    where jobs are unfinished, one is started. A home that cannot be written can be read: on a
    full disk, on a read-only mount, or that of another user; see `trouble`.

    Args:
        home: the home or its folder; by default `$GLADIUS_HOME`, else `~/.gladius`.
        user: who is asking, for the ledger; by default `login_name`.

    Raises:
        GladiusError: the home cannot be used.
    """

    def __init__(
        self, home: Home | str | os.PathLike[str] | None = None, user: str | None = None
    ) -> None:
        self.home = home if isinstance(home, Home) else Home(home)
        self.user = user or login_name()
        self._registry = Registry(self.home)

    # Submit

    def submit(
        self,
        config: "TrainingConfig | str | os.PathLike[str]",
        name: str | None = None,
        overrides: Iterable[str] = (),
        *,
        after: Iterable[str] = (),
        not_before: float | None = None,
        held: bool = False,
        base: "TrainingConfig | None" = None,
    ) -> Job:
        """Queue a training run; its config is frozen as it is now.

        Args:
            config: a config, or the path of a YAML file.
            name: what to call the job; by default the file's name.
            overrides: `section.key=value` strings on top of the file.
            after: jobs that have to be completed before it starts.
            not_before: do not start it before (unix s).
            held: do not start it until somebody lets it (`unhold`).
            base: what a given config was made from; see `estimate`.

        Raises:
            GladiusError: the config, the name, a file it names or a job it waits for is not
                right, or the disk is full; nothing was queued then.
        """
        from gladius_widgets.client.submission import check_moment, prepare, write_run

        self._check_may_change()
        self.settings()  # broken ones would leave the job without a supervisor, or without news
        if not_before is not None:
            check_moment(not_before)
        needed = {job.id: job for job in (self._can_complete(self.job(ref)) for ref in after)}
        plan = prepare(config, name, list(overrides), base)
        self._check_gpus(plan.row["engine"], plan.row["gpus"])
        quote = self._quote(plan.config, plan.row["gpus"])
        self._check_space()
        run = self.home.run(plan.id)

        def record(row: Job) -> None:
            self._check_still_there(needed.values())
            write_record(run, row, **plan.origin, **quote.keys)

        try:
            write_run(run, plan)
            for one in quote.warnings:
                append_event(run, "warning", one.sentence, {"kind": one.kind}, source="client")
            job = self._registry.insert(
                record,
                **plan.row,
                **quote.columns(),
                created_by=self.user,
                depends_on=list(needed),
                not_before=not_before,
                held=held,
            )
        except OSError as error:
            shutil.rmtree(run.root, ignore_errors=True)
            raise home_error(error, self.home) from error
        except GladiusError:
            shutil.rmtree(run.root, ignore_errors=True)
            raise
        self._supervise()
        return job

    # Query

    def jobs(self, *, statuses: Iterable[JobStatus] | None = None, **filters: Any) -> list[Job]:
        """Jobs as they truly are now; filters, sort and page as in `Registry.find`."""
        wanted = frozenset(JobStatus if statuses is None else statuses)
        now = self._refresh_active()  # changes of state are in the registry before it is asked
        found = self._registry.find(statuses=wanted, **filters)
        # A job that has ended since the first look is as the second one has it, or a slot that
        # is already the next job's would count twice.
        newer = {job.id: now.get(job.id, job) for job in found if job.status in ACTIVE}
        newer |= {job.id: self._as_it_is(job) for job in found if job.status == JobStatus.QUEUED}
        jobs = [newer.get(job.id, job) for job in found]
        return [job for job in jobs if job.status in wanted]  # what the registry may not know yet

    def queued(self) -> int:
        """How many jobs wait."""
        if is_full(self.home):  # those that were cancelled meanwhile are in the registry still
            return len(self.jobs(statuses=[JobStatus.QUEUED]))
        return self.count(statuses=[JobStatus.QUEUED])

    def count(self, **filters: Any) -> int:
        """How many jobs match the filters of `jobs`."""
        return self._registry.count(**filters)

    def job(self, ref: str) -> Job:
        """One job by its id, a unique prefix of it, or its name.

        Raises:
            JobNotFoundError: none, or more than one.
        """
        job = self._registry.resolve(ref)
        if job.status not in FINAL:
            self._supervise_if_possible()
        return self._as_it_is(job)

    def newest(self) -> str | None:
        """The id of the job that was submitted last; None when there is no job."""
        found = self._registry.find(limit=1)
        return found[0].id if found else None

    def run(self, ref: str) -> RunDirectory:
        """The job's run directory."""
        return self.home.run(self._registry.resolve(ref).id)

    def config(self, ref: str) -> "TrainingConfig":
        """The config that was frozen at submit."""
        from gladius_widgets.core.config.load import load_config

        return load_config(self.run(ref).config)

    def warned(self, ref: str) -> list[str]:
        """What was said at submit that is likely to go wrong with the job, a sentence each."""
        return [
            event.message
            for event in EventReader(self.run(ref)).poll()
            if event.type == "warning" and event.source == "client"
        ]

    def state(self, ref: str) -> dict[str, Any]:
        """What `gladius show --json` prints; see `core.run_state.training_state`."""
        job = self.job(ref)
        run = self.home.run(job.id)
        record = {
            "id": job.id,
            "name": job.name,
            "status": job.status,
            "attempt": job.attempt,
            "cost": job.cost,
            "duration": job.duration_s(time.time()),
            "error": job.error,
            "pids": read_processes(run.attempt(job.attempt)).pids(),
        }
        known = last_known(run)
        status = known.status
        if status is not None and known.problem:
            status.total_steps = status.total_steps or job.total_steps
        system, problems = _last_system_row(run)
        problems = [problem for problem in (known.problem, *problems) if problem]
        state = training_state(record, status, system)
        return state | {"waiting": self._waiting(job), "problems": problems}

    def _waiting(self, job: Job) -> dict[str, Any] | None:
        """Why a queued job has not started, and what can be done; None of any other."""
        if job.status != JobStatus.QUEUED:
            return None
        from gladius_widgets.store.registry.dependents import way_out

        found = next((one for one in self.queue().waiting if one.job.id == job.id), None)
        if found is None:  # it has just left the queue
            return None
        return {
            "place": found.place,
            "starts_at": found.starts_at,
            "reason": found.reason,
            "cause": found.cause,
            "way_out": way_out(job, found.blocker) if found.blocker else "",
        }

    def settings(self) -> Settings:
        """The home's settings, such as its number of slots.

        They may hold secrets, so whoever can only look may find them closed: the defaults then.
        """
        if not os.access(self.home.settings, os.R_OK) and look_only_error(self.home):
            return Settings()
        return load_settings(self.home)

    def ledger(self, ref: str) -> list[dict[str, Any]]:
        """Every command that was given: who, what, when, and what came of it."""
        return requests.ledger(self.run(ref))

    def creators(self) -> list[str]:
        """Everybody who has submitted a job, by name."""
        return self._registry.creators()

    def trouble(self) -> HomeError | None:
        """Why jobs can be looked at and not be changed, or only in part; None where all is well."""
        if (look_only := look_only_error(self.home)) is not None:
            return look_only
        return full_error(self.home) if is_full(self.home) else self._registry.trouble

    def reindex(self) -> Reindexed:
        """Rebuild the registry from the run directories; tells what had to be left out."""
        self._check_may_change()
        found = self._registry.reindex()
        return Reindexed(len(found.rows), tuple(found.problems))

    # Command

    def command(
        self,
        ref: str,
        command: Command,
        args: Mapping[str, Any] | None = None,
        wait_s: float | None = None,
    ) -> requests.Ack | requests.Request:
        """Ask a job to do something.

        Args:
            ref: the job.
            command: what to do.
            args: its arguments.
            wait_s: wait so long for the answer; None does not wait.

        Returns:
            The answer, which may be a rejection; the request when there is none yet.

        Raises:
            JobNotFoundError: no such job.
            IllegalMoveError: its state does not allow it.
            GladiusError: the arguments are not right.
        """
        from gladius_widgets.client.caps import check_caps, freeze_caps, take_caps
        from gladius_widgets.client.commands import check_arguments, check_legal
        from gladius_widgets.client.unattended import settle
        from gladius_widgets.core.config.load import load_config

        command = Command(command)
        job = self.job(ref)
        self._check_may_change()
        check_legal(job, command, args)
        run = self.home.run(job.id)
        caps: dict[str, Any] = {}
        if command == Command.RESUME:
            args, caps = take_caps(args)
            config = check_caps(job, run, caps)
            if caps:
                freeze_caps(run, config)
        checked = check_arguments(command, args, lambda: load_config(run.config))
        if caps:
            checked["caps"] = caps
        if not job.holds_slot:  # no process is there to ask
            answer = settle(self._registry, job, command, checked, self.user)
            self._supervise()
            return answer
        if command == Command.RESUME and checked.get("set"):  # obeyed in their order
            requests.request(run, Command.SET, checked["set"], self.user)
        request = requests.request(run, command, checked, self.user)
        if command == Command.CANCEL:  # at once in every list; the run directory says so too
            with suppress(HomeError):  # on a full disk, the runner is reached all the same
                self._registry.move(job.id, [job.status], JobStatus.CANCELLING)
        return request if wait_s is None else self._wait(run, job, request, wait_s)

    def pause(self, ref: str, *, release: bool = False, wait_s: float | None = None) -> Any:
        """Hold the training at the next step; with `release`, save and free the machine."""
        return self.command(ref, Command.PAUSE, {"release": release}, wait_s)

    def resume(
        self, ref: str, changes: Mapping[str, Any] | None = None, *, wait_s: float | None = None
    ) -> Any:
        """Go on: in place when held, else in the queue as a new attempt.

        `changes` are settings as `set` takes them, in force from the first step on; and for a job
        that has freed its machine also new caps, `cost.budget` and `queue.max_runtime_hours`.
        One that is over a cap goes on only with a new one.
        """
        return self.command(ref, Command.RESUME, {"set": dict(changes or {})}, wait_s)

    def stop(self, ref: str, *, wait_s: float | None = None) -> Any:
        """Save a final checkpoint, write the summary, and end; can be resumed."""
        return self.command(ref, Command.STOP, None, wait_s)

    def checkpoint(self, ref: str, *, wait_s: float | None = None) -> Any:
        """Save a checkpoint at the next step."""
        return self.command(ref, Command.CHECKPOINT, None, wait_s)

    def validate(self, ref: str, split: str = "validation", *, wait_s: float | None = None) -> Any:
        """Validate at the next step."""
        return self.command(ref, Command.VALIDATE, {"split": split}, wait_s)

    def set(self, ref: str, changes: Mapping[str, Any], *, wait_s: float | None = None) -> Any:
        """Change settings of the running job; names and bounds are in `core.config.live`."""
        return self.command(ref, Command.SET, changes, wait_s)

    def preview(
        self, ref: str, changes: Mapping[str, Any], *, points: int = 200
    ) -> list[tuple[int, float]]:
        """What `set` would make of the learning rate; nothing is changed.

        Returns:
            (step, learning rate) pairs from the next step to the end.

        Raises:
            GladiusError: a change is not allowed, or the job does not train yet.
        """
        from gladius_widgets.client.commands import check_legal
        from gladius_widgets.core.config.live import check_changes
        from gladius_widgets.core.config.load import load_config
        from gladius_widgets.core.config.schedule import Schedule

        job = self.job(ref)
        check_legal(job, Command.SET)
        run = self.home.run(job.id)
        status = read_status(run)
        if status is None or status.schedule is None:
            raise GladiusError(f"'{job.name}' has no schedule yet.", "Wait until it trains.")
        schedule = Schedule(**status.schedule)
        highest = schedule.highest(status.step)
        checked = check_changes(load_config(run.config), changes, highest)
        return schedule.with_changes(status.step, checked).curve(status.step, points)

    def cancel(self, ref: str, reason: str, note: str = "", *, wait_s: float | None = None) -> Any:
        """End now and for good; all data so far is kept."""
        return self.command(ref, Command.CANCEL, {"reason": reason, "note": note}, wait_s)

    # Inside

    def _supervise(self) -> None:
        """Where nothing can be written, a supervisor could do nothing, nor say so."""
        if may_write(self.home) and not is_full(self.home):
            ensure_supervisor(self.home)

    def _supervise_if_possible(self) -> None:
        """For whoever only looks: what is there can be seen without a supervisor."""
        with suppress(GladiusError):
            self._supervise()

    def _check_may_change(self) -> None:
        """Raise HomeError where this user can look at the home, but not change it."""
        if (look_only := look_only_error(self.home)) is not None:
            raise look_only

    def _can_complete(self, job: Job) -> Job:
        if job.status == JobStatus.CANCELLED:
            raise GladiusError(
                f"'{job.name}' was cancelled, so nothing can start after it.", "Leave it out."
            )
        return job

    def _check_still_there(self, needed: Iterable[Job]) -> None:
        """To be called while the registry is locked for writing, so that it stays true."""
        for job in needed:
            if self._registry.get(job.id) is None:
                raise JobNotFoundError(f"'{job.name}' has just been deleted.", "Leave it out.")

    def _wait(
        self, run: RunDirectory, job: Job, request: requests.Request, wait_s: float
    ) -> requests.Ack | requests.Request:
        """The answer; gives up early when the attempt is over and nobody is left to answer.

        A pause that frees the machine is answered just after the exit record.
        """
        deadline = time.monotonic() + wait_s
        while (left := deadline - time.monotonic()) > 0:
            ended = read_exit(run.attempt(job.attempt)) is not None
            answer = requests.wait_ack(
                run, request.id, min(left, _LAST_ANSWER_S if ended else 0.25)
            )
            if answer is not None or ended:
                return answer or request
        return request

    def _refresh_active(self) -> dict[str, Job]:
        """Jobs with a slot as they are now, by id."""
        active = self._registry.active()
        if active or self._registry.count(statuses=[JobStatus.QUEUED]):
            self._supervise_if_possible()
        return {job.id: self._as_it_is(job) for job in active}

    def _as_it_is(self, job: Job) -> Job:
        """The job as its run directory shows it now; noted in the registry where possible."""
        try:
            return refresh(self._registry, self.home, job)
        except HomeError:
            return observed(self.home, job)

    def _check_gpus(self, engine: str, count: int) -> None:
        """Refuse what this machine can never place; while its driver is silent, nobody knows."""
        if engine != LOCAL or count == 0:
            return
        table = local_gpus(self.settings(), ())
        if shortage := table.shortage(count):
            raise GladiusError(
                f"{shortage}{f' ({table.problem})' if table.problem else ''}.",
                "Lower resources.processes, or set resources.device: cpu. `gladius doctor` lists "
                "the GPUs, and `gpus` in settings.yaml says which of them jobs may use.",
            )

    def _check_space(self) -> None:
        free_bytes = shutil.disk_usage(self.home.root).free
        if free_bytes < MIN_FREE_BYTES:
            raise GladiusError(
                f"Only {free_bytes // 1024**2} MiB are free on the disk that holds "
                f"{self.home.root}; a run needs {MIN_FREE_BYTES // 1024**2} at least.",
                "Free some, or name another home with --home or GLADIUS_HOME.",
            )


def _last_system_row(run: RunDirectory) -> tuple[dict[str, Any] | None, list[str]]:
    """The newest sample of the machine, None before the first; what is damaged in all tables."""
    from gladius_widgets.store.metrics import MetricReader
    from gladius_widgets.store.metrics.schemas import TABLES

    problems: list[str] = []
    for name in TABLES:
        reader = MetricReader(run.table(name))
        reader.read(["step"])
        problems += [f"{name}: {problem}" for problem in reader.problems]
    table = MetricReader(run.table("system")).read()
    return table.slice(table.num_rows - 1).to_pylist()[0] if table.num_rows else None, problems
