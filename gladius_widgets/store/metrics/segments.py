"""Names of a table's files, and reading and writing Parquet segments.

live-<attempt>-<k>.arrows               growing, of one writer
seg-<attempt>-<k>.parquet               the same rows, rolled
seg-<attempt>-<k>-<last k>.parquet      several of them, compacted
_<name>.bad                             damaged, set aside by the writer
"""

import contextlib
import json
import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from gladius_widgets.core.atomic import discard, fsync_directory

_LIVE = re.compile(r"live-(\d+)-(\d+)\.arrows")
_SEGMENT = re.compile(r"seg-(\d+)-(\d+)(?:-(\d+))?\.parquet")
_BAD = re.compile(r"_(.+)\.bad")
_PARTS = b"gladius.parts"
_ROW_GROUP_ROWS = 65_536
_END = struct.Struct("<I4s")  # of every Parquet file: footer length, magic
_SEAL = struct.Struct("<4sI")  # ours, between pages and footer, where no reader looks
_SEAL_MARK = b"gldw"

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

    def covers(self, other: "TableFile") -> bool:
        """Whether the rows of `other` are among this file's."""
        return self.attempt == other.attempt and self.first <= other.first <= self.last


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
            if not result or not result[-1].covers(file):
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
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata(metadata),
        sink,
        row_group_size=_ROW_GROUP_ROWS,
        compression="zstd",
        use_dictionary=False,
        write_page_checksum=True,
    )
    data = sink.getvalue()
    footer = _footer_start(data.slice(data.size - _END.size), data.size)
    temporary = directory / f".{name}.{os.getpid()}.tmp"
    try:
        with temporary.open("wb") as file:
            file.write(data.slice(0, footer))
            file.write(_SEAL.pack(_SEAL_MARK, zlib.crc32(data.slice(footer))))
            file.write(data.slice(footer))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(directory / name)
    except BaseException:
        discard(temporary)
        raise
    fsync_directory(directory)


class DamagedError(Exception):
    """A segment's bytes are not what was written."""


class Segment:
    """An open Parquet segment; page checksums are verified on read.

    Raises:
        FileNotFoundError: it was compacted away; list the folder again.
        OSError: the system cannot read it now.
        DamagedError: its bytes are not what was written.
    """

    def __init__(self, directory: Path, file: TableFile) -> None:
        source = pa.OSFile(str(directory / file.name))
        with _telling_damage():
            _check_seal(source)
            self._parquet = pq.ParquetFile(source, page_checksum_verification=True)
            self.rows = self._parquet.metadata.num_rows
            self.schema = self._parquet.schema_arrow.remove_metadata()
            self.parts = self._read_parts(file)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows, of all or of those `columns` that it has."""
        if columns is not None:
            columns = [name for name in columns if name in self.schema.names]
        with _telling_damage():
            table = self._parquet.read(columns=columns).replace_schema_metadata()
            table.validate()
        return table

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
            raise DamagedError("its list of parts does not fit its rows")
        return parts


def _check_seal(source: pa.NativeFile) -> None:
    """Compare the footer with the checksum kept before it: Parquet's own cover only pages."""
    size = source.size()
    if size < _SEAL.size + _END.size:
        raise DamagedError("it is too short")
    source.seek(size - _END.size)
    footer = _footer_start(source.read(_END.size), size)
    if not _SEAL.size <= footer < size:
        raise DamagedError("it has no end")
    source.seek(footer - _SEAL.size)
    mark, crc = _SEAL.unpack(source.read(_SEAL.size))
    if mark != _SEAL_MARK or crc != zlib.crc32(source.read(size - footer)):
        raise DamagedError("its footer has changed")
    source.seek(0)


def _footer_start(end: bytes | pa.Buffer, size: int) -> int:
    """Where a Parquet file's footer starts, from the file's last bytes and size."""
    return size - _END.size - _END.unpack(end)[0]


@contextlib.contextmanager
def _telling_damage() -> Iterator[None]:
    """Errors of content as DamagedError; those of the system (with an errno) as they are."""
    try:
        yield
    except MemoryError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise DamagedError(str(error)) from error
    except (pa.ArrowException, ValueError, TypeError, KeyError) as error:
        raise DamagedError(str(error)) from error
