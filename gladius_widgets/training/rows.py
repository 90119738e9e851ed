"""A row of data: a conversation, a text, or unusable."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_CHAT_COLUMNS = ("messages", "conversations", "conversation")
_TEXT_COLUMNS = ("text", "content")
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

    `number` is its line in a JSONL file, else its place in the source, from 1. `unused_columns`
    hold something that neither the messages nor the text have.

    Raises:
        BadRowError: half an emoji (a lone surrogate), which no tokenizer takes.
    """

    messages: tuple[dict[str, str], ...] = ()
    text: str = ""
    number: int = field(default=0, compare=False)
    unused_columns: tuple[str, ...] = field(default=(), compare=False)

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
    for text in map(raw.get, _TEXT_COLUMNS):
        if isinstance(text, str) and text.strip():
            return Row(text=text, number=number)
    raise BadRowError("no text")


def _detect(raw: Mapping[str, Any]) -> str:
    # Tables made of several data sets have columns that a row leaves empty.
    for columns in ({key for key, value in raw.items() if value}, set(raw)):
        if not columns.isdisjoint(_CHAT_COLUMNS):
            return "chat"
        if any(columns.issuperset(pair) for pair in _INSTRUCTION_PAIRS):
            return "instruction"
        if not columns.isdisjoint(_TEXT_COLUMNS):
            return "text"
    raise BadRowError(f"no known columns among: {', '.join(map(str, list(raw)[:8]))}")


def _chat(raw: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    turns = next(filter(None, map(raw.get, _CHAT_COLUMNS)), None)
    if isinstance(turns, str):  # as a CSV has them
        try:
            turns = json.loads(turns)
        except (ValueError, RecursionError):
            raise BadRowError("the messages are text that is not JSON") from None
    if not isinstance(turns, list) or not turns:
        raise BadRowError("no messages")
    messages = []
    for turn in turns:
        if not isinstance(turn, Mapping):
            raise BadRowError("a message is not an object")
        role = turn.get("role") or turn.get("from")
        content = next((t for t in map(turn.get, ("content", "value")) if t is not None), None)
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
