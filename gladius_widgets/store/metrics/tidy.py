"""Live files into segments, small segments into larger ones; done by a table's one writer.

Readers may look on: a new file is whole before it has its name, and what it replaces goes
after that.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from gladius_widgets.store.metrics.live import Damage, decode, is_unfinished, lock, unlock
from gladius_widgets.store.metrics.segments import (
    DamagedError,
    Parts,
    Segment,
    TableFile,
    list_table,
    segment_name,
    write_segment,
)

FAN_IN = 8  # so many segments of a size class become one
MAX_COMPACTED_ROWS = 262_144
_ABANDONED_S = 3600.0  # a temporary file so old has no writer any more


@dataclass
class Tidied:
    """What `tidy` did, and what it found wrong (one sentence each)."""

    rolled: int = 0
    compacted: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Sized:
    file: TableFile
    rows: int
    schema: pa.Schema


def tidy(directory: Path, *, fan_in: int = FAN_IN) -> Tidied:
    """Roll live files that no writer holds, then compact.

    Safe to call for any table at any time by its writer, or once the writer is gone (after a
    SIGKILL this completes the Parquet history). Damaged files become `_<name>.bad`.

    Args:
        directory: the table's folder.
        fan_in: compact when so many neighbours of a size class are there; 2 leaves few files.

    Raises:
        OSError: the disk is full or read-only; nothing is lost, try again later.
    """
    done = Tidied()
    roll_live_files(directory, done)
    compact(directory, done, fan_in=fan_in)
    return done


def roll_live_files(directory: Path, done: Tidied) -> None:
    """Turn live files that no writer holds into segments; see `tidy`."""
    for file in list_table(directory).effective():
        if file.is_live:
            _roll(directory, file, done)


def compact(directory: Path, done: Tidied, *, fan_in: int = FAN_IN) -> None:
    """Drop files that newer ones have replaced, and merge small segments; see `tidy`.

    Does nothing while another thread or process is at it.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not lock(descriptor):
            return
        _drop_replaced(directory, done)
        for segments in _neighbours(directory, done):
            while (found := _group(segments, max(2, fan_in))) is not None:
                segments[found] = _merge(directory, segments[found], done)
    finally:
        unlock(descriptor)
        os.close(descriptor)


def _drop_replaced(directory: Path, done: Tidied) -> None:
    """Remove leftovers of a writer that died between a rename and what comes after it.

    What replaces them is read first: should it be damaged, they are the last good copy.
    """
    for temporary in directory.glob(".*.tmp"):
        with contextlib.suppress(FileNotFoundError):  # it just got its name
            if time.time() - temporary.stat().st_mtime > _ABANDONED_S:
                temporary.unlink()
    listing = list_table(directory)
    for newer in listing.effective():
        older = [file for file in listing.files if file != newer and newer.covers(file)]
        if not older:
            continue
        try:
            with Segment(directory, newer) as segment:
                segment.read()
                held = {k for k, _ in segment.parts}
        except DamagedError as error:
            _set_aside(directory, newer, error, done)
            continue
        for file in older:
            if file.first in held:
                (directory / file.name).unlink(missing_ok=True)


def _roll(directory: Path, file: TableFile, done: Tidied) -> None:
    path = directory / file.name
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not lock(descriptor):
            return
        batches, damaged_bytes = _salvage(path.read_bytes())
        if batches:
            table = pa.Table.from_batches(batches)
            name = segment_name(file.attempt, file.first, file.last)
            write_segment(directory, name, table, [(file.first, table.num_rows)])
            done.rolled += 1
        if damaged_bytes:
            done.problems.append(f"{file.name}: {damaged_bytes} damaged bytes were left out.")
            path.replace(directory / f"_{file.name}.bad")
        else:
            path.unlink(missing_ok=True)  # compacting may have seen that it is replaced
    finally:
        unlock(descriptor)
        os.close(descriptor)


def _salvage(data: bytes) -> tuple[list[pa.RecordBatch], int]:
    """All good batches of a live file, and how many bytes are damaged (a torn tail is not)."""
    batches: list[pa.RecordBatch] = []
    damaged_bytes = end = 0
    for item in decode(data):
        if isinstance(item, Damage):
            damaged_bytes += item.end - item.start
        elif item.batch is not None:
            batches.append(item.batch)
        end = item.end
    tail = data[end:]
    return batches, damaged_bytes + (0 if is_unfinished(tail) else len(tail))


def _neighbours(directory: Path, done: Tidied) -> Iterator[list[_Sized]]:
    """Segments that may be merged with each other: adjacent, of one attempt and schema."""
    run: list[_Sized] = []
    for file in list_table(directory).effective():
        sized = None
        if not file.is_live:
            try:
                with Segment(directory, file) as segment:
                    sized = _Sized(file, segment.rows, segment.schema)
            except DamagedError as error:
                _set_aside(directory, file, error, done)
                continue
        if run and not (sized and _follows(sized, run[-1])):
            yield run
            run = []
        if sized:
            run.append(sized)
    yield run


def _follows(one: _Sized, other: _Sized) -> bool:
    """Whether `one` can be merged onto `other`: nothing may lie between them unseen."""
    return (
        one.file.attempt == other.file.attempt
        and one.file.first == other.file.last + 1
        and one.schema.equals(other.schema)
    )


def _group(segments: list[_Sized], fan_in: int) -> slice | None:
    """The newest `fan_in` or more neighbours of a size class or below it, smallest class first.

    Size classes grow by `FAN_IN`, so that each row is rewritten a logarithmic number of times.
    """
    size_class = FAN_IN
    while size_class <= MAX_COMPACTED_ROWS:
        end = len(segments)
        while end > 0:
            start, rows = end, 0
            while start > 0 and segments[start - 1].rows < size_class:
                if rows + segments[start - 1].rows > MAX_COMPACTED_ROWS:
                    break
                start -= 1
                rows += segments[start].rows
            if end - start >= fan_in:
                return slice(start, end)
            end = min(start, end - 1)
        size_class *= FAN_IN
    return None


def _merge(directory: Path, group: list[_Sized], done: Tidied) -> list[_Sized]:
    """Write one segment in place of `group`; what is damaged is set aside."""
    tables: list[pa.Table] = []
    parts: Parts = []
    good: list[TableFile] = []
    for sized in group:
        try:
            with Segment(directory, sized.file) as segment:
                tables.append(segment.read())
                parts += segment.parts
            good.append(sized.file)
        except DamagedError as error:
            _set_aside(directory, sized.file, error, done)
    if not good:
        return []
    table = pa.concat_tables(tables)
    first, last, attempt = good[0].first, good[-1].last, good[0].attempt
    name = segment_name(attempt, first, last)
    if len(good) > 1:
        write_segment(directory, name, table, parts)
        for file in good:
            (directory / file.name).unlink()
        done.compacted += len(good)
    merged = TableFile(name, attempt, first, last, is_live=False)
    return [_Sized(merged, table.num_rows, group[0].schema)]


def _set_aside(directory: Path, file: TableFile, error: DamagedError, done: Tidied) -> None:
    done.problems.append(f"{file.name} is damaged and was set aside: {error}")
    (directory / file.name).replace(directory / f"_{file.name}.bad")
