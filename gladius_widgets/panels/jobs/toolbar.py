"""What stands around the jobs table: filters above, pages below, and actions on a selection."""

from collections.abc import Mapping, Sequence

from gladius_widgets.components import Node, clock, h, icon
from gladius_widgets.panels.jobs.menu import why_not_compare
from gladius_widgets.panels.jobs.query import DATES, PAGE_SIZES, STATUSES, JobsQuery, Page
from gladius_widgets.panels.jobs.row_model import creator_words

_DEBOUNCE_MS = 500


def filter_bar(
    query: JobsQuery, creators: Sequence[str], user: str, failed_at: float | None
) -> Node:
    """Status, dates, search and creator; how current the list is; export of all that match."""
    everybody = {"": "Everyone"}
    names = [name for name in creators if name] + [query.creator] * bool(query.creator)
    everybody |= {name: creator_words(name, user) for name in sorted(set(names))}
    statuses = {value: label for value, (label, _) in STATUSES.items()}
    return h(
        "div",
        {"class": "gw-toolbar", "role": "search", "aria-label": "Filter jobs"},
        _select("Status", "status", statuses, query.status, 132) if query.tab == "all" else None,
        _select("Date Range", "dates", DATES, query.shown_dates, 144),
        _search(query.search),
        _select("Created By", "creator", everybody, query.creator, 132),
        h("span", {"class": "gw-spacer"}),
        _freshness(failed_at),
        _button("export", "download", "Export CSV", title="Download all jobs that match, as CSV"),
    )


def pager(page: Page, size: int) -> Node:
    """`Showing 1–25 of 287 jobs`, rows a page, and the way to the next ones."""
    return h(
        "nav",
        {"class": "gw-pager", "aria-label": "Pagination"},
        h("span", None, page.words),
        h("span", {"class": "gw-spacer"}),
        _select("Rows", "size", {str(n): str(n) for n in PAGE_SIZES}, str(size), 68),
        _turn("previous", icon("chev-l", 14), "Previous", ends=page.number <= 1),
        h(
            "span",
            {"class": "gw-nowrap"},
            "Page ",
            h("b", {"class": "gw-strong"}, f"{page.number:,}"),
            f" of {page.count:,}",
        ),
        _turn("next", "Next", icon("chev-r", 14), ends=page.number >= page.count),
    )


def _turn(name: str, *content: Node | str, ends: bool) -> Node:
    """At the end it stays a button that can have the focus: who pressed it must not lose it."""
    classes = f"gw-btn gw-btn--sm{' is-disabled' if ends else ''}"
    attrs = {"type": "button", "class": classes, "aria-disabled": True if ends else None}
    return h("button", attrs, content, on={"click": name}, key=name)


def bulk_bar(selected: int) -> Node:
    """What can be done with the selected jobs; floats at the bottom of the window."""
    number = f"{selected:,} selected"
    return h(
        "div",
        {"class": "gw-bulk", "role": "toolbar", "aria-label": f"Actions for {number}"},
        h("span", {"class": "gw-bulk__n"}, number),
        _compare(selected),
        _button("bulk-cancel", "stopc", "Cancel Jobs…"),
        _button("bulk-delete", "trash", "Delete", title="Move to the trash (Del)"),
        _button("bulk-export", "download", "Export CSV"),
        _button("bulk-clear", "x", "Clear", title="Select none (Esc)", kind=" gw-btn--ghost"),
    )


def _compare(selected: int) -> Node:
    """It stays a button that says what is wrong when the number is."""
    problem = why_not_compare(selected)
    attrs = {
        "type": "button",
        "class": f"gw-btn gw-btn--sm{' is-disabled' if problem else ''}",
        "aria-disabled": True if problem else None,
        "title": problem or "Curves, figures and configs side by side",
    }
    content = (icon("layers", 14), "Compare")
    return h("button", attrs, content, on={"click": "bulk-compare"}, key="bulk-compare")


def _freshness(failed_at: float | None) -> Node:
    button = h(
        "button",
        {
            "type": "button",
            "class": "gw-btn gw-btn--sm gw-btn--icon gw-btn--ghost",
            "aria-label": "Refresh",
            "title": "Look again now",
        },
        icon("refresh", 14),
        on={"click": "refresh"},
    )
    if failed_at is None:
        return h("span", {"class": "gw-foot"}, button, "Updates as it happens")
    last = clock(failed_at, "age")
    return h("span", {"class": "gw-foot gw-foot--late"}, button, "Last updated ", last)


def _search(text: str) -> Node:
    return h(
        "span",
        {"class": "gw-search"},
        icon("search"),
        h(
            "input",
            {
                "class": "gw-input",
                "type": "search",
                "placeholder": "Search jobs...",
                "aria-label": "Search jobs by name",
                "value": text,
                "maxlength": 200,
                "data-debounce": _DEBOUNCE_MS,
            },
            on={"input": "search"},
        ),
    )


def _select(label: str, name: str, options: Mapping[str, str], chosen: str, width_px: int) -> Node:
    choices = [
        h("option", {"value": value, "selected": value == chosen}, text)
        for value, text in options.items()
    ]
    field = {"class": "gw-select", "aria-label": label, "value": chosen}
    return h(
        "label",
        {"class": "gw-field"},
        h("span", {"class": "gw-label"}, label),
        h(
            "span",
            {"class": "gw-selectwrap", "style": {"width": f"{width_px}px"}},
            h("select", field, choices, on={"change": name}),
            icon("chev-d"),
        ),
        key=name,
    )


def _button(name: str, symbol: str, label: str, *, title: str = "", kind: str = "") -> Node:
    attrs = {"type": "button", "class": f"gw-btn gw-btn--sm{kind}", "title": title or None}
    return h("button", attrs, icon(symbol, 14), label, on={"click": name}, key=name)
