"""CostTracker: what a job has cost, will cost, and may cost."""

import time
from collections.abc import Iterable
from typing import Any

from gladius_widgets.components import Node, clock, h, icon
from gladius_widgets.panels.cost import model
from gladius_widgets.panels.cost.facts import Fact
from gladius_widgets.panels.cost.guard import Banner, Told
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel

_COLUMNS = ("Provisioning", "Training", "Paused", "Total")
_HINTS = (
    "On its machine before the first step",
    "Training, with validations and checkpoints",
    "Paused with its machine held, which costs as much",
    "All of it",
)


# A mark further left has no room for its amount beside the words about the estimate.
_CROWDED = 0.5


class CostTracker(Panel):
    """Spend against the estimate and the budget, the projection, and where the money went.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        client: the door to the jobs.
    """

    def build(self) -> None:
        """Listen."""
        self._open = False
        self._pace_s: float | None = None
        self._told = Told()
        self._told.take(self.feed.events)
        self._unlisten = self.feed.on_events(self._told.take)
        self.on("breakdown", self._toggle)

    def end(self) -> None:
        """Stop listening."""
        self._unlisten()

    def parts(self) -> Iterable[Part]:
        """Every second at most: spend ticks on. Nothing is sent until a figure changes."""
        return (Part(self._paint, frozenset({topics.STATE, topics.TICK}), 1.0),)

    @property
    def view(self) -> model.CostView:
        """What it shows now."""
        now = time.time()
        if self._pace_s is None:
            self._pace_s = model.first_pace(self.feed.history.train)
        return model.view(
            self.job,
            model.breakdown_of(self.job, now),
            now,
            told=self._told,
            pace_s=self._pace_s,
        )

    def _toggle(self, _payload: dict[str, Any]) -> None:
        self._open = not self._open
        self._paint()

    def _paint(self) -> Sent:
        view = self.view
        return self.put_tree(
            h(
                "section",
                {"class": "gw-card gw-card--raised gw-cost", "aria-label": "Cost tracker"},
                h(
                    "div",
                    {"class": "gw-card__h"},
                    h("h2", {"class": "gw-card__t"}, "Cost Tracker"),
                    h("span", {"class": "gw-spacer"}),
                    _verdict(view),
                ),
                h(
                    "div",
                    {"class": "gw-card__b gw-cost__b"},
                    [_banner(banner) for banner in view.banners],
                    _head(view),
                    _scale(view),
                    h("p", {"class": "gw-card__s"}, view.note) if view.note else None,
                    self._breakdown(view) if view.rows else None,
                ),
            )
        )

    def _breakdown(self, view: model.CostView) -> Node:
        """A button and the table that it opens."""
        name = f"gw-cost-{self.model_id}"
        button = h(
            "button",
            {
                "type": "button",
                "class": "gw-linkbtn gw-small",
                "aria-expanded": self._open,
                "aria-controls": name if self._open else None,
            },
            icon("chev-d" if self._open else "chev-r", 12),
            " Breakdown",
            on={"click": "breakdown"},
        )
        return h("div", None, button, _table(view, name) if self._open else None)


def _verdict(view: model.CostView) -> Node | None:
    if not view.verdict:
        return None
    return h(
        "span",
        {"class": f"gw-badge gw-tone-{view.verdict_tone}"},
        icon(view.verdict_icon, 14),
        h("span", {"class": "gw-sr"}, "Cost: "),
        view.verdict,
    )


def _banner(banner: Banner) -> Node:
    """The title is announced once; the figures after it change all the time, in silence."""
    return h(
        "div",
        {"class": f"gw-banner gw-tone-{banner.tone}"},
        icon("warn"),
        h(
            "div",
            None,
            h("b", None, h("span", {"role": "alert"}, banner.title), f": {banner.figures}"),
            [h("br"), h("span", {"class": "gw-soft"}, banner.text)] if banner.text else None,
        ),
        key=banner.title,
    )


