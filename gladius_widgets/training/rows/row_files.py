"""The rows of one file, of every kind and compression that is read."""

import bz2
import codecs
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

from gladius_widgets.core.data_files import DataFile, split_of
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.rows.csv_rows import csv_rows
from gladius_widgets.training.rows.rows import BadRowError, parse_row

_ROWS_NAMES = ("data", "rows", "train", "examples", "samples", "items")
_HEADER_BYTES = 4096
_BATCH_ROWS = 1_000
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
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
            if file.kind != "json":
                _refuse_utf16(opened, file)
            if file.kind == "jsonl" or (file.kind == "json" and _holds_lines(file)):
                yield from _jsonl_rows(opened)
            elif file.kind == "json":
                yield from enumerate(_json_rows(opened, file), 1)
            else:
                yield from csv_rows(opened, "\t" if file.kind == "tsv" else _delimiter(opened))
    except _BROKEN as error:
        what = f" as {file.compression}" if file.compression else ""
        raise GladiusError(
            f"{file.path} cannot be read{what}: {first_line(error)}.",
            "Check the file; it may be cut off, or of another user.",
        ) from None


def first_line(error: BaseException) -> str:
    """An error in one line, without its full stop."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _opened(file: DataFile) -> io.BufferedReader:
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


def _refuse_utf16(opened: io.BufferedReader, file: DataFile) -> None:
    if opened.peek(2)[:2] in _UTF16:
        raise GladiusError(f"{file.path} is written in UTF-16.", "Save it as UTF-8.")


def _delimiter(opened: io.BufferedReader) -> str:
    """What parts the columns of a CSV file: a comma, unless its header has none of them."""
    header = opened.peek(_HEADER_BYTES).splitlines()[:1] or [b""]
    return next((each for each in ",;\t" if each.encode() in header[0]), ",")


def _jsonl_rows(lines: BinaryIO) -> Iterator[tuple[int, Any]]:
    # By hand: `datasets` gives up on a whole file for one broken line.
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except UnicodeDecodeError:
                yield number, BadRowError("a line is not UTF-8")
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
    if not content.strip():
        return
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
            _refuse_splits(file, [other for other in lists if other != name])
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
    if any(columns.get(name) == [] for name in _ROWS_NAMES):
        return []
    # One bad row and no more: data folders hold files about the data too.
    return [BadRowError(f"{file.path.name} holds no list of rows")]


def _refuse_splits(file: DataFile, others: list[str]) -> None:
    """Lists beside the rows may be what is to be held out: nothing would read them."""
    if splits := [name for name in others if split_of((name,))]:
        raise GladiusError(
            f"{file.path} also holds rows for {', '.join(splits)}.",
            "Write a file for each split, such as train.json and test.json.",
        )


def _table_rows(file: DataFile) -> Iterator[Any]:
    from datasets import load_dataset

    # By itself the library takes as many rows at once as the first row group has, also none.
    options: dict[str, Any] = {"batch_size": _BATCH_ROWS} if file.kind == "parquet" else {}
    try:
        # A path with brackets would be taken for a pattern.
        files = glob.escape(str(file.path))
        yield from load_dataset(
            file.kind, data_files=files, split="train", streaming=True, **options
        )
    except (OSError, ValueError) as error:
        raise GladiusError(
            f"{file.path} cannot be read as {file.kind}: {first_line(error)}.", "Check the file."
        ) from None
