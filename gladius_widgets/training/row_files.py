"""The rows of a data source: files, folders, hub data sets and packages."""

import contextlib
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gladius_widgets.core.config import DataSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.csv_rows import csv_rows
from gladius_widgets.training.rows import BadRowError, Row, parse_row

_SUFFIXES = {".jsonl", ".json", ".parquet", ".csv"}
_ROWS_NAMES = ("data", "rows", "train", "examples", "samples", "items")


def read_rows(data: DataSection) -> Iterator[Row | BadRowError]:
    """Every row of the source in its order; unusable ones as the error that says why.

    Raises:
        GladiusError: the source is not there, not readable, or of no known format.
    """
    for number, raw in _raw_rows(data.path):
        try:
            if isinstance(raw, BadRowError):
                raise raw
            yield parse_row(raw, data.format, number)
        except BadRowError as error:
            error.number = number
            yield error


def data_files(source: str) -> list[Path] | None:
    """The files of a source in the order in which they are read; None for a hub or package name.

    Raises:
        GladiusError: it can only be a path, and nothing is there.
    """
    if source.startswith("pypi:"):
        return None
    path = Path(source).expanduser()
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if _kind(p) in _SUFFIXES and p.is_file())
        if not files:
            raise GladiusError(
                f"The folder {path} holds no data file.",
                "Put JSONL, JSON, Parquet or CSV files there.",
            )
        return files
    if path.exists():
        return [path]
    if _looks_like_path(source):
        raise GladiusError(f"There is no data file {path}.", "Check data.path in the config.")
    return None


def _raw_rows(source: str) -> Iterator[tuple[int, Any]]:
    """Every row with its number, see `Row`."""
    files = data_files(source)
    if files is not None:
        for file in files:
            yield from _file_rows(file)
    elif source.startswith("pypi:"):
        yield from enumerate(_package_rows(source.removeprefix("pypi:")), 1)
    else:
        yield from enumerate(_hub_rows(source), 1)


def _looks_like_path(source: str) -> bool:
    return source.startswith((".", "/", "~")) or _kind(Path(source)) in _SUFFIXES


def _kind(path: Path) -> str:
    return path.suffix.lower()


def _file_rows(path: Path) -> Iterator[tuple[int, Any]]:
    kind = _kind(path)
    if kind == ".jsonl":
        yield from _jsonl_rows(path)
    elif kind == ".json":
        yield from enumerate(_json_rows(path), 1)
    elif kind == ".csv":
        yield from csv_rows(path)
    elif kind == ".parquet":
        yield from enumerate(_parquet_rows(path), 1)
    else:
        raise GladiusError(
            f"{path} is of no known data format.", "Use .jsonl, .json, .parquet or .csv."
        )


def _jsonl_rows(path: Path) -> Iterator[tuple[int, Any]]:
    # By hand: `datasets` gives up on a whole file for one broken line.
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield number, json.loads(line)
                except (ValueError, RecursionError):
                    yield number, BadRowError("a line is not JSON")


def _json_rows(path: Path) -> Iterator[Any]:
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise GladiusError(f"{path} is not JSON: {error}.", "Mend it, or use .jsonl.") from None
    yield from value if isinstance(value, list) else _rows_in(value, path)


def _rows_in(value: Any, path: Path) -> list[Any]:
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
            f"{path} holds several lists of objects: {', '.join(lists)}.",
            "Call the one with the rows 'data', or keep only that.",
        )
    for found in lists.values():
        return found
    # One bad row and no more: data folders hold files about the data too.
    return [BadRowError(f"{path.name} holds no list of rows")]


def _parquet_rows(path: Path) -> Iterator[Any]:
    from datasets import load_dataset

    try:
        yield from load_dataset("parquet", data_files=str(path), split="train", streaming=True)
    except (OSError, ValueError) as error:
        raise GladiusError(
            f"{path} cannot be read as parquet: {_first_line(error)}.", "Check the file."
        ) from None


def _hub_rows(name: str) -> Iterator[Any]:
    from datasets import load_dataset

    try:
        yield from load_dataset(name, split="train")
    except Exception as error:  # the hub client raises many unrelated kinds
        raise GladiusError(
            f"There is no data file or folder '{name}', and no hub data set of that name to be "
            f"had: {_first_line(error)}.",
            "If data.path means a file, give its path from the config's folder; if a hub data set, "
            "check owner/name and the network.",
        ) from None


def _package_rows(package: str) -> Iterator[Any]:
    if package != "chitchat-dataset":
        raise GladiusError(
            f"No reader is known for the package {package}.", "Known: pypi:chitchat-dataset."
        )
    if find_spec("chitchat_dataset") is None:
        raise GladiusError(
            "The package chitchat-dataset is not installed.",
            "Install the demo extra: pip install 'gladius-widgets[demo]'.",
        )
    from chitchat_dataset import Dataset

    for conversation in Dataset().values():
        messages = _chitchat_messages(conversation["messages"])
        if len(messages) > 1:  # in two of five nobody ever answered
            yield {"messages": messages}


def _chitchat_messages(turns: list[list[dict[str, str]]]) -> list[dict[str, str]]:
    """Two people chat; whoever writes first is the user. Neighbouring turns of one are joined."""
    messages: list[dict[str, str]] = []
    first = next((part["sender"] for turn in turns for part in turn), None)
    for turn in turns:
        for part in turn:
            role = "user" if part["sender"] == first else "assistant"
            if messages and messages[-1]["role"] == role:
                messages[-1]["content"] += "\n" + part["text"]
            else:
                messages.append({"role": role, "content": part["text"]})
    return messages


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
