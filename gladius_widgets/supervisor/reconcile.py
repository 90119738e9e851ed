"""Bringing a registry row in line with its run directory."""

import time
from dataclasses import replace
from typing import Any

from gladius_widgets.core.money.cost import spent
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import ACTIVE, JobStatus
from gladius_widgets.store import cancelling
from gladius_widgets.store.registry.registry import Job, Registry
from gladius_widgets.store.run.records import Observation, billable_spans, observe, ran_s

# Columns that a change of state brings along.
_SETTLED = (
    "step", "total_steps", "cost", "remaining_s", "running_since", "ran_s", "error", "holds_slot",
    "ended_at",
)  # fmt: skip


def refresh(registry: Registry, home: Home, job: Job, alive: bool | None = None) -> Job:
    """The job as it truly is now; a change of state is written to the registry.

    Progress and cost of a running job are in the answer but not written: the supervisor does
    that (`save_progress`), so that many open pages cause no writes.

    Args:
        registry: where the row is.
        home: where the run is.
        job: the row as last read.
        alive: what the job's engine knows; None looks for its processes on this machine.

    Raises:
        HomeError: the registry cannot be written now; `observed` needs not to.
    """
    if job.is_unattended:
        if not cancelling.catch_up(registry, home.run(job.id), job):
            return job
        return registry.get(job.id) or job
    now = observed(home, job, alive)
    is_settled = now.status != job.status or (job.holds_slot and not now.holds_slot)
    if not is_settled:
        return now
    changes = {n: getattr(now, n) for n in _SETTLED if getattr(now, n) != getattr(job, n)}
    if not registry.move(job.id, [job.status], now.status, observed=True, **changes):
        return registry.get(job.id) or job  # another reader was first
    return now


def observed(home: Home, job: Job, alive: bool | None = None) -> Job:
    """The job as its run directory shows it, written nowhere; the arguments are `refresh`'s."""
    run = home.run(job.id)
    if job.is_unattended:
        ended_at = cancelling.cancelled_at(run, job)
        over = {"status": JobStatus.CANCELLED, "ended_at": ended_at, "remaining_s": None}
        return job if ended_at is None else replace(job, **over)
    if job.status not in ACTIVE and job.status != JobStatus.LOST:
        return job
    seen = observe(run, job.attempt, alive)
    if seen.unborn and job.status == JobStatus.LOST:
        return job  # its records are gone too: that is no sign of a new life
    changes = _progress(job, seen)
    if seen.released or job.hourly_rate is not None:
        changes["cost"] = cost_now(home, job)
    if seen.released:
        changes |= {"ran_s": ran_s(billable_spans(run)), "running_since": None, "remaining_s": None}
    if seen.status != job.status or (seen.released and job.holds_slot):
        changes |= {"error": seen.error, "holds_slot": not seen.released}
        changes["ended_at"] = (seen.ended_at or time.time()) if seen.status.is_final else None
    return replace(job, status=seen.status, **changes)


def cost_now(home: Home, job: Job) -> float | None:
    """What the job has cost until now; None when its rate is not known."""
    if job.hourly_rate is None:
        return None
    return spent(billable_spans(home.run(job.id)), job.hourly_rate, job.gpus, time.time())


def save_progress(registry: Registry, before: Job, now: Job) -> None:
    """Write what moved on, if anything did."""
    names = ("step", "total_steps", "cost", "remaining_s", "running_since")
    changes = {n: getattr(now, n) for n in names if getattr(now, n) != getattr(before, n)}
    if changes:
        registry.update(now.id, **changes)


def _progress(job: Job, seen: Observation) -> dict[str, Any]:
    found: dict[str, Any] = {"running_since": seen.started_at or job.running_since}
    snapshot = seen.snapshot
    if snapshot is None:
        return found
    found["remaining_s"] = snapshot.remaining_s
    if snapshot.total_steps is None:  # its trainer is still loading: the steps made before stand
        return found
    return found | {"step": snapshot.step, "total_steps": snapshot.total_steps}
