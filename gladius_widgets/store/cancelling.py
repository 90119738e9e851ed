"""Ending a job that no process works on, also while its registry cannot be written.

A cancel stands in the run directory: as a request, or as a request that was answered as applied.
On a full disk it is written on slips that every waiting job keeps (`core.reserve`), and the
registry learns of it later. Until then whoever looks at the job, or is about to start it, goes by
the run directory.
"""

import time
from typing import Any

from gladius_widgets.core import reserve
from gladius_widgets.core.errors import HomeError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run import requests
from gladius_widgets.store.run.events import append_event


def cancel_unattended(
    registry: Registry, run: RunDirectory, job: Job, args: dict[str, Any], user: str
) -> requests.Ack | requests.Request | None:
    """End a queued job, or one that released its machine in a pause, for good.

    Returns:
        The answer; the request where the registry can only be told of it later; None when
        somebody else was first, and then nothing has changed.

    Raises:
        HomeError: not even the request can be written.
    """
    try:
        return _end(registry, run, job, args, user)
    except HomeError:
        before = requests.cancel_applied(run) or _open_cancel(run, job)
        return before or requests.request(run, Command.CANCEL, args, user)


def cancelled_at(run: RunDirectory, job: Job) -> float | None:
    """When a job that no process works on was cancelled (unix s); None when it was not."""
    if (answer := requests.cancel_applied(run)) is not None:
        return answer.acked_at
    asked = _open_cancel(run, job)
    return None if asked is None else asked.requested_at


def catch_up(registry: Registry, run: RunDirectory, job: Job) -> bool:
    """Tell the registry of a cancel that stands in the run directory alone; whether there is one.

    Raises:
        HomeError: the registry cannot be written yet.
    """
    if cancelled_at(run, job) is None:
        return False
    asked = _answered_request(run) or _open_cancel(run, job)
    _end(registry, run, job, asked.args if asked else {}, asked.requested_by if asked else "")
    return True


def _end(
    registry: Registry, run: RunDirectory, job: Job, args: dict[str, Any], user: str
) -> requests.Ack | None:
    """The row and the run directory at once; the answer comes first, as it outranks the rest."""
    answers: list[requests.Ack] = []
    ended_at = cancelled_at(run, job) or time.time()

    def record(_row: Job) -> None:
        snapshot = read_status(run) or RunStatus(attempt=job.attempt)
        answers.append(
            requests.cancel_applied(run) or _answered(run, job, args, user, snapshot.step)
        )
        for request in requests.pending(run, set()):
            reason = "the job was cancelled before its next attempt"
            requests.acknowledge(run, request, "rejected", step=snapshot.step, reason=reason)
        update = {"state": JobStatus.CANCELLED, "heartbeat": ended_at}
        snapshot.model_copy(update=update).write(run)

    if not registry.move(
        job.id, [job.status], JobStatus.CANCELLED, before_commit=record, ended_at=ended_at
    ):
        return None
    append_event(run, "status", f"Cancelled by {user} while {job.status}", args, source="client")
    reserve.give_up(run.reserve)
    return answers[0]


def _answered(
    run: RunDirectory, job: Job, args: dict[str, Any], user: str, step: int
) -> requests.Ack:
    asked = _open_cancel(run, job) or requests.request(run, Command.CANCEL, args, user)
    old, new = job.status, JobStatus.CANCELLED
    return requests.acknowledge(run, asked, "applied", step=step, old=old, new=new)


def _answered_request(run: RunDirectory) -> requests.Request | None:
    """The one that was applied in the run directory, if the job was cancelled there."""
    answer = requests.cancel_applied(run)
    if answer is None:
        return None
    return next((one for one in requests.requests(run) if one.id == answer.id), None)


def _open_cancel(run: RunDirectory, job: Job) -> requests.Request | None:
    """The first that nobody has answered and that was meant for the attempt that waits."""
    since = 0.0
    if job.attempt > 1 and job.status != JobStatus.PAUSED:
        snapshot = read_status(run)  # its time is that of the attempt being queued
        since = snapshot.heartbeat if snapshot is not None else 0.0
    return requests.open_cancel(run, since)
