"""Commands to a job that no process works on: the client itself carries them out.

Each is one compare-and-set in the registry; the run directory is written inside the same
transaction, while nobody can claim the job.
"""

import time

from gladius_widgets.client.commands import changed_meanwhile
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.store import control
from gladius_widgets.store.events import append_event
from gladius_widgets.store.registry import Job, Registry


def cancel_unattended(
    registry: Registry, run: RunDirectory, job: Job, args: dict[str, str], user: str
) -> control.Ack:
    """End a queued job, or one that released its machine in a pause, for good.

    Raises:
        IllegalMoveError: it has just got a slot, or somebody else was first.
    """
    answers: list[control.Ack] = []

    def record() -> None:
        snapshot = read_status(run) or RunStatus(attempt=job.attempt)
        update = {"state": JobStatus.CANCELLED, "heartbeat": time.time()}
        snapshot.model_copy(update=update).write(run)
        answers.append(_answered(run, Command.CANCEL, args, user, snapshot.step, job))

    if not registry.move(
        job.id,
        [job.status],
        JobStatus.CANCELLED,
        before_commit=record,
        ended_at=time.time(),
    ):
        raise _too_late(registry, job, Command.CANCEL)
    append_event(run, "status", f"Cancelled by {user} while {job.status}", args, source="client")
    return answers[0]


def queue_again(registry: Registry, run: RunDirectory, job: Job, user: str) -> control.Ack:
    """Queue a new attempt of a job that has ended or released its machine.

    Raises:
        IllegalMoveError: somebody else was first.
    """
    answers: list[control.Ack] = []
    attempt = job.attempt + 1

    def record() -> None:
        snapshot = read_status(run) or RunStatus()
        update = {
            "state": JobStatus.QUEUED,
            "attempt": attempt,
            "heartbeat": time.time(),
            "stage": None,
            "remaining_s": None,
            "error": None,
        }
        snapshot.model_copy(update=update).write(run)
        answers.append(_answered(run, Command.RESUME, {}, user, snapshot.step, job))

    if not registry.move(
        job.id,
        [job.status],
        JobStatus.QUEUED,
        before_commit=record,
        attempt=attempt,
        position=registry.last_position(),
        claimed_at=None,
        ended_at=None,
        error=None,
    ):
        raise _too_late(registry, job, Command.RESUME)
    append_event(run, "status", f"Queued again by {user}", None, source="client", attempt=attempt)
    return answers[0]


def _answered(
    run: RunDirectory, command: Command, args: dict[str, str], user: str, step: int, job: Job
) -> control.Ack:
    """A ledger entry for what is being done right here."""
    request = control.request(run, command, args, user)
    new = JobStatus.CANCELLED if command == Command.CANCEL else JobStatus.QUEUED
    return control.acknowledge(run, request, "applied", step=step, old=job.status, new=new)


def _too_late(registry: Registry, job: Job, command: Command) -> Exception:
    now = registry.get(job.id)
    return changed_meanwhile(job, now.status if now else None, command)
