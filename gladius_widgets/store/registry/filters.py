"""Which jobs a list holds, and what it can be sorted by."""

import time
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.registry.schema import jobs

_COLUMNS = frozenset({"created_by", "created_at", "started_at", "ended_at", "cost", "position"})
SORTABLE = _COLUMNS | {"name", "status", "duration"}


def matching(
    statuses: Iterable[JobStatus] | None,
    search: str | None,
    created_by: str | None,
    since: float | None,
    until: float | None,
) -> sa.ColumnElement[bool]:
    """The condition of a query; `Registry.find` says what each filter means, None = any."""
    conditions: list[sa.ColumnElement[bool]] = []
    if statuses is not None:
        conditions.append(jobs.c.status.in_(list(statuses)))
    if search:
        conditions.append(jobs.c.name.icontains(search, autoescape=True))
    if created_by is not None:
        conditions.append(jobs.c.created_by == created_by)
    if since is not None:
        conditions.append(jobs.c.created_at >= since)
    if until is not None:
        conditions.append(jobs.c.created_at < until)
    return sa.and_(sa.true(), *conditions)


def order_of(sort: str, *, descending: bool) -> list[sa.ColumnElement[Any]]:
    """The clauses of an order: unknown values last, equal ones newest first.

    Args:
        sort: one of `SORTABLE`. A name goes without regard to case, a status by its place in a
            job's life, `duration` is the time on a machine over all attempts until now.
        descending: largest first.

    Raises:
        ValueError: no such order.
    """
    if sort not in SORTABLE:
        raise ValueError(f"cannot sort jobs by {sort!r}")
    value = _value(sort)
    chosen = value.desc() if descending else value.asc()
    return [chosen.nulls_last(), jobs.c.created_at.desc(), jobs.c.id.asc()]


def _value(sort: str) -> sa.ColumnElement[Any]:
    if sort == "name":
        return sa.collate(jobs.c.name, "NOCASE")
    if sort == "status":
        places = {str(status): place for place, status in enumerate(JobStatus)}
        return sa.case(places, value=jobs.c.status)
    if sort == "duration":
        running = sa.func.coalesce(time.time() - jobs.c.running_since, 0.0)
        return sa.case((jobs.c.started_at.is_not(None), jobs.c.ran_s + running), else_=None)
    return jobs.c[sort]
