"""What happened to a run, as marks along its loss curve: who did what, from what to what."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gladius_widgets.panels.live.series import Columns, Floats, Indices
from gladius_widgets.panels.loss.axis import LossAxis, Range
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.store.run.events import Event

MOST_MARKS = 96  # more than fit side by side
_MOST_LINES = 6
_MOST_LOOKS = 500  # events of one mark whose tones are compared
_MOST_CHARS = 240
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")
_COMMAND = re.compile(
    r"^Command (\S+)(?: by (.*?))? at step \d+(?: refused: (.*?))?(?: \(again.*)?$"
)
_TONES = ("red", "yellow", "blue", "green", "gray")
_PICTURES = {
    "pause": "pause",
    "resume": "play",
    "stop": "stop",
    "checkpoint": "save",
    "validate": "target",
    "cancel": "stop",
}


class _Look(NamedTuple):
    kind: str
    icon: str
    tone: str


class _Command(NamedTuple):
    name: str = ""
    by: str = ""
    reason: str = ""


_ALERTS = {
    "warning": _Look("warning", "warn", "yellow"),
    "error": _Look("error", "fail", "red"),
}


@dataclass(frozen=True)
class LedgerMark:
    """One thing that happened, or several that fall together.

    Attributes:
        x: where on the axis.
        icon, tone: how it looks.
        lines: its story, a line each; of several, the first ones.
        name: identity: the index of its event.
        count: how many events it stands for.
        kind: command, checkpoint, validation, best, warning, error.
    """

    x: float
    icon: str
    tone: str
    lines: tuple[str, ...]
    name: str
    kind: str
    count: int = 1


class Ledger:
    """The events of a run that are marks, kept as they come: each is looked at once."""

    def __init__(self) -> None:
        self._events: Sequence[Event] = ()
        self._seen = 0
        self._found = Columns("index", "step", "time")

    def follow(self, events: Sequence[Event]) -> None:
        """Take in what is new; `events` are all of the run, in order."""
        new = [i for i in range(self._seen, len(events)) if _look(events[i], None)]
        self._events, self._seen = events, len(events)
        steps = [_step(events[i]) for i in new]
        self._found.extend(
            {
                "index": np.array(new, np.float64),
                "step": np.array([np.nan if s is None else s for s in steps], np.float64),
                "time": np.array([events[i].time for i in new], np.float64),
            }
        )

    def marks(
        self, axis: LossAxis, shown: Range, *, best_step: float | None = None
    ) -> list[LedgerMark]:
        """The marks within the visible range, ascending, those that fall together as one.

        Args:
            axis: where things are.
            shown: visible range of x.
            best_step: step of the best validation.
        """
        x = self._places(axis)
        inside = np.flatnonzero((x >= shown[0]) & (x <= shown[1]))
        if not len(inside):
            return []
        inside = inside[np.argsort(x[inside], kind="stable")]
        slots = np.floor(x[inside] / _slot_width(shown)).astype(np.int64)
        groups = np.split(inside, np.flatnonzero(np.diff(slots)) + 1)
        return [self._mark(group, float(x[group[0]]), best_step) for group in groups]

    def event(self, name: str) -> Event:
        """The event that a mark is named after."""
        return self._events[int(name)]

    def _places(self, axis: LossAxis) -> Floats:
        """Where each is: at its step, else at its time; NaN before the first row."""
        last = axis.last
        if last is None:
            return np.full(len(self._found), np.nan)
        train, steps = axis.history.train, self._found["step"]
        at_step = np.searchsorted(train["step"], np.nan_to_num(steps), side="right")
        at_time = np.searchsorted(train["time"], self._found["time"], side="right")
        rows = np.where(np.isnan(steps), at_time, at_step) - 1
        x = axis.at(np.maximum(rows, 0))
        if axis.kind == "step":
            x = np.where(np.isnan(steps), x, np.minimum(np.nan_to_num(steps), last))
        return x

    def _mark(self, group: Indices, x: float, best_step: float | None) -> LedgerMark:
        """One mark of some events; its look is the worst one's."""
        indices = [int(i) for i in self._found["index"][group]]
        looks = [(i, _look(self._events[i], best_step)) for i in indices[:_MOST_LOOKS]]
        known = [(i, look) for i, look in looks if look is not None]
        worst, (kind, icon, tone) = min(known, key=lambda one: _TONES.index(one[1].tone))
        lines = tuple(self._line(i, best_step) for i in indices[:_MOST_LINES])
        return LedgerMark(x, icon, tone, lines, str(worst), kind, len(indices))

    def _line(self, index: int, best_step: float | None) -> str:
        event = self._events[index]
        look = _look(event, best_step)
        story = _story(event, look.kind if look else "")
        return clean(f"{fmt.clock_seconds(event.time)} · {story}")


