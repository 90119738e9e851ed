"""The registry's file: opening, upgrading, and what to do when it cannot be used."""

import errno
import fcntl
import logging
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from gladius_widgets.core import private
from gladius_widgets.core.errors import GladiusError, HomeError
from gladius_widgets.core.paths import Home
from gladius_widgets.store.registry import home_errors
from gladius_widgets.store.registry.home_errors import home_error
from gladius_widgets.store.registry.reindex import Found, row_of, rows_from_runs
from gladius_widgets.store.registry.schema import (
    FROM_RUNS,
    MIGRATIONS,
    SCHEMA_VERSION,
    jobs,
    metadata,
)

logger = logging.getLogger(__name__)

BUSY_TIMEOUT_MS = 10_000
READ_TIMEOUT_MS = 2_000  # after that, jobs are read in another way


def prepare_connection(connection: sqlite3.Connection, _record: Any) -> None:
    """Settings of every new connection: readers never wait for a writer, writers wait a while."""
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA synchronous = NORMAL")


def wait_briefly(connection: sa.Connection) -> None:
    """For a reader: whoever holds the file locked against all is not waited for as by a writer."""
    timeout_ms = min(BUSY_TIMEOUT_MS, READ_TIMEOUT_MS)
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {timeout_ms}")


@contextmanager
def immediate(connection: sa.Connection) -> Iterator[None]:
    """A transaction that takes the write lock at its start, so that it never has to give up."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def open_or_create(engine: sa.Engine, home: Home) -> None:
    """Make sure that the file exists, is of our version and in WAL mode.

    Raises:
        GladiusError: it was made by a newer version.
        OSError, sqlalchemy.exc.DatabaseError: the home cannot be written, or the file not used.
    """
    home.make(home.runs)
    private.touch(home.registry)  # SQLite gives its mode to the files beside it
    try:
        _bring_to_version(engine, home)
    except exc.DatabaseError as error:
        if not is_corrupt(error.orig):
            raise
        rebuild(engine, home, error.orig)


def _bring_to_version(engine: sa.Engine, home: Home) -> None:
    with engine.connect() as connection:
        wait_briefly(connection)
        version = _version(connection)
        if version == SCHEMA_VERSION:
            return
        _refuse_newer(version, home)
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        with immediate(connection):
            version = _version(connection)  # another process may have been first
            if version == 0:
                _create(connection, home)
            else:
                _upgrade(connection, home, version)
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _upgrade(connection: sa.Connection, home: Home, version: int) -> None:
    """Bring an older table to the newest; what its new columns hold is in the run directories."""
    for step in range(version + 1, SCHEMA_VERSION + 1):
        for statement in MIGRATIONS[step]:
            connection.exec_driver_sql(statement)
    for job_id in connection.execute(sa.select(jobs.c.id)).scalars().all():
        if new := _facts(home, job_id):
            connection.execute(jobs.update().where(jobs.c.id == job_id).values(new))


def _facts(home: Home, job_id: str) -> dict[str, Any]:
    """What the run directory says of the columns that an upgrade fills; nothing if it cannot."""
    try:
        row = row_of(home.run(job_id), home) or {}
    except (ValueError, GladiusError):
        return {}
    return {name: row[name] for name in FROM_RUNS if name in row}


def rebuild(engine: sa.Engine, home: Home, cause: BaseException | None) -> Path | None:
    """Move a damaged file aside and index the run directories anew.

    Of several processes that notice at once, one does it and the others find it done.

    Args:
        engine: opens the file.
        home: whose.
        cause: what SQLite said.

    Returns:
        The old file's place; None when there was none, or nothing in it.
    """
    with _rebuild_lock(home):
        aside = sorted(home.root.glob("registry.damaged-*.sqlite"))
        was_empty = "no such table" in str(cause)
        if was_empty:  # whoever opens a file that is not there makes an empty one of it
            with suppress(exc.DatabaseError):  # damaged besides
                _bring_to_version(engine, home)
        if (aside or was_empty) and _is_sound(home):
            return aside[-1] if aside else None
        target = _place_aside(home)
        for suffix in ("-wal", "-shm"):
            companion = Path(f"{home.registry}{suffix}")
            if companion.exists():
                companion.replace(f"{target}{suffix}")
        home.registry.replace(target)
        _bring_to_version(engine, home)
    return target


def rebuilt_error(aside: Path | None) -> GladiusError:
    """What `rebuild` has done in the middle of something."""
    was = "gone" if aside is None else "damaged"
    old = "" if aside is None else f"; the old file is {aside}"
    return GladiusError(
        f"The registry was {was} and has been rebuilt from the run directories{old}.",
        "Repeat what you were doing.",
    )


def is_corrupt(error: BaseException | None) -> bool:
    """Whether SQLite says that the file is no (whole) database, or not one of ours."""
    text = str(error).lower()
    marks = ("not a database", "malformed", "no such table", "no such column", "corrupt")
    return isinstance(error, sqlite3.DatabaseError) and any(mark in text for mark in marks)


def as_sentence(error: BaseException, home: Home) -> GladiusError:
    """What SQLite's error means to a user: a HomeError where jobs can be read all the same."""
    text = str(error).lower()
    if "locked" in text or "busy" in text:
        return HomeError(
            f"The registry {home.registry} is locked by another program.",
            "Close programs that hold it open (`fuser` names them) and try again.",
        )
    if home.registry.is_dir():
        return GladiusError(
            f"{home.registry} is a folder; the registry's file belongs there.",
            "Move the folder away, or name another home with --home or GLADIUS_HOME.",
        )
    # SQLite says the same of a full disk, of one that fails, and of a home that it cannot write.
    refused = any(mark in text for mark in ("readonly", "unable to open", "disk i/o"))
    if refused and (look_only := home_errors.look_only_error(home)):
        return look_only
    if "full" in text or (refused and home_errors.is_full(home)):
        return home_errors.full_error(home)
    if "readonly" in text or "unable to open" in text:
        return home_error(OSError(errno.EACCES, text), home)
    return HomeError(f"The registry {home.registry} cannot be used: {error}.", "Try again.")


