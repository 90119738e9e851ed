"""Events as text that cannot harm a page: times, messages, payloads, and marks in them."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gladius_widgets.panels.text import format as fmt

SHOWN_CHARS = 16_000
SHOWN_PIECES = 1_500
_INLINE_CHARS, _INLINE_ITEMS = 88, 12
_SNIPPET_CHARS = 36

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours and cursor moves
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles and links
    r"|\x1b[ -/]*[0-~]"
)
# What would reorder a row, or is not seen; not U+200D, which joins emoji.
_UNSEEN = re.compile("[\u200b\u200e\u200f\u061c\u2028-\u202e\u2060-\u206f\ufeff\x7f-\x9f]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def clean(text: str, *, lines: bool = False) -> str:
    """Without terminal escapes; what reorders text or cannot be seen becomes visible.

    Args:
        text: anybody's.
        lines: keep the line breaks; otherwise it becomes one line.
    """
    text = _UNSEEN.sub(_escaped, _ESCAPES.sub("", text))
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
    return text if lines else re.sub(r"\s+", " ", text).strip()


@dataclass(frozen=True)
class Stamp:
    """When an event was, local: `14:28:15`; `day` when it was not today; `full` for the title."""

    clock: str
    day: str
    full: str


def stamp(time_s: float, now: float) -> Stamp:
    """A time of whatever value; `now` in unix s."""
    try:
        local = datetime.fromtimestamp(time_s).astimezone()
        today = datetime.fromtimestamp(now).astimezone()
        clock = f"{local:%H:%M:%S}"
        year = "" if local.year == today.year else f" {local.year}"
        day = "" if local.date() == today.date() else f"{local:%b} {local.day}{year}"
        half = "AM" if local.hour < 12 else "PM"
        full = f"{local:%b} {local.day}, {local.year} {local.hour % 12 or 12}:{local:%M:%S} {half}"
    except (ValueError, OverflowError, OSError):
        return Stamp(fmt.UNKNOWN, "", f"Not a time: {time_s!r}")
    return Stamp(clock, day, full)


@dataclass(frozen=True)
class Piece:
    """Text of one look. `kind` is k, s, n, b (key, string, number, boolean) or nothing."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Layout:
    """JSON as a reader sees it. `is_whole` is False if there was more than can be shown."""

    pieces: tuple[Piece, ...]
    is_whole: bool

    @property
    def text(self) -> str:
        """All of it; if it is whole, it is JSON that says the same."""
        return "".join(piece.text for piece in self.pieces)


def lay_out(value: Any) -> Layout:
    """JSON with indents and short objects in one line, up to what a page can take."""
    pieces: list[Piece] = []
    room, plain = SHOWN_CHARS, ""
    for piece in _pieces(value, 0):
        if len(piece.text) > room or len(pieces) >= SHOWN_PIECES:
            cut = Piece(f"{piece.text[:room]}…", piece.kind)
            return Layout((*pieces, Piece(plain), cut), False)
        room -= len(piece.text)
        if piece.kind:
            pieces += [Piece(plain), piece] if plain else [piece]
            plain = ""
        else:
            plain += piece.text
    return Layout((*pieces, Piece(plain)) if plain else tuple(pieces), True)


def as_json(value: Any) -> str:
    """All of it, to be copied."""
    return _string(value, indent=2)


def _pieces(value: Any, depth: int) -> Iterator[Piece]:
    """The store caps a payload's depth, so recursion ends."""
    if isinstance(value, dict) and value:
        parts = [(Piece(_string(str(key)), "k"), item) for key, item in value.items()]
        yield from _block("{}", parts, depth, inline=depth > 0 and _is_short(value.values()))
    elif isinstance(value, list | tuple) and value:
        yield from _block("[]", [(None, item) for item in value], depth, inline=_is_short(value))
    elif isinstance(value, dict | list | tuple):
        yield Piece("{}" if isinstance(value, dict) else "[]")
    elif isinstance(value, str):
        yield Piece(_string(value), "s")
    elif value is None or isinstance(value, bool):
        yield Piece(json.dumps(value), "b")
    else:
        yield Piece(_number(value), "n")


def _block(
    brackets: str, parts: Sequence[tuple[Piece | None, Any]], depth: int, *, inline: bool
) -> Iterator[Piece]:
    space = " " if inline and brackets == "{}" else ""
    indent = space if inline else "\n" + "  " * (depth + 1)
    between = ", " if inline else f",{indent}"
    yield Piece(brackets[0] + indent)
    for at, (key, item) in enumerate(parts):
        if at:
            yield Piece(between)
        if key:
            yield key
            yield Piece(": ")
        yield from _pieces(item, depth + 1)
    yield Piece((space if inline else "\n" + "  " * depth) + brackets[1])


def _is_short(items: Any) -> bool:
    """Whether all items are plain, and fit into one line."""
    if len(items) > _INLINE_ITEMS or any(isinstance(item, dict | list | tuple) for item in items):
        return False
    return sum(len(item) if isinstance(item, str) else 8 for item in items) <= _INLINE_CHARS


def _string(value: Any, indent: int | None = None) -> str:
    """As JSON; what cannot be seen or reorders text is escaped, which means the same."""
    return _UNSEEN.sub(_escaped, json.dumps(value, ensure_ascii=False, indent=indent))


def _number(value: Any) -> str:
    return json.dumps(value) if isinstance(value, int) or math.isfinite(value) else repr(value)


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def marked(text: str, words: Sequence[str]) -> list[tuple[str, bool]]:
    """The text in parts, those that are one of the words marked."""
    if not words:
        return [(text, False)]
    longest_first = sorted(words, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
    parts: list[tuple[str, bool]] = []
    end = 0
    for found in pattern.finditer(text):
        parts += [(text[end : found.start()], False), (found[0], True)]
        end = found.end()
    return [part for part in [*parts, (text[end:], False)] if part[0]]


def snippet(message: str, payload: str, words: Sequence[str]) -> str:
    """Where a payload holds a word that the message has not; empty if there is no need."""
    low, lowered = message.lower(), payload.lower()
    missing = [word for word in words if word not in low]
    at = lowered.find(missing[0]) if missing else -1
    if at < 0:
        return ""
    start, end = max(0, at - _SNIPPET_CHARS), at + len(missing[0]) + _SNIPPET_CHARS
    text = clean(payload[start:end])
    return f"{'…' if start else ''}{text}{'…' if end < len(payload) else ''}"
