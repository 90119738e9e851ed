"""Toasts: short messages at the bottom right of the page."""

from typing import Any, Literal
from uuid import uuid4

import traitlets

from gladius_widgets.components import events
from gladius_widgets.components.base import Component
from gladius_widgets.core.text.suggest import did_you_mean

Tone = Literal["blue", "gray", "green", "yellow", "orange", "red"]
ICONS = {
    "blue": "info",
    "gray": "info",
    "green": "ok",
    "yellow": "warn",
    "orange": "warn",
    "red": "fail",
}
LONGEST = 3


class Toasts(Component):
    """At most three messages; info goes after 2 s, success 4 s, warnings 6 s, errors stay.

    Use `toasts()`: one per kernel. It needs no place on the page.
    """

    _esm_module = traitlets.Unicode("toasts").tag(sync=True)
    items = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._actions: dict[str, events.Handler] = {}

    def show(
        self,
        title: str,
        text: str = "",
        tone: Tone = "blue",
        *,
        icon: str | None = None,
        action: tuple[str, events.Handler] | None = None,
        seconds: float | None = None,
    ) -> str:
        """Show a message; returns its id.

        Args:
            title: a few bold words.
            text: one line below.
            tone: blue, gray (info), green (success), yellow, orange (warning), red (error).
            icon: of the sprite; each tone has its own.
            action: label and handler of a link in it, e.g. `("Undo", undo)`.
            seconds: how long it stays; by default as its tone says.
        """
        if tone not in ICONS:
            raise ValueError(f"There is no tone '{tone}'. {did_you_mean(tone, ICONS)}")
        toast = {
            "id": uuid4().hex[:8],
            "title": title,
            "text": text,
            "tone": tone,
            "icon": icon or ICONS[tone],
            "action": action[0] if action else "",
            "seconds": seconds,
        }
        if action:
            self._actions[toast["id"]] = action[1]
        self.items = self._newest([*self.items, toast])
        return toast["id"]

    def error(self, error: BaseException) -> str:
        """Show an exception: a GladiusError's message and hint, else its type and text."""
        message = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
        return self.show(message, getattr(error, "hint", ""), "red")

    def dismiss(self, toast_id: str) -> None:
        """Take a message away."""
        self._actions.pop(toast_id, None)
        self.items = [toast for toast in self.items if toast["id"] != toast_id]

    def _newest(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The three to keep: the oldest goes first, but an error only for another error."""
        while len(items) > LONGEST:
            calm = [toast for toast in items[:-1] if toast["tone"] != "red"]
            gone = (calm or items)[0]
            items = [toast for toast in items if toast is not gone]
        return items

    def _message(self, name: str, content: dict[str, Any], buffers: list[memoryview]) -> None:
        toast_id = str(content.get("id"))
        handler = self._actions.get(toast_id) if name == "action" else None
        if name in ("dismiss", "expire", "action"):
            self.dismiss(toast_id)
        if handler:
            events.call(handler)
        super()._message(name, content, buffers)


_current: Toasts | None = None


def toasts() -> Toasts:
    """The one Toasts of this kernel, made at the first call; exceptions of handlers show in it."""
    global _current  # noqa: PLW0603 - one per kernel is the point
    if _current is None or _current.comm is None:
        _current = Toasts()
        events.on_error(_current.error)
    return _current


events.listen_at_last(toasts)
