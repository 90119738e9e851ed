"""The bars at the top of pages."""

from typing import Any

from gladius_widgets.components import Node, h, icon
from gladius_widgets.panels.text.links import CONSOLE_PAGE, JOBS_PAGE


def brand(words: str, *, hides: bool = False) -> Node:
    """Mark and name; with `hides` the name gives way on narrow pages."""
    mark = h("span", {"class": "gw-brand__mark"}, icon("mark"))
    name = h("span", {"class": "gw-hide-md"}, words) if hides else words
    return h("span", {"class": "gw-brand"}, mark, name)


def separator(classes: str = "") -> Node:
    """A thin line between groups."""
    return h("span", {"class": f"gw-sep {classes}".strip()})


def spacer() -> Node:
    """Takes the room that is left."""
    return h("span", {"class": "gw-spacer"})


def live(*, is_live: bool, classes: str) -> Node:
    """Whether what is shown is current; the page itself knows when its line is down."""
    words = h(
        "span",
        {"class": "gw-live" if is_live else "gw-live gw-live--lost"},
        icon("wifi" if is_live else "wifi-off", 14),
        "Live" if is_live else "No news",
    )
    cut = {"class": "gw-live gw-live--lost gw-live--cut"}
    lost = h("span", cut, icon("wifi-off", 14), "No connection")
    return h("span", {"class": classes}, words, lost)


def theme_button(classes: str = "") -> Node:
    """Switches between light and dark, in the browser."""
    return icon_button("moon", "Switch between light and dark", classes, {"data-gw-toggle": ""})


def bell_button(state: str) -> Node:
    """Switches the browser's notifications on and off; `state` is `Notifier.state`."""
    words = {
        "on": "Notifications are on: switch them off",
        "denied": "Notifications are blocked by the browser",
        "unsupported": "This browser has no notifications",
    }.get(state, "Notify me when a job ends or needs a look")
    attrs = {
        "data-gw-bell": "",
        "aria-label": "Notifications",
        "title": words,
        "aria-pressed": state == "on",
    }
    return icon_button("bell", "Notifications", "gw-bell", attrs)


def icon_button(
    symbol: str, label: str, classes: str = "", attrs: dict[str, Any] | None = None, on: str = ""
) -> Node:
    """A quiet button that is only an icon."""
    return h(
        "button",
        {
            "type": "button",
            "class": f"gw-btn gw-btn--sm gw-btn--icon gw-btn--ghost {classes}".strip(),
            "aria-label": label,
            "title": label,
            **(attrs or {}),
        },
        icon(symbol),
        on={"click": on} if on else None,
    )


def user(name: str, classes: str = "") -> Node:
    """Who looks."""
    dot = h("span", {"class": "gw-user__dot"}, icon("user", 12))
    return h("span", {"class": f"gw-user {classes}".strip(), "title": "Your account"}, dot, name)


def jobs_bar(
    user_name: str,
    *,
    is_live: bool = True,
    links: bool = True,
    console: str = CONSOLE_PAGE,
    is_list: bool = True,
    bell: str = "",
) -> Node:
    """The app bar of the jobs page and what belongs to it.

    Args:
        user_name: who looks.
        is_live: whether what is shown is current.
        links: False where there are no pages to go to.
        console: where the console is; by default that of the newest job.
        is_list: whether this is the list itself, or one of its jobs.
        bell: `Notifier.state` on a page that has news; empty for no bell.
    """
    nav = h(
        "nav",
        {"class": "gw-nav", "aria-label": "Main"},
        h("a", {"href": JOBS_PAGE, "aria-current": "page" if is_list else "true"}, "Jobs"),
        h("a", {"href": console}, "Console"),
    )
    return h(
        "header",
        {"class": "gw-appbar"},
        brand("Gladius"),
        [separator(), nav] if links else None,
        spacer(),
        live(is_live=is_live, classes="gw-hide-sm"),
        bell_button(bell) if bell else None,
        theme_button(),
        user(user_name),
    )
