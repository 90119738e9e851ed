"""The rows of one file, of every kind and compression that is read."""

import bz2
import contextlib
import glob
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from gladius_widgets.core.data_files import DataFile
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.csv_rows import csv_rows
from gladius_widgets.training.rows import BadRowError, parse_row

_ROWS_NAMES = ("data", "rows", "train", "examples", "samples", "items")
_BROKEN = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)


def file_rows(file: DataFile) -> Iterator[tuple[int, Any]]:
    """Every row of a file with its number: its line, else its place, from 1.

    A line that cannot be read is a `BadRowError`; it costs itself, not the file.

    Raises:
        GladiusError: the file as a whole cannot be read.
    """
    if file.kind in ("parquet", "arrow"):
        yield from enumerate(_table_rows(file), 1)
        return
    try:
        with _opened(file) as opened:
            if file.kind == "jsonl" or (file.kind == "json" and _holds_lines(file)):
                yield from _jsonl_rows(opened)
            elif file.kind == "json":
                yield from enumerate(_json_rows(opened, file), 1)
            else:
                yield from csv_rows(opened, delimiter="\t" if file.kind == "tsv" else ",")
    except _BROKEN as error:
        what = f" as {file.compression}" if file.compression else ""
        raise GladiusError(
            f"{file.path} cannot be read{what}: {first_line(error)}.",
            "Check the file; it may be cut off, or of another user.",
        ) from None


def first_line(error: BaseException) -> str:
    """An error in one line, without its full stop."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _opened(file: DataFile) -> BinaryIO:
    """The file's bytes, decompressed as they are read."""
    if file.compression == "gz":
        return io.BufferedReader(gzip.open(file.path, "rb"))
    if file.compression == "bz2":
        return io.BufferedReader(bz2.open(file.path, "rb"))
    if file.compression == "xz":
        return io.BufferedReader(lzma.open(file.path, "rb"))
    if file.compression == "zst":
        stream = pa.CompressedInputStream(pa.OSFile(str(file.path)), "zstd")
        return io.BufferedReader(stream)  # type: ignore[arg-type]  # a raw stream but by name
    return file.path.open("rb")


def _jsonl_rows(lines: BinaryIO) -> Iterator[tuple[int, Any]]:
    # By hand: `datasets` gives up on a whole file for one broken line.
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, BadRowError("a line is not JSON")


def _holds_lines(file: DataFile) -> bool:
    """Whether a .json file is in truth JSON Lines, as many are: an object on each line."""
    if not file.path.is_file():  # a pipe can be read only once
        return False
    with _opened(file) as opened:
        first, second = _next_line(opened), _next_line(opened)
    with contextlib.suppress(ValueError, RecursionError):
        return bool(second) and isinstance(json.loads(first), dict)
    return False


def _next_line(opened: BinaryIO) -> bytes:
    return next((line for line in opened if line.strip()), b"")


def _json_rows(opened: BinaryIO, file: DataFile) -> Iterator[Any]:
    content = opened.read()
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise GladiusError(
            f"{file.path} is not JSON: {first_line(error)}.", "Mend it, or use .jsonl."
        ) from None
    yield from value if isinstance(value, list) else _rows_in(value, file)


def _rows_in(value: Any, file: DataFile) -> list[Any]:
    """The rows of a file that holds one object: the object itself, or a list in it."""
    columns = value if isinstance(value, dict) else {}
    lists = {
        name: column
        for name, column in columns.items()
        if isinstance(column, list) and column and isinstance(column[0], dict)
    }
    for name in _ROWS_NAMES:
        if name in lists:
            return lists[name]
    with contextlib.suppress(BadRowError):
        parse_row(value)
        return [value]
    if len(lists) > 1:
        raise GladiusError(
            f"{file.path} holds several lists of objects: {', '.join(lists)}.",
            "Call the one with the rows 'data', or keep only that.",
        )
    for found in lists.values():
        return found
    # One bad row and no more: data folders hold files about the data too.
    return [BadRowError(f"{file.path.name} holds no list of rows")]


def _table_rows(file: DataFile) -> Iterator[Any]:
    from datasets import load_dataset

    try:
        # A path with brackets would be taken for a pattern.
        files = glob.escape(str(file.path))
        yield from load_dataset(file.kind, data_files=files, split="train", streaming=True)
    except (OSError, ValueError) as error:
        raise GladiusError(
            f"{file.path} cannot be read as {file.kind}: {first_line(error)}.", "Check the file."
        ) from None
