"""A metric table as one file for other tools."""

import errno
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from gladius_widgets.core.atomic import discard
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.text.suggest import did_you_mean
from gladius_widgets.core.write_errors import cannot_write
from gladius_widgets.store.metrics.branches import newest_attempt
from gladius_widgets.store.metrics.reader import MetricReader
from gladius_widgets.store.metrics.schemas import TABLES

_BATCH_ROWS = 8192


@dataclass(frozen=True)
class Exported:
    """What came of an export: rows written, and one sentence for each damaged file left out."""

    rows: int
    problems: list[str]


def export(
    run: RunDirectory,
    table: str,
    format: str,  # noqa: A002  # the word that users type
    out: Path,
    *,
    newest_only: bool = False,
) -> Exported:
    """Write a table of a run to one file, replacing it only once it is whole.

    Columns are the table's, in order, then any that the run added. Missing values are empty in
    CSV and null in JSON, which is a list of objects; lists are JSON text in CSV.

    Args:
        run: the run.
        table: train, validation, system or experts.
        format: csv, json or parquet.
        out: the file to write.
        newest_only: leave out rows that a later attempt has done again.

    Returns:
        How many rows were written, and what could not be read.

    Raises:
        GladiusError: no such table or format, or `out` cannot be written.
    """
    if table not in TABLES:
        raise GladiusError(f"There is no table '{table}'.", did_you_mean(table, TABLES))
    if format not in _WRITERS:
        raise GladiusError(f"There is no format '{format}'.", did_you_mean(format, _WRITERS))
    rows, problems = _rows(run, table)
    if newest_only:
        rows = newest_attempt(rows)
    out = Path(out)
    # Its name is as short as that of any file that the folder can hold.
    temporary = out.absolute().parent / f".{secrets.token_hex(4)}.tmp"
    try:
        if out.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        _WRITERS[format](rows, temporary)
        temporary.replace(out)
    except OSError as error:
        discard(temporary)
        raise cannot_write(out, error) from None
    return Exported(rows.num_rows, problems)


def _rows(run: RunDirectory, table: str) -> tuple[pa.Table, list[str]]:
    """All rows, the table's own columns first, even when there are no rows."""
    reader = MetricReader(run.table(table))
    rows = reader.read()
    schema = TABLES[table]
    for field in schema:
        if field.name not in rows.schema.names:
            rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
    extra = [name for name in rows.schema.names if name not in schema.names]
    return rows.select([*schema.names, *extra]), reader.problems


def _write_csv(rows: pa.Table, path: Path) -> None:
    for index, field in enumerate(rows.schema):
        if pa.types.is_list(field.type):
            texts = [None if v is None else orjson.dumps(v).decode() for v in _values(rows, index)]
            rows = rows.set_column(index, field.name, pa.array(texts, pa.string()))
    csv.write_csv(rows, path)


def _write_json(rows: pa.Table, path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"[")
        separator = b"\n"
        for batch in rows.to_batches(max_chunksize=_BATCH_ROWS):
            for row in batch.to_pylist():
                file.write(separator + orjson.dumps(row))  # NaN becomes null
                separator = b",\n"
        file.write(b"\n]\n")


def _write_parquet(rows: pa.Table, path: Path) -> None:
    pq.write_table(rows, path, compression="zstd", write_page_checksum=True)


def _values(rows: pa.Table, index: int) -> list[list[float] | None]:
    return rows.column(index).to_pylist()


_WRITERS = {"csv": _write_csv, "json": _write_json, "parquet": _write_parquet}
