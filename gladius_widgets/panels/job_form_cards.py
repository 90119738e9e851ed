"""The cards of the form for a new job."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from gladius_widgets.components import Node, h, icon
from gladius_widgets.panels import job_form_fields as look_of
from gladius_widgets.panels.job_form_fields import Look, config_field, frame
from gladius_widgets.panels.models.form import YAML_KEY, Mistake, Shown
from gladius_widgets.panels.models.form_fields import Field, Section, fields
from gladius_widgets.panels.models.form_words import DataFigures, EstimateWords

_MOST_LINES = 3_000  # that the view of the YAML grows with

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
    return card("New job", body, symbol="plus")


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


def preview_part(
    figures: DataFigures | None,
    rows: Sequence[Any],
    *,
    busy: bool,
    stale: bool,
    problem: str,
    look: Look,
) -> Node:
    """The first rows of the data and their lengths, or how to see them."""
    if busy:
        action = _button("Cancel Preview", "x", "preview-cancel")
    else:
        action = _button(
            "Preview Data" if figures is None else "Preview Again", "eye", "preview", look
        )
    words = (
        "Reading the data…" if busy
        else "The settings have changed since." if stale and figures
        else "The first rows as they will be read, and how long they are."
    )  # fmt: skip
    return h(
        "div",
        {"class": "gw-stack", "aria-busy": busy},
        h(
            "div",
            {"class": "gw-row gw-row--wrap"},
            action,
            icon("spin", 14, classes="gw-spin") if busy else None,
            h("span", {"class": "gw-small gw-muted", "role": "status"}, words),
        ),
        banner("red", "warn", problem) if problem else None,
        _seen(figures, rows) if figures else None,
    )


def _seen(figures: DataFigures, rows: Sequence[Any]) -> list[Node]:
    head, *body = figures.lengths
    table = h(
        "table",
        {"class": "gw-lens"},
        h("thead", None, h("tr", None, [h("th", {"scope": "col"}, word) for word in head])),
        h(
            "tbody",
            None,
            [
                h(
                    "tr",
                    None,
                    h("th", {"scope": "row"}, row[0]),
                    [h("td", None, n) for n in row[1:]],
                )
                for row in body
            ],
        ),
    )
    facts = [
        h("dl", {"class": "gw-stat"}, h("dt", None, label), h("dd", None, value))
        for label, value in figures.facts
    ]
    return [
        h("div", {"class": "gw-row gw-row--wrap", "style": {"gap": "8px 32px"}}, facts),
        table,
        *[h("p", {"class": "gw-small gw-soft"}, remark) for remark in figures.remarks],
        h(
            "ol",
            {"class": "gw-rows", "aria-label": "First rows", "tabindex": 0},
            [h("li", {"class": "gw-well"}, [_turn(turn) for turn in row]) for row in rows],
        ),
    ]


def _turn(turn: Mapping[str, Any]) -> Node:
    cut = turn["cut"]
    if not turn["role"]:
        words = f"… and {cut:,} more message{'s' if cut > 1 else ''}"
        return h("p", {"class": "gw-small gw-muted"}, words)
    more = h("span", {"class": "gw-muted"}, f" … {cut:,} more characters") if cut else None
    return h(
        "dl",
        {"class": "gw-turn"},
        h("dt", None, turn["role"]),
        h("dd", None, turn["content"], more),
    )


def queue_card(
    words: str,
    options: Mapping[str, Any],
    jobs: Sequence[tuple[str, str]],
    error: str,
    zone: str,
    look: Look,
) -> Node:
    """When it may start."""
    helps = {
        "held": "It waits until somebody releases it in the queue.",
        "after": "It starts only when that job has completed.",
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
            "value": options["start_at"],
        },
        on={"change": "start-at"},
    )
    hold = look_of.switch("held", look, shared["held"], checked=options["held"], event="hold")
    after = look_of.select([("", "Nothing"), *jobs], options["after"], shared["after"], "after")
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


def estimate_card(words: EstimateWords | None, why: str, actions: Node, *, busy: bool) -> Node:
    """Steps, time and cost before submitting."""
    shown = words or EstimateWords(note=why)
    rows = (
        ("Steps", shown.steps), ("Time on the machine", shown.time), ("Cost", shown.cost),
        ("Rate", shown.rate),
    )  # fmt: skip
    basis = h(
        "span", {"class": "gw-badge gw-badge--square gw-badge--plain gw-tone-gray"}, shown.basis
    )
    return card(
        "Estimate",
        h(
            "div",
            {"class": "gw-est", "aria-live": "polite", "aria-busy": busy},
            h("dl", {"class": "gw-dl"}, [[h("dt", None, a), h("dd", None, b)] for a, b in rows]),
            h("p", {"class": "gw-small gw-muted", "style": {"margin-top": "10px"}}, shown.note)
            if shown.note
            else None,
        ),
        actions,
        aside=basis if shown.basis else None,
        symbol="clock",
    )


def yaml_card(text: str, mistakes: Sequence[Mistake], readable: bool, look: Look) -> Node:
    """The same config as text."""
    lines = min(text.count("\n") + 1, _MOST_LINES)
    bad = {line for mistake in mistakes for line in _lines_of(mistake.sentence)}
    error = " ".join(mistake.sentence for mistake in mistakes)
    help_ = "The same job as text. Only what differs from the defaults is written."
    id_ = look.id_of(YAML_KEY)
    shared = look_of.attrs(YAML_KEY, look, help=help_, error=error)
    revert = None if readable else _button("Back to the Last Readable Text", "reset", "revert")
    area = h(
        "textarea",
        {
            **shared,
            "class": "gw-input gw-area",
            "rows": max(lines, 10),
            "value": text,
            "wrap": "off",
            "spellcheck": "false",
            "aria-label": "YAML",
            "data-debounce": 400,
        },
        on={"input": "yaml", "change": "yaml"},
    )
    return card(
        "YAML",
        h("p", {"class": "gw-hp__h", "id": f"{id_}-help"}, help_),
        h(
            "div",
            {"class": f"gw-yaml{' is-bad' if error else ''}"},
            h("pre", {"class": "gw-yaml__n", "aria-hidden": True}, _numbers(lines, bad)),
            area,
        ),
        h(
            "div",
            {"id": f"{id_}-error", "class": "gw-stack", "style": {"gap": "6px"}, "role": "status"},
            [
                h("p", {"class": "gw-hp__e"}, icon("warn", 14), h("span", None, m.sentence))
                for m in mistakes[:5]
            ],
            revert,
        ),
        symbol="file",
    )


def summary(mistakes: Sequence[Mistake], look: Look, *, refusal: str = "") -> Node:
    """Why it was not submitted, with links to the fields."""
    focused = look.focus == "summary"
    count = len(mistakes)
    things = f"{count} thing{'s' if count > 1 else ''}"
    links = [
        h(
            "li",
            None,
            h(
                "a",
                {"href": f"#{look.id_of(m.key)}", "data-key": m.key},
                m.label,
                on={"click": "goto"},
            ),
            f": {m.sentence.removeprefix('YAML, ')}",
        )
        for m in mistakes
    ]
    words = refusal or f"{things} to mend before the job can be submitted."
    return h(
        "div",
        {
            "class": "gw-banner gw-tone-red",
            "role": "alert",
            "tabindex": -1,
            "autofocus": focused,
            "data-reveal": "",
        },
        icon("warn"),
        h(
            "div",
            {"class": "gw-banner__t"},
            h("b", None, words),
            h("ul", None, links) if links else None,
        ),
    )


def banner(tone: str, symbol: str, text: str, *more: Any) -> Node:
    """A line that stands out."""
    return h(
        "div",
        {"class": f"gw-banner gw-tone-{tone}", "role": "alert" if tone == "red" else "status"},
        icon(symbol),
        h("div", {"class": "gw-banner__t"}, text, *more),
    )


def _button(label: str, symbol: str, event: str, look: Look | None = None) -> Node:
    resting = look.resting if look else ""
    return h(
        "button",
        {
            "type": "button",
            "class": "gw-btn",
            "disabled": bool(resting),
            "title": resting or None,
        },
        icon(symbol, 14),
        label,
        on={"click": event},
    )


def _numbers(lines: int, bad: Collection[int]) -> list[Node | str]:
    """Line numbers, one a line, the bad ones marked; few nodes however many lines."""
    made: list[Node | str] = []
    first = 1
    for line in sorted(bad):
        made += ["".join(f"{n}\n" for n in range(first, min(line, lines + 1)))]
        made += [h("b", {"class": "is-bad"}, line), "\n"] if line <= lines else []
        first = line + 1
    return [*made, "".join(f"{n}\n" for n in range(first, lines + 1))]


def _lines_of(sentence: str) -> list[int]:
    head = sentence.partition(":")[0]
    number = head.rpartition("line ")[2]
    return [int(number)] if number.isdigit() else []
