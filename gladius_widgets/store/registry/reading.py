"""Reading jobs where the registry cannot be opened in the ordinary way.

SQLite in WAL mode writes beside its file even to read. So on a full disk, on a read-only mount, or
in the home of another user, the file is opened as one that does not change; where that would miss
what the write-ahead log holds, or the file is locked, damaged or not to be read, the rows come
from the run directories, which are the truth anyway.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.pool import NullPool, StaticPool

from gladius_widgets.core.paths import Home
from gladius_widgets.store.registry.reindex import rows_from_runs
from gladius_widgets.store.registry.schema import SCHEMA_VERSION, jobs, metadata

_KEPT_S = 1.0  # so long, rows from the run directories answer further questions
_Answer = TypeVar("_Answer")
Query = Callable[[sa.Connection], _Answer]


class QuietReader:
    """Answers queries on the jobs table without writing a byte. Thread-safe.

    Args:
        home: whose jobs.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._copy: sa.Engine | None = None
        self._copied_at = float("-inf")

    def ask(self, query: Query[_Answer]) -> _Answer:
        """What the query answers.

        Raises:
            OSError: neither the file nor the run directories can be read.
            GladiusError: they were made by a newer version.
        """
        try:
            return self._ask_file(query)
        except (exc.DatabaseError, sqlite3.DatabaseError):
            return self._ask_runs(query)

    def _ask_file(self, query: Query[_Answer]) -> _Answer:
        engine = sa.create_engine(
            "sqlite://", creator=self._open_file, poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            return query(connection)

    def _open_file(self) -> sqlite3.Connection:
        """The file as it is.

        Raises:
            sqlite3.DatabaseError: it is of another version, or cannot be read without writing.
        """
        path = self._home.registry
        log = path.with_name(f"{path.name}-wal")
        # Without a write-ahead log the file is complete, and no lock or shared memory is needed.
        has_log = log.exists() and log.stat().st_size > 0
        mode = "mode=ro" if has_log else "mode=ro&immutable=1"
        connection = sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True, timeout=0.5)
        try:
            _check_version(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _ask_runs(self, query: Query[_Answer]) -> _Answer:
        with self._lock:
            copy = self._copy
            if copy is None or time.monotonic() - self._copied_at > _KEPT_S:
                fresh = self._copy_of_runs()
                if copy is not None:
                    copy.dispose()
                copy = self._copy = fresh
                self._copied_at = time.monotonic()
            with copy.connect() as connection:
                return query(connection)

    def _copy_of_runs(self) -> sa.Engine:
        """A table in memory with a row for every run."""
        next(self._home.runs.iterdir(), None)  # raises where that cannot be read
        rows = rows_from_runs(self._home).rows
        engine = sa.create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        with engine.begin() as connection:
            metadata.create_all(connection)
            if rows:
                connection.execute(jobs.insert(), rows)
        return engine


def _check_version(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"it is of version {version}")
