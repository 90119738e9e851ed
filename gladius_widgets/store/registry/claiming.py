"""Giving the next queued job a slot and its GPUs."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gladius_widgets.store.registry.job import Job, job_from_row
from gladius_widgets.store.registry.schema import jobs

_ANY = 2**31


@dataclass(frozen=True)
class Place:
    """What a job can have now.

    Attributes:
        gpu_uuids: the GPUs that it gets; None when it has to wait.
        holds_up: whether later jobs that need GPUs wait behind it, as they would take what it
            waits for; one that this machine can never place holds up nobody.
    """

    gpu_uuids: tuple[str, ...] | None = ()
    holds_up: bool = True


Placer = Callable[[Job, Sequence[Job]], Place]


def any_place(_job: Job, _running: Sequence[Job]) -> Place:
    """For jobs that need nothing but a slot."""
    return Place()


# Of the jobs that may start, the first in the queue goes first. A job may start when nobody holds
# it, its time has come, its engine's queue is not paused, and all jobs it depends on are completed;
# a later attempt found them completed once, so they may be deleted since.
_STARTABLE = sa.text(
    """
    SELECT * FROM jobs
     WHERE status = 'queued' AND NOT held AND gpus <= :most_gpus
       AND (not_before IS NULL OR not_before <= :now)
       AND engine NOT IN (SELECT value FROM json_each(:paused))
       AND (attempt > 1 OR depends_on = '[]' OR NOT EXISTS (
            SELECT 1 FROM json_each(jobs.depends_on) AS needed
              LEFT JOIN jobs AS other ON other.id = needed.value
             WHERE other.status IS NOT 'completed'))
     ORDER BY position, created_at
    """
).columns(*jobs.columns)


def claim_next(
    connection: sa.Connection, slots: int, place: Placer, paused: Iterable[str], now: float
) -> Job | None:
    """Give a slot to the first job that can start; to be called in a transaction that may write.

    First in, first out: while a job waits for GPUs, no later one that needs any passes it, so that
    a large job is not starved by small ones. A job that needs none may, as long as that leaves a
    slot for the one that waits.
    """
    holders = sa.select(jobs).where(jobs.c.holds_slot == sa.true())
    running = [job_from_row(row) for row in connection.execute(holders)]
    free = slots - len(running)
    if free <= 0:
        return None
    known: dict[str, Any] = {"now": now, "paused": json.dumps(list(paused))}
    somebody_waits = False
    with connection.execute(_STARTABLE, known | {"most_gpus": _ANY}) as rows:
        for row in rows:
            job = job_from_row(row)
            found = place(job, running)
            if found.gpu_uuids is not None:
                return _take(connection, job, found.gpu_uuids, now)
            if found.holds_up:
                somebody_waits = True
                break
    if not somebody_waits or free == 1:
        return None
    with connection.execute(_STARTABLE, known | {"most_gpus": 0}) as rows:
        row = rows.first()
    if row is None or place(job := job_from_row(row), running).gpu_uuids is None:
        return None
    return _take(connection, job, (), now)


def _take(connection: sa.Connection, job: Job, gpu_uuids: tuple[str, ...], now: float) -> Job:
    statement = (
        jobs.update()
        .where(jobs.c.id == job.id)
        .values(
            status="provisioning",
            holds_slot=True,
            claimed_at=now,
            updated_at=now,
            started_at=sa.func.coalesce(jobs.c.started_at, now),
            ended_at=None,
            gpu_uuids=list(gpu_uuids),
        )
        .returning(jobs)
    )
    return job_from_row(connection.execute(statement).one())
