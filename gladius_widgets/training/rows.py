"""Rows of a data source, each either a conversation, a text, or unusable."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gladius_widgets.core.config import DataSection
from gladius_widgets.core.errors import GladiusError

_SUFFIXES = {".jsonl", ".json", ".parquet", ".csv"}
_INSTRUCTION_PAIRS = (
    ("instruction", "output"),
    ("instruction", "response"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
)
_ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}


@dataclass(frozen=True)
class Row:
    """One example: `messages` ({role, content}, …) or `text`, not both.

    `number` is its line in a JSONL file, else its place in the source, from 1.

    Raises:
        BadRowError: half an emoji (a lone surrogate), which no tokenizer takes.
    """

    messages: tuple[dict[str, str], ...] = ()
    text: str = ""
    number: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        try:
            for text in (self.text, *(t for turn in self.messages for t in turn.values())):
                text.encode()
        except UnicodeEncodeError:
            raise BadRowError("a text holds half a character") from None


class BadRowError(ValueError):
    """A row that cannot be used; the message says why, `number` which (0 means unknown).

    The message names no place, so that equal reasons can be counted.
    """

    def __init__(self, reason: str, number: int = 0) -> None:
        super().__init__(reason)
        self.number = number


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


def parse_row(raw: Any, kind: str = "auto", number: int = 0) -> Row:
    """A row of columns as a `Row`; `number` is what it remembers as its place.

    Raises:
        BadRowError: it has not the columns of `kind`, or they hold something else.
    """
    if not isinstance(raw, Mapping):
        raise BadRowError(f"a row is {type(raw).__name__}, not an object")
    if kind == "auto":
        kind = _detect(raw)
    if kind == "chat":
        return Row(messages=_chat(raw), number=number)
    if kind == "instruction":
        return Row(messages=_instruction(raw), number=number)
    text = raw.get("text", raw.get("content"))
    if not isinstance(text, str) or not text.strip():
        raise BadRowError("no text")
    return Row(text=text, number=number)


def _detect(raw: Mapping[str, Any]) -> str:
    if any(key in raw for key in ("messages", "conversations", "conversation")):
        return "chat"
    if any(a in raw and b in raw for a, b in _INSTRUCTION_PAIRS):
        return "instruction"
    if "text" in raw or "content" in raw:
        return "text"
    raise BadRowError(f"no known columns among: {', '.join(map(str, list(raw)[:8]))}")


def _chat(raw: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    turns = next((raw[k] for k in ("messages", "conversations", "conversation") if k in raw), None)
    if not isinstance(turns, list) or not turns:
        raise BadRowError("no messages")
    messages = []
    for turn in turns:
        if not isinstance(turn, Mapping):
            raise BadRowError("a message is not an object")
        role = turn.get("role", turn.get("from"))
        content = turn.get("content", turn.get("value"))
        if not isinstance(role, str) or not isinstance(content, str):
            raise BadRowError("a message has no role or no text")
        messages.append({"role": _ROLES.get(role, role), "content": content})
    if not any(message["content"].strip() for message in messages):
        raise BadRowError("all messages are empty")
    return tuple(messages)


def _instruction(raw: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    for question_key, answer_key in _INSTRUCTION_PAIRS:
        question, answer = raw.get(question_key), raw.get(answer_key)
        if isinstance(question, str) and isinstance(answer, str) and answer.strip():
            extra = raw.get("input")
            if isinstance(extra, str) and extra.strip():
                question = f"{question}\n\n{extra}"
            messages = [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ]
            if isinstance(system := raw.get("system"), str) and system.strip():
                messages.insert(0, {"role": "system", "content": system})
            return tuple(messages)
    raise BadRowError("no instruction and answer")


def _raw_rows(source: str) -> Iterator[tuple[int, Any]]:
    """Every row with its number, see `Row`."""
    if source.startswith("pypi:"):
        yield from enumerate(_package_rows(source.removeprefix("pypi:")), 1)
        return
    path = Path(source).expanduser()
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
        if not files:
            raise GladiusError(
                f"The folder {path} holds no data file.",
                "Put JSONL, JSON, Parquet or CSV files there.",
            )
        for file in files:
            yield from _file_rows(file)
    elif path.exists():
        yield from _file_rows(path)
    elif _looks_like_path(source):
        raise GladiusError(f"There is no data file {path}.", "Check data.path in the config.")
    else:
        yield from enumerate(_hub_rows(source), 1)


def _looks_like_path(source: str) -> bool:
    return source.startswith((".", "/", "~")) or Path(source).suffix in _SUFFIXES


def _file_rows(path: Path) -> Iterator[tuple[int, Any]]:
    if path.suffix == ".jsonl":
        yield from _jsonl_rows(path)
    elif path.suffix == ".json":
        yield from enumerate(_json_rows(path), 1)
    elif path.suffix in (".parquet", ".csv"):
        yield from enumerate(_dataset_rows(path.suffix.removeprefix("."), str(path)), 1)
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
    if isinstance(value, dict):
        value = next((item for item in value.values() if isinstance(item, list)), None)
    if not isinstance(value, list):
        raise GladiusError(f"{path} holds no list of rows.", "Give a list of objects.")
    yield from value


def _dataset_rows(kind: str, path: str) -> Iterator[Any]:
    from datasets import load_dataset

    try:
        yield from load_dataset(kind, data_files=path, split="train", streaming=True)
    except (OSError, ValueError) as error:
        raise GladiusError(
            f"{path} cannot be read as {kind}: {_first_line(error)}.", "Check the file."
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
