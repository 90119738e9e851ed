"""What all components share: checked arguments, named events, a short repr, the page's runtime."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from gladius_widgets.components import events
from gladius_widgets.core.suggest import reject_unknown

STATIC = Path(__file__).parent / "static"
_INHERITED = set(ipywidgets.DOMWidget.class_traits())
_ALLOWED_INHERITED = {"layout", "tabbable", "tooltip"}


class Component(anywidget.AnyWidget):
    """A widget made of traits and one JavaScript module, without logic of its own.

    The browser side finds the shared renderer, styles and icons through `_runtime`, which names
    this kernel's `Theme`; so every component works alone and needs no set-up.

    Raises:
        TypeError: for a keyword that is not a public trait; the message names the nearest one.
    """

    _runtime = traitlets.Unicode().tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        reject_unknown(type(self).__name__, kwargs, self.arguments())
        self._handlers: dict[str, list[events.Handler]] = {}
        kwargs["_runtime"] = self._runtime_id()
        super().__init__(**kwargs)
        self.on_msg(self._receive)

    @classmethod
    def arguments(cls) -> set[str]:
        """Names that the constructor takes: public traits, plus layout, tabbable, tooltip."""
        own = {name for name in cls.class_traits() if not name.startswith("_")}
        return (own - _INHERITED) | _ALLOWED_INHERITED

    def _runtime_id(self) -> str:
        from gladius_widgets.components.theme import theme

        return theme()._runtime

    def on(self, name: str, handler: events.Handler) -> Callable[[], None]:
        """Call `handler(payload)` for each event of that name; returns the way to undo it.

        The handler may be `async`. What it raises is logged and shown, see `events.on_error`.
        """
        handlers = self._handlers.setdefault(name, [])
        handlers.append(handler)
        return lambda: handlers.remove(handler) if handler in handlers else None

    def emit(self, name: str, payload: dict[str, Any] | None = None) -> None:
        """Call the handlers of `name`, as the browser does."""
        for handler in list(self._handlers.get(name, ())):
            events.call(handler, payload or {})

    def _receive(self, _widget: object, content: object, buffers: list[memoryview]) -> None:
        """Take a message of the browser; subclasses override `_message` for their own."""
        if isinstance(content, dict) and isinstance(content.get("name"), str):
            events.call(self._message, content["name"], content, buffers)

    def _message(self, name: str, content: dict[str, Any], buffers: list[memoryview]) -> None:
        self.emit(name, content)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
