"""Changes to a job that no process works on: in the registry and in its run directory at once.

Each is one compare-and-set in the registry; the run directory is written inside the same
transaction, while nobody can claim the job. Each leaves a request and its answer in the ledger.
All return None when somebody else was first, and then nothing has changed.
"""

import time
from typing import Any

from gladius_widgets.core import reserve
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.registry.job_record import write_record
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run import requests
from gladius_widgets.store.run.events import append_event
from gladius_widgets.store.run.records import keep_last_sign


def queue_again(
    registry: Registry,
    run: RunDirectory,
    job: Job,
    user: str,
    *,
    not_before: float | None = None,
    retries: int = 0,
    args: dict[str, Any] | None = None,
    changes: dict[str, Any] | None = None,
    source: str = "client",
) -> requests.Ack | None:
    """Queue a new attempt of a job that has ended or released its machine.

    It goes to the end of the queue and on from its newest checkpoint.

    Args:
        registry: where the row is.
        run: its directory.
        job: the row as last read.
        user: who wants it.
        not_before: let it wait until then (unix s).
        retries: how often the queue has tried by itself, this time included; 0 for a person.
        args: what else the ledger shall say.
        changes: settings to change before its first step, as `set` takes them. They are a
            request of their own, which the trainer checks, answers and replays as any other.
        source: who writes the event.
    """
    answers: list[requests.Ack] = []
    attempt, step = job.attempt + 1, newest_checkpoint(run)

    def record(row: Job) -> None:
        snapshot = read_status(run) or RunStatus()
        update = {
            "state": JobStatus.QUEUED,
            "attempt": attempt,
            "heartbeat": time.time(),
            "stage": None,
            "step": step,
            "remaining_s": None,
            "error": None,
        }
        keep_last_sign(run, job.attempt)
        snapshot.model_copy(update=update).write(run)
        write_record(run, row)
        reserve.lay_in(run.reserve, slips=reserve.WAITING_SLIPS)
        said = dict(args or {})
        if changes:  # after the snapshot: what is older than it was meant for attempts before
            requests.request(run, Command.SET, changes, user)
            said["set"] = changes
        answers.append(_answered(run, Command.RESUME, said, user, job.status, JobStatus.QUEUED))

    if not registry.move(
        job.id,
        [job.status],
        JobStatus.QUEUED,
        before_commit=record,
        expected={"attempt": job.attempt},
        attempt=attempt,
        step=step,
        claimed_at=None,
        ended_at=None,
        error=None,
        held=False,
        not_before=not_before,
        retries=retries,
    ):
        return None
    append_event(run, "status", f"Queued again by {user}", args, source=source, attempt=attempt)
    return answers[0]


def set_held(
    registry: Registry, run: RunDirectory, job: Job, held: bool, user: str
) -> requests.Ack | None:
    """Keep a queued job from starting, or let it start again."""
    answers: list[requests.Ack] = []
    command = Command.HOLD if held else Command.UNHOLD

    def record(row: Job) -> None:
        write_record(run, row)
        answers.append(_answered(run, command, {}, user, job.held, held))

    if not registry.move(
        job.id,
        [JobStatus.QUEUED],
        JobStatus.QUEUED,
        before_commit=record,
        expected={"held": not held},
        held=held,
    ):
        return None
    said = "Held" if held else "Let go"
    append_event(run, "status", f"{said} by {user} in the queue", None, source="client")
    return answers[0]


def set_dependencies(
    registry: Registry, run: RunDirectory, job: Job, needed: list[str], user: str
) -> requests.Ack | None:
    """Let a queued job wait for these jobs (by id), and no others."""
    answers: list[requests.Ack] = []
    args = {"jobs": needed}

    def record(row: Job) -> None:
        write_record(run, row)
        old = list(job.depends_on)
        answers.append(_answered(run, Command.AFTER, args, user, old, needed))

    if not registry.move(
        job.id,
        [JobStatus.QUEUED],
        JobStatus.QUEUED,
        before_commit=record,
        expected={"attempt": job.attempt},
        depends_on=needed,
    ):
        return None
    said = f"Waits for {', '.join(needed)}" if needed else "Waits for no other job"
    append_event(run, "status", f"{said}, as {user} wants it", args, source="client")
    return answers[0]


def reorder(
    registry: Registry,
    job: Job,
    before: Job | None,
    user: str,
    seen_at: float | None = None,
) -> requests.Ack | None:
    """Let a queued job start just before another; None = after all others."""
    home, run = registry.home, registry.home.run(job.id)

    def record(row: Job) -> None:
        write_record(home.run(row.id), row)

    moved = registry.place_before(
        job.id, before and before.id, seen_at=seen_at, before_commit=record
    )
    if moved is None:
        return None
    args = {"before": before and before.id}
    return _answered(run, Command.REORDER, args, user, job.position, moved.position)


def newest_checkpoint(run: RunDirectory) -> int:
    """Step of the newest checkpoint that has its manifest; 0 without one."""
    steps = (s for s in run.checkpoint_steps() if (run.checkpoint(s) / "manifest.json").is_file())
    return max(steps, default=0)


def _answered(
    run: RunDirectory, command: Command, args: dict[str, Any], user: str, old: Any, new: Any
) -> requests.Ack:
    """A ledger entry for what is being done right here."""
    snapshot = read_status(run)
    request = requests.request(run, command, args, user)
    step = snapshot.step if snapshot else 0
    return requests.acknowledge(run, request, "applied", step=step, old=old, new=new)
