"""The rows of the event log: one line an event, and the payload of the one that is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gladius_widgets.components import Node, h, icon
from gladius_widgets.panels.events.query import KINDS
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text.event import (
    Layout,
    as_json,
    clean,
    lay_out,
    marked,
    snippet,
    stamp,
)
from gladius_widgets.store.run.events import Event

_LONG_MESSAGE_CHARS = 100  # longer ones may not fit into the line: the details have them whole
_LINE_CHARS = 400  # more is in no line of any screen


@dataclass(frozen=True)
class RowState:
    """What a row shows besides its event.

    Attributes:
        number: of the event, from 1 in order of arrival.
        words: what is searched.
        day: the local day as of which times are told, unix s.
        opened: its payload is shown.
        new: it came while the log was shown.
        marked: the cursor is at it.
        focus: it gets the focus.
    """

    number: int
    words: tuple[str, ...]
    day: float
    opened: bool = False
    new: bool = False
    marked: bool = False
    focus: bool = False


def head(page: int) -> Node:
    """The head; it comes into view when another page is shown."""
    columns = (("Timestamp", 150), ("Type", 136), ("Message", None))
    return h(
        "thead",
        {"data-show": page},
        h(
            "tr",
            None,
            [
                h("th", {"scope": "col", "style": {"width": f"{width}px"} if width else None}, name)
                for name, width in columns
            ],
            h(
                "th",
                {"scope": "col", "style": {"width": "52px"}},
                h("span", {"class": "gw-sr"}, "Expand"),
            ),
        ),
        on={"visible": "top"},
    )


def row(event: Event, state: RowState) -> Node:
    """One line; all of it toggles the details, its time points at the chart."""
    classes = [
        "is-new" if state.new else "",
        "is-open" if state.opened else "",
        "is-marked" if state.marked else "",
    ]
    attrs = {
        "class": " ".join(filter(None, classes)) or None,
        "tabindex": -1,  # the browser chooses the one for the Tab key
        "data-number": state.number,
        "data-show": state.day if state.marked else None,
        "data-reveal": "" if state.focus else None,
        "autofocus": state.focus,
    }
    return h(
        "tr",
        attrs,
        h("td", {"class": "gw-event__time"}, _time(event, state)),
        h("td", None, _badge(event.type)),
        h("td", None, h("div", {"class": "gw-ellipsis"}, _message(event, state))),
        h("td", {"class": "gw-num"}, _chevron(state)),
        on={"click": "toggle", "keydown:Enter": "toggle", "keydown: ": "toggle"},
        key=state.number,
    )


def details_row(number: int) -> Node:
    """Where the details of the open event are: a widget of their own, as they can be large."""
    slot = h("slot", {"name": "details"})
    return h(
        "tr",
        {"class": "gw-detail"},
        h("td", {"colspan": 4}, h("div", {"class": "gw-event__more"}, slot)),
        key=f"{number}-details",
    )


def details(event: Event, number: int, words: Sequence[str], now: float) -> Node:
    """The message where it is long, who says it, and the payload as JSON."""
    record = {"time": event.time, "type": event.type, "message": event.message}
    value = event.payload if event.payload is not None else record
    layout = lay_out(value)
    told = [event.source and f"From the {clean(event.source)}"]
    told += [f"attempt {event.attempt}"] if event.attempt is not None else []
    told += [stamp(event.time, now).full]
    target = f"gw-event-{number}-json"
    pre = h(
        "pre",
        {"class": "gw-json", "tabindex": 0, "aria-label": "Event payload", "dir": "ltr"},
        h("code", {"id": target if layout.is_whole else None}, _json(layout, words)),
    )
    whole = None if layout.is_whole else h("code", {"id": target, "hidden": True}, as_json(value))
    return h(
        "div",
        {"class": "gw-stack gw-stack--8", "data-number": number},
        h("p", {"class": "gw-card__s"}, " · ".join(filter(None, told))),
        _long_message(event, words),
        h("div", {"class": "gw-jsonwrap"}, _buttons(event, number, target), pre, whole),
        None if layout.is_whole else _rest(event, number),
        key=number,
    )


def _json(layout: Layout, words: Sequence[str]) -> list[list[Node | str] | Node]:
    return [
        h("span", {"class": piece.kind}, _marks(piece.text, words))
        if piece.kind
        else _marks(piece.text, words)
        for piece in layout.pieces
    ]


def _time(event: Event, state: RowState) -> list[Node | None]:
    when = stamp(event.time, state.day)
    label = f"{when.day} {when.clock}".strip()
    button = h(
        "button",
        {
            "type": "button",
            "class": "gw-event__at",
            "tabindex": -1,  # by keyboard: the button in the details
            "title": f"{when.full} · show on the chart",
            "aria-label": f"{label}, show on the chart",
        },
        h("span", {"class": "gw-event__day"}, f"{when.day} ") if when.day else None,
        when.clock,
        on={"click": "point"},
    )
    button = button if event.time > 0 else h("span", {"title": when.full}, label)
    mark = icon("target", 14, label="At the chart's cursor") if state.marked else None
    return [button, mark]


def _badge(kind: str) -> Node:
    look = KINDS[kind]
    return h(
        "span",
        {"class": f"gw-badge gw-tone-{look.tone} gw-badge--square"},
        icon(look.icon, 14),
        h("span", {"class": "gw-sr"}, "Type: "),
        h("span", {"class": "gw-event__word"}, look.word),
    )


def _message(event: Event, state: RowState) -> list[Node | str | None]:
    """The message; after it, if the search found only the payload, where."""
    text = clean(event.message)[:_LINE_CHARS]
    payload = event.payload_text if state.words else ""
    found = snippet(event.message, payload, state.words)
    return [
        h("span", {"dir": "auto"}, _marks(text, state.words)),
        h("span", {"class": "gw-event__found", "dir": "ltr"}, _marks(found, state.words))
        if found
        else None,
    ]


def _chevron(state: RowState) -> Node:
    return h(
        "button",
        {
            "type": "button",
            "class": "gw-btn gw-btn--sm gw-btn--icon gw-btn--ghost",
            "tabindex": -1,  # the row itself is there for the keyboard
            "aria-expanded": state.opened,
            "aria-label": "Hide payload" if state.opened else "Show payload",
        },
        h("span", {"class": "gw-chev"}, icon("chev-r")),
        on={"click": "toggle"},
    )


def _buttons(event: Event, number: int, target: str) -> Node:
    """Both are for keyboards too: the row's own buttons are no stops of the Tab key."""
    at = {"data-number": number}
    chart = _button("point", "target", "Show on chart", at | {"data-chart": ""})
    copy = _button("copied", "copy", "Copy JSON", at | {"data-copy": target})
    return h("div", {"class": "gw-jsonwrap__b"}, chart if event.time > 0 else None, copy)


def _rest(event: Event, number: int) -> Node:
    size = fmt.size(len(event.payload_text.encode()))
    return h(
        "p",
        {"class": "gw-row"},
        h("span", {"class": "gw-soft"}, f"Only its beginning is shown: the payload is {size}."),
        _button("download-event", "download", "Download whole event", {"data-number": number}),
    )


def _button(name: str, symbol: str, label: str, attrs: dict[str, Any]) -> Node:
    look = {"type": "button", "class": "gw-btn gw-btn--sm"}
    return h("button", look | attrs, icon(symbol, 14), label, on={"click": name}, key=name)


def _long_message(event: Event, words: Sequence[str]) -> Node | None:
    text = clean(event.message, lines=True)
    if len(text) <= _LONG_MESSAGE_CHARS and "\n" not in text:
        return None
    return h("p", {"class": "gw-event__text", "dir": "auto"}, _marks(text, words))


def _marks(text: str, words: Sequence[str]) -> list[Node | str]:
    """Text with what is searched as `mark` elements."""
    return [
        h("mark", {"class": "gw-hit"}, part) if is_hit else part
        for part, is_hit in marked(text, words)
    ]
