"""Text of a run as a terminal may show it: letters and colours, and nothing that it would obey.

A terminal obeys what it is sent: it sets its title, fills the clipboard (OSC 52), moves the cursor
over what was written before. Names, configs, events and logs come from anywhere, so of all control
sequences only colours (SGR) pass, in logs. Whatever else is unseen becomes `�`: it shows that
something was there. Characters that reorder the text around them count as such (Unicode Standard
Annex 9), joiners that shape letters and emoji do not.
"""

import codecs
import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
RESET = "\x1b[0m"
_COLOUR = re.compile(r"\x1b\[[0-9;:]{0,64}m")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-9;:]{0,64})?\Z")
_JOINERS = frozenset("\u200c\u200d")
# The marks, embeddings, overrides and isolates of Unicode Standard Annex 9.
_REORDERING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNSEEN = frozenset({"Cc", "Cs", "Cf", "Zl", "Zp"})
# All but what most text consists of; whether one of them is seen, Unicode's tables say.
# The flag of a region is one sign to a reader: a black flag, its code in tags, and their end.
_FLAG = "\U0001f3f4[\U000e0030-\U000e007a]{3,6}\U000e007f"
_SUSPECT = re.compile(_FLAG + r"|[^\x20-\x7e\u00a1-\u00ac\u00ae-\u017f]")
_SUSPECT_IN_LINES = re.compile(_FLAG + r"|[^\n\r\t\x20-\x7e\u00a1-\u00ac\u00ae-\u017f]")


def is_seen(character: str) -> bool:
    """Whether a reader sees the character, or it only shapes its neighbours."""
    return character in _JOINERS or unicodedata.category(character) not in _UNSEEN


def first_reordering(text: str) -> str:
    """The first character that changes the order in which others are shown; empty for none."""
    found = _REORDERING.search(text)
    return found[0] if found else ""


def visible(text: str) -> str:
    """One line: without colours, line breaks and tabs either."""
    return _SUSPECT.sub(_shown, text)


def visible_lines(text: str) -> str:
    """Several lines: line breaks and tabs pass, colours do not."""
    return _SUSPECT_IN_LINES.sub(_shown, text)


def colours_only(text: str) -> str:
    """Several lines: colours, line breaks and tabs pass, and carriage returns for progress bars."""
    shown, start = [], 0
    for colour in _COLOUR.finditer(text):
        shown += [visible_lines(text[start : colour.start()]), colour.group()]
        start = colour.end()
    return "".join([*shown, visible_lines(text[start:])])


def json_safe(text: str) -> str:
    """A JSON document with what is unseen in it escaped; it reads back as the same values."""
    return _SUSPECT_IN_LINES.sub(_seen_or_escaped, text)


class LogText:
    """A log on its way to a terminal, piece by piece; see `colours_only`."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._kept = ""
        self._is_coloured = False

    def feed(self, data: bytes) -> str:
        """What of these bytes and those before can be shown by now."""
        return self._show(self._kept + self._decoder.decode(data))

    def end(self) -> str:
        """What was kept back, and the end of a colour that the log left on."""
        left = self._show(self._kept + self._decoder.decode(b"", final=True))
        text = left + visible(self._kept) + (RESET if self._is_coloured else "")
        self._kept, self._is_coloured = "", False
        return text

    def _show(self, text: str) -> str:
        unfinished = _UNFINISHED.search(text)
        end = unfinished.start() if unfinished else len(text)
        text, self._kept = text[:end], text[end:]
        for colour in _COLOUR.finditer(text):
            self._is_coloured = colour.group() not in ("\x1b[m", RESET)
        return colours_only(text)


def _shown(found: re.Match[str]) -> str:
    return found[0] if len(found[0]) > 1 or is_seen(found[0]) else REPLACEMENT


def _seen_or_escaped(found: re.Match[str]) -> str:
    return found[0] if len(found[0]) > 1 or is_seen(found[0]) else _escaped(found[0])


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
