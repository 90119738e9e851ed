"""The reading end of a metric table: any number of readers, none of which writes anything."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from gladius_widgets.core.text.suggest import did_you_mean
from gladius_widgets.store.metrics.live import Damage, decode
from gladius_widgets.store.metrics.segments import (
    DamagedError,
    Listing,
    Segment,
    TableFile,
    list_table,
    segment_name,
)

_TRIES_AT_A_MOVING_TABLE = 8
_Visit = Callable[[TableFile], None]


@dataclass
class _LiveCursor:
    """How far a live file has been read."""

    offset: int = 0
    schema: pa.Schema | None = None


class MetricReader:
    """Reads one table while it grows.

    `poll` reads only what is new; `read` reads all, whatever was polled. Every page and frame
    is checked; a file that is damaged, missing or not to be read is left out and told in
    `problems`, the rest is given. Renaming it is left to the writer: a reader may be wrong about
    it, or not be allowed to.

    Not thread-safe: one reader per thread.

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
        """Rows not given by an earlier poll, in the order of attempt and writing."""
        tables: list[pa.Table] = []
        files = self._visit(lambda file: self._poll_file(file, tables))
        names = {file.name for file in files}
        self._finished &= names
        self._cursors = {name: c for name, c in self._cursors.items() if name in names}
        return _combine(tables, self.schema)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows; of all columns or of those named.

        Raises:
            KeyError: a column that the reader's schema lacks.
        """
        schema = self.schema
        if schema is not None and columns is not None:
            for name in columns:
                if name not in schema.names:
                    raise KeyError(f"no column '{name}'. {did_you_mean(name, schema.names)}")
            schema = pa.schema([schema.field(name) for name in columns])
        wanted = columns if schema is None else schema.names
        tables: dict[str, pa.Table] = {}

        def visit(file: TableFile) -> None:
            if file.is_live or file.name not in tables:
                tables[file.name] = self._read_file(file, wanted)

        files = self._visit(visit)
        return _combine([tables[f.name] for f in files if f.name in tables], schema)

    # Walking over the files

    def _visit(self, visit: _Visit) -> list[TableFile]:
        """Call `visit` for each effective file; again when files move under our feet."""
        moves = 0
        while True:
            files = self._list().effective(without=self._still_damaged())
            try:
                for file in files:
                    self._visit_one(visit, file)
            except FileNotFoundError:
                moves += 1
                if moves < _TRIES_AT_A_MOVING_TABLE:
                    continue
            except DamagedError:
                continue  # without it: what it had replaced may still be there
            return files

    def _visit_one(self, visit: _Visit, file: TableFile) -> None:
        try:
            visit(file)
        except DamagedError as error:
            status = (self.directory / file.name).stat()
            self._damaged[file.name] = (status.st_ino, status.st_mtime_ns)
            self._report(f"{file.name} is damaged, its rows are not shown: {error}")
            raise
        except FileNotFoundError:
            if not (self.directory / file.name).is_symlink():
                raise  # rolled or merged meanwhile: the next listing shows what is in its place
            self._report(f"{file.name} is a link to nothing, its rows are not shown.")
        except OSError as error:
            self._report(f"{file.name} cannot be read now: {error}")

    def _list(self) -> Listing:
        """The folder's files; looked at again when one seems missing, as it may be on the move."""
        listing = list_table(self.directory)
        for file in listing.set_aside:
            self._report(f"{file.name} was damaged; what could be saved of it is shown.")
        for _ in range(_TRIES_AT_A_MOVING_TABLE):
            holes = listing.holes()
            if holes <= self._known_holes:
                break
            again = list_table(self.directory)
            if again == listing:
                self._known_holes = holes
                self._report_holes(holes)
            listing = again
        return listing

    def _report_holes(self, holes: frozenset[tuple[int, int]]) -> None:
        for attempt in sorted({attempt for attempt, _ in holes}):
            names = [segment_name(attempt, k, k) for a, k in sorted(holes) if a == attempt]
            named = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")
            self._report(f"Missing with the rows held there: {named}.")

    def _still_damaged(self) -> list[str]:
        """Damaged files that nobody has replaced since."""
        for name, identity in list(self._damaged.items()):
            try:
                status = (self.directory / name).stat()
            except OSError:
                continue
            if (status.st_ino, status.st_mtime_ns) != identity:
                del self._damaged[name]
        return list(self._damaged)

    # One file

    def _poll_file(self, file: TableFile, tables: list[pa.Table]) -> None:
        if file.is_live:
            self._poll_live(file, tables)
        elif file.name not in self._finished:
            self._poll_segment(file, tables)
            self._finished.add(file.name)

    def _poll_segment(self, file: TableFile, tables: list[pa.Table]) -> None:
        seen = self._rows_seen
        with Segment(self.directory, file) as segment:
            unseen = [k for k, rows in segment.parts if rows > seen.get((file.attempt, k), 0)]
            if not unseen:
                return
            table = segment.read(self._wanted())
        start = 0
        for k, rows in segment.parts:
            already = seen.get((file.attempt, k), 0)
            if rows > already:
                tables.append(table.slice(start + already, rows - already))
                seen[file.attempt, k] = rows
            start += rows

    def _poll_live(self, file: TableFile, tables: list[pa.Table]) -> None:
        cursor = self._cursors.setdefault(file.name, _LiveCursor())
        with (self.directory / file.name).open("rb", buffering=0) as stream:
            stream.seek(cursor.offset)
            batches = self._batches(file, stream.read(), cursor)
        if batches:
            table = pa.Table.from_batches(batches)
            key = (file.attempt, file.first)
            self._rows_seen[key] = self._rows_seen.get(key, 0) + table.num_rows
            tables.append(table)

    def _read_file(self, file: TableFile, columns: Sequence[str] | None) -> pa.Table:
        if not file.is_live:
            with Segment(self.directory, file) as segment:
                return segment.read(columns)
        data = (self.directory / file.name).read_bytes()
        batches = self._batches(file, data, _LiveCursor())
        table = pa.Table.from_batches(batches) if batches else pa.table({})
        if columns is None:
            return table
        return table.select([name for name in columns if name in table.schema.names])

    def _batches(self, file: TableFile, data: bytes, cursor: _LiveCursor) -> list[pa.RecordBatch]:
        """The good batches of `data`, moving the cursor past them."""
        batches: list[pa.RecordBatch] = []
        start = cursor.offset
        for item in decode(data, cursor.schema):
            if isinstance(item, Damage):
                where = start + item.start
                self._report(f"{file.name}: damaged from byte {where}, some rows are not shown.")
            elif item.batch is not None:
                batches.append(item.batch)
                cursor.schema, cursor.offset = item.schema, start + item.end
        return batches

    def _wanted(self) -> list[str] | None:
        return None if self.schema is None else self.schema.names

    def _report(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _combine(tables: list[pa.Table], schema: pa.Schema | None) -> pa.Table:
    """One table of `schema`, by default of all columns, the newest type of each."""
    tables = [table for table in tables if table.num_rows]
    if schema is None:
        fields = {field.name: field for table in tables for field in table.schema}
        schema = pa.schema(list(fields.values()))
    if not tables:
        return pa.Table.from_batches([], schema=schema)
    return pa.concat_tables([_fit(table, schema) for table in tables])


def _fit(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """`table` with exactly the columns of `schema`; null where it has none such."""
    if table.schema.equals(schema):
        return table
    columns = []
    for field in schema:
        column = pa.nulls(table.num_rows, field.type)
        if field.name in table.schema.names:
            found = table.column(field.name)
            with contextlib.suppress(pa.ArrowException):  # text where a number is now, say
                same = found.type == field.type
                column = found if same else found.cast(field.type, safe=False)
        columns.append(column)
    return pa.table(columns, schema=schema)
