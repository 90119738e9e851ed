"""A row of data: a conversation, a text, or unusable."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gladius_widgets.training.rows.conversations import (
    BadRowError,
    Conversation,
    as_switch,
    read_history,
    read_tools,
    read_turns,
)

__all__ = ["BadRowError", "Row", "parse_row"]

_CHAT_COLUMNS = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns")
_SYSTEM_COLUMNS = ("system", "system_prompt", "system_message")
_CONTEXT_COLUMNS = ("input", "context")  # stand below the question, in this order
_TOOLS_COLUMNS = ("tools", "functions")
_SWITCHES = ("weight", "train")
_TEXT_COLUMNS = ("text", "content", "raw_content", "document", "article", "body", "code")
_QUESTIONS = ("instruction", "prompt", "question", "query", "problem", "input")
_ANSWERS = ("output", "response", "completion", "answer", "answers", "solution", "target")


@dataclass(frozen=True)
class Row:
    """One example: `messages` or `text`, not both.

    A message has `role`, `content` (text) and what else it came with and a chat template may
    know: `reasoning_content`, `tool_calls` (with arguments as an object), `name`, `tool_call_id`.
    `tools` and `template_options` are for the template as well. The messages numbered in
    `unlearnt` give no loss.

    `number` is its line in a JSONL file, else its place in the source, from 1. `unused_columns`
    hold something that neither the messages nor the text have.

    Raises:
        BadRowError: half an emoji (a lone surrogate), which no tokenizer takes.
    """

    messages: tuple[dict[str, Any], ...] = ()
    text: str = ""
    tools: tuple[dict[str, Any], ...] = ()
    template_options: dict[str, Any] = field(default_factory=dict)
    unlearnt: frozenset[int] = frozenset()
    number: int = field(default=0, compare=False)
    unused_columns: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        try:
            for text in _strings((self.text, self.messages, self.tools)):
                text.encode()
        except UnicodeEncodeError:
            raise BadRowError("a text holds half a character") from None


def parse_row(raw: Any, kind: str = "auto", number: int = 0) -> Row:
    """A row of columns as a `Row`; `number` is what it remembers as its place.

    Raises:
        BadRowError: it has not the columns of `kind`, or they hold something else.
    """
    if not isinstance(raw, Mapping):
        raise BadRowError(f"a row is {type(raw).__name__}, not an object")
    columns = _Columns(raw)
    kind = _detect(columns) if kind == "auto" else kind
    if columns.label() is False:
        raise BadRowError("its label is false: it shows what not to answer")
    if kind == "text":
        text = _text(columns)
        return Row(text=text, number=number, unused_columns=columns.unused())
    if off := next((name for name in _SWITCHES if columns.is_off(name)), None):
        raise BadRowError(f"its {off} is {raw[off]!r}: it is not to be learnt")
    talk = _chat(columns) if kind == "chat" else _instruction(columns)
    _add_system(talk, columns)
    tools = read_tools(columns.first(_TOOLS_COLUMNS))
    options = columns.take("chat_template_kwargs")
    return Row(
        messages=tuple(talk.messages),
        tools=tools,
        template_options=dict(options) if isinstance(options, Mapping) else {},
        unlearnt=frozenset(talk.unlearnt),
        number=number,
        unused_columns=(*columns.unused(), *talk.unused),
    )


class _Columns:
    """The columns of a row that hold something, and which of them were used."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.all = raw
        # Tables made of several data sets have columns that a row leaves empty.
        self.full = {str(key): value for key, value in raw.items() if not _is_empty(value)}
        self._used: set[str] = set()

    def take(self, name: str) -> Any:
        """What a column holds, None where nothing; it counts as used."""
        if name not in self.full:
            return None
        self._used.add(name)
        return self.full[name]

    def label(self) -> bool | None:
        """A label that is true or false, also as text; other labels are classes, and unused."""
        label = self.full.get("label")
        if isinstance(label, bool) or str(label).strip().lower() in ("true", "false"):
            return as_switch(self.take("label"))
        return None

    def is_off(self, name: str) -> bool:
        """Whether a column says that the row is not to be learnt; it counts as used if it says."""
        switch = as_switch(self.full[name]) if name in self.full else None
        if switch is not None:
            self.take(name)
        return switch is False

    def first(self, names: tuple[str, ...]) -> Any:
        """What the first full column of these holds."""
        return next((self.take(name) for name in names if name in self.full), None)

    def unused(self) -> tuple[str, ...]:
        """The names of the full columns that were not used."""
        return tuple(name for name in self.full if name not in self._used)


