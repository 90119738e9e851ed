"""The cards of the form for a new job that hold its fields."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from gladius_widgets.components import Node, h, icon
from gladius_widgets.panels.new_job import fields as look_of
from gladius_widgets.panels.new_job.config_form import Shown
from gladius_widgets.panels.new_job.draft import START_AT, Draft
from gladius_widgets.panels.new_job.field_specs import Field, Section, fields
from gladius_widgets.panels.new_job.fields import Look, config_field, frame
from gladius_widgets.panels.text.links import JOBS_PAGE

ShownOf = Callable[[str], Shown]


def card(title: str, *content: Any, aside: Any = None, symbol: str = "") -> Node:
    """A card with a title, as on dashboards."""
    head = h(
        "div",
        {"class": "gw-card__h"},
        icon(symbol) if symbol else None,
        h("h2", {"class": "gw-card__t"}, title),
        h("span", {"class": "gw-spacer"}),
        aside,
    )
    return h(
        "section",
        {"class": "gw-card", "aria-label": title},
        head,
        h("div", {"class": "gw-card__b"}, content),
    )


def start_card(
    presets: Sequence[tuple[str, str]], chosen: str, about: str, name: str, error: str, look: Look
) -> Node:
    """What to start from, and the job's name."""
    helps = {
        "preset": about or "A config that ships with Gladius, or nothing.",
        "name": "Shown in lists. Other jobs may have the same.",
    }
    preset = look_of.select(
        presets, chosen, look_of.attrs("preset", look, help=helps["preset"]), "preset"
    )
    typed = h(
        "input",
        {
            **look_of.attrs("name", look, help=helps["name"], error=error),
            "class": "gw-input",
            "type": "text",
            "value": name,
            "autocomplete": "off",
            "aria-required": True,
        },
        on={"change": "name"},
    )
    body = h(
        "div",
        {"class": "gw-flds"},
        frame("preset", "Start from", preset, look, help=helps["preset"], classes=["is-stacked"]),
        frame(
            "name", "Job name", typed, look, help=helps["name"], error=error,
            classes=["is-stacked", "is-plain"],
        ),
    )  # fmt: skip
    return card("Job", body, symbol="file")


def fields_card(
    title: str, keys: Sequence[str], shown: ShownOf, look: Look, *more: Any, symbol: str = ""
) -> Node:
    """Some fields of the config."""
    made = [config_field(fields()[key], shown(key), look) for key in keys]
    return card(title, h("div", {"class": "gw-flds"}, made), *more, symbol=symbol)


def more_card(
    listed: Sequence[tuple[Section, Sequence[Field]]],
    opened: Collection[str],
    shown: ShownOf,
    look: Look,
) -> Node:
    """All other fields by section, folded away."""
    title = "All other settings"
    return h(
        "section",
        {"class": "gw-card", "aria-label": title},
        h("div", {"class": "gw-card__h"}, icon("gear"), h("h2", {"class": "gw-card__t"}, title)),
        [_fold(section, some, section.name in opened, shown, look) for section, some in listed],
    )


def _fold(
    section: Section, some: Sequence[Field], is_open: bool, shown: ShownOf, look: Look
) -> Node:
    states = {field.key: shown(field.key) for field in some}
    changed = sum(state.changed for state in states.values())
    wrong = sum(bool(state.error) for state in states.values())
    badges = [
        h(
            "span",
            {"class": f"gw-badge gw-badge--square gw-badge--plain gw-tone-{tone}"},
            f"{count} {word}",
        )
        for count, word, tone in ((wrong, "wrong", "red"), (changed, "changed", "blue"))
        if count
    ]
    return h(
        "details",
        {"class": "gw-fold", "open": is_open},
        h(
            "summary",
            {"data-section": section.name},
            icon("chev-r"),
            h("span", {"class": "gw-strong gw-nowrap"}, section.label),
            h("span", {"class": "gw-card__s gw-ellipsis"}, section.help.split("\n")[0]),
            h("span", {"class": "gw-spacer"}),
            badges,
            on={"click": "fold"},
        ),
        h(
            "div",
            {"class": "gw-flds"},
            [config_field(field, states[field.key], look) for field in some],
        ),
        key=section.name,
    )


def queue_card(
    words: str,
    draft: Draft,
    jobs: Sequence[tuple[str, str]],
    zone: str,
    look: Look,
    after_help: str = "",
) -> Node:
    """When it may start; `after_help` is what to know of the job that it waits for."""
    error = draft.error(START_AT)
    helps = {
        "held": "It waits until somebody releases it in the queue.",
        "after": after_help or "It starts only when that job has completed.",
        "start_at": f"Not before; the server's time ({zone}).",
    }
    shared = {key: look_of.attrs(key, look, help=text) for key, text in helps.items()}
    shared["start_at"] = look_of.attrs("start_at", look, help=helps["start_at"], error=error)
    moment = h(
        "input",
        {
            **shared["start_at"],
            "class": "gw-input",
            "type": "datetime-local",
            "value": draft.start_at,
        },
        on={"change": "start-at"},
    )
    hold = look_of.switch("held", look, shared["held"], checked=draft.held, event="hold")
    after = look_of.select([("", "Nothing"), *jobs], draft.after, shared["after"], "after")
    body = h(
        "div",
        {"class": "gw-flds"},
        frame(
            "after", "After another job", after, look, help=helps["after"], classes=["is-stacked"]
        ),
        frame(
            "start_at", "Start at", moment, look, help=helps["start_at"], error=error,
            classes=["is-stacked", "is-plain"],
        ),
        frame("held", "Hold in the queue", hold, look, help=helps["held"], plain=True),
    )  # fmt: skip
    aside = h("span", {"class": "gw-card__s", "role": "status"}, words)
    return card("Queue", body, aside=aside, symbol="hour")


def layout() -> Node:
    """The page: title, what is wrong, fields, and what stands beside them."""

    def slot(name: str) -> Node:
        return h("slot", {"name": name})

    main = ("start", "data", "training", "machine", "queue", "more")
    title = h("h1", {"class": "gw-title"}, "Create New Job")
    crumbs = h(
        "nav",
        {"class": "gw-crumbs", "aria-label": "Breadcrumb"},
        h("a", {"href": JOBS_PAGE}, "Training Jobs"),
        icon("chev-r", 12),
        h("span", {"aria-current": "page"}, "New job"),
    )
    return h(
        "div",
        {"class": "gw-stack"},
        h(
            "div",
            {"class": "gw-head"},
            h("div", {"class": "gw-head__t"}, crumbs, title),
        ),
        slot("summary"),
        h(
            "div",
            {"class": "gw-form"},
            h("div", {"class": "gw-form__main"}, [slot(name) for name in main]),
            h("div", {"class": "gw-form__side"}, slot("estimate"), slot("yaml")),
        ),
    )
