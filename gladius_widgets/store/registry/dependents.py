"""Jobs that wait for others: what the end, or the deletion, of one means to the other."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gladius_widgets.core.errors import IllegalMoveError
from gladius_widgets.core.paths import Home
from gladius_widgets.core.queue_plan import ENDED
from gladius_widgets.core.states import RESUMABLE, JobStatus
from gladius_widgets.store.registry.job import Job, job_from_row
from gladius_widgets.store.registry.job_record import write_record
from gladius_widgets.store.registry.schema import jobs

_MOST_NAMES = 3

# Queued jobs, each with what it waits for and will not be completed without somebody's doing.
BLOCKED = sa.text(
    """
    SELECT jobs.*, needed.value AS other_id, other.name AS other_name,
           other.status AS other_status, other.attempt AS other_attempt
      FROM jobs, json_each(jobs.depends_on) AS needed
      LEFT JOIN jobs AS other ON other.id = needed.value
     WHERE jobs.status = 'queued' AND jobs.attempt = 1 AND jobs.depends_on != '[]'
       AND (other.status IS NULL OR other.status IN ('failed', 'lost', 'stopped', 'cancelled'))
     ORDER BY jobs.position, needed.key
    """
).columns(
    *jobs.columns,
    sa.column("other_id"),
    sa.column("other_name"),
    sa.column("other_status"),
    sa.column("other_attempt"),
)


@dataclass(frozen=True)
class Blocker:
    """A job that others wait for, though it has ended without success (or is gone: no status)."""

    id: str
    name: str
    status: JobStatus | None
    attempt: int

    @property
    def can_be_resumed(self) -> bool:
        """Whether it may complete yet."""
        return self.status in RESUMABLE


def blocked(rows: Iterable[Any]) -> list[tuple[Job, Blocker]]:
    """What the rows of `BLOCKED` say."""
    return [
        (
            job_from_row(row),
            Blocker(
                row.other_id,
                row.other_name or row.other_id,
                JobStatus(row.other_status) if row.other_status else None,
                row.other_attempt or 0,
            ),
        )
        for row in rows
    ]


def way_out(job: Job, blocker: Blocker) -> str:
    """What can be done, as commands, one sentence."""
    alone = f"`gladius after {job.id} --none` lets it start without"
    if blocker.can_be_resumed:
        return f"`gladius resume {blocker.id}` tries that again, {alone}."
    return f"{alone}, `gladius cancel {job.id}` takes it out of the queue."


def why_blocked(blocker: Blocker) -> str:
    """`Waits for 'first', which failed`."""
    ended = ENDED.get(blocker.status, "is deleted") if blocker.status else "is deleted"
    return f"Waits for '{blocker.name}', which {ended}"


def let_go(connection: sa.Connection, home: Home, gone: Job) -> None:
    """Strike a job that is being deleted from what others wait for, in rows and job.json.

    It has completed, which stays true without it; one that has not would leave them waiting for
    ever. To be called in the transaction that deletes it, before its folder moves.

    Raises:
        IllegalMoveError: it has not completed, and others wait for it.
    """
    waiting = _waiting_for(connection, gone.id)
    if waiting and gone.status != JobStatus.COMPLETED:
        raise _needed(gone, waiting)
    for job in waiting:
        left = [one for one in job.depends_on if one != gone.id]
        statement = jobs.update().where(jobs.c.id == job.id).values(depends_on=left)
        row = connection.execute(statement.returning(jobs)).one()
        write_record(home.run(job.id), job_from_row(row))


def _waiting_for(connection: sa.Connection, job_id: str) -> list[Job]:
    """First attempts only: a later one found all completed once."""
    needs_it = sa.text(
        "EXISTS (SELECT 1 FROM json_each(jobs.depends_on) AS needed WHERE needed.value = :needed)"
    ).bindparams(needed=job_id)
    query = (
        sa.select(jobs)
        .where(jobs.c.status == JobStatus.QUEUED, jobs.c.attempt == 1, needs_it)
        .order_by(jobs.c.position)
    )
    return [job_from_row(row) for row in connection.execute(query)]


def _needed(gone: Job, waiting: list[Job]) -> IllegalMoveError:
    names = [f"'{job.name}'" for job in waiting[:_MOST_NAMES]]
    if len(waiting) > _MOST_NAMES:
        names.append(f"{len(waiting) - _MOST_NAMES} more")
    who = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    verb = "waits" if len(waiting) == 1 else "wait"
    may_go_on = f", or resume '{gone.name}'" if gone.status != JobStatus.CANCELLED else ""
    return IllegalMoveError(
        f"{who} {verb} for '{gone.name}', which is {gone.status}, so it cannot be deleted.",
        f"Let what waits start without it (`gladius after JOB --none`), or cancel it{may_go_on}.",
    )
