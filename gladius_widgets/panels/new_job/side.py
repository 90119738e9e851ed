"""What stands beside the fields of the form: estimate, YAML, and what is wrong."""

from collections.abc import Collection, Sequence
from typing import Any

from gladius_widgets.client import Job
from gladius_widgets.components import Node, h, icon, location
from gladius_widgets.core.text.terminal_text import visible
from gladius_widgets.panels.new_job import fields as look_of
from gladius_widgets.panels.new_job.cards import card
from gladius_widgets.panels.new_job.config_form import YAML_KEY, Mistake
from gladius_widgets.panels.new_job.fields import Look
from gladius_widgets.panels.new_job.text import EstimateWords
from gladius_widgets.panels.text.links import JOBS_PAGE, console_url

QUEUE_PAGE = f"{JOBS_PAGE}?tab=queue"
SUBMITTING = "The job is being submitted"
_MOST_LINES = 3_000  # that the view of the YAML grows with


def estimate_card(words: EstimateWords | None, why: str, *, busy: bool) -> Node:
    """Steps, time, cost and memory before submitting, and the slot `submit`."""
    shown = words or EstimateWords(note=why)
    leave = h("a", {"class": "gw-btn gw-btn--lg", "href": JOBS_PAGE}, "Cancel")
    rows = (
        ("Steps", shown.steps), ("Time on the machine", shown.time), ("Cost", shown.cost),
        ("Rate", shown.rate), ("Memory", shown.memory),
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
            h(
                "p",
                {"class": "gw-small gw-muted", "style": {"margin-top": "10px"}},
                visible(shown.note),
            )
            if shown.note
            else None,
            [banner("yellow", "warn", warning) for warning in shown.warnings],
        ),
        h(
            "div",
            {"class": "gw-form__go"},
            h("slot", {"name": "submit"}),
            leave if location().standalone else None,
        ),
        aside=basis if shown.basis else None,
        symbol="clock",
    )


def yaml_card(text: str, mistakes: Sequence[Mistake], readable: bool, look: Look) -> Node:
    """The same config as text."""
    lines = min(text.count("\n") + 1, _MOST_LINES)
    bad = {mistake.line for mistake in mistakes if mistake.line}
    mistakes = [mistake for mistake in mistakes if mistake.key == YAML_KEY]
    error = " ".join(mistake.sentence for mistake in mistakes)
    help_ = "The same job as text. Only what differs from the defaults is written."
    id_ = look.id_of(YAML_KEY)
    shared = look_of.attrs(YAML_KEY, look, help=help_, error=error)
    revert = None if readable else button("Back to the Last Readable Text", "reset", "revert")
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
            h("div", {"class": "gw-yaml__n", "aria-hidden": True}, _numbers(lines, bad)),
            area,
        ),
        h(
            "div",
            {"id": f"{id_}-error", "class": "gw-stack", "style": {"gap": "6px"}, "role": "status"},
            [
                h(
                    "p",
                    {"class": "gw-hp__e"},
                    icon("warn", 14),
                    h("span", None, visible(m.sentence)),
                )
                for m in mistakes[:5]
            ],
            revert,
        ),
        symbol="edit",
    )


def summary(mistakes: Sequence[Mistake], look: Look, *, refusal: str = "") -> Node:
    """Why it was not submitted, with links to the fields."""
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
            f": {visible(m.sentence.removeprefix('YAML, '))}",
        )
        for m in mistakes
    ]
    words = h("b", None, visible(refusal) or f"{things} to mend before the job can be submitted.")
    list_ = h("ul", None, links) if links else None
    return banner("red", "warn", words, list_, focused=look.focus == "summary")


def banner(tone: str, symbol: str, *content: Any, focused: bool | None = None) -> Node:
    """A line that stands out.

    Args:
        tone: red also makes it an alert.
        symbol: its icon.
        content: words and links.
        focused: it has the focus now; None when it never takes it.
    """
    takes_focus = {"tabindex": -1, "autofocus": focused, "data-reveal": ""}
    return h(
        "div",
        {
            "class": f"gw-banner gw-tone-{tone}",
            "role": "alert" if tone == "red" else "status",
            **(takes_focus if focused is not None else {}),
        },
        icon(symbol),
        h("div", {"class": "gw-banner__t"}, [_seen(part) for part in content]),
    )


def _seen(part: Any) -> Any:
    """Sentences quote names and values from anywhere."""
    return visible(part) if isinstance(part, str) else part


def submit_button(*, busy: bool, done: bool) -> Node:
    """The one that matters."""
    text = "Submitted" if done else "Submitting…" if busy else "Submit Job"
    return h(
        "button",
        {
            "type": "button",
            "class": "gw-btn gw-btn--primary gw-btn--lg",
            "disabled": busy,
            "title": SUBMITTING if busy else None,
        },
        icon("spin" if busy and not done else "play", 14),
        text,
        on={"click": "submit"},
    )


def queued(job: Job, look: Look) -> Node:
    """It is in the queue: where to go."""
    words: list[Any] = [f"{job.name} is queued as {job.id}."]
    if location().standalone:  # in JupyterLab no page has an address of its own
        queue = h("a", {"href": QUEUE_PAGE}, "Open the queue")
        console = h("a", {"href": console_url(job.id)}, "open its console")
        words += [" ", queue, " or ", console, "."]
    return banner("green", "ok", words, focused=look.focus == "summary")


def button(label: str, symbol: str, event: str, look: Look | None = None) -> Node:
    """A plain button; it rests while the form takes no edit."""
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