def _head(view: model.CostView) -> Node:
    tone = f" gw-t-{view.tone}" if view.tone else ""
    return h(
        "div",
        {"class": "gw-row gw-cost__head"},
        h(
            "div",
            None,
            h("div", {"class": f"gw-cost__v{tone}"}, view.spend),
            h("div", {"class": "gw-card__s"}, view.spend_label),
        ),
        h("span", {"class": "gw-spacer"}),
        h("dl", {"class": "gw-kv gw-small"}, [_fact(fact) for fact in view.facts]),
    )


def _fact(fact: Fact) -> list[Node]:
    hint = {"title": fact.hint} if fact.hint else None
    aside = h("span", {"class": "gw-muted"}, f" {fact.aside}") if fact.aside else None
    spoken = h("span", {"class": "gw-sr"}, f" {fact.hint}") if fact.hint else None
    return [h("dt", None, fact.label), h("dd", hint, fact.value, aside, spoken)]


def _scale(view: model.CostView) -> Node:
    """The bar with its two marks, and what is said of the estimate below it."""
    if view.bar is None:
        return h("p", {"class": "gw-card__s gw-cost__none"}, view.source)
    bar = view.bar
    low, high = f"{bar.low * 100:.1f}%", f"{bar.high * 100:.1f}%"
    inside = bar.high < 1
    at_low = h(
        "span",
        {
            "class": "gw-bar__mark",
            "style": {"left": low},
            "title": f"Estimate starts at {bar.low_text}",
        },
    )
    at_high = h(
        "span",
        {
            "class": "gw-bar__mark",
            "style": {"left": high},
            "title": f"Estimate ends at {bar.high_text}",
        },
    )
    share = h("i", None, view.percent) if view.percent else None
    words = " of " if view.percent else "Estimate "
    label = f"{words}{view.estimate}" + (" estimate" if view.percent else "")
    apart = bar.low > _CROWDED and bar.high - bar.low > 0.12
    return h(
        "div",
        {"class": f"gw-cost__bar gw-tone-{view.tone or 'gray'}"},
        h(
            "div",
            {
                "class": "gw-bar",
                "role": "progressbar",
                "aria-valuenow": f"{min(100.0, view.percent_value or 0.0):.0f}",
                "aria-valuemin": 0,
                "aria-valuemax": 100,
                "aria-label": view.accessible_name,
            },
            h("span", {"class": "gw-bar__f", "style": {"width": f"{bar.filled * 100:.1f}%"}}),
            at_low,
            at_high if inside else None,
        ),
        h(
            "div",
            {"class": "gw-cost__scale"},
            h("b", {"title": view.source}, share, label),
            h("span", {"style": {"left": low}}, bar.low_text) if apart else None,
            h("span", {"class": None if inside else "e", "style": {"left": high}}, bar.high_text)
            if bar.high > _CROWDED
            else None,
        ),
        h("p", {"class": "gw-card__s gw-cost__src"}, view.source) if view.is_measured else None,
    )


def _table(view: model.CostView, name: str) -> Node:
    head = [
        h("th", {"scope": "col", "class": "gw-num", "title": hint}, title)
        for title, hint in zip(_COLUMNS, _HINTS, strict=True)
    ]
    body = [
        h(
            "tr",
            None,
            h("th", {"scope": "row"}, row.title),
            [_cell(cell) for cell in row.cells],
            key=row.title,
        )
        for row in view.rows
    ]
    return h(
        "div",
        {
            "class": "gw-cost__parts",
            "id": name,
            "role": "region",
            "tabindex": 0,
            "aria-label": "Cost by attempt and state",
        },
        h(
            "table",
            {"class": "gw-small"},
            h("thead", None, h("tr", None, h("th", {"scope": "col"}, "Attempt"), head)),
            h("tbody", None, body),
        ),
    )


def _cell(cell: model.Cell) -> Node:
    """An amount over its time; a time that goes on is counted by the browser."""
    since = cell.counts_from
    time_ = clock(round(since)) if since is not None else cell.time
    return h("td", {"class": "gw-num"}, cell.cost, h("br"), h("span", {"class": "gw-muted"}, time_))
