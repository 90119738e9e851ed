"""What a reader has to give before a job is cancelled: a reason, a note, a tick."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gladius_widgets.components import Action, Dialog, Node, h, icon
from gladius_widgets.panels.controls import cancel_model as model


class CancelForm:
    """Reason, note and the box to tick; `changed` is called when one of them has changed."""

    def __init__(self, changed: Callable[[], object]) -> None:
        self.answer = model.Answer()
        self._changed = changed

    def listen(self, dialog: Dialog) -> None:
        """Take what the reader enters in the dialog."""
        for name, key in (("reason", "value"), ("note", "value"), ("sure", "checked")):
            dialog.on(name, lambda payload, name=name, key=key: self._take(name, payload[key]))

    def _take(self, name: str, value: Any) -> None:
        self.answer = replace(self.answer, **{name: value})
        self._changed()

    def nodes(self, locked: bool = False) -> list[Node]:
        """The fields; `locked` while the job is being cancelled."""
        return [self._reason(locked), self._note(locked), _sure(locked)]

    def actions(self, asked: bool = False) -> list[Action]:
        """The buttons; `asked` while the job is being cancelled."""
        missing = self.answer.missing
        if asked:
            confirm = Action("confirm", "Cancelling...", "danger", busy=True, closes=False)
            return [Action("back", "Go Back", disabled=True), confirm]
        return [
            Action("back", "Go Back"),
            Action(
                "confirm",
                "Confirm Cancellation",
                "danger",
                disabled=bool(missing),
                title=missing or None,
                closes=False,
            ),
        ]

    def _reason(self, locked: bool) -> Node:
        options = [h("option", {"value": ""}, "Select a reason...")]
        options += [h("option", {"value": reason}, reason) for reason in model.REASONS]
        star = h("span", {"class": "gw-t-red", "aria-hidden": True}, "*")
        select = h(
            "select",
            {"class": "gw-select", "aria-label": "Why are you cancelling? Required",
             "aria-required": True, "disabled": locked},
            options,
            on={"change": "reason"},
        )  # fmt: skip
        return h(
            "label",
            {"class": "gw-field gw-field--stack"},
            h("span", {"class": "gw-modal__sub"}, "Why are you cancelling? ", star),
            h("span", {"class": "gw-selectwrap"}, select, icon("chev-d")),
        )

    def _note(self, locked: bool) -> Node:
        needed = self.answer.reason == model.OTHER
        return h(
            "label",
            {"class": "gw-field gw-field--stack"},
            h(
                "span",
                {"class": "gw-modal__sub"},
                "Notes ",
                h("span", {"class": "gw-t-red", "aria-hidden": True}, "*")
                if needed
                else h("span", {"class": "gw-muted gw-modal__opt"}, "(optional)"),
            ),
            h(
                "textarea",
                {"class": "gw-input gw-textarea", "rows": 2, "maxlength": 1000, "disabled": locked,
                 "aria-label": "Notes, required" if needed else "Notes, optional",
                 "placeholder": "What to remember about this run"},
                on={"input": "note"},
            ),
        )  # fmt: skip


def _sure(locked: bool) -> Node:
    return h(
        "label",
        {"class": "gw-check"},
        h("input", {"type": "checkbox", "disabled": locked}, on={"change": "sure"}),
        h("span", None, "I understand this action cannot be undone"),
    )
