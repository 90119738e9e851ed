"""Head and rows of the jobs table, as element trees."""

from collections.abc import Sequence
from dataclasses import dataclass

from gladius_widgets.components import Node, clock, h, icon
from gladius_widgets.core.text.durations import DURATION
from gladius_widgets.panels.controls.panel import state_badge
from gladius_widgets.panels.jobs.menu import Action
from gladius_widgets.panels.jobs.query import JobsQuery
from gladius_widgets.panels.jobs.row_model import JobRow
from gladius_widgets.panels.jobs.selection import Share
from gladius_widgets.panels.text.links import job_url

# label, classes, what it sorts by, what it means
COLUMNS = (
    ("Job Name", "gw-col-name", "name", ""),
    ("Status", "gw-col-status", "status", ""),
    ("Created By", "gw-col-creator", "created_by", ""),
    ("Started At", "gw-col-started", "started_at", "When it first got a machine"),
    (DURATION.label, "gw-col-duration", "duration", DURATION.help),
    ("Cost", "gw-col-cost gw-num", "cost", "Duration × price"),
)


@dataclass(frozen=True)
class RowState:
    """What the page adds to a row.

    Attributes:
        picked: it is selected.
        menu: its menu is open; `up` opens upwards.
        busy: a command of its has no answer yet.
        new: it came while the page was open.
        focus: its name takes the focus, the row that had it being gone.
    """

    picked: bool = False
    menu: bool = False
    up: bool = False
    busy: bool = False
    new: bool = False
    focus: bool = False


def head(query: JobsQuery, share: Share, count: int, selected: int) -> Node:
    """The columns; a press on one sorts by it."""
    some = " gw-pick--some" if share.some else ""
    words = f"Select all {count} jobs on this page" + (f", {selected} selected" if selected else "")
    box = {"type": "checkbox", "checked": share.all, "aria-label": words, "title": words}
    all_rows = h("label", {"class": f"gw-pick{some}"}, h("input", box, on={"click": "pick-all"}))
    return h(
        "thead",
        None,
        h(
            "tr",
            None,
            h("th", {"scope": "col", "class": "gw-col-pick"}, _unseen("Select"), all_rows),
            [_column(*column, query) for column in COLUMNS],
            h("th", {"scope": "col", "class": "gw-col-menu"}, _unseen("Actions")),
        ),
    )


def plain_head() -> Node:
    """The columns while there is nothing to sort."""
    return h(
        "thead",
        None,
        h(
            "tr",
            None,
            h("th", {"scope": "col", "class": "gw-col-pick"}, _unseen("Select")),
            [h("th", {"scope": "col", "class": classes}, label) for label, classes, *_ in COLUMNS],
            h("th", {"scope": "col", "class": "gw-col-menu"}, _unseen("Actions")),
        ),
    )


def row(row: JobRow, state: RowState) -> Node:
    """One job. The whole row opens it; its name is the real link."""
    words = [("is-picked", state.picked), ("is-new", state.new)]
    return h(
        "tr",
        {
            "class": " ".join(word for word, wanted in words if wanted) or None,
            "data-flash": row.badge.text.partition(" (")[0],
            "aria-busy": True if state.busy else None,
        },
        _pick(row, state),
        _name(row, state),
        h(
            "td",
            {"class": "gw-col-status", "title": row.badge_hint or None},
            state_badge(row.badge),
        ),
        _creator(row),
        _started(row),
        _duration(row),
        _cost(row),
        h("td", {"class": "gw-col-menu gw-num"}, _menu(row, state)),
        on={"click": "row"},
        key=row.id,
    )


def _column(label: str, classes: str, by: str, hint: str, query: JobsQuery) -> Node:
    sorted_by_it = query.sort == by
    arrow = "arr-d" if query.descending or not sorted_by_it else "arr-u"
    direction = "descending" if query.descending else "ascending"
    attrs = {"scope": "col", "class": classes, "aria-sort": direction if sorted_by_it else None}
    title = f"{hint}. Sort by it" if hint else f"Sort by {label}"
    button = {"type": "button", "class": "gw-sort", "data-by": by, "title": title}
    return h("th", attrs, h("button", button, label, icon(arrow, 12), on={"click": "sort"}))


