"""A config as text, edited in place: what an edit does not touch stays as its writer left it.

Edits are cut into the text where ruamel's parser says that a key stands, so comments, blank lines
and notation survive. Each edit is checked by reading the text again.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gladius_widgets.core.config.yaml_io import Document, dump_yaml, parse_scalar, parse_yaml
from gladius_widgets.core.errors import ConfigError
from gladius_widgets.panels.new_job.field_specs import sections, value_text

MAX_CHARS = 64 * 1024
_PLAIN = re.compile(r"[\w./](?:[\w ./@+~-]|:(?=\w))*(?<! )")
_UNWRITABLE = re.compile(r"[^\t\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Sheet:
    """A readable YAML text and what it says. An empty text says nothing and is readable.

    Raises:
        ConfigError: it is no YAML mapping; names the line.
    """

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.document = _read(text)
        self._root = _compose(text) if self.document.values else None

    @property
    def values(self) -> dict[str, Any]:
        """Plain values by section."""
        return self.document.values

    def has(self, section: str, name: str) -> bool:
        """Whether the text gives this key."""
        inner = self.values.get(section)
        return isinstance(inner, dict) and name in inner

    def source(self, section: str, name: str) -> str:
        """The value as it is written: `1e-4`, not 0.0001; lists and mappings as a fragment."""
        value = self.values[section][name]
        node = self._child(section, name)
        if isinstance(node, ScalarNode) and not isinstance(value, str | dict | list):
            return "" if value is None else str(node.value)
        return fragment(value)

    def put(self, section: str, name: str, value: Any, written: str | None = None) -> "Sheet":
        """The sheet with this key set.

        Args:
            section: of the key.
            name: of the key.
            value: plain.
            written: how to write the value, if there is a say in it.

        Raises:
            ConfigError: the text is such that it cannot be done.
        """
        inner = self.values.get(section)
        kept = inner if isinstance(inner, dict) else {}
        wanted = {**self.values, section: {**kept, name: value}}
        entry = written if written is not None else inline(value)
        if isinstance(value, dict) and value:
            entry = None
        return self._checked(wanted, lambda: self._put(section, name, value, entry))

    def drop(self, section: str, name: str) -> "Sheet":
        """The sheet without this key, and without its section when nothing is left in it."""
        if not self.has(section, name):
            return self
        inner = {key: value for key, value in self.values[section].items() if key != name}
        wanted = {key: value for key, value in self.values.items() if key != section or inner}
        if inner:
            wanted[section] = inner
        return self._checked(wanted, lambda: self._drop(section, None if not inner else name))

    # Cutting

    def _checked(self, wanted: dict[str, Any], edit: Any) -> "Sheet":
        """The edit, if it says what is wanted; else all written anew, without comments."""
        for make in (edit, lambda: dump_yaml(wanted)):
            text = make()
            try:
                sheet = Sheet(text) if text is not None else None
            except ConfigError:
                continue
            if sheet is not None and _canon(sheet.values) == _canon(wanted):
                return sheet
        raise ConfigError("This value cannot be written as YAML.", "Change it in the YAML.")

    def _put(self, section: str, name: str, value: Any, entry: str | None) -> str:
        lines = self.text.rstrip("\n").split("\n") if self.text.strip() else []
        pair = _find(self._root, section)
        if pair is None:
            at = self._after(section)
            new = [f"{section}:", *_entry(name, value, entry, 2)]
            at = len(lines) if at is None else at
            blank = [""] if at and lines[at - 1].strip() else []
            return _joined(lines[:at] + blank + new + lines[at:])
        key, holder = pair
        if not isinstance(holder, MappingNode):
            new = [f"{section}:", *_entry(name, value, entry, 2)]
            return _joined(
                lines[: key.start_mark.line] + new + lines[_last_line(self.text, holder) + 1 :]
            )
        if holder.flow_style:
            text = inline({**self.values[section], name: value})
            return _replaced(self.text, holder, text)
        column = holder.value[0][0].start_mark.column
        child = _find(holder, name)
        if child is None:
            at = _place(self.text, holder, section, name)
            at = key.start_mark.line + 1 if at is None else at
            return _joined(lines[:at] + _entry(name, value, entry, column) + lines[at:])
        if entry is not None and _is_token(child[1]):
            empty = child[1].start_mark.index == child[1].end_mark.index
            return _replaced(self.text, child[1], f" {entry}" if empty else entry)
        first, last = child[0].start_mark.line, _last_line(self.text, child[1])
        return _joined(lines[:first] + _entry(name, value, entry, column) + lines[last + 1 :])

    def _drop(self, section: str, name: str | None) -> str | None:
        key, holder = _find(self._root, section) or (None, None)
        if key is None or holder is None:
            return None
        if name is not None and isinstance(holder, MappingNode) and holder.flow_style:
            inner = {k: v for k, v in self.values[section].items() if k != name}
            return _replaced(self.text, holder, inline(inner))
        target = (key, holder) if name is None else _find(holder, name)
        if target is None:  # merged in from elsewhere
            return None
        lines = self.text.split("\n")
        first, last = target[0].start_mark.line, _last_line(self.text, target[1])
        return _joined(_without_gap(lines, first, last) if name is None else [
            *lines[:first], *lines[last + 1 :]
        ])  # fmt: skip

    def _after(self, section: str) -> int | None:
        """The line behind the last section that comes before this one in the config."""
        order = list(sections())
        place = order.index(section) if section in order else len(order)
        found = None
        for key, holder in self._root.value if self._root is not None else ():
            if key.value in order[:place]:
                found = max(found or 0, _last_line(self.text, holder) + 1)
        return found

    def _child(self, section: str, name: str) -> Node | None:
        pair = _find(self._root, section)
        child = _find(pair[1], name) if pair else None
        return child[1] if child else None


def minimal(values: Mapping[str, Mapping[str, Any]], note: str = "") -> str:
    """Plain values of a whole config as text that names only what differs from the defaults."""
    different: dict[str, dict[str, Any]] = {}
    for section in sections().values():
        given = values.get(section.name, {})
        for field in section.fields:
            if field.name in given and not same(given[field.name], field.default):
                different.setdefault(section.name, {})[field.name] = given[field.name]
    lines = [f"# {note}"] if note else []
    for name, inner in different.items():
        lines += ["", f"{name}:"] if lines else [f"{name}:"]
        for key, value in inner.items():
            entry = None if isinstance(value, dict) and value else inline(value)
            lines += _entry(key, value, entry, 2)
    return _joined(lines)


def fragment(value: Any) -> str:
    """A value for a field: text as it is, lists on one line, mappings one key a line."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return dump_yaml(value).rstrip("\n")
    return inline(value) if isinstance(value, list) else value_text(value)


