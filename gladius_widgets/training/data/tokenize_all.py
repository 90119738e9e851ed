"""All rows of the data through the tokenizer into files, for preparation and preview alike."""

import hashlib
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gladius_widgets.core.config.schema import DataSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.data.token_writer import TokenFiles, splits_of
from gladius_widgets.training.data.tokenize import Encoded, encode_rows
from gladius_widgets.training.rows.parts import DataParts, data_parts
from gladius_widgets.training.rows.rows import BadRowError, Row
from gladius_widgets.training.rows.splits import TRAIN

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_TOLD_ROWS = 10_000


@dataclass
class TokenizedData:
    """What became of the rows.

    Attributes:
        stats: see `TokenFiles.stats`, and `unused_columns`.
        tokenizer: what made the tokens.
        writer: asked for its `check`.
        complete: all rows were read.
        first: the first usable rows, each with the number of its samples.
    """

    stats: dict[str, Any]
    tokenizer: "PreTrainedTokenizerBase | None"
    writer: TokenFiles
    complete: bool
    first: list[tuple[Row, int]] = field(default_factory=list)


def tokenize_data(
    data: DataSection,
    tokenizer: "Callable[[Iterator[Row]], PreTrainedTokenizerBase] | None",
    folder: Path,
    progress: Callable[[str], None],
    *,
    keep: int = 0,
    most: int | None = None,
    limit_s: float | None = None,
) -> TokenizedData:
    """Read every row, encode it, and write token files.

    Args:
        data: the config's data section.
        tokenizer: makes it, from the rows to train on if it is to be trained; None reads the
            rows and makes no tokens.
        folder: where the files go.
        progress: called with a line of text as the work goes on.
        keep: how many usable rows to give back.
        most: read so many rows and no more.
        limit_s: read for at most so long, and encode for at most twice as long.

    Raises:
        GladiusError: there is no source, or no row in it.
    """
    source = _Rows(data_parts(data), most, limit_s)
    places = _usable_places(source)
    if not source.count:
        raise GladiusError(f"{data.path} holds no rows.", "Check data.path in the config.")
    is_whole = source.complete
    total = source.most = source.count
    splits = splits_of(places, data, source.parts)
    made = tokenizer(source.training(splits)) if tokenizer is not None else None
    progress(f"tokenizing {total:,} rows")
    source.begin(limit_s and 2 * limit_s)
    writer = TokenFiles(folder, data, source.parts)
    found = TokenizedData({}, made, writer, complete=True)
    waiting: deque[tuple[int, Row | BadRowError]] = deque()  # read, and not encoded yet
    unused: dict[str, None] = {}
    encoded = _encoded(source.queued(waiting), made, data)
    for number, item in enumerate(encoded, 1):
        place, row = waiting.popleft()
        writer.add(item, place, _digest(row))
        if isinstance(row, Row):
            unused |= dict.fromkeys(row.unused_columns)
            if not isinstance(item, BadRowError) and len(found.first) < keep:
                found.first.append((row, len(item)))
        if number % _TOLD_ROWS == 0:
            progress(f"tokenized {number:,} of {total:,} rows")
    writer.save()
    found.complete = is_whole and writer.rows + writer.bad_rows == total
    found.stats = writer.stats() | {"unused_columns": list(unused)}
    return found


def _encoded(
    rows: Iterator[Row | BadRowError],
    tokenizer: "PreTrainedTokenizerBase | None",
    data: DataSection,
) -> Iterator[list[Encoded] | BadRowError]:
    if tokenizer is None:
        return (row if isinstance(row, BadRowError) else [] for row in rows)
    return encode_rows(
        rows,
        tokenizer,
        max_length=data.max_length,
        answer_only=data.answer_only_loss,
        long_text=data.long_text,
    )


class _Rows:
    """The rows of all parts, from the start each time, until it is enough."""

    def __init__(self, parts: DataParts, most: int | None, limit_s: float | None) -> None:
        self.parts, self.most = parts, most
        self.count = 0
        self.complete = True
        self.begin(limit_s)

    def begin(self, limit_s: float | None) -> None:
        """From now on, read for at most so long."""
        self._until = math.inf if limit_s is None else time.monotonic() + limit_s

    def __iter__(self) -> Iterator[tuple[int, Row | BadRowError]]:
        self.count, self.complete = 0, True
        for place, row in self.parts.rows():
            if self.count == self.most or time.monotonic() > self._until:
                self.complete = False
                return
            self.count += 1
            yield place, row

    def queued(self, waiting: deque[tuple[int, Row | BadRowError]]) -> Iterator[Row | BadRowError]:
        """Every row; what is given out also waits in the queue."""
        for place, row in self:
            waiting.append((place, row))
            yield row

    def training(self, splits: np.ndarray) -> Iterator[Row]:
        """The usable rows that are to train on."""
        usable = (row for _place, row in self if isinstance(row, Row))
        for split, row in zip(splits, usable, strict=False):
            if split == TRAIN:
                yield row


def _usable_places(source: _Rows) -> np.ndarray:
    """The place of the part of every row that can be read."""
    places = (place for place, row in source if isinstance(row, Row))
    return np.fromiter(places, dtype=np.int32)


def _digest(row: Row | BadRowError) -> int:
    """Equal rows have an equal one; 64 bits."""
    if isinstance(row, BadRowError):
        return 0
    compared = [getattr(row, each.name) for each in fields(row) if each.compare]
    content = repr(compared).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")
