"""What stands around the events: filters and export above, pages below, and why there are none."""

from collections.abc import Mapping

from gladius_widgets.components import Node, h, icon
from gladius_widgets.components.empty import empty
from gladius_widgets.panels.events.index import LogPage
from gladius_widgets.panels.events.query import KINDS, RANGES, EventQuery

_DEBOUNCE_MS = 200


def toolbar(
    query: EventQuery, counts: Mapping[str, int], menu: str, matching: int, *, live: bool
) -> Node:
    """Types, words and time range; export.

    Args:
        query: what is shown.
        counts: events of each type.
        menu: which menu is open, `types` or `export`.
        matching: how many events the filters leave.
        live: whether more may come.
    """
    return h(
        "div",
        {"class": "gw-toolbar", "role": "search", "aria-label": "Filter events"},
        h("div", {"class": "gw-field"}, h("span", {"class": "gw-label"}, "Show:"),
          _types(query, counts, menu == "types")),
        _search(query.search),
        _range(query),
        [_moment(label, name, value) for label, name, value in
         (("From", "start", query.start), ("To", "end", query.end))]
        if query.range == "custom" else None,
        h("span", {"class": "gw-foot"}, icon("refresh", 14), "Updates as it happens")
        if live else None,
        h("span", {"class": "gw-spacer"}),
        _export(query, sum(counts.values()), matching, menu == "export"),
    )  # fmt: skip


def _types(query: EventQuery, counts: Mapping[str, int], is_open: bool) -> Node:
    chosen = [KINDS[kind].filter_words for kind in query.types]
    words = ", ".join(chosen) if len(chosen) < 3 else f"{len(chosen)} types"
    button = h(
        "button",
        {
            "type": "button",
            "class": "gw-btn gw-btn--field",
            "aria-haspopup": "menu",
            "aria-expanded": is_open,
            "aria-label": f"Show: {words or 'All Events'}",
        },
        h("span", {"class": "gw-ellipsis"}, words or "All Events"),
        icon("chev-d"),
        on={"click": "menu-types"},
    )
    return h(
        "span", {"class": "gw-menuhost"}, button, _type_menu(query, counts) if is_open else None
    )


def _type_menu(query: EventQuery, counts: Mapping[str, int]) -> Node:
    entries = [("", "All Events", sum(counts.values()), not query.types)]
    entries += [
        (kind, look.filter_words, counts.get(kind, 0), kind in query.types)
        for kind, look in KINDS.items()
    ]
    return h(
        "div",
        {"class": "gw-menu gw-menu--left", "role": "menu", "aria-label": "Types of events"},
        [
            h(
                "button",
                {
                    "type": "button",
                    "class": "gw-menu__i",
                    "role": "menuitemcheckbox",
                    "aria-checked": is_on,
                    "tabindex": -1,
                    "data-kind": kind,
                    "autofocus": at == 0,
                },
                h("span", {"class": "gw-menu__check"}, icon("check", 14) if is_on else None),
                label,
                h("span", {"class": "gw-menu__n"}, f"{count:,}"),
                on={"click": "kind"},
                key=kind,
            )
            for at, (kind, label, count, is_on) in enumerate(entries)
        ],
        on={"dismiss": "menu-away", "keydown:Tab": "menu-away"},
    )


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
                "placeholder": "Search events...",
                "aria-label": "Search messages and payloads",
                "value": text,
                "maxlength": 200,
                "data-debounce": _DEBOUNCE_MS,
            },
            on={"input": "search"},
        ),
    )


def _range(query: EventQuery) -> Node:
    choices = [
        h("option", {"value": value, "selected": value == query.range}, label)
        for value, label in RANGES.items()
    ]
    field = {"class": "gw-select", "aria-label": "Time", "value": query.range}
    return h(
        "label",
        {"class": "gw-field"},
        h("span", {"class": "gw-label"}, "Time"),
        h(
            "span",
            {"class": "gw-selectwrap", "style": {"width": "132px"}},
            h("select", field, choices, on={"change": "range"}),
            icon("chev-d"),
        ),
        key="range",
    )


