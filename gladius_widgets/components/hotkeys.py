"""Hotkeys: keyboard shortcuts that act only inside our own part of the page."""

from collections.abc import Mapping
from typing import Any

import traitlets

from gladius_widgets.components.base import Component
from gladius_widgets.core.text.suggest import did_you_mean

_MODIFIERS = ("Ctrl", "Alt", "Shift", "Meta")
_NAMED = frozenset(
    ["Escape", "Enter", "Tab", "Space", "Backspace", "Delete", "Home", "End", "PageUp", "PageDown"]
    + ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]
    + [f"F{n}" for n in range(1, 13)]
)


class Hotkeys(Component):
    """Shortcuts by key, e.g. `Hotkeys({"F2": "pause", "Ctrl+Shift+R": "reload"})`.

    Events: `hotkeys.on("pause", handler)`. It needs no place on the page. Keys act while the
    focus is inside an element of this kernel (in Voila also when nothing has the focus), not
    while a dialog is open, and in a text field only F-keys and combinations that mean nothing
    there. On a Mac, Ctrl may be Cmd.

    Args:
        bindings: key → name of the event. A key is one character or a name such as F2 or
            ArrowUp, after any of Ctrl, Alt, Shift, Meta and "+".
        enabled: False lets all keys through.
    """

    _esm_module = traitlets.Unicode("hotkeys").tag(sync=True)
    bindings = traitlets.Dict(value_trait=traitlets.Unicode()).tag(sync=True)
    enabled = traitlets.Bool(True).tag(sync=True)

    def __init__(self, bindings: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(bindings=dict(bindings or {}), **kwargs)

    @traitlets.validate("bindings")
    def _normalise(self, proposal: Any) -> dict[str, str]:
        return {normalise(key): name for key, name in proposal.value.items()}

    def __repr__(self) -> str:
        return f"Hotkeys({', '.join(self.bindings)})"


def normalise(key: str) -> str:
    """The one spelling of a key: "shift+ctrl+r" → "Ctrl+Shift+R".

    Raises:
        ValueError: no such key; names the nearest.
    """
    head, _, last = (key[:-1].rstrip("+"), "", "+") if key.endswith("+") else key.rpartition("+")
    held = {part.strip().capitalize() for part in head.split("+")} if head else set()
    for modifier in held:
        if modifier not in _MODIFIERS:
            raise ValueError(f"'{key}': {did_you_mean(modifier, _MODIFIERS)}")
    last = last.strip()
    if len(last) == 1:
        named = last.upper()
    else:
        named = next((name for name in _NAMED if name.lower() == last.lower()), "")
        if not named:
            raise ValueError(f"There is no key '{last}'. {did_you_mean(last, _NAMED)}")
    return "+".join([m for m in _MODIFIERS if m in held] + [named])
