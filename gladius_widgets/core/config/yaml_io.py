"""YAML 1.2 in, with caps that are checked before any object is built."""

import re
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from gladius_widgets.core.errors import ConfigError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_ALIASES = 32
MAX_NODES = 20_000  # keys and items, with aliases written out: few aliases can hold many
MAX_DIGITS = 400  # more than any float has; Python takes long for the digits of longer ones
_NUMBER = re.compile(r"[-+]?(?:0[xob])?[0-9a-fA-F_.]+")
_SOURCE_CHARS = 60

KeyPath = tuple[str | int, ...]


@dataclass
class Document:
    """A parsed YAML mapping.

    Attributes:
        values: plain dicts, lists and scalars.
        lines: 1-based line of each key or item, by its path.
        source: the file's name, for messages.
        overrides: what replaced a value of the file, such as `--set a.b=1`, by its path.
        before: the values without overrides, where there are some.
    """

    values: dict[str, Any]
    source: str
    lines: dict[KeyPath, int] = field(default_factory=dict)
    overrides: dict[KeyPath, str] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)

    def within(self, path: KeyPath) -> str:
        """The last override of something inside `path`; empty for none."""
        inside = [said for keys, said in self.overrides.items() if keys[: len(path)] == path]
        return inside[-1] if inside else ""

    def where(self, path: KeyPath) -> str:
        """The override or `file, line n` that `path` or its nearest known ancestor comes from."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.overrides:
                return self.overrides[path[:length]]
            line = self.lines.get(path[:length])
            if line:
                return f"{self.source}, line {line}"
        return self.source


def read_yaml(path: str | Path) -> Document:
    """Read one YAML mapping from a file.

    Raises:
        ConfigError: missing, unreadable, too large, too deep, too many aliases, not YAML, keys
            given twice, or not a mapping.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)  # a device or pipe does not tell its size
        if len(data) > MAX_BYTES:
            raise ConfigError(
                f"{path} is larger than {MAX_BYTES // 1024} KiB.", "Is it a config file?"
            )
        text = data.decode("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"There is no config file {path}.", "Check the path.") from None
    except UnicodeDecodeError:
        raise ConfigError(
            f"{path} is not UTF-8 text, so not a config file.", "Give a YAML file."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}.", "Check its type and permissions."
        ) from None
    return parse_yaml(text, source=str(path))


def parse_yaml(text: str, source: str = "config") -> Document:
    """Parse one YAML mapping from text; see `read_yaml` for what it raises."""
    try:
        _check_caps(text, source)
        tree = YAML(typ="rt", pure=True).load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        key = str(error.problem or "").split('"')[1:2]
        raise ConfigError(
            f"{source}, line {line}: the key '{key[0] if key else '?'}' is given twice.",
            "Keep one of them.",
        ) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        problem = " ".join(str(error.problem or "not YAML").split())
        raise ConfigError(f"{source}, line {line}: {problem}.", "Mend the YAML there.") from None
    except (YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"{source} is not YAML: {reason}.",
            "Give a YAML mapping; put what only looks like a date or a number in quotes.",
        ) from None
    if not isinstance(tree, CommentedMap):
        raise ConfigError(
            f"{source} holds no 'key: value' pairs at its top.", "Give a YAML mapping."
        )
    document = Document({}, source)
    try:
        document.values = _plain(tree, (), document.lines)
    except _KeyProblem as problem:
        raise ConfigError(f"{source}, {problem}", "Write a word before the colon.") from None
    return document


def parse_scalar(text: str) -> Any:
    """One value as YAML reads it (`20` → 20, `1e-4` → 0.0001, `[1, 2]`, `null`, text)."""
    shown = text if len(text) <= _SOURCE_CHARS else f"{text[:_SOURCE_CHARS]}…"
    values = parse_yaml(f"value: {text}", source=f"value {shown!r}").values
    if len(values) > 1:
        raise ConfigError(f"value {shown!r} is more than a value.", "Set one key at a time.")
    return values["value"]


def dump_yaml(values: dict[str, Any], header: str = "") -> str:
    """Plain values as block-style YAML; `header` goes on top, one `#` a line."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 100
    buffer = StringIO()
    yaml.dump(values, buffer)
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    return comment + buffer.getvalue()


def _check_caps(text: str, source: str) -> None:
    depth = aliases = 0
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{source} is larger than {MAX_BYTES // 1024} KiB.", "Shorten it.")
    for event in YAML(typ="rt", pure=True).parse(StringIO(text)):
        if isinstance(event, AliasEvent):
            aliases += 1
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            depth += 1
        elif not isinstance(event, NodeEvent) and type(event).__name__.endswith("EndEvent"):
            depth -= type(event).__name__ in ("MappingEndEvent", "SequenceEndEvent")
        if isinstance(event, ScalarEvent):
            _check_digits(event, source)
        if aliases > MAX_ALIASES:
            raise ConfigError(f"{source} uses more than {MAX_ALIASES} aliases.", "Write it out.")
        if depth > MAX_DEPTH:
            raise ConfigError(f"{source} is nested deeper than {MAX_DEPTH}.", "Flatten it.")


def _check_digits(event: ScalarEvent, source: str) -> None:
    length = len(event.value)
    if length > MAX_DIGITS and event.style is None and _NUMBER.fullmatch(event.value):
        line = event.start_mark.line + 1
        raise ConfigError(
            f"{source}, line {line}: a number has {length:,} digits, more than any key takes.",
            "Shorten it, or put it in quotes if it is text.",
        )


class _KeyProblem(Exception):  # noqa: N818  # it becomes a ConfigError where the file is known
    """A key is no word; the text says where."""


def _key(key: Any, line: int) -> str:
    """A key as text; numbers count as such."""
    text = str(key) if isinstance(key, str | int | float) and not isinstance(key, bool) else ""
    if not text:
        what = {bool: "true or false", type(None): "null", str: "empty"}.get(type(key))
        what = what or "a list, a mapping or a date"
        raise _KeyProblem(f"line {line}: a key is {what}.")
    return text


def _plain(node: Any, path: KeyPath, lines: dict[KeyPath, int]) -> Any:
    """Builtin types from ruamel's, noting each key's line on the way."""
    if len(lines) > MAX_NODES:
        raise ConfigError(f"The config has more than {MAX_NODES} values.", "Shorten it.")
    if isinstance(node, CommentedMap):
        result = {}
        for key, value in node.items():
            line = _line(node, key) or lines.get(path, 0)
            name = _key(key, line)
            lines[here := (*path, name)] = line
            result[name] = _plain(value, here, lines)
        return result
    if isinstance(node, CommentedSeq):
        for index in range(len(node)):
            lines[(*path, index)] = _line(node, index) or lines.get(path, 0)
        return [_plain(item, (*path, index), lines) for index, item in enumerate(node)]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _line(node: CommentedMap | CommentedSeq, key: Any) -> int | None:
    """1-based line of a key or item; None when merged in (`<<`) or under a foreign tag."""
    place = (node.lc.data or {}).get(key)
    return place[0] + 1 if place else None
