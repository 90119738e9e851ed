"""The index over all runs: one SQLite file that can be rebuilt from the run directories."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.pool import NullPool

from gladius_widgets.core.errors import GladiusError, HomeError, JobNotFoundError
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import ACTIVE, FINAL, JobStatus, is_legal_move
from gladius_widgets.store.registry import file as registry_file
from gladius_widgets.store.registry.claiming import Placer, any_place, claim_next
from gladius_widgets.store.registry.dependents import BLOCKED, Blocker, blocked, let_go
from gladius_widgets.store.registry.filters import SORTABLE, matching, order_of
from gladius_widgets.store.registry.home_errors import has_runs, home_error
from gladius_widgets.store.registry.job import Job, Timing, job_from_row
from gladius_widgets.store.registry.job_record import read_record, write_record
from gladius_widgets.store.registry.positions import new_positions
from gladius_widgets.store.registry.reading import QuietReader
from gladius_widgets.store.registry.reindex import Found
from gladius_widgets.store.registry.schema import jobs

__all__ = ["SORTABLE", "Job", "Registry"]

_LOOK_AGAIN_S = 5.0  # after trouble, the registry itself is not tried for so long


class Registry:
    """Queries and compare-and-set changes on the jobs table.

    Safe to share between threads, and between any number of processes: every call opens its
    own connection, every change is one immediate transaction.

    A home with runs can be read though it cannot be written, or its registry not be opened (see
    `reading`); changes raise HomeError then.

    Attributes:
        trouble: why the registry was read in another way at the last look; None when it was not.

    Raises:
        GladiusError: the home cannot be used (newer version, no folder, nothing there to read).
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.trouble: HomeError | None = None
        self._quiet = QuietReader(home)
        self._quiet_until = float("-inf")
        self._engine = sa.create_engine(
            f"sqlite:///{home.registry}", poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        event.listen(self._engine, "connect", registry_file.prepare_connection)
        try:
            with self._usable():
                registry_file.open_or_create(self._engine, home)
        except HomeError as error:
            if not has_runs(home):
                raise
            self._note_trouble(error)

    def insert(self, before_commit: Callable[[Job], None] | None = None, **values: Any) -> Job:
        """Add a job; `id`, `name` and `created_by` are required.

        Args:
            before_commit: writes the row to the run directory before anybody can see it; if it
                raises, nothing was added.
            values: columns; without a position it goes to the end of the queue.

        Raises:
            GladiusError: there is a job of that id.
        """
        now = time.time()
        row = {"status": JobStatus.QUEUED, "created_at": now, "updated_at": now, **values}
        with self._write() as connection:
            row.setdefault("position", _end_of_queue(connection, now))
            statement = sqlite_insert(jobs).values(row).on_conflict_do_nothing().returning(jobs)
            added = connection.execute(statement).one_or_none()
            if added is None:
                raise GladiusError(f"'{row['id']}' is in the list already.", "Look at it again.")
            job = job_from_row(added)
            if before_commit is not None:
                before_commit(job)
        return job

    def get(self, job_id: str) -> Job | None:
        """The job of that id, or None."""
        found = self._jobs(sa.select(jobs).where(jobs.c.id == job_id))
        return found[0] if found else None

    def resolve(self, ref: str) -> Job:
        """The job that goes by an id, by a unique prefix of one, or by a name.

        Of several jobs with one name, the only one that is not over is meant, else, where all
        are over, the newest.

        Raises:
            JobNotFoundError: none, or more than one.
        """
        exact = self.get(ref)
        if exact is not None:
            return exact
        by_prefix = jobs.c.id.startswith(ref, autoescape=True) if ref else sa.false()
        query = sa.select(jobs).where(sa.or_(by_prefix, jobs.c.name == ref))
        found = self._jobs(query.limit(100))
        named = [job for job in found if job.name == ref]
        candidates = named or found
        open_ones = [job for job in candidates if not job.status.is_final]
        for group in (candidates, open_ones):
            if len(group) == 1:
                return group[0]
        if named and not open_ones:
            return max(named, key=lambda job: job.created_at)
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
            sort: see `filters.order_of`; unknown values come last.
            descending: largest first.
            limit: at most so many.
            offset: leave out so many first.
        """
        query = (
            sa.select(jobs)
            .where(matching(statuses, search, created_by, since, until))
            .order_by(*order_of(sort, descending=descending))
            .limit(limit)
            .offset(offset)
        )
        return self._jobs(query)

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
        condition = matching(statuses, search, created_by, since, until)
        query = sa.select(sa.func.count()).select_from(jobs).where(condition)
        return self._rows(query)[0][0]

    def active(self) -> list[Job]:
        """Jobs whose run directory can bring news: those that hold a slot or are paused."""
        return self.find(statuses=ACTIVE, sort="position", descending=False)

    def queue(self) -> list[Job]:
        """The queued jobs, next one first."""
        return self.find(statuses=[JobStatus.QUEUED], sort="position", descending=False)

    def blocked(self) -> list[tuple[Job, Blocker]]:
        """Queued jobs that would wait for ever, each with one that it waits for."""
        return blocked(self._rows(BLOCKED))

    def retriable(self) -> list[Job]:
        """Jobs that ended badly and that the queue may try again."""
        query = sa.select(jobs).where(
            # Written so that SQLite takes the index that holds few jobs, not that of all failures.
            sa.text("max_attempts > 1 AND +status IN ('failed', 'lost')"),
            jobs.c.retries + 1 < jobs.c.max_attempts,
        )
        return self._jobs(query)

    def creators(self) -> list[str]:
        """Everybody who has submitted a job, by name."""
        query = sa.select(jobs.c.created_by).distinct().order_by(jobs.c.created_by)
        return [row[0] for row in self._rows(query)]

    def timings(self, since: float) -> list[Timing]:
        """When jobs that started or ended after `since` (unix s) came and went, and the oldest."""
        columns = jobs.c.status, jobs.c.created_at, jobs.c.started_at, jobs.c.ended_at
        oldest = sa.select(sa.func.min(jobs.c.created_at)).scalar_subquery()
        lately = jobs.c.started_at >= since, jobs.c.ended_at >= since
        query = sa.select(*columns).where(sa.or_(*lately, jobs.c.created_at == oldest))
        return [Timing(JobStatus(row[0]), *row[1:]) for row in self._rows(query)]

    def claim(
        self, slots: int, place: Placer = any_place, paused: Iterable[str] = ()
    ) -> Job | None:
        """Give the first queued job a slot: at most one caller gets it, at most `slots` run.

        Args:
            slots: jobs that may run at once.
            place: what a job can have now, beside those that hold a slot.
            paused: engines whose jobs do not start.
        """
        with self._write() as connection:
            return claim_next(connection, slots, place, paused, time.time())

    def waits_for_gpus(self) -> bool:
        """Whether a queued job needs GPUs."""
        query = sa.select(jobs.c.id).where(jobs.c.status == JobStatus.QUEUED, jobs.c.gpus > 0)
        return bool(self._rows(query.limit(1)))

    def move(
        self,
        job_id: str,
        from_statuses: Iterable[JobStatus],
        to: JobStatus,
        *,
        observed: bool = False,
        before_commit: Callable[[Job], None] | None = None,
        expected: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> bool:
        """Compare and set: to `to` only if the job is still in one of `from_statuses`.

        Args:
            job_id: which job.
            from_statuses: the states the caller has reasoned about.
            to: the new state; a final one frees the slot, `queued` puts it at the queue's end
                unless it is there already.
            observed: it has already happened in the run directory, so no rule can refuse it.
            before_commit: writes the new row to the run directory while nobody else can move the
                job; if it raises, nothing has changed.
            expected: other columns that the caller has reasoned about, as they were then.
            changes: other columns.

        Returns:
            Whether it happened.

        Raises:
            ValueError: the move is not in `core.states.LEGAL_MOVES`.
        """
        from_statuses = list(from_statuses)
        stays = from_statuses == [to]
        for current in from_statuses:
            if not (observed or stays or is_legal_move(current, to)):
                raise ValueError(f"a job that is {current} cannot become {to}")
        if to in FINAL or to == JobStatus.QUEUED:
            changes |= {"holds_slot": False, "running_since": None, "remaining_s": None}
        now = time.time()
        as_expected = [jobs.c[name] == value for name, value in (expected or {}).items()]
        with self._write() as connection:
            if to == JobStatus.QUEUED and not stays:
                changes.setdefault("position", _end_of_queue(connection, now))
            row = connection.execute(
                jobs.update()
                .where(jobs.c.id == job_id, jobs.c.status.in_(from_statuses), *as_expected)
                .values(status=to, updated_at=now, **changes)
                .returning(jobs)
            ).one_or_none()
            if row is not None and before_commit is not None:
                before_commit(job_from_row(row))
        return row is not None

    def place_before(
        self,
        job_id: str,
        before: str | None,
        *,
        seen_at: float | None = None,
        before_commit: Callable[[Job], None],
    ) -> Job | None:
        """Move a queued job to another place in the queue.

        Args:
            job_id: which job.
            before: the queued job that it shall start before; None = after all others.
            seen_at: the position that the caller saw it at; elsewhere by now, nothing happens.
            before_commit: writes each changed row to its run directory.

        Returns:
            The job as it is now; None when it, or the other one, is not queued any more, or
            somebody else has moved it.
        """
        with self._write() as connection:
            rows = connection.execute(
                sa.select(jobs)
                .where(jobs.c.status == JobStatus.QUEUED)
                .order_by(jobs.c.position, jobs.c.created_at)
            )
            queue = {row.id: job_from_row(row) for row in rows}
            moved = queue.get(job_id)
            if moved is None or (before is not None and before not in queue):
                return None
            if seen_at is not None and moved.position != seen_at:
                return None
            for job, position in new_positions(list(queue.values()), moved, before):
                values = {"position": position, "updated_at": time.time()}
                connection.execute(jobs.update().where(jobs.c.id == job.id).values(values))
                changed = replace(job, **values)
                before_commit(changed)
                moved = changed if job.id == job_id else moved
        return moved

    def remove(
        self, job_id: str, from_statuses: Iterable[JobStatus], before_commit: Callable[[], None]
    ) -> bool:
        """Drop a row, only if the job is still in one of the states and holds no slot.

        What waits for it waits no more, if it has completed.

        Args:
            job_id: which job.
            from_statuses: the states the caller has reasoned about.
            before_commit: moves the run directory away; if it raises, the row stays.

        Returns:
            Whether it happened.

        Raises:
            IllegalMoveError: it has not completed, and others wait for it.
        """
        with self._write() as connection:
            statement = jobs.delete().where(
                jobs.c.id == job_id,
                jobs.c.status.in_(list(from_statuses)),
                jobs.c.holds_slot == sa.false(),
            )
            removed = connection.execute(statement.returning(jobs)).one_or_none()
            if removed is not None:
                let_go(connection, self.home, job_from_row(removed))
                before_commit()
        return removed is not None

    def update(self, job_id: str, **changes: Any) -> None:
        """Set columns without a look at the state (progress, cost)."""
        with self._write() as connection:
            statement = jobs.update().where(jobs.c.id == job_id)
            connection.execute(statement.values(updated_at=time.time(), **changes))

    def reindex(self) -> Found:
        """Rebuild every row from the run directories.

        A row stands in for a job.json that is damaged, which is written anew from it.
        """
        with self._write() as connection:
            before = map(job_from_row, connection.execute(sa.select(jobs)).all())
            known = {job.id: asdict(job) for job in before}
            connection.execute(jobs.delete())
            found = registry_file.fill(connection, self.home, known)
            for job in map(job_from_row, connection.execute(sa.select(jobs)).all()):
                run = self.home.run(job.id)
                if read_record(run) is None:
                    write_record(run, job)
        return found

    def _jobs(self, query: sa.Executable) -> list[Job]:
        return [job_from_row(row) for row in self._rows(query)]

    def _rows(self, query: sa.Executable) -> Sequence[Any]:
        """What a query finds; where the file cannot be opened, in the way that writes nothing."""
        if self.trouble is None or time.monotonic() >= self._quiet_until:
            try:
                with self._usable(), self._engine.connect() as connection:
                    registry_file.wait_briefly(connection)
                    rows = connection.execute(query).all()
            except HomeError as error:
                self._note_trouble(error)
            else:
                self.trouble = None
                return rows
        try:
            return self._quiet.ask(lambda connection: connection.execute(query).all())
        except OSError:  # not even the run directories can be read
            raise self.trouble or home_error(OSError(), self.home) from None

    def _note_trouble(self, error: HomeError) -> None:
        self.trouble = error
        self._quiet_until = time.monotonic() + _LOOK_AGAIN_S

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
            raise self._rebuilt(cause) from error
        except OSError as error:
            raise home_error(error, self.home) from error

    def _rebuilt(self, cause: BaseException) -> GladiusError:
        """Rebuild the file; what to tell of that."""
        try:
            aside = registry_file.rebuild(self._engine, self.home, cause)
        except (OSError, exc.DatabaseError):
            return HomeError(
                f"The registry {self.home.registry} is damaged and cannot be mended now.",
                "Jobs are read from their folders; `gladius reindex` mends it once the home can "
                "be written.",
            )
        return registry_file.rebuilt_error(aside)


def _end_of_queue(connection: sa.Connection, now: float) -> float:
    """A place behind everything queued so far."""
    last = sa.select(sa.func.max(jobs.c.position)).where(jobs.c.status == JobStatus.QUEUED)
    return max(now, (connection.execute(last).scalar_one() or 0.0) + 1.0)
