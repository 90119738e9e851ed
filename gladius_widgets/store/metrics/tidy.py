"""Live files into segments, small segments into larger ones; done by a table's one writer.

Readers may look on: a new file is whole before it has its name, and what it replaces goes
after that.
"""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from gladius_widgets.store.metrics.live import Damage, decode, is_unfinished, lock
from gladius_widgets.store.metrics.segments import (
    Listing,
    Parts,
    Segment,
    TableFile,
    is_damage,
    list_table,
    segment_name,
    write_segment,
)

FAN_IN = 8  # so many segments of a size class become one
MAX_COMPACTED_ROWS = 262_144

_one_at_a_time = threading.Lock()


@dataclass
class Tidied:
    """What `tidy` did, and what it found wrong (one sentence each)."""

    rolled: int = 0
    compacted: int = 0
    problems: list[str] = field(default_factory=list)


def tidy(directory: Path, *, fan_in: int = FAN_IN) -> Tidied:
    """Roll live files that no writer holds, drop what segments have replaced, compact.

    Safe to call for any table at any time by its writer, or once the writer is gone (after a
    SIGKILL this completes the Parquet history). Damaged files become `_<name>.bad`.

    Args:
        directory: the table's folder.
        fan_in: compact when so many neighbours of a size class are there.

    Raises:
        OSError: the disk is full or read-only; nothing is lost, try again later.
    """
    with _one_at_a_time:
        done = Tidied()
        _drop_replaced(directory)
        for file in list_table(directory).effective():
            if file.is_live:
                _roll(directory, file, done)
        _compact(directory, fan_in, done)
        return done


def _drop_replaced(directory: Path) -> None:
    listing = list_table(directory)
    kept = set(listing.effective())
    for file in listing.files:
        if file not in kept:
            (directory / file.name).unlink(missing_ok=True)


def _roll(directory: Path, file: TableFile, done: Tidied) -> None:
    path = directory / file.name
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not lock(descriptor):
            return
        data = path.read_bytes()
        batches, damaged, end = [], 0, 0
        for item in decode(data):
            if isinstance(item, Damage):
                damaged += item.end - item.start
            elif item.batch is not None:
                batches.append(item.batch)
            end = item.end
        tail = data[end:]
        damaged += 0 if is_unfinished(tail) else len(tail)
        if batches:
            table = pa.Table.from_batches(batches)
            name = segment_name(file.attempt, file.first, file.last)
            write_segment(directory, name, table, [(file.first, table.num_rows)])
            done.rolled += 1
        if damaged:
            done.problems.append(f"{file.name}: {damaged} bytes are damaged and were left out.")
            path.replace(directory / f"_{file.name}.bad")
        else:
            path.unlink()
    finally:
        os.close(descriptor)


def _compact(directory: Path, fan_in: int, done: Tidied) -> None:
    """Merge neighbours, newest first, while enough of one size class stand together."""
    listing = list_table(directory)
    for attempt in {file.attempt for file in listing.files}:
        segments = _sizes(directory, listing, attempt, done)
        while group := _group(segments, fan_in):
            merged = _merge(directory, [file for file, _ in group], done)
            at = segments.index(group[0])
            segments[at : at + len(group)] = [merged] if merged else []


Sized = tuple[TableFile, int]  # and its rows; 0 for a live file, which is never merged


def _sizes(directory: Path, listing: Listing, attempt: int, done: Tidied) -> list[Sized]:
    result: list[Sized] = []
    for file in listing.effective():
        if file.attempt != attempt:
            continue
        if file.is_live:
            result.append((file, 0))
            continue
        try:
            with Segment(directory, file) as segment:
                result.append((file, segment.rows))
        except (pa.ArrowException, OSError) as error:
            _set_aside(directory, file, error, done)
    return result


def _group(segments: list[Sized], fan_in: int) -> list[Sized]:
    """The newest neighbours of a size class or below that are enough to merge, or []."""
    for size_class in range(1, 8):
        run: list[Sized] = []
        for sized in [*reversed(segments), None]:
            if sized and 0 < sized[1] < FAN_IN**size_class:
                run.insert(0, sized)
                if sum(rows for _, rows in run) <= MAX_COMPACTED_ROWS:
                    continue
                run.pop(0)
            if len(run) >= max(2, fan_in):
                return run
            run = []
    return []


def _merge(directory: Path, files: list[TableFile], done: Tidied) -> Sized | None:
    tables: list[pa.Table] = []
    parts: Parts = []
    for file in files:
        try:
            with Segment(directory, file) as segment:
                tables.append(segment.read())
                parts += segment.parts
        except (pa.ArrowException, OSError) as error:
            _set_aside(directory, file, error, done)
    if not tables:
        return None
    table = pa.concat_tables(tables, promote_options="permissive")
    first, last = files[0].first, files[-1].last
    name = segment_name(files[0].attempt, first, last)
    write_segment(directory, name, table, parts)
    for file in files:
        if file.name != name:
            (directory / file.name).unlink(missing_ok=True)
    done.compacted += len(files)
    return TableFile(name, files[0].attempt, first, last, is_live=False), table.num_rows


def _set_aside(directory: Path, file: TableFile, error: Exception, done: Tidied) -> None:
    if not is_damage(error):
        raise error
    done.problems.append(f"{file.name} is damaged and was set aside: {error}")
    (directory / file.name).replace(directory / f"_{file.name}.bad")
