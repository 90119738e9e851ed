"""What the deletion of a job means to those that wait for it."""

import sqlalchemy as sa

from gladius_widgets.core.errors import IllegalMoveError
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.job import Job, job_from_row
from gladius_widgets.store.job_record import write_record
from gladius_widgets.store.registry_schema import jobs

_MOST_NAMES = 3


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
        f"Cancel what waits first{may_go_on}.",
    )
