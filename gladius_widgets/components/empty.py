"""What stands in place of a list with nothing in it."""

from collections.abc import Sequence

from gladius_widgets.components.tree import Node, h, icon
from gladius_widgets.core.errors import GladiusError


def bones(height_px: int = 120) -> Node:
    """A grey field where a panel will be; seen only when reading takes its time."""
    bone = h("span", {"class": "gw-skel", "style": {"height": f"{height_px}px"}})
    return h("div", {"class": "gw-late", "aria-busy": True}, bone)


def unreadable(error: Exception) -> Node:
    """What is wrong and what to do, in place of a panel."""
    if isinstance(error, GladiusError):
        return empty("warn", error.message, error.hint)
    return empty("warn", "The job cannot be read", str(error))


def empty(symbol: str, title: str, text: str, action: Node | None = None) -> Node:
    """A card with an icon, a line, and what to do."""
    return h(
        "section",
        {"class": "gw-card gw-card--raised", "aria-label": title},
        h(
            "div",
            {"class": "gw-empty"},
            h("span", {"class": "gw-empty__ic"}, icon(symbol, 24)),
            h("h2", {"class": "gw-empty__t"}, title),
            h("p", None, text),
            action,
        ),
        key="empty",
    )


def no_match(things: str, filters: Sequence[str]) -> Node:
    """Filters that leave none of these things; says which they are. Sends `clear`."""
    count = len(filters)
    words = f"{count} filter{' is' if count == 1 else 's are'} on: {', '.join(filters)}."
    attrs = {"type": "button", "class": "gw-btn"}
    button = h("button", attrs, "Clear Filters", on={"click": "clear"})
    return empty("search", f"No {things} match your filters", words, button)