def clean(text: str) -> str:
    """Without control characters and marks that turn the writing around; cut to a few lines."""
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= _MOST_CHARS else text[: _MOST_CHARS - 1] + "…"


def changes(old: Any, new: Any) -> str:
    """What a command changed: `learning_rate 2e-4 → 1e-4`."""
    if isinstance(new, dict):
        before = old if isinstance(old, dict) else {}
        parts = [
            f"{key} {_value(before[key])} → {_value(value)}"
            if key in before
            else f"{key} {_value(value)}"
            for key, value in new.items()
        ]
        return ", ".join(parts)
    if old is not None and new is not None:
        return f"{_value(old)} → {_value(new)}"
    return _value(new) if new is not None else ""


def _look(event: Event, best_step: float | None) -> _Look | None:
    """How an event looks; None for what is no mark."""
    payload = event.payload or {}
    if event.type == "command":
        icon = _PICTURES.get(_command(event).name, "sliders")
        return _Look("command", icon, "yellow" if payload.get("outcome") == "rejected" else "blue")
    if event.type == "checkpoint":
        return _Look("checkpoint", "save", "gray")
    if event.type == "metrics" and payload.get("split") == "validation":
        if best_step is not None and payload.get("step") == best_step:
            return _Look("best", "flag", "green")
        return _Look("validation", "target", "gray")
    return _ALERTS.get(event.type)


def _story(event: Event, kind: str) -> str:
    if kind == "command":
        return _command_story(event)
    return f"Best validation. {event.message}" if kind == "best" else event.message


def _command_story(event: Event) -> str:
    payload = event.payload or {}
    command, who, reason = _command(event)
    if not command:
        return event.message
    said = f"{who or 'Somebody'}: {command}"
    what = changes(payload.get("old"), payload.get("new"))
    outcome = str(payload.get("outcome") or "applied")
    step = _step(event)
    at = f" at step {step:,}" if step is not None else ""
    return f"{said}{f' {what}' if what else ''} · {outcome}{at}{f': {reason}' if reason else ''}"


def _command(event: Event) -> _Command:
    """What was asked for; from the sentence where the payload does not say."""
    payload = event.payload or {}
    if "command" in payload:
        return _Command(*(str(payload.get(key) or "") for key in ("command", "by", "reason")))
    found = _COMMAND.match(event.message)
    return _Command(*(text or "" for text in found.groups())) if found else _Command()


def _step(event: Event) -> int | None:
    step = (event.payload or {}).get("step")
    return step if isinstance(step, int) and not isinstance(step, bool) else None


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return fmt.rate(value) if value and abs(value) < 1e-2 else fmt.plain(value, 4)
    if isinstance(value, list):
        return " → ".join(_value(item) for item in value) if len(value) == 2 else str(value)
    if isinstance(value, dict):
        return changes(None, value)
    return str(value)


def _slot_width(shown: Range) -> float:
    """A power of two, so that marks stay together while the axis grows."""
    return 2.0 ** math.ceil(math.log2((shown[1] - shown[0]) / MOST_MARKS))
