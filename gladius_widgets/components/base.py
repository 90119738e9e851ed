"""What all components share: checked arguments, named events, the page's runtime, an end."""

import os
from collections.abc import Callable, Iterable
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


def module(name: str) -> str | Path:
    """A module of `static`, for `_esm`: its text.

    With GLADIUS_HOT_RELOAD set it is the path, which anywidget watches to load the module anew when
    it is edited. Then no widget is ever freed: anywidget's watcher holds each (anywidget#929).
    """
    path = STATIC / name
    return path if os.environ.get("GLADIUS_HOT_RELOAD") else path.read_text(encoding="utf-8")


class Component(anywidget.AnyWidget):
    """A widget made of traits and one JavaScript module, without logic of its own.

    The browser side finds the shared renderer, styles and icons through `_runtime`, which names
    this kernel's `Theme`; so every component works alone and needs no set-up.

    Raises:
        TypeError: for a keyword that is not a public trait; the message names the nearest one.
    """

    _runtime = traitlets.Unicode().tag(sync=True)
    _is_open = False

    def __init__(self, **kwargs: Any) -> None:
        reject_unknown(type(self).__name__, kwargs, self.arguments())
        self._handlers: dict[str, list[events.Handler]] = {}
        kwargs["_runtime"] = self._runtime_id()
        super().__init__(**kwargs)
        self.on_msg(self._receive)
        self._is_open = True

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

    def end(self) -> None:
        """Let go of what is no child: listeners, tasks, dialogs. Called once, by `close`."""

    def children_held(self) -> Iterable[ipywidgets.Widget]:
        """The widgets that end with this one."""
        return ()

    def close(self) -> None:
        """End the widget, and all that it holds. A second time does nothing."""
        if not self._is_open:  # also: never begun, when ipywidgets calls this in `__del__`
            return
        self._is_open = False
        self.end()
        held = [*self.children_held(), self.layout]
        super().close()
        for widget in held:
            close_family(widget)
        self._handlers.clear()

    def _receive(self, _widget: object, content: object, buffers: list[memoryview]) -> None:
        """Take a message of the browser; subclasses override `_message` for their own."""
        if isinstance(content, dict) and isinstance(content.get("name"), str):
            events.call(self._message, content["name"], content, buffers)

    def _message(self, name: str, content: dict[str, Any], buffers: list[memoryview]) -> None:
        self.emit(name, content)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def close_family(widget: ipywidgets.Widget) -> None:
    """Close a widget of any library and those that it shows: the marks of a figure, their scales.

    ipywidgets keeps every widget that was not closed for good.
    """
    if isinstance(widget, Component):
        widget.close()
        return
    if widget.comm is None:
        return
    held = [one for name in widget.keys for one in _widgets_in(getattr(widget, name))]
    widget.close()
    for one in held:
        close_family(one)


def _widgets_in(value: object) -> Iterable[ipywidgets.Widget]:
    if isinstance(value, ipywidgets.Widget):
        yield value
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _widgets_in(one)
