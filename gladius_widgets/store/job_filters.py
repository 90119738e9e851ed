"""Which jobs a list holds."""

from collections.abc import Iterable

import sqlalchemy as sa

from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.registry_schema import jobs


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