def _moment(label: str, name: str, value: str) -> Node:
    return h(
        "label",
        {"class": "gw-field"},
        h("span", {"class": "gw-label"}, label),
        h(
            "input",
            {"class": "gw-input", "type": "datetime-local", "value": value, "aria-label": label},
            on={"change": name},
        ),
        key=name,
    )


def _export(query: EventQuery, total: int, matching: int, is_open: bool) -> Node:
    whole = h(
        "button",
        {"type": "button", "class": "gw-btn", "title": "Download all events as JSON",
         "data-kind": "json", "data-what": "all", "aria-disabled": True if not total else None},
        icon("download"),
        "Export JSON",
        on={"click": "export"},
    )  # fmt: skip
    more = h(
        "button",
        {
            "type": "button",
            "class": "gw-btn gw-btn--icon",
            "aria-haspopup": "menu",
            "aria-expanded": is_open,
            "aria-label": "More exports",
            "title": "More exports",
        },
        icon("chev-d"),
        on={"click": "menu-export"},
    )
    menu = _export_menu(query.is_filtered, total, matching) if is_open else None
    return h("span", {"class": "gw-menuhost gw-btngroup"}, whole, more, menu)


def _export_menu(is_filtered: bool, total: int, matching: int) -> Node:
    all_words = f"All {total:,} events"
    entries = [("all", "json", all_words), ("all", "csv", all_words)]
    if is_filtered:
        some_words = f"{matching:,} filtered event{'' if matching == 1 else 's'}"
        entries += [("filtered", "json", some_words), ("filtered", "csv", some_words)]
    return h(
        "div",
        {"class": "gw-menu", "role": "menu", "aria-label": "Export"},
        [
            h(
                "button",
                {"type": "button", "class": "gw-menu__i", "role": "menuitem", "tabindex": -1,
                 "data-kind": kind, "data-what": what, "autofocus": at == 0},
                icon("download", 14),
                f"{words}, {kind.upper()}",
                on={"click": "export"},
                key=f"{what}-{kind}",
            )
            for at, (what, kind, words) in enumerate(entries)
        ],
        on={"dismiss": "menu-away", "keydown:Tab": "menu-away"},
    )  # fmt: skip


def pager(page: LogPage) -> Node:
    """`Showing 1–50 of 583 events`, and the way to the next ones."""
    return h(
        "nav",
        {"class": "gw-pager", "aria-label": "Pagination"},
        h("span", None, page.words),
        h("span", {"class": "gw-spacer"}),
        _turn("previous", icon("chev-l", 14), "Previous", ends=page.number <= 1),
        h("span", {"class": "gw-nowrap"}, "Page ", h("b", {"class": "gw-strong"},
          f"{page.number:,}"), f" of {page.count:,}"),
        _turn("next", "Next", icon("chev-r", 14), ends=page.number >= page.count),
    )  # fmt: skip


def _turn(name: str, *content: Node | str, ends: bool) -> Node:
    """At the end it stays a button that can have the focus: who pressed it must not lose it."""
    classes = f"gw-btn gw-btn--sm{' is-disabled' if ends else ''}"
    title = "Newer events (Page Up)" if name == "previous" else "Older events (Page Down)"
    attrs = {"type": "button", "class": classes, "title": title}
    attrs |= {"aria-disabled": "true"} if ends else {}
    return h("button", attrs, content, on={"click": name}, key=name)


def waiting(count: int) -> Node | None:
    """What has come while something older is read."""
    if not count:
        return None
    words = f"{count:,} new event{'' if count == 1 else 's'}"
    button = h(
        "button",
        {"type": "button", "class": "gw-btn gw-btn--sm gw-btn--primary"},
        icon("arr-u", 14),
        words,
        on={"click": "newest"},
    )
    return h("div", {"class": "gw-waiting"}, button, key="waiting")


def no_events() -> Node:
    """Before the first event."""
    text = "What happens to this job will show here as it happens."
    return empty("inbox", "No events yet", text)
