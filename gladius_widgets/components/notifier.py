"""Notifier: the browser's own notifications, for whoever has the page open and looks elsewhere."""

from typing import Any

import traitlets

from gladius_widgets.components.base import Component
from gladius_widgets.components.toasts import toasts

_WORDS = {
    "on": ("Notifications are on", "They come while the page is out of sight.", "green"),
    "off": ("Notifications are off", "", "gray"),
    "denied": (
        "The browser blocks notifications",
        "Allow them for this page in the browser's settings, then press the bell again.",
        "yellow",
    ),
    "unsupported": ("This browser has no notifications", "", "yellow"),
}  # fmt: skip


class Notifier(Component):
    """Tells news through the browser while no one looks at the page. Use `notifier()`.

    It needs no place on the page. A control with the attribute `data-gw-bell` switches it on and
    off, and asks for permission; the choice is kept in the browser's localStorage.
    """

    _esm_module = traitlets.Unicode("notifier").tag(sync=True)

    state = traitlets.Enum(["off", "on", "denied", "unsupported"], "off").tag(sync=True)
    """The reader's choice, as the browser allows it."""

    def tell(self, title: str, text: str = "", *, url: str = "", tag: str = "") -> None:
        """Show a notification, and let the page's title flash, unless the page is being looked at.

        Args:
            title: a few words.
            text: one line below.
            url: what a click on it opens, relative to the page.
            tag: the same news in several pages, which are shown once.
        """
        self.send({"news": {"title": title, "text": text, "url": url, "tag": tag}})

    def _message(self, name: str, content: dict[str, Any], buffers: list[memoryview]) -> None:
        if name == "asked" and content.get("state") in _WORDS:
            title, text, tone = _WORDS[content["state"]]
            toasts().show(title, text, tone)  # pyright: ignore[reportArgumentType]  # tones all
        super()._message(name, content, buffers)


_current: Notifier | None = None


def notifier() -> Notifier:
    """The one Notifier of this kernel, made at the first call."""
    global _current  # noqa: PLW0603 - one per kernel is the point
    if _current is None or _current.comm is None:
        _current = Notifier()
    return _current
