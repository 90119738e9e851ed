"""Turns as data sets write them (OpenAI, ShareGPT, TRL, …) as messages for a chat template."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ROLES = {
    "human": "user",
    "prompter": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "chatgpt": "assistant",
    "function": "tool",
    "function_response": "tool",
    "observation": "tool",
    "ipython": "tool",
}
_CALL_ROLES = ("function_call", "tool_call")
_REASONING = ("reasoning_content", "reasoning", "thinking", "thought")
_KEPT = ("name", "tool_call_id")
_ANSWER = "assistant"
_CALL_IS_TEXT = "a call of a tool is text that is not JSON"
_TEXT_PARTS = ("text", "input_text", "output_text")
_LEARN_KEYS = ("train", "trainable", "training", "loss", "loss_mask", "learn")
_SWITCHES = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
# What turns hold beside their text, and what this reads of it.
_READ = {
    "role", "from", "content", "value", "weight", "masked", "tool_calls", "function_call",
    *_REASONING, *_KEPT, *_LEARN_KEYS,
}  # fmt: skip


class BadRowError(ValueError):
    """A row that cannot be used; the message says why, `number` which (0 means unknown).

    The message names no place, so that equal reasons can be counted.
    """

    def __init__(self, reason: str, number: int = 0) -> None:
        super().__init__(reason)
        self.number = number


@dataclass
class Conversation:
    """Messages, the numbers of those that give no loss, and the keys of turns that nothing uses."""

    messages: list[dict[str, Any]]
    unlearnt: set[int] = field(default_factory=set)
    unused: tuple[str, ...] = ()

    def followed_by(self, later: "Conversation") -> "Conversation":
        """Both, one after the other."""
        shift = len(self.messages)
        return Conversation(
            [*self.messages, *later.messages],
            self.unlearnt | {index + shift for index in later.unlearnt},
            (*self.unused, *later.unused),
        )

    def as_role(self, role: str) -> "Conversation":
        """As one side of a prompt and completion: its plain text is of `role`.

        The answers that a prompt holds are given, not learnt.
        """
        for message in self.messages:
            message["role"] = message["role"] or role
        if role != _ANSWER:
            answers = (i for i, each in enumerate(self.messages) if each["role"] == _ANSWER)
            self.unlearnt.update(answers)
        return self


def read_turns(turns: Any, column: str, *, is_part: bool = False) -> Conversation:
    """The messages of a column.

    A part of a conversation may end as it likes; a whole one loses an empty answer at its end.

    Raises:
        BadRowError: they are not messages, or hold what cannot be trained on.
    """
    turns = _from_json(turns, "the messages are text that is not JSON")
    if not isinstance(turns, list) or not turns:
        raise BadRowError("no messages")
    talk = Conversation([])
    unused: dict[str, None] = {}
    for turn in turns:
        if not isinstance(turn, Mapping):
            raise BadRowError(
                f"a message is not an object ({type(turn).__name__}); it needs role and content"
            )
        if not _is_learnt(turn):
            talk.unlearnt.add(len(talk.messages))
        talk.messages.append(_message(turn))
        for key in turn.keys() - _READ:
            if turn[key] not in (None, "", [], {}):
                unused[f"{column}[].{key}"] = None
    talk.unused = tuple(sorted(unused))
    while not is_part and len(talk.messages) > 1 and _is_nothing(talk.messages[-1]):
        talk.messages.pop()
    talk.unlearnt &= set(range(len(talk.messages)))
    return talk


def read_history(history: Any) -> Conversation | None:
    """Earlier turns, as messages or as pairs of question and answer; None where there are none.

    Raises:
        BadRowError: they are neither.
    """
    history = _from_json(history, "the history is text that is not JSON")
    if not history:
        return None
    problem = BadRowError("the history holds neither messages nor pairs of question and answer")
    if not isinstance(history, list):
        raise problem
    if all(isinstance(each, Mapping) for each in history):
        return read_turns(history, "history", is_part=True)
    messages = []
    for pair in history:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise problem
        for role, text in zip(("user", _ANSWER), pair, strict=True):
            messages.append({"role": role, "content": _content(text, role)[0]})
    return Conversation(messages)


def read_tools(tools: Any) -> tuple[dict[str, Any], ...]:
    """The tools of a row, each as `{"type": "function", "function": {…}}`.

    Raises:
        BadRowError: they are something else.
    """
    tools = _from_json(tools, "the tools are text that is not JSON")
    if not tools:
        return ()
    problem = BadRowError("the tools are not a list of objects with a name")
    if not isinstance(tools, list):
        raise problem
    found = []
    for each in tools:
        tool = _from_json(each, "a tool is text that is not JSON")
        if not isinstance(tool, Mapping):
            raise problem
        function = tool.get("function", tool)
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise problem
        found.append({"type": "function", "function": _without_nulls(function)})
    return tuple(found)


def _message(turn: Mapping[str, Any]) -> dict[str, Any]:
    role = turn.get("role") or turn.get("from")
    if not isinstance(role, str):
        keys = ", ".join(map(str, list(turn)[:6]))
        raise BadRowError(f"a message has no role (it has {keys}); it needs role and content")
    content = next((t for t in map(turn.get, ("content", "value")) if t is not None), None)
    role = role.strip().lower()
    if role in _CALL_ROLES:
        return {"role": _ANSWER, "content": "", "tool_calls": _calls(content)}
    role = _ROLES.get(role, role)
    calls = turn.get("tool_calls") or turn.get("function_call")
    reasoning = next((text for text in map(turn.get, _REASONING) if text), "")
    if content is None and not calls and not reasoning and role != _ANSWER:
        raise BadRowError(f"a {role} turn has no text; it needs content")
    text, thought = _content("" if content is None else content, role)
    message: dict[str, Any] = {"role": role, "content": text}
    if reasoning := reasoning or thought:
        if not isinstance(reasoning, str):
            raise BadRowError(f"a turn's reasoning is {type(reasoning).__name__}, not a string")
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = _calls(calls)
    return message | {key: turn[key] for key in _KEPT if turn.get(key)}


def _content(content: Any, role: str) -> tuple[str, str]:
    """(text, reasoning) of a turn's content: a text, a number, or parts."""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, int | float) and not isinstance(content, bool):
        return str(content), ""
    parts = [content] if _is_part(content) else content
    if role == "tool" and not (isinstance(parts, list) and all(map(_is_part, parts))):
        return json.dumps(content, ensure_ascii=False), ""  # a result may be any JSON
    if not isinstance(parts, list):
        raise BadRowError(
            f"the content of a {role} turn is {type(content).__name__}, neither text nor parts"
        )
    read = [_part(part) for part in parts]
    return "".join(text for text, _ in read), "".join(reasoning for _, reasoning in read)


