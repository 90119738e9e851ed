"""What all components share: checked arguments, named events, the page's runtime, an end."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import anywidget
import ipywidgets
import traitlets

from gladius_widgets.components import events, line
from gladius_widgets.core import page_files
from gladius_widgets.core.text.suggest import reject_unknown

_INHERITED = set(ipywidgets.DOMWidget.class_traits())
_ALLOWED_INHERITED = {"layout", "tabbable", "tooltip"}

# Filled by `theme`: what finds the runtime is a component itself, so it stands on this module.
find_runtime: list[Callable[[], str]] = []


class Component(anywidget.AnyWidget):
    """A widget made of traits and a module in JavaScript, without logic of its own.

    All have the same `_esm`, which finds the module by its name (`frontend/src/boot.js`). It is
    text: for a path, anywidget would hold every widget for good (anywidget#929).

    The browser side finds the shared renderer, styles and icons through `_runtime`, which names
    this kernel's `Theme`; so every component works alone and needs no set-up.

    Raises:
        TypeError: for a keyword that is not a public trait; the message names the nearest one.
    """

    _esm = traitlets.Unicode(page_files.text("boot.js")).tag(sync=True)
    _anywidget_id = traitlets.Unicode("gladius_widgets").tag(sync=True)
    _esm_module = traitlets.Unicode().tag(sync=True)
    # The bundle that this component brings, if any, and its text where a page cannot ask for it.
    _esm_file = traitlets.Unicode().tag(sync=True)
    _esm_code = traitlets.Unicode().tag(sync=True)
    _runtime = traitlets.Unicode().tag(sync=True)
    _is_open = False
    _has_begun = True  # False: there is nothing yet that `end` could let go of

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

    def add_traits(self, **traits: traitlets.TraitType[Any, Any]) -> None:
        """Add traits that are new: anywidget adds its own again, in a new class for each widget."""
        new = {name: trait for name, trait in traits.items() if not self.has_trait(name)}
        if new:
            super().add_traits(**new)

    def _runtime_id(self) -> str:
        return find_runtime[0]()

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
        if self._has_begun:
            self.end()
        held = [*self.children_held(), self.layout]
        super().close()
        for widget in held:
            close_family(widget)
        self._handlers.clear()

    def _receive(self, _widget: object, content: object, buffers: list[memoryview]) -> None:
        """Take a message of the browser; subclasses override `_message` for their own."""
        if not isinstance(content, dict) or not isinstance(content.get("name"), str):
            return
        message = {key: value for key, value in content.items() if key != "_sent"}
        act = partial(events.call, self._message, message["name"], message, buffers)
        line.admit(content.get("_sent"), act)

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
