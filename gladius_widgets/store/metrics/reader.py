"""The reading end of a metric table: any number of readers, none of which writes anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from gladius_widgets.store.metrics.live import Damage, Frame, decode
from gladius_widgets.store.metrics.segments import (
    Listing,
    Segment,
    TableFile,
    is_damage,
    list_table,
)

_ATTEMPTS_AT_A_MOVING_TABLE = 8
_Visit = Callable[[TableFile], None]


@dataclass
class _LiveCursor:
    """How far a live file has been read."""

    offset: int = 0
    schema: pa.Schema | None = None


class MetricReader:
    """Reads one table while it grows.

    `poll` reads only what is new; `read` reads all, whatever was polled. Every page and frame
    is checked; a damaged file is left out and told in `problems`, the rest is given. Renaming
    it is left to the writer: a reader may be wrong about it, or not be allowed to.

    Args:
        directory: the table's folder; may be missing as yet.
        schema: the columns wanted; missing ones are null. By default all that there are.
    """

    def __init__(self, directory: Path, schema: pa.Schema | None = None) -> None:
        self.directory = Path(directory)
        self.schema = schema
        self.problems: list[str] = []
        self._rows_seen: dict[tuple[int, int], int] = {}  # by (attempt, k)
        self._cursors: dict[str, _LiveCursor] = {}
        self._finished: set[str] = set()
        self._damaged: dict[str, tuple[int, int]] = {}  # name → (inode, mtime in ns)
        self._known_holes: frozenset[tuple[int, int]] = frozenset()

    def poll(self) -> pa.Table:
        """Rows not given by an earlier poll, in the order of (attempt, time of writing)."""
        tables: list[pa.Table] = []
        self._visit(lambda file: self._poll_file(file, tables))
        return self._combine(tables)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows; of all columns or of those named."""
        tables: dict[str, pa.Table] = {}

        def visit(file: TableFile) -> None:
            if file.name not in tables or file.is_live:
                tables[file.name] = self._read_file(file, columns)

        files = self._visit(visit)
        return self._combine([tables[f.name] for f in files if f.name in tables], columns)

    # Walking over the files

    def _visit(self, visit: _Visit) -> list[TableFile]:
        """Call `visit` for each effective file, again when files move under our feet."""
        for _ in range(_ATTEMPTS_AT_A_MOVING_TABLE):
            files = self._list().effective(without=self._still_damaged())
            try:
                for file in files:
                    self._visit_one(visit, file)
            except (FileNotFoundError, _SegmentDamagedError):
                continue
            return files
        return []

    def _visit_one(self, visit: _Visit, file: TableFile) -> None:
        try:
            visit(file)
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            if not is_damage(error):
                self._report(f"{file.name} cannot be read: {error}")
                return
            status = (self.directory / file.name).stat()
            self._damaged[file.name] = (status.st_ino, status.st_mtime_ns)
            self._report(f"{file.name} is damaged, its rows are not shown: {error}")
            raise _SegmentDamagedError from error

    def _list(self) -> Listing:
        """The folder's files; once more when a file seems missing, as it may be on the move."""
        listing = list_table(self.directory)
        for file in listing.set_aside:
            self._report(f"{file.name} was damaged and set aside, its rows are not shown.")
        for _ in range(_ATTEMPTS_AT_A_MOVING_TABLE):
            holes = listing.holes()
            if holes <= self._known_holes:
                break
            again = list_table(self.directory)
            if again.holes() == holes and again == listing:
                self._known_holes = holes
            listing = again
        return listing

    def _still_damaged(self) -> list[str]:
        """Damaged files that nobody has replaced since."""
        for name, (inode, mtime_ns) in list(self._damaged.items()):
            try:
                status = (self.directory / name).stat()
            except OSError:
                continue
            if (status.st_ino, status.st_mtime_ns) != (inode, mtime_ns):
                del self._damaged[name]
        return list(self._damaged)

    # One file

    def _poll_file(self, file: TableFile, tables: list[pa.Table]) -> None:
        if file.name in self._finished:
            return
        if file.is_live:
            tables.extend(self._new_live_rows(file))
            return
        with Segment(self.directory, file) as segment:
            unseen = any(
                rows > self._rows_seen.get((file.attempt, k), 0) for k, rows in segment.parts
            )
            table = segment.read(self._wanted()) if unseen else None
        start = 0
        for k, rows in segment.parts:
            seen = self._rows_seen.get((file.attempt, k), 0)
            if table is not None and rows > seen:
                tables.append(table.slice(start + seen, rows - seen))
                self._rows_seen[file.attempt, k] = rows
            start += rows
        self._finished.add(file.name)

    def _new_live_rows(self, file: TableFile) -> list[pa.Table]:
        cursor = self._cursors.setdefault(file.name, _LiveCursor())
        with (self.directory / file.name).open("rb", buffering=0) as stream:
            stream.seek(cursor.offset)
            data = stream.read()
        batches = self._batches(file, data, cursor)
        key = (file.attempt, file.first)
        self._rows_seen[key] = self._rows_seen.get(key, 0) + sum(b.num_rows for b in batches)
        return [pa.Table.from_batches(batches)] if batches else []

    def _read_file(self, file: TableFile, columns: Sequence[str] | None) -> pa.Table:
        if not file.is_live:
            with Segment(self.directory, file) as segment:
                return segment.read(self._wanted() if columns is None else columns)
        data = (self.directory / file.name).read_bytes()
        batches = self._batches(file, data, _LiveCursor())
        if not batches:
            return pa.table({})
        table = pa.Table.from_batches(batches)
        return (
            table
            if columns is None
            else table.select([c for c in columns if c in table.schema.names])
        )

    def _batches(self, file: TableFile, data: bytes, cursor: _LiveCursor) -> list[pa.RecordBatch]:
        """The good batches of `data`, moving the cursor past them."""
        batches = []
        end = 0
        for item in decode(data, cursor.schema):
            if isinstance(item, Damage):
                self._report(f"{file.name}: {item.end - item.start} damaged bytes are left out.")
            elif isinstance(item, Frame):
                cursor.schema = item.schema
                if item.batch is not None:
                    batches.append(item.batch)
            end = item.end
        cursor.offset += end
        return batches

    # Shaping the result

    def _wanted(self) -> list[str] | None:
        return None if self.schema is None else self.schema.names

    def _combine(self, tables: list[pa.Table], columns: Sequence[str] | None = None) -> pa.Table:
        tables = [table for table in tables if table.num_rows]
        schema = self.schema
        if schema is not None and columns is not None:
            schema = pa.schema([schema.field(name) for name in columns])
        if schema is not None:
            tables = [_fit(table, schema) for table in tables]
        if not tables:
            return schema.empty_table() if schema is not None else pa.table({})
        return pa.concat_tables(tables, promote_options="permissive")

    def _report(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


class _SegmentDamagedError(Exception):
    """A segment turned out damaged; what it had replaced may still be there."""


def _fit(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """`table` with exactly the columns of `schema`."""
    if table.schema.equals(schema):
        return table
    columns = []
    for field in schema:
        if field.name not in table.schema.names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table.column(field.name)
        try:
            columns.append(column.cast(field.type, safe=False))
        except pa.ArrowException:
            columns.append(pa.nulls(table.num_rows, field.type))
    return pa.table(columns, schema=schema)
