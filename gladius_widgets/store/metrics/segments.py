"""Names of a table's files, and reading and writing Parquet segments.

live-<attempt>-<k>.arrows               growing, of one writer
seg-<attempt>-<k>.parquet               the same rows, rolled
seg-<attempt>-<k>-<last k>.parquet      several of them, compacted
_<name>.bad                             damaged, set aside by the writer
"""

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from gladius_widgets.core.atomic import fsync_directory

_LIVE = re.compile(r"live-(\d+)-(\d+)\.arrows")
_SEGMENT = re.compile(r"seg-(\d+)-(\d+)(?:-(\d+))?\.parquet")
_BAD = re.compile(r"_(.+)\.bad")
_PARTS = b"gladius.parts"
_ROW_GROUP_ROWS = 65_536

Parts = list[tuple[int, int]]  # (k, rows) of each live file that a segment holds, in order


@dataclass(frozen=True)
class TableFile:
    """A live file or segment of a table, by its name."""

    name: str
    attempt: int
    first: int
    last: int
    is_live: bool

    @classmethod
    def parse(cls, name: str) -> "TableFile | None":
        """None when the name is not one of ours."""
        if match := _LIVE.fullmatch(name):
            attempt, k = int(match[1]), int(match[2])
            return cls(name, attempt, k, k, is_live=True)
        if match := _SEGMENT.fullmatch(name):
            first = int(match[2])
            last = int(match[3]) if match[3] else first
            return cls(name, int(match[1]), first, last, is_live=False)
        return None


@dataclass(frozen=True)
class Listing:
    """What a table's folder holds at one moment."""

    files: tuple[TableFile, ...]
    set_aside: tuple[TableFile, ...]

    def next_k(self, attempt: int) -> int:
        """The first number that this attempt has not used."""
        used = (f.last for f in (*self.files, *self.set_aside) if f.attempt == attempt)
        return max(used, default=-1) + 1

    def effective(self, without: Iterable[str] = ()) -> list[TableFile]:
        """The files that hold each row once, in row order.

        A segment hides the live file and the smaller segments that it was made from, unless it
        is among `without` (files known to be damaged).
        """
        skip = set(without)
        usable = [f for f in self.files if f.name not in skip]
        result: list[TableFile] = []
        for file in sorted(usable, key=lambda f: (f.attempt, f.first, -f.last, f.is_live)):
            newest = result[-1] if result else None
            if newest and newest.attempt == file.attempt and file.last <= newest.last:
                continue
            result.append(file)
        return result

    def holes(self) -> frozenset[tuple[int, int]]:
        """(attempt, k) that no file covers though a later one exists."""
        covered: dict[int, set[int]] = {}
        for file in (*self.files, *self.set_aside):
            covered.setdefault(file.attempt, set()).update(range(file.first, file.last + 1))
        return frozenset(
            (attempt, k) for attempt, ks in covered.items() for k in set(range(max(ks))) - ks
        )


def list_table(directory: Path) -> Listing:
    """The table's files now; empty when the folder is missing."""
    try:
        names = [entry.name for entry in directory.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        names = []
    parsed = (TableFile.parse(name) for name in names)
    bad = (TableFile.parse(match[1]) for name in names if (match := _BAD.fullmatch(name)))
    return Listing(tuple(f for f in parsed if f), tuple(f for f in bad if f))


def segment_name(attempt: int, first: int, last: int) -> str:
    """File name of the segment that holds live files `first` to `last` of an attempt."""
    middle = f"{first}" if first == last else f"{first}-{last}"
    return f"seg-{attempt}-{middle}.parquet"


def write_segment(directory: Path, name: str, table: pa.Table, parts: Parts) -> None:
    """Write a segment under a temporary name, fsync, rename, fsync the folder.

    Raises:
        OSError: it could not be written; no trace of it is left.
    """
    metadata = {_PARTS: json.dumps(parts).encode()}
    temporary = directory / f".{name}.{os.getpid()}.tmp"
    try:
        with temporary.open("wb") as file:
            pq.write_table(
                table.replace_schema_metadata(metadata),
                file,
                row_group_size=_ROW_GROUP_ROWS,
                compression="zstd",
                use_dictionary=False,
                write_page_checksum=True,
            )
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(directory / name)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_directory(directory)


class Segment:
    """An open Parquet segment; page checksums are verified on read.

    Raises:
        FileNotFoundError: it was compacted away; list the folder again.
        pa.ArrowException, OSError: it is damaged (no errno) or cannot be read (errno).
    """

    def __init__(self, directory: Path, file: TableFile) -> None:
        source = pa.OSFile(str(directory / file.name))
        self._parquet = pq.ParquetFile(source, page_checksum_verification=True)
        self.rows = self._parquet.metadata.num_rows
        self.parts = self._read_parts(file)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows, of all or of those `columns` that it has."""
        if columns is not None:
            known = set(self._parquet.schema_arrow.names)
            columns = [name for name in columns if name in known]
        return self._parquet.read(columns=columns).replace_schema_metadata()

    def close(self) -> None:
        """Close the file."""
        self._parquet.close(force=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_parts(self, file: TableFile) -> Parts:
        text = (self._parquet.metadata.metadata or {}).get(_PARTS)
        parts = [(int(k), int(rows)) for k, rows in json.loads(text)] if text else []
        if sum(rows for _, rows in parts) != self.rows:
            return [(file.first, self.rows)]
        return parts


def is_damage(error: BaseException) -> bool:
    """Whether an error of reading a segment tells of its content, not of the system."""
    return getattr(error, "errno", None) is None and not isinstance(error, MemoryError)
