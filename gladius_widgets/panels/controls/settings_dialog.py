"""Two dialogs about settings: change them while the run goes on; what the config file says now."""

from collections.abc import Mapping, Sequence
from typing import Any

from gladius_widgets.components import Action, Dialog, Node, h
from gladius_widgets.panels.controls import settings_model as model
from gladius_widgets.panels.controls.questions import wait_for
from gladius_widgets.panels.live.snapshot import JobSnapshot

REVERT = "revert"


async def ask_settings(job: JobSnapshot) -> dict[str, float | None] | str | None:
    """The changes wanted by setting, `REVERT` for the last ones back, None to leave all as is."""
    shown = model.fields(job)
    typed: dict[str, str] = {}
    dialog = Dialog(
        "Adjust Hyperparameters",
        _body(shown, typed),
        text="Changes take effect at the next step; the schedule goes on from them.",
        icon="sliders",
        actions=[
            Action(
                REVERT, "Revert Last Change", left=True, disabled=not (job.run and job.run.live)
            ),
            Action("back", "Go Back"),
            Action("apply", "Apply", "primary", closes=False),
        ],
    )
    for field in shown:
        dialog.on(
            field.name, lambda payload, name=field.name: typed.update({name: payload["value"]})
        )

    def check(_payload: object) -> None:
        errors = model.mistakes(job, shown, typed)
        if not errors and model.changes(shown, typed):
            dialog.hide()
            dialog.emit("checked")
            return
        note = "" if errors else "Nothing is changed: these are the settings in force."
        dialog.body = _body(shown, typed, errors, note)

    dialog.on("apply", check)
    answer = await wait_for(dialog, "checked", REVERT)
    if answer == "checked":
        return model.changes(shown, typed)
    return REVERT if answer == REVERT else None


def show_differences(found: Sequence[model.Difference]) -> None:
    """What the config file says now, against what is in force."""
    rows = [
        h(
            "tr",
            None,
            h("th", {"scope": "row", "class": "gw-mono"}, one.key),
            h("td", {"class": "gw-mono"}, f"{one.old} → {one.new}"),
            h("td", None, _badge(one.holds)),
        )
        for one in found
    ]
    dialog = Dialog(
        "Config Read Again",
        h("table", {"class": "gw-diff", "aria-label": "Changed settings"}, h("tbody", None, rows)),
        text="Live settings are in force now. What holds from the next attempt on needs a pause "
        "with release and a resume; the others need a new run.",
        icon="sync",
        actions=[Action("close", "Close", "primary")],
    )
    for name in ("close", "dismiss"):
        dialog.on(name, lambda _payload: dialog.close())
    dialog.show()


def _badge(holds: str) -> Node:
    tone = "green" if holds == "Live" else "yellow"
    return h("span", {"class": f"gw-badge gw-badge--square gw-tone-{tone}"}, holds)


def _body(
    shown: Sequence[model.LiveField],
    typed: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
    note: str = "",
) -> list[Node]:
    """The fields with what was typed and what is wrong with it, and a note below them."""
    errors = errors or {}
    fields = [
        _field(field, typed.get(field.name, field.text), errors.get(field.name, ""))
        for field in shown
    ]
    said = note or (f"{len(errors)} to mend: nothing was changed." if errors else "")
    return [*fields, h("p", {"class": "gw-small gw-soft", "role": "status"}, said)]


def _field(field: model.LiveField, text: str, error: str) -> Node:
    told = f"gw-hp-{field.name}"
    attrs: dict[str, Any] = {
        "class": "gw-input",
        "type": "text",
        "inputmode": "decimal",
        "value": text,
        "placeholder": "off",
        "aria-label": field.label,
        "aria-invalid": True if error else None,
        "aria-describedby": told if error or field.hint else None,
    }
    hint = h("span", {"class": "gw-hp__h", "id": told}, field.hint) if field.hint else None
    return h(
        "label",
        {"class": "gw-hp"},
        h("span", {"class": "gw-hp__l"}, field.label),
        h("input", attrs, on={"input": field.name}),
        h("span", {"class": "gw-hp__e", "id": told}, error) if error else hint,
    )
