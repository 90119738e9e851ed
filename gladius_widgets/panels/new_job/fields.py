"""How one field of the form looks, by its kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gladius_widgets.components import Node, h, icon
from gladius_widgets.core.text.terminal_text import visible
from gladius_widgets.panels.new_job.config_form import Shown
from gladius_widgets.panels.new_job.field_specs import Field, value_text

_AREA_ROWS = 14


@dataclass(frozen=True)
class Look:
    """What a field needs to know of its form.

    Attributes:
        ids: what the ids of this form begin with: there may be two on a page.
        focus: key of the field that gets the focus now.
        resting: the form takes no edit now; why.
        options: choices that the config model does not know, by key.
    """

    ids: str
    focus: str = ""
    resting: str = ""
    options: Mapping[str, Sequence[str]] | None = None

    def id_of(self, key: str) -> str:
        """The id of a field's control."""
        return f"{self.ids}-{key.replace('.', '-')}"


def config_field(field: Field, shown: Shown, look: Look) -> Node:
    """A field of the config with label, control, help and error."""
    extra = (look.options or {}).get(field.key, ())
    big = field.kind == "yaml" or (field.kind == "text" and not extra and field.required)
    stacked = field.kind == "text" and not big and not extra
    control = _control(field, shown, look, extra)
    classes = ["is-wide" if big else "is-stacked" if stacked else ""]
    return frame(
        field.key, field.label, control, look, help=help_of(field), error=shown.error,
        classes=[*classes, "is-changed" if shown.changed else ""], plain=field.kind == "switch",
    )  # fmt: skip


def frame(
    key: str,
    label: str,
    control: Node,
    look: Look,
    *,
    help: str = "",  # noqa: A002  it is the help
    error: str = "",
    classes: Sequence[str] = (),
    plain: bool = False,
) -> Node:
    """Label, control, help and error; `plain`: the control is named by the label's id."""
    id_ = look.id_of(key)
    name = "span" if plain else "label"
    names = {"id": f"{id_}-label"} if plain else {"for": id_}
    return h(
        "div",
        {"class": " ".join(["gw-hp", *filter(None, classes)])},
        h(name, {"class": "gw-hp__l", **names}, label),
        control,
        h("span", {"class": "gw-hp__h", "id": f"{id_}-help"}, _worded(help)) if help else None,
        h(
            "span",
            {"class": "gw-hp__e", "id": f"{id_}-error"},
            icon("warn", 14),
            h("span", None, visible(error)),
        )
        if error
        else None,
        key=key,
    )


def attrs(key: str, look: Look, *, help: str = "", error: str = "") -> dict[str, Any]:  # noqa: A002
    """What every control has."""
    id_ = look.id_of(key)
    about = [f"{id_}-help"] if help else []
    about += [f"{id_}-error"] if error else []
    focused = look.focus == key
    return {
        "id": id_,
        "data-key": key,
        "disabled": bool(look.resting),
        "title": look.resting or None,
        "aria-describedby": " ".join(about) or None,
        "aria-invalid": True if error else None,
        "autofocus": focused,
        "data-reveal": "" if focused else None,
    }


def switch(key: str, look: Look, shared: dict[str, Any], *, checked: bool, event: str) -> Node:
    """An on/off switch."""
    names = {"aria-labelledby": f"{look.id_of(key)}-label", "aria-checked": checked}
    return h(
        "button",
        {"type": "button", "class": "gw-switch", "role": "switch", **shared, **names},
        h("span", {"class": "gw-switch__t"}),
        h("span", {"aria-hidden": True}, "On" if checked else "Off"),
        on={"click": event},
    )


def select(
    options: Sequence[tuple[str, str]], value: str, shared: dict[str, Any], event: str
) -> Node:
    """A choice of (value, words)."""
    made = [
        h("option", {"value": option, "selected": option == value}, words, key=option)
        for option, words in options
    ]
    return h(
        "span",
        {"class": "gw-selectwrap"},
        h("select", {"class": "gw-select", "value": value, **shared}, made, on={"change": event}),
        icon("chev-d"),
    )


def help_of(field: Field) -> str:
    """What it is, its bounds, its default."""
    words = [field.help]
    if field.bounds:
        words.append(field.bounds[0].upper() + field.bounds[1:])
    if field.default is not None and field.kind in ("integer", "number"):
        words.append(f"Default {value_text(field.default)}")
    return ". ".join(filter(None, words)) + "." if any(words) else ""


def _worded(text: str) -> list[Node | str]:
    """Words between backticks in the type of code."""
    return [
        h("code", {"class": "gw-mono"}, part) if i % 2 else part
        for i, part in enumerate(text.split("`"))
    ]


def _control(field: Field, shown: Shown, look: Look, extra: Sequence[str]) -> Node:
    shared = attrs(field.key, look, help=help_of(field), error=shown.error)
    shared["aria-required"] = True if field.required else None
    if field.kind == "switch" and shown.text in ("true", "false"):
        return switch(field.key, look, shared, checked=shown.text == "true", event="toggle")
    if field.kind == "choice" or extra:
        return select(_options(field, shown, extra), shown.text, shared, "edit")
    if field.kind == "yaml":
        return _area(shown, shared)
    shared |= {
        "class": "gw-input",
        "type": "text",
        "value": shown.text,
        "autocomplete": "off",
        "spellcheck": "false",
    }
    if field.kind in ("integer", "number"):
        shared |= {"inputmode": "decimal", "placeholder": "Not set"}
    made = h("input", shared, on={"change": "edit"})
    counts = field.kind == "integer" and field.default is not None
    return _stepper(field, made, look) if counts else made


def _options(field: Field, shown: Shown, extra: Sequence[str]) -> list[tuple[str, str]]:
    options = [(choice, choice) for choice in (*field.choices, *extra)]
    if field.optional:
        options = [("", "Not set"), *options]
    if shown.text not in {value for value, _ in options}:
        options.append((shown.text, shown.text or "Not set"))
    return options


def _area(shown: Shown, shared: dict[str, Any]) -> Node:
    rows = min(_AREA_ROWS, shown.text.count("\n") + 1)
    return h(
        "textarea",
        {
            **shared,
            "class": "gw-input gw-area",
            "rows": rows,
            "value": shown.text,
            "placeholder": "Not set",
            "spellcheck": "false",
        },
        on={"change": "edit"},
    )


def _stepper(field: Field, control: Node, look: Look) -> Node:
    def button(words: str, symbol: str, by: int) -> Node:
        return h(
            "button",
            {
                "type": "button",
                "class": "gw-btn",
                "aria-label": f"{words}: {field.label}",
                "data-key": field.key,
                "data-by": by,
                "disabled": bool(look.resting),
            },
            icon(symbol, 12),
            on={"click": "step"},
        )

    return h(
        "span",
        {"class": "gw-stepper"},
        button("Less", "minus", -1),
        control,
        button("More", "plus", 1),
    )