def _detect(columns: _Columns) -> str:
    full = set(columns.full)
    if not full.isdisjoint(_CHAT_COLUMNS):
        return "chat"
    if _pair(full):
        return "instruction"
    if full >= {"chosen", "rejected"}:
        raise BadRowError(
            "it is preference data (chosen and rejected), which this does not train on; keep the "
            "chosen conversation in a column 'messages'"
        )
    asked = next((name for name in _QUESTIONS if name in full), None)
    if not full.isdisjoint(_TEXT_COLUMNS) or (_only_column(columns) and not asked):
        return "text"
    everything = set(map(str, columns.all))  # the columns are right, though empty
    if not everything.isdisjoint(_CHAT_COLUMNS):
        return "chat"
    if _pair(everything):
        return "instruction"
    if not everything.isdisjoint(_TEXT_COLUMNS):
        return "text"
    if asked:
        raise BadRowError(
            f"its '{asked}' has no answer (columns: {_named(columns)}); name the two prompt and "
            "completion, or the column text, if all of it is to be learnt"
        )
    raise BadRowError(
        f"no known columns among: {_named(columns)}; name them "
        "messages, or prompt and completion, or text"
    )


def _named(columns: _Columns) -> str:
    return ", ".join(map(str, list(columns.all)[:8]))


def _pair(names: set[str]) -> tuple[str, str] | None:
    """The columns of question and answer."""
    for question in _QUESTIONS:
        for answer in _ANSWERS:
            if question in names and answer in names:
                return question, answer
    return None


def _only_column(columns: _Columns) -> str | None:
    """The name of the only column, if it holds text."""
    names = [str(name) for name in columns.all]
    return names[0] if len(names) == 1 and isinstance(columns.full.get(names[0]), str) else None


def _text(columns: _Columns) -> str:
    for name in (*_TEXT_COLUMNS, _only_column(columns) or ""):
        if isinstance(columns.full.get(name), str):
            return columns.take(name)
    found = next((name for name in _TEXT_COLUMNS if name in columns.full), None)
    if found:
        raise BadRowError(
            f"no text: '{found}' holds {type(columns.full[found]).__name__}; it has to be a string"
        )
    raise BadRowError("no text: it needs a column 'text'")


def _chat(columns: _Columns) -> Conversation:
    name = next((name for name in _CHAT_COLUMNS if name in columns.full), None)
    if name is None:
        raise BadRowError("no messages")
    talk = read_turns(columns.take(name), name)
    past = read_history(columns.take("history"))
    if past:
        talk = past.followed_by(talk)
    if not any(is_said(message) for message in talk.messages):
        raise BadRowError("all messages are empty")
    return talk


def is_said(message: Mapping[str, Any]) -> bool:
    """Whether a message says or does anything."""
    return bool(message["content"].strip() or message.get("tool_calls"))


def _instruction(columns: _Columns) -> Conversation:
    pair = _pair(set(columns.full))
    if pair is None:
        seen = _pair(set(map(str, columns.all)))
        empty = (
            f": '{seen[0]}' or '{seen[1]}' is empty"
            if seen
            else "; name them prompt and completion"
        )
        raise BadRowError(f"no instruction and answer{empty}")
    question, answer = (_side(columns.take(name), name) for name in pair)
    question, answer = question.as_role("user"), answer.as_role("assistant")
    extras = [name for name in _CONTEXT_COLUMNS if name in columns.full and name not in pair]
    for name in extras:
        extra = columns.take(name)
        if not isinstance(extra, str):
            raise BadRowError(f"'{name}' holds {type(extra).__name__}; it has to be a string")
        question.messages[-1]["content"] += f"\n\n{extra}"
    talk = question.followed_by(answer)
    past = read_history(columns.take("history"))
    return past.followed_by(talk) if past else talk


def _side(value: Any, name: str) -> Conversation:
    """A question or an answer: a text, a number, or a list of messages."""
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):  # as SQuAD has them
        value = value["text"]
    if isinstance(value, list) and not value:
        raise BadRowError(f"'{name}' is empty")
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        if len(set(value)) > 1:
            raise BadRowError(f"'{name}' holds {len(value)} different texts; keep one of them")
        value = value[0]
    if isinstance(value, list):
        return read_turns(value, name, is_part=True)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise BadRowError(f"'{name}' holds {type(value).__name__}; it has to be a string")
    return Conversation([{"role": "", "content": value}])


def _add_system(talk: Conversation, columns: _Columns) -> None:
    name = next((name for name in _SYSTEM_COLUMNS if name in columns.full), None)
    if name is None:
        return
    text = columns.take(name)
    if not isinstance(text, str):
        raise BadRowError(f"'{name}' holds {type(text).__name__}; it has to be a string")
    first = talk.messages[0]
    if first["role"] in ("system", "developer"):
        if first["content"].strip() != text.strip():
            raise BadRowError(f"its '{name}' and its system turn differ; keep one of them")
        return
    talk.messages.insert(0, {"role": "system", "content": text})
    talk.unlearnt = {index + 1 for index in talk.unlearnt}


def _is_empty(value: Any) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, list | tuple | Mapping) and not value


def _strings(value: Any) -> Iterator[str]:
    """Every text in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _strings(tuple(value.items()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)