def _pick(row: JobRow, state: RowState) -> Node:
    box = {"type": "checkbox", "checked": state.picked, "aria-label": f"Select {row.name}"}
    field = h("input", box, on={"click": "pick"})
    return h("td", {"class": "gw-col-pick"}, h("label", {"class": "gw-pick"}, field))


def _name(row: JobRow, state: RowState) -> Node:
    link = {
        "class": "gw-jobname gw-ellipsis",
        "href": job_url(row.id),
        "title": row.name,
        "autofocus": state.focus,
    }
    return h(
        "td",
        {"class": "gw-col-name"},
        h("a", link, row.name, on={"click": "row"}),
        h("span", {"class": "gw-sub"}, row.sub),
    )


def _creator(row: JobRow) -> Node:
    attrs = {"class": "gw-col-creator gw-soft gw-ellipsis", "title": row.creator}
    return h("td", attrs, row.creator)


def _started(row: JobRow) -> Node:
    attrs = {"class": "gw-col-started gw-soft gw-nowrap", "title": row.started_hint}
    never = row.started_at is None
    return h("td", attrs, h("span", {"class": "gw-muted"}, row.started) if never else row.started)


def _duration(row: JobRow) -> Node:
    text: Sequence[Node | str] = [row.duration]
    if row.counts_from is not None:
        text = [clock(round(row.counts_from))]
    if row.ticks:
        text = [icon("clock", 14), " ", *text]
    return h("td", {"class": "gw-col-duration gw-soft gw-nowrap"}, text)


def _cost(row: JobRow) -> Node:
    current = h("span", {"class": "gw-muted gw-small"}, "Current: ")
    tone = f" gw-t-{row.cost_tone}" if row.cost_tone else ""
    amount = h("b", {"class": f"gw-strong{tone}"}, row.cost)
    attrs = {"class": "gw-col-cost gw-num", "title": row.cost_hint}
    return h("td", attrs, current if row.cost_is_current else None, amount)


def _menu(row: JobRow, state: RowState) -> Node:
    button = h(
        "button",
        {
            "type": "button",
            "class": "gw-btn gw-btn--sm gw-btn--icon gw-btn--ghost",
            "aria-haspopup": "menu",
            "aria-expanded": state.menu,
            "aria-label": f"Actions for {row.name}",
        },
        icon("dots"),
        on={"click": "menu"},
    )
    return h("span", {"class": "gw-menuhost"}, button, _items(row, state) if state.menu else None)


def _items(row: JobRow, state: RowState) -> Node:
    safe = [action for action in row.actions if not action.danger]
    danger = [action for action in row.actions if action.danger]
    line = h("div", {"class": "gw-menu__sep", "role": "separator"})
    return h(
        "div",
        {
            "class": "gw-menu gw-menu--up" if state.up else "gw-menu",
            "role": "menu",
            "aria-label": f"Actions for {row.name}",
        },
        [_item(row, action, state.busy, first=at == 0) for at, action in enumerate(safe)],
        line if danger else None,
        [_item(row, action, state.busy) for action in danger],
        on={"dismiss": "menu-away", "keydown:Tab": "menu-away"},
    )


def _item(row: JobRow, action: Action, busy: bool, *, first: bool = False) -> Node:
    waits = busy and action.name not in ("open", "console", "error", "compare", "clone")
    return h(
        "button",
        {
            "type": "button",
            "role": "menuitem",
            "class": f"gw-menu__i{' gw-menu__i--danger' if action.danger else ''}",
            "title": "The last command has no answer yet" if waits else None,
            "aria-disabled": True if waits else None,
            "tabindex": -1,
            "data-action": action.name,
            "data-job": row.id,
            "autofocus": first,
        },
        icon(action.icon),
        action.label,
        on={"click": "act"},
    )


def _unseen(words: str) -> Node:
    return h("span", {"class": "gw-sr"}, words)
