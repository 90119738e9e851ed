"""Dialog: a modal question, and `confirm` for the common one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

import traitlets

from gladius_widgets.components.base import Component
from gladius_widgets.components.tree import Child, Node, h, icon

Kind = Literal["", "primary", "danger", "danger-quiet", "ghost"]
_numbers = count(1)


@dataclass(frozen=True)
class Action:
    """A button at the foot of a dialog.

    Args:
        name: the event it sends.
        label: what it says.
        kind: "", "primary", "danger", "danger-quiet" or "ghost"; at most one solid one.
        icon: of the sprite.
        disabled: greyed out; `title` should say why.
        title: its tooltip.
        focus: gets the first focus; else the first action does, which should be the safe one.
        closes: False keeps the dialog shown, e.g. while the input is checked.
        left: stands at the left edge, apart from the others.
        busy: turns a wheel and can be pressed in vain; unlike a disabled one it keeps the focus.
    """

    name: str
    label: str
    kind: Kind = ""
    icon: str | None = None
    disabled: bool = False
    title: str | None = None
    focus: bool = False
    closes: bool = True
    left: bool = False
    busy: bool = False


class Dialog(Component):
    """A modal dialog, 500 px wide. It needs no place on the page; `show()` and `hide()` it.

    Esc hides it, a press outside never does; Tab stays inside; the focus goes back where it was.
    Events: the actions' names, the names used in `body`, and `dismiss` for Esc. (There is no
    `close()` and no `open`: for widgets these mean the connection.)

    Args:
        title: the question, large.
        text: one line below it.
        kicker: a few red words above it.
        body: nodes between head and foot; assign anew at any time.
        actions: the buttons, the safe one first.
        tone: "danger" puts a red bar on top and makes it an alert; "" neither.
        icon: of the sprite, in a disc beside the title; `icon_tone` "orange" or "red".
    """

    _esm_module = traitlets.Unicode("dialog").tag(sync=True)
    _tree = traitlets.Dict().tag(sync=True)
    _closing = traitlets.List(traitlets.Unicode()).tag(sync=True)
    shown = traitlets.Bool(False).tag(sync=True)

    title = traitlets.Unicode()
    text = traitlets.Unicode()
    kicker = traitlets.Unicode()
    body = traitlets.Any()
    actions = traitlets.List(traitlets.Instance(Action))
    tone = traitlets.Enum(["", "danger"], "")
    icon = traitlets.Unicode()
    icon_tone = traitlets.Enum(["orange", "red"], "orange")

    def __init__(self, title: str = "", body: Child = None, **kwargs: Any) -> None:
        self._id = f"gw-dialog-{next(_numbers)}"
        super().__init__(title=title, body=body, **kwargs)

    def show(self) -> None:
        """Put it in front of the page."""
        self.shown = True

    def hide(self) -> None:
        """Take it away."""
        self.shown = False

    @traitlets.observe("title", "text", "kicker", "body", "actions", "tone", "icon", "icon_tone")
    def _compose(self, _change: object) -> None:
        self._closing = ["dismiss", *(a.name for a in self.actions if a.closes)]
        self._tree = h(
            "div",
            {
                "class": "gw-modal gw-modal--danger" if self.tone else "gw-modal",
                "role": "alertdialog" if self.tone else "dialog",
                "aria-modal": True,
                "aria-labelledby": f"{self._id}-t",
                "aria-describedby": f"{self._id}-d" if self.text else None,
            },
            self._head(),
            h("div", {"class": "gw-modal__b"}, self.body) if self.body else None,
            self._foot(),
        )

    def _head(self) -> Node:
        red = " gw-modal__ic--red" if self.icon_tone == "red" else ""
        disc = h("span", {"class": f"gw-modal__ic{red}"}, icon(self.icon or "warn", 24))
        kicker = h("p", {"class": "gw-small gw-strong gw-t-red"}, self.kicker)
        text = {"class": "gw-soft", "id": f"{self._id}-d", "style": {"font-size": "14px"}}
        words = h(
            "div",
            None,
            kicker if self.kicker else None,
            h("h2", {"class": "gw-modal__t", "id": f"{self._id}-t"}, self.title),
            h("p", text, self.text) if self.text else None,
        )
        return h("div", {"class": "gw-modal__h"}, disc if self.icon else None, words)

    def _foot(self) -> Node:
        left = [self._button(i, action) for i, action in enumerate(self.actions) if action.left]
        rest = [self._button(i, action) for i, action in enumerate(self.actions) if not action.left]
        spacer = h("span", {"class": "gw-spacer"}) if left else None
        return h("div", {"class": "gw-modal__f"}, left, spacer, rest)

    def _button(self, number: int, action: Action) -> Node:
        first = action.focus or (number == 0 and not any(a.focus for a in self.actions))
        kind = f" gw-btn--{action.kind}" if action.kind else ""
        return h(
            "button",
            {
                "type": "button",
                "class": f"gw-btn gw-btn--lg{kind}",
                "disabled": action.disabled,
                "aria-disabled": True if action.busy else None,
                "title": action.title,
                "data-focus": "" if first else None,
            },
            _wheel() if action.busy else icon(action.icon, 14) if action.icon else None,
            action.label,
            on={"click": action.name},
            key=action.name,
        )

    def _message(self, name: str, content: dict[str, Any], buffers: list[memoryview]) -> None:
        if name in self._closing:
            self.shown = False
        super()._message(name, content, buffers)

    def __repr__(self) -> str:
        return f"Dialog({self.title!r})"


def _wheel() -> Node:
    return icon("spin", 14, classes="gw-spin")


async def confirm(
    title: str,
    text: str = "",
    *,
    action: str,
    body: Child = None,
    tone: Literal["", "danger"] = "",
    back: str = "Go Back",
    icon: str = "warn",
) -> bool:
    """Ask, and wait for the answer: True if the reader chose `action`.

    The first focus is on `back`, and Esc means `back`.
    """
    kind: Kind = "danger" if tone else "primary"
    actions: Sequence[Action] = [Action("back", back), Action("confirm", action, kind)]
    dialog = Dialog(title, body, text=text, actions=list(actions), tone=tone, icon=icon)
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    for name, value in (("confirm", True), ("back", False), ("dismiss", False)):
        dialog.on(name, lambda _payload, value=value: answer.done() or answer.set_result(value))
    dialog.show()
    try:
        return await answer
    finally:
        dialog.layout.close()
        dialog.close()