def parse_fragment(text: str) -> Any:
    """A value from a fragment of YAML.

    Raises:
        ConfigError: it is none; lines count from the fragment's first.
    """
    if _UNWRITABLE.sub("", text.replace("\n", " ")) != text.replace("\n", " "):
        raise ConfigError("It holds control characters.", "Leave them out.")
    body = "".join(f"  {line}\n" for line in text.strip("\n").split("\n"))
    try:
        return parse_yaml(f"value:\n{body}", source="The fragment").values["value"]
    except ConfigError as error:
        shown = re.sub(r"line (\d+)", lambda m: f"line {int(m[1]) - 1}", error.message)
        raise ConfigError(shown, error.hint) from None


def inline(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        pairs = [f"{inline(key)}: {inline(item)}" for key, item in value.items()]
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, str):
        return value if _is_plain(value) else _quoted(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return ".nan" if math.isnan(value) else "-.inf" if value < 0 else ".inf"
        return value_text(value) if "e" in repr(value) else repr(value)  # 1e-8; 1.0 stays 1.0
    return "null" if value is None else value_text(value)


def _is_plain(text: str) -> bool:
    """Whether YAML reads it as this text without quotes, in a list or mapping too."""
    if not _PLAIN.fullmatch(text):
        return False
    try:
        return parse_scalar(text) == text
    except ConfigError:
        return False


def _quoted(text: str) -> str:
    """In double quotes; JSON's escapes are YAML's, and three breaks of line are YAML's alone."""
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff]", lambda m: f"\\u{ord(m[0]):04x}", quoted)


def same(a: Any, b: Any) -> bool:
    """Equal as YAML values: 1 is 1.0, but true is not 1."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


def unwritable(text: str) -> bool:
    """Whether the text holds characters that YAML does not take."""
    return _UNWRITABLE.search(text) is not None


def _read(text: str) -> Document:
    if len(text) > MAX_CHARS:
        raise ConfigError(f"The YAML has more than {MAX_CHARS // 1024} KiB.", "Shorten it.")
    if all(not line.strip() or line.lstrip().startswith("#") for line in text.split("\n")):
        return Document({}, "YAML")
    return parse_yaml(text, source="YAML")


def _compose(text: str) -> MappingNode | None:
    root = YAML(typ="rt", pure=True).compose(text)
    return root if isinstance(root, MappingNode) and not root.flow_style else None


def _find(holder: Node | None, name: str) -> tuple[Node, Node] | None:
    if not isinstance(holder, MappingNode):
        return None
    return next(((key, node) for key, node in holder.value if key.value == name), None)


def _is_token(node: Node) -> bool:
    """A value that is one piece of text: a plain or quoted scalar, or a list in brackets."""
    if isinstance(node, ScalarNode):
        return node.style not in ("|", ">")
    return isinstance(node, SequenceNode | MappingNode) and bool(node.flow_style)


def _last_line(text: str, node: Node) -> int:
    """The last line that a value takes, from 0; comments after it are not its own."""
    if isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(text, last[1] if isinstance(last, tuple) else last)
    start, end = node.start_mark.index, node.end_mark.index
    return text.count("\n", 0, start + len(text[start:end].rstrip()))


def _place(text: str, holder: MappingNode, section: str, name: str) -> int | None:
    """The line behind the last key that comes before this one in the section; None: the top."""
    order = [field.name for field in sections()[section].fields] if section in sections() else []
    known = set(order[: order.index(name)]) if name in order else None
    ends = [
        _last_line(text, node) + 1
        for key, node in holder.value
        if known is None or key.value in known
    ]
    return max(ends) if ends else None


def _entry(name: str, value: Any, entry: str | None, column: int) -> list[str]:
    pad = " " * column
    if entry is not None:
        return [f"{pad}{name}: {entry}"]
    return [pad + line for line in dump_yaml({name: value}).rstrip("\n").split("\n")]


def _replaced(text: str, node: Node, new: str) -> str:
    return text[: node.start_mark.index] + new + text[node.end_mark.index :]


def _without_gap(lines: list[str], first: int, last: int) -> list[str]:
    """Without these lines and one of the two blank lines that would meet there."""
    head, tail = lines[:first], lines[last + 1 :]
    if tail and not tail[0].strip() and (not head or not head[-1].strip()):
        tail = tail[1:]
    return head + tail


def _joined(lines: list[str]) -> str:
    text = "\n".join(lines).strip("\n")
    return f"{text}\n" if text else ""


def _canon(values: Any) -> str:
    """Equal texts for equal values; NaN too."""
    return json.dumps(values, sort_keys=True, default=str)
