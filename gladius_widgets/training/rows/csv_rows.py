"""CSV as text, line by line: a broken line costs itself, not the file."""

import csv
import io
from collections import Counter, deque
from collections.abc import Iterator
from typing import BinaryIO, TextIO

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.rows.rows import BadRowError

_LONGEST_FIELD = 2**24  # characters; a quote that is never closed ends there


def csv_rows(
    opened: BinaryIO, delimiter: str = ","
) -> Iterator[tuple[int, dict[str, str] | BadRowError]]:
    """Every record after the header with the number of its first line; each field as it stands.

    Nothing is taken for a number or for missing: an answer may be `42` or `None`.

    Raises:
        OSError: the file cannot be read.
        GladiusError: two columns have one name.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    header: list[str] | None = None
    number = 1
    # What is not UTF-8 becomes lone surrogates, so that it spoils its own record only.
    text = io.TextIOWrapper(opened, encoding="utf-8-sig", errors="surrogateescape", newline="")
    with text as file:
        lines = _Lines(file)
        reader = csv.reader(lines, strict=True, delimiter=delimiter)
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield number, BadRowError("a line is not CSV")
                number += 1
                lines.go_on_after_the_first()
                continue
            first, number = number, number + lines.forget()
            if header is None:
                header = _header(fields)
            elif fields:
                yield first, _record(header, fields)


def _header(fields: list[str]) -> list[str]:
    twice = [name for name, count in Counter(fields).items() if name and count > 1]
    if twice:
        raise GladiusError(
            f"The header names the column {twice[0]!r} more than once.", "Rename one of the two."
        )
    return fields


def _record(header: list[str], fields: list[str]) -> dict[str, str] | BadRowError:
    if len(fields) != len(header):
        much = "more" if len(fields) > len(header) else "fewer"
        return BadRowError(f"a line has {much} fields than the header")
    try:
        "".join(fields).encode()
    except UnicodeEncodeError:
        return BadRowError("a line is not UTF-8")
    return dict(zip(header, fields, strict=True))


class _Lines:
    """The lines of a file, of which those of the current record can be read again."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._waiting: deque[str] = deque()
        self._taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._file)
        self._taken.append(line)
        return line

    def forget(self) -> int:
        """The record is done: how many lines it had."""
        count = len(self._taken)
        self._taken.clear()
        return count

    def go_on_after_the_first(self) -> None:
        """The record is none: its first line is lost, the others are read once more."""
        self._waiting.extendleft(reversed(self._taken[1:]))
        self._taken.clear()
