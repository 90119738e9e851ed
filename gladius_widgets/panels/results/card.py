"""The card of JobResults, as an element tree."""

from collections.abc import Sequence

from gladius_widgets.components import Node, h, icon
from gladius_widgets.panels.results import model
from gladius_widgets.panels.text import alert
from gladius_widgets.panels.text import format as fmt

_SNIPPET, _COMMAND = "gw-results-snippet", "gw-results-command"


def card(view: model.ResultsView, shown_samples: int, *, resuming: bool) -> Node:
    """The whole card.

    Args:
        view: its content.
        shown_samples: which set of samples, 0 = the latest.
        resuming: the reader has just asked for a resume.
    """
    trouble = view.trouble
    return h(
        "section",
        {"class": "gw-card gw-card--raised gw-results", "aria-label": "Results"},
        _head(view),
        _trouble(trouble, resuming) if trouble else None,
        _cancelled(view.cancelled) if view.cancelled else None,
        h("dl", {"class": "gw-results__figures"}, [_figure(one) for one in view.figures]),
        h("div", {"class": "gw-results__two"}, _columns(view)),
        _samples(view.samples, shown_samples) if view.samples else None,
    )


def _columns(view: model.ResultsView) -> list[Node | None]:
    kept = _checkpoints(view.checkpoints)
    if view.trouble is None:
        return [kept, _load(view) if view.snippet else None]
    log = _log(view.log) if view.log else None
    if view.trouble.autopsy is None:
        return [log, kept]
    return [_autopsy(view.trouble.autopsy), h("div", {"class": "gw-results__part"}, log, kept)]


def _head(view: model.ResultsView) -> Node:
    return h(
        "div",
        {"class": f"gw-card__h gw-tone-{view.tone}"},
        h("span", {"class": "gw-results__ic"}, icon(view.icon, 20)),
        h(
            "div",
            {"class": "gw-results__t"},
            h("h2", {"class": "gw-card__t"}, view.title),
            h("p", {"class": "gw-card__s"}, view.subtitle),
        ),
        h("span", {"class": "gw-spacer"}),
        _button("export", "download", "Download metrics"),
    )


def _figure(one: model.Figure) -> Node:
    aside = h("dd", {"class": "gw-results__aside"}, one.aside) if one.aside else None
    term = h("dt", {"title": one.title or None}, one.label)
    return h("div", {"class": "gw-stat"}, term, h("dd", None, one.value), aside)


# Cancelled


def _cancelled(one: model.Cancelled) -> Node:
    note = h("p", {"class": "gw-results__text"}, one.note) if one.note else None
    return h(
        "div",
        {"class": "gw-results__band gw-banner gw-tone-orange"},
        icon("info"),
        h(
            "div",
            {"class": "gw-banner__t"},
            h("b", None, one.reason),
            f" · {one.who}, {one.moment}",
            note,
        ),
    )


# Failed


def _trouble(view: alert.AlertView, resuming: bool) -> Node:
    ideas = [_idea(number, one) for number, one in enumerate(view.suggestions, 1)]
    return h(
        "div",
        {"class": "gw-results__band gw-banner gw-tone-red"},
        icon("fail"),
        h(
            "div",
            {"class": "gw-banner__t"},
            h("p", {"class": "gw-mono gw-results__text"}, view.text),
            h("p", {"class": "gw-small gw-soft"}, view.kept),
            h("ol", {"class": "gw-results__ideas"}, ideas) if ideas else None,
            _offer(view.offer, resuming) if view.offer else None,
        ),
    )


def _idea(number: int, one: alert.Suggestion) -> Node:
    now = h("span", {"class": "gw-muted"}, f" {one.now}") if one.now else None
    return h("li", None, h("span", {"class": "gw-muted"}, f"{number}. "), one.text, now)


def _offer(offer: alert.Offer, resuming: bool) -> Node:
    first = h(
        "button",
        {"type": "button", "class": "gw-btn gw-btn--primary", "aria-disabled": resuming or None},
        icon("spin", 14, classes="gw-spin") if resuming else icon("play", 14),
        "Resuming..." if resuming else offer.label,
        on={"click": "offer"},
        key="offer",
    )
    others = [
        _button("plain", "play", "Resume unchanged") if offer.changes else None,
        _button("clone", "copy", "Clone with other settings"),
        _button("console", "term", "Open the error in the console"),
    ]
    return h(
        "div",
        {"class": "gw-results__offer"},
        h("div", {"class": "gw-row gw-row--wrap"}, first, others),
        h("p", {"class": "gw-small gw-soft"}, offer.why) if offer.why else None,
    )