def _part(part: Any) -> tuple[str, str]:
    kind = part["type"] if _is_part(part) else type(part).__name__
    if kind in _TEXT_PARTS and isinstance(part.get("text"), str):
        return part["text"], ""
    if kind in _REASONING and isinstance(text := part.get(kind, part.get("text")), str):
        return "", text
    raise BadRowError(f"a content part of type {kind}: only text can be trained on")


def _is_part(part: Any) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get("type"), str)


def _calls(calls: Any) -> list[dict[str, Any]]:
    """Calls of tools, their arguments as an object where they are JSON."""
    calls = _from_json(calls, _CALL_IS_TEXT)
    return [_call(_from_json(each, _CALL_IS_TEXT)) for each in _as_list(calls)]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _call(call: Any) -> dict[str, Any]:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise BadRowError("a call of a tool has no name; it needs name and arguments")
    arguments = function.get("arguments", function.get("parameters"))
    if isinstance(arguments, str):
        arguments = _from_json(arguments, "the arguments of a call are text that is not JSON")
    elif isinstance(arguments, Mapping):
        arguments = _without_nulls(arguments)
    made = {"name": function["name"], "arguments": arguments or {}}
    return {"type": "function", "function": made} | ({"id": call["id"]} if call.get("id") else {})


def _is_learnt(turn: Mapping[str, Any]) -> bool:
    """Whether a turn's own marks leave it in the loss."""
    off = [key for key in ("weight", *_LEARN_KEYS) if _switch(turn, key) is False]
    return not off and not _switch(turn, "masked")


def _switch(turn: Mapping[str, Any], key: str) -> bool | None:
    """A mark of a turn; None where it has none."""
    value = turn.get(key)
    if value is None:
        return None
    found = as_switch(value)
    if found is None:
        raise BadRowError(f"a turn has the {key} {value!r}; only 0 and 1 are known")
    return found


def as_switch(value: Any) -> bool | None:
    """True or false, also as number or text; None for anything else."""
    if isinstance(value, str):
        return _SWITCHES.get(value.strip().lower())
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def _is_nothing(message: Mapping[str, Any]) -> bool:
    return message["role"] == _ANSWER and not (
        message["content"].strip() or message.keys() & {"tool_calls", "reasoning_content"}
    )


def _from_json(value: Any, problem: str) -> Any:
    """A value that may be JSON text, as a CSV has it."""
    if not isinstance(value, str) or not value.strip():
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise BadRowError(problem) from None


def _without_nulls(value: Any) -> Any:
    """Without the keys that a column of several shapes fills with nulls."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(each) for each in value]
    return value
