"""A config's data as parts: each a file, or a split of a hub data set, read row by row."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, cast

from gladius_widgets.core.config.schema import DataSection, DataSource
from gladius_widgets.core.data_files import SPLITS, TRAIN, find_files, split_of
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.rows.package_rows import package_rows
from gladius_widgets.training.rows.row_files import file_rows, first_line
from gladius_widgets.training.rows.rows import BadRowError, Row, parse_row


@dataclass(frozen=True)
class Part:
    """Rows that are read in one go, all for the same split.

    Attributes:
        name: of the file or the hub data set.
        split: `train`, `validation` or `test`; rows of no split of their own are `train`.
        source: place of its source in `DataSection.all_sources`; -1 of what is held out.
        format: how a row is read.
    """

    name: str
    split: str
    source: int
    format: str
    _raw: Callable[[], Iterator[tuple[int, Any]]] = field(repr=False)

    def rows(self) -> Iterator[Row | BadRowError]:
        """Every row in its order; unusable ones as the error that says why.

        Raises:
            GladiusError: the part as a whole cannot be read.
        """
        for number, raw in self._raw():
            try:
                if isinstance(raw, BadRowError):
                    raise raw
                yield parse_row(raw, self.format, number)
            except BadRowError as error:
                error.number = number
                yield error


@dataclass(frozen=True)
class DataParts:
    """All parts of a config's data, and what was passed over, each with the reason."""

    parts: tuple[Part, ...]
    passed_over: tuple[tuple[str, str], ...]
    max_samples: int | None

    def given_splits(self) -> set[str]:
        """The held-out splits that have parts of their own, so that no share is for them."""
        return {part.split for part in self.parts} - {TRAIN}

    def rows(self) -> Iterator[tuple[int, Row | BadRowError]]:
        """Every row with the place of its part, at most `max_samples` of each split."""
        left: dict[str, int | None] = dict.fromkeys(SPLITS, self.max_samples)
        for place, part in enumerate(self.parts):
            for row in islice(part.rows(), left[part.split]):
                count = left[part.split]
                left[part.split] = None if count is None else count - 1
                yield place, row


def data_parts(data: DataSection) -> DataParts:
    """The parts of a config's data in the order in which they are read.

    Raises:
        GladiusError: a source is not there, or cannot be read.
    """
    found = [_parts_of(source, place, "") for place, source in enumerate(data.all_sources())] + [
        _parts_of(source, -1, split) for split, source in data.held_out_sources().items()
    ]
    # Training rows first: they are what a preview shows.
    parts = tuple(sorted((part for own, _ in found for part in own), key=_split_place))
    passed = tuple(over for _, own in found for over in own)
    return DataParts(parts, passed, data.max_samples)


def read_rows(data: DataSection) -> Iterator[Row | BadRowError]:
    """Every row of the data in its order; unusable ones as the error that says why.

    Raises:
        GladiusError: a source is not there, not readable, or of no known format.
    """
    for _place, row in data_parts(data).rows():
        yield row


def _split_place(part: Part) -> int:
    return SPLITS.index(part.split)


_Parts = tuple[list[Part], list[tuple[str, str]]]


def _parts_of(source: DataSource, place: int, held_out: str) -> _Parts:
    files = find_files(source, held_out)
    if files is not None:
        own = [
            Part(_shown(file.path), file.split, place, source.format, partial(file_rows, file))
            for file in files.read
        ]
        return own, [(_shown(path), why) for path, why in files.passed_over]
    if source.path.startswith("pypi:"):
        rows = partial(package_rows, source.path.removeprefix("pypi:"))
        split = held_out or TRAIN
        return [Part(source.path, split, place, source.format, partial(_numbered, rows))], []
    return _hub_parts(source, place, held_out)


def _shown(path: Path) -> str:
    """A path as text that every file can hold, also where its bytes are no UTF-8."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _hub_parts(source: DataSource, place: int, held_out: str) -> _Parts:
    """The splits of a hub data set: all that are for one of ours, or the one that is asked for."""
    splits = _load_hub(source)
    wanted = {name: split_of((name,)) for name in splits}
    if source.split is not None:
        wanted = dict.fromkeys(splits, held_out or TRAIN)
    elif held_out:
        own = [name for name, split in wanted.items() if split == held_out]
        wanted = dict.fromkeys(own or splits, held_out)
    elif TRAIN not in wanted.values():
        if all(wanted.values()):
            raise GladiusError(
                f"The data set {source.path} has only the splits {', '.join(splits)}.",
                "Set data.split to the one to train on.",
            )
        wanted = {name: split or TRAIN for name, split in wanted.items()}
    parts = [
        Part(_split_name(source, name), split, place, source.format, partial(_numbered, rows))
        for name, split in wanted.items()
        if split
        for rows in [partial(iter, splits[name])]
    ]
    passed = [
        (_split_name(source, name), f"of the split {name}")
        for name, split in wanted.items()
        if not split
    ]
    return parts, passed


def _split_name(source: DataSource, split: str) -> str:
    config = f" {source.config}" if source.config else ""
    return f"{source.path}{config} ({split})"


def _numbered(rows: Callable[[], Iterator[Any]]) -> Iterator[tuple[int, Any]]:
    yield from enumerate(rows(), 1)


def _load_hub(source: DataSource) -> dict[str, Any]:
    """The splits of a hub data set by name, mapped from its files on disk."""
    from datasets import load_dataset

    try:
        found = load_dataset(
            source.path, source.config, split=source.split, revision=source.revision
        )
    except Exception as error:  # the hub client raises many unrelated kinds
        raise GladiusError(
            f"There is no data file or folder '{source.path}', and no hub data set of that name "
            f"to be had: {first_line(error)}.",
            "If data.path means a file, give its path from the config's folder; if a hub data set, "
            "check owner/name, data.config, data.split, data.revision and the network.",
        ) from None
    if source.split is not None:
        return {source.split: found}
    return {str(name): rows for name, rows in cast("dict[str, Any]", found).items()}
