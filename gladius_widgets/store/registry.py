"""The index over all runs: one SQLite file that can be rebuilt from the run directories."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.pool import NullPool

from gladius_widgets.core.errors import GladiusError, JobNotFoundError
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import FINAL, JobStatus, is_legal_move
from gladius_widgets.store import registry_file, reindex
from gladius_widgets.store.registry_schema import CLAIM, jobs

SORTABLE = frozenset(
    {"name", "status", "created_by", "created_at", "started_at", "ended_at", "cost", "position"}
)


@dataclass(frozen=True)
class Job:
    """One row of the registry. Times in unix s, cost in `currency`; unknown is None."""

    id: str
    name: str
    status: JobStatus
    created_by: str
    created_at: float
    started_at: float | None
    ended_at: float | None
    position: float
    attempt: int
    claimed_at: float | None
    holds_slot: bool
    step: int
    total_steps: int | None
    cost: float | None
    currency: str
    hourly_rate: float | None
    gpus: int
    config_line: str
    engine: str
    error: dict[str, Any] | None
    updated_at: float

    @property
    def progress(self) -> float | None:
        """Steps done of all steps, 0 to 1; None when the total is not known yet."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else None


class Registry:
    """Queries and compare-and-set changes on the jobs table.

    Safe to share between threads, and between any number of processes: every call opens its
    own connection, every change is one immediate transaction.

    Raises:
        GladiusError: the home cannot be used (newer version, read-only, locked, disk full).
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self._engine = sa.create_engine(
            f"sqlite:///{home.registry}", poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        event.listen(self._engine, "connect", registry_file.prepare_connection)
        with self._usable():
            registry_file.open_or_create(self._engine, home)

    def insert(self, **values: Any) -> Job:
        """Add a job at the end of the queue; `id`, `name` and `created_by` are required."""
        now = time.time()
        row = {"status": JobStatus.QUEUED, "created_at": now, "updated_at": now, **values}
        last = sa.select(sa.func.coalesce(sa.func.max(jobs.c.position), 0) + 1).scalar_subquery()
        row.setdefault("position", last)
        with self._write() as connection:
            return _job(connection.execute(jobs.insert().values(row).returning(jobs)).one())

    def get(self, job_id: str) -> Job | None:
        """The job of that id, or None."""
        with self._read() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).one_or_none()
        return _job(row) if row is not None else None

    def resolve(self, ref: str) -> Job:
        """The job that goes by an id, by a unique prefix of one, or by a name.

        Of several jobs with one name, the only one that is not over is meant.

        Raises:
            JobNotFoundError: none, or more than one.
        """
        exact = self.get(ref)
        if exact is not None:
            return exact
        by_prefix = jobs.c.id.startswith(ref, autoescape=True) if ref else sa.false()
        query = sa.select(jobs).where(sa.or_(by_prefix, jobs.c.name == ref))
        with self._read() as connection:
            found = [_job(row) for row in connection.execute(query.limit(100))]
        named = [job for job in found if job.name == ref]
        candidates = named or found
        open_ones = [job for job in candidates if not job.status.is_final]
        for group in (candidates, open_ones):
            if len(group) == 1:
                return group[0]
        if not found:
            raise JobNotFoundError(f"There is no job '{ref}'.", "`gladius jobs` lists them.")
        shown = ", ".join(sorted(job.id for job in candidates)[:5])
        raise JobNotFoundError(
            f"'{ref}' means {len(candidates)} jobs: {shown}.", "Use the id of one of them."
        )

    def find(
        self,
        *,
        statuses: Iterable[JobStatus] | None = None,
        search: str | None = None,
        created_by: str | None = None,
        since: float | None = None,
        until: float | None = None,
        sort: str = "created_at",
        descending: bool = True,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Job]:
        """Jobs that match every filter given, one page of them.

        Args:
            statuses: any of these.
            search: part of the name, any case.
            created_by: this user.
            since: created at or after (unix s).
            until: created before (unix s).
            sort: one of `SORTABLE`; unknown values come last.
            descending: largest first.
            limit: at most so many.
            offset: leave out so many first.
        """
        if sort not in SORTABLE:
            raise ValueError(f"cannot sort jobs by {sort!r}")
        column = jobs.c[sort]
        order = column.desc() if descending else column.asc()
        query = (
            sa.select(jobs)
            .where(_matches(statuses, search, created_by, since, until))
            .order_by(order.nulls_last(), jobs.c.created_at.desc(), jobs.c.id)
            .limit(limit)
            .offset(offset)
        )
        with self._read() as connection:
            return [_job(row) for row in connection.execute(query)]

    def count(
        self,
        *,
        statuses: Iterable[JobStatus] | None = None,
        search: str | None = None,
        created_by: str | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> int:
        """How many jobs match; the filters of `find`."""
        condition = _matches(statuses, search, created_by, since, until)
        with self._read() as connection:
            query = sa.select(sa.func.count()).select_from(jobs).where(condition)
            return connection.execute(query).scalar_one()

    def unsettled(self) -> list[Job]:
        """Jobs whose story goes on: queued ones and those that hold a slot or are paused."""
        return self.find(
            statuses=[s for s in JobStatus if s not in FINAL], sort="position", descending=False
        )

    def claim(self, slots: int) -> Job | None:
        """Give the first queued job a slot: at most one caller gets it, at most `slots` run."""
        with self._write() as connection:
            row = connection.execute(CLAIM, {"now": time.time(), "slots": slots}).one_or_none()
        return _job(row) if row is not None else None

    def move(
        self,
        job_id: str,
        from_statuses: Iterable[JobStatus],
        to: JobStatus,
        *,
        observed: bool = False,
        before_commit: Callable[[], None] | None = None,
        **changes: Any,
    ) -> bool:
        """Compare and set: to `to` only if the job is still in one of `from_statuses`.

        Args:
            job_id: which job.
            from_statuses: the states the caller has reasoned about.
            to: the new state; a final one frees the slot.
            observed: it has already happened in the run directory, so no rule can refuse it.
            before_commit: writes the same to the run directory while nobody else can move the
                job; if it raises, nothing has changed.
            changes: other columns.

        Returns:
            Whether it happened.

        Raises:
            ValueError: the move is not in `core.states.LEGAL_MOVES`.
        """
        from_statuses = list(from_statuses)
        for current in from_statuses:
            if not observed and not is_legal_move(current, to):
                raise ValueError(f"a job that is {current} cannot become {to}")
        if to in FINAL or to == JobStatus.QUEUED:
            changes.setdefault("holds_slot", False)
        with self._write() as connection:
            statement = (
                jobs.update()
                .where(jobs.c.id == job_id, jobs.c.status.in_(from_statuses))
                .values(status=to, updated_at=time.time(), **changes)
            )
            moved = connection.execute(statement).rowcount == 1
            if moved and before_commit is not None:
                before_commit()
        return moved

    def update(self, job_id: str, **changes: Any) -> None:
        """Set columns without a look at the state (progress, cost)."""
        with self._write() as connection:
            statement = jobs.update().where(jobs.c.id == job_id)
            connection.execute(statement.values(updated_at=time.time(), **changes))

    def last_position(self) -> float:
        """The place behind everything queued so far."""
        with self._read() as connection:
            query = sa.select(sa.func.coalesce(sa.func.max(jobs.c.position), 0))
            return float(connection.execute(query).scalar_one()) + 1

    def reindex(self) -> int:
        """Rebuild every row from the run directories alone; returns how many there are."""
        rows = reindex.rows_from_runs(self.home)
        with self._write() as connection:
            connection.execute(jobs.delete())
            if rows:
                connection.execute(jobs.insert(), rows)
        return len(rows)

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with self._usable(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with (
            self._usable(),
            self._engine.connect() as connection,
            registry_file.immediate(connection),
        ):
            yield connection

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Turn SQLite's errors into sentences; a broken file is rebuilt for the next call."""
        try:
            yield
        except (exc.DatabaseError, sqlite3.DatabaseError) as error:
            cause = getattr(error, "orig", None) or error
            if not registry_file.is_corrupt(cause):
                raise registry_file.as_sentence(cause, self.home) from error
            aside = registry_file.rebuild(self._engine, self.home)
            raise GladiusError(
                f"The registry was damaged and has been rebuilt from the run directories; the "
                f"old file is {aside}.",
                "Repeat what you were doing.",
            ) from error
        except OSError as error:
            raise registry_file.home_error(error, self.home) from error


def _matches(
    statuses: Iterable[JobStatus] | None,
    search: str | None,
    created_by: str | None,
    since: float | None,
    until: float | None,
) -> sa.ColumnElement[bool]:
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


_FIELDS = tuple(field.name for field in fields(Job))


def _job(row: Any) -> Job:
    values = {name: getattr(row, name) for name in _FIELDS}
    values["status"] = JobStatus(values["status"])
    return Job(**values)