def newer_version_error(home: Home) -> GladiusError:
    """The home belongs to a version that this one does not understand."""
    return GladiusError(
        f"The home {home.root} was made by a newer version of gladius.",
        "Upgrade gladius-widgets, or name another home with --home.",
    )


def _version(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _refuse_newer(version: int, home: Home) -> None:
    if version > SCHEMA_VERSION:
        raise newer_version_error(home)


def _create(connection: sa.Connection, home: Home) -> None:
    """An empty table, or, where runs are there already, one filled from them."""
    metadata.create_all(connection)
    for problem in fill(connection, home).problems:
        logger.warning(problem)  # nobody asked for this, so nobody is there to be told


def fill(
    connection: sa.Connection, home: Home, known: Mapping[str, Mapping[str, Any]] | None = None
) -> Found:
    """Put a row for every run into the empty table; `known` as in `rows_from_runs`."""
    found = rows_from_runs(home, known)
    if found.rows:
        connection.execute(jobs.insert(), found.rows)
    return found


def _place_aside(home: Home) -> Path:
    """A name that no older one has, and that sorts behind them."""
    while True:
        seconds, rest = divmod(time.time_ns(), 10**9)
        moment = time.strftime("%Y%m%d-%H%M%S", time.localtime(seconds))
        place = home.root / f"registry.damaged-{moment}-{rest:09d}.sqlite"
        if not place.exists():
            return place


def _is_sound(home: Home) -> bool:
    try:
        with closing(sqlite3.connect(home.registry)) as connection:
            connection.execute("SELECT COUNT(*) FROM jobs").fetchone()
            return connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    except sqlite3.DatabaseError:
        return False


@contextmanager
def _rebuild_lock(home: Home) -> Iterator[None]:
    with private.open_file(home.root / "registry.lock", "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
