"""Which events the log shows: types, words, time, page, open row; and how the address says it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

PAGE_ROWS = 50


@dataclass(frozen=True)
class Kind:
    """How a type of event looks: the badge's word, the filter's words, tone, icon."""

    word: str
    filter_words: str
    tone: str
    icon: str


KINDS = {
    "status": Kind("Status", "Status Changes", "blue", "info"),
    "metrics": Kind("Metrics", "Metrics Updates", "green", "chart"),
    "warning": Kind("Warning", "Warnings", "yellow", "warn"),
    "error": Kind("Error", "Errors", "red", "fail"),
    "checkpoint": Kind("Checkpoint", "Checkpoints", "purple", "save"),
    "command": Kind("Command", "Commands", "sky", "term"),
}
RANGES = {
    "": "All time",
    "hour": "Last hour",
    "today": "Today",
    "week": "Last 7 days",
    "custom": "Custom…",
}
_HOUR_S, _DAY_S, _MINUTE_S = 3600.0, 86_400.0, 60.0
_LONGEST_SEARCH = 200
# field → its name in the address
_NAMES = {
    "types": "type",
    "search": "q",
    "range": "range",
    "start": "from",
    "end": "to",
    "page": "page",
    "opened": "event",
}


@dataclass(frozen=True)
class EventQuery:
    """What the reader wants to see, newest first.

    Attributes:
        types: some of `KINDS`, in their order; none is all.
        search: words that message or payload must hold, all of them, in any case.
        range: one of `RANGES`.
        start, end: local times such as `2025-12-18T14:00`, inclusive; only of a custom range.
        page: from 1.
        opened: number of the event whose payload is shown, from 1 in order of arrival; 0 is none.
    """

    types: tuple[str, ...] = ()
    search: str = ""
    range: str = ""
    start: str = ""
    end: str = ""
    page: int = 1
    opened: int = 0

    @property
    def words(self) -> tuple[str, ...]:
        """What to look for, in lower case."""
        return tuple(dict.fromkeys(self.search.lower().split()))

    @property
    def is_filtered(self) -> bool:
        """Whether anything is left out."""
        return bool(self.types or self.words or self.range)

    def changed(self, **changes: Any) -> "EventQuery":
        """Another query; whatever changes what is listed begins at the first page."""
        if "page" not in changes and changes.keys() != {"opened"}:
            changes["page"] = 1
        return replace(self, **changes)

    def toggled(self, kind: str) -> "EventQuery":
        """With or without this type; all of them reads as none left out."""
        chosen = set(self.types) ^ {kind}
        return self.changed(types=() if len(chosen) == len(KINDS) else in_order(chosen))

    def bounds(self, now: float) -> tuple[float | None, float | None]:
        """First and last moment of the range (unix s), None where it is open.

        A range that ends now begins at a whole minute, so that what matches is not looked up
        anew all the time.
        """
        minute = now - now % _MINUTE_S
        if self.range == "hour":
            return minute - _HOUR_S, None
        if self.range == "week":
            return minute - 7 * _DAY_S, None
        if self.range == "today":
            return local_day(now), None
        if self.range == "custom":
            end = _moment(self.end)
            # The field names a minute; all of it is meant.
            return _moment(self.start), None if end is None else end + _MINUTE_S - 1e-6
        return None, None

    def filter_words(self) -> list[str]:
        """The filters in words."""
        words = [KINDS[kind].filter_words for kind in self.types]
        words += [f"text has “{word}”" for word in self.words]
        if self.range == "custom":
            given = [("from", self.start), ("to", self.end)]
            words += [f"{name} {text.replace('T', ' ')}" for name, text in given if text]
        elif self.range:
            words.append(RANGES[self.range].lower())
        return words

    def to_address(self) -> dict[str, str | None]:
        """The parameters of the address; None for what is as by default."""
        values = {name: getattr(self, field) for field, name in _NAMES.items()}
        values["type"] = ",".join(self.types)
        values["q"] = self.search.strip()
        values["page"] = self.page if self.page > 1 else ""
        return {name: str(value) if value else None for name, value in values.items()}


def from_address(parameters: Mapping[str, str]) -> EventQuery:
    """The query that an address asks for; what it says wrongly is as by default."""
    given = {field: parameters.get(name, "") for field, name in _NAMES.items()}
    is_custom = given["range"] == "custom"
    kinds = in_order(given["types"].split(","))
    return EventQuery(
        types=() if len(kinds) == len(KINDS) else kinds,
        search=given["search"].strip()[:_LONGEST_SEARCH],
        range=given["range"] if given["range"] in RANGES else "",
        start=given["start"] if is_custom and _moment(given["start"]) is not None else "",
        end=given["end"] if is_custom and _moment(given["end"]) is not None else "",
        page=max(1, _whole(given["page"])),
        opened=_whole(given["opened"]),
    )


def in_order(kinds: Iterable[str]) -> tuple[str, ...]:
    """Those of the types that there are, in the order of `KINDS`."""
    chosen = set(kinds)
    return tuple(kind for kind in KINDS if kind in chosen)


def local_day(now: float) -> float:
    """When the local day of a moment began; both in unix s."""
    day = datetime.fromtimestamp(now).astimezone().replace(tzinfo=None)
    return day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def _moment(text: str) -> float | None:
    """Unix s of a local time in ISO 8601; None if it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