def _autopsy(one: alert.Autopsy) -> Node:
    shape = one.batch_shape
    used = f"{fmt.gib(one.used_bytes)} GiB"
    if one.total_bytes:
        used += f" of {fmt.gib(one.total_bytes)} GiB"
    facts = [
        ("Batch", f"{shape[0]:,} × {shape[1]:,} tokens" if shape else fmt.UNKNOWN),
        ("Micro-batch", fmt.count(one.micro_batch_size)),
        ("Accumulation", fmt.count(one.gradient_accumulation)),
        ("Memory after it", used),
    ]
    rows = [[h("dt", None, name), h("dd", None, value)] for name, value in facts]
    last = [f"{fmt.clock_seconds(moment)}  {fmt.gib(size)} GiB" for moment, size in one.samples]
    return _part(
        f"Memory at step {fmt.count(one.step)}",
        h("p", {"class": "gw-small gw-results__text"}, one.message),
        h("dl", {"class": "gw-kv gw-small"}, rows),
        h("pre", {"class": "gw-json", "tabindex": 0, "aria-label": "Last memory samples"},
          "\n".join(last)) if last else None,
    )  # fmt: skip


def _log(lines: Sequence[str]) -> Node:
    text = "\n".join(lines)
    attrs = {"class": "gw-json gw-results__log", "tabindex": 0, "aria-label": "Last log lines"}
    return _part("Last log lines", h("pre", attrs, text))


# Checkpoints and samples


def _checkpoints(kept: Sequence[model.Checkpoint]) -> Node:
    if not kept:
        words = "No checkpoint was saved."
        return _part("Checkpoints", h("p", {"class": "gw-soft"}, words))
    rows = [_checkpoint(number, one) for number, one in enumerate(kept)]
    return _part("Checkpoints", h("ul", {"class": "gw-results__kept"}, rows))


def _checkpoint(number: int, one: model.Checkpoint) -> Node:
    place = f"gw-results-path-{number}"
    tone, symbol = ("green", "ok") if one.is_whole else ("red", "warn")
    facts = [one.size, f"validation {one.loss}" if one.loss != fmt.UNKNOWN else "", one.reason]
    return h(
        "li",
        None,
        h(
            "div",
            {"class": "gw-row gw-row--wrap"},
            h("b", {"class": "gw-strong"}, one.title),
            h(
                "span",
                {"class": f"gw-badge gw-tone-{tone} gw-badge--plain"},
                icon(symbol, 12),
                one.state,
            ),
            h("span", {"class": "gw-small gw-muted"}, " · ".join(filter(None, facts))),
        ),
        h(
            "div",
            {"class": "gw-results__path"},
            h("code", {"class": "gw-mono", "id": place}, one.path),
            _copy(place, "Copy path", f"Copy path of {one.title}"),
        ),
        key=one.path,
    )


def _load(view: model.ResultsView) -> Node:
    merged = ", adapters merged" if view.has_adapters else ""
    return _part(
        "Load it",
        _code(_SNIPPET, view.snippet, "Copy code"),
        h("p", {"class": "gw-small gw-soft"}, f"As a folder of its own{merged}:"),
        _code(_COMMAND, view.command, "Copy command"),
    )


def _code(place: str, text: str, label: str) -> Node:
    return h(
        "div",
        {"class": "gw-results__code"},
        h("pre", {"class": "gw-json", "id": place, "tabindex": 0}, text),
        _copy(place, label, label),
    )


def _samples(sets: Sequence[model.SampleSet], shown: int) -> Node:
    shown = min(shown, len(sets) - 1)
    options = [
        h("option", {"value": number, "selected": number == shown}, one.title)
        for number, one in enumerate(sets)
    ]
    select = h(
        "select",
        {"class": "gw-select", "aria-label": "Samples of"},
        options,
        on={"change": "samples"},
    )
    pairs = [
        h(
            "li",
            None,
            h("p", {"class": "gw-small gw-muted gw-results__text"}, one.prompt),
            h("p", {"class": "gw-results__text"}, one.text or "(nothing)"),
        )
        for one in sets[shown].samples
    ]
    return h(
        "div",
        {"class": "gw-results__samples"},
        h(
            "div",
            {"class": "gw-row"},
            h("h3", {"class": "gw-results__h"}, "Samples"),
            h("span", {"class": "gw-spacer"}),
            h("span", {"class": "gw-selectwrap"}, select, icon("chev-d")),
        ),
        h("ul", {"class": "gw-results__kept"}, pairs),
    )


def _part(title: str, *content: Node | None) -> Node:
    return h(
        "div", {"class": "gw-results__part"}, h("h3", {"class": "gw-results__h"}, title), content
    )


def _button(name: str, symbol: str, label: str) -> Node:
    attrs = {"type": "button", "class": "gw-btn gw-btn--sm"}
    return h("button", attrs, icon(symbol, 14), label, on={"click": name}, key=name)


def _copy(place: str, label: str, name: str) -> Node:
    attrs = {"type": "button", "class": "gw-btn gw-btn--sm", "data-copy": place}
    attrs |= {"aria-label": name}
    return h("button", attrs, icon("copy", 14), label, on={"click": "copied"})
