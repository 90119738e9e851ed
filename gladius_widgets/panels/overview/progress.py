"""ProgressOverview: how far, how long, what is saved, how well, how healthy."""

import time
from collections.abc import Iterable

from gladius_widgets.components import Node, clock, h, icon
from gladius_widgets.core.text.durations import ELAPSED
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.text import progress as model


class ProgressOverview(Panel):
    """Overall progress in steps, epoch and batch, times, checkpoints, accuracy, health.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        client: the door to the jobs.
    """

    def parts(self) -> Iterable[Part]:
        """Every second at most."""
        return (Part(self._paint, frozenset({topics.STATE, topics.SYSTEM}), 1.0),)

    def _paint(self) -> Sent:
        now = time.time()
        view = model.view(self.job, now)
        return self.put_tree(
            h(
                "section",
                {"class": "gw-card gw-ov", "aria-label": "Progress overview"},
                h(
                    "div",
                    {"class": "gw-card__h gw-card__h--line"},
                    h("h2", {"class": "gw-card__t gw-card__t--sm"}, "Progress overview"),
                    h("span", {"class": "gw-spacer"}),
                    h("span", {"class": "gw-card__s"}, "Updated every second"),
                ),
                h(
                    "div",
                    {"class": "gw-ov__b"},
                    _overall(view),
                    _segments(view),
                    h("div", {"class": "gw-ov__parts"}, [_part(part) for part in view.parts]),
                    h("div", {"class": "gw-po"}, [self._group(g, now) for g in view.groups]),
                ),
            )
        )

    def _group(self, group: model.Group, now: float) -> Node:
        facts: list[Node] = []
        for fact in group.facts:
            term = h("dt", {"title": fact.title or None}, fact.label)
            facts += [term, h("dd", None, self._value(fact, now))]
        return h(
            "section",
            None,
            h("h3", None, icon(group.icon, 14), group.title),
            h("dl", {"class": "gw-dl"}, facts),
        )

    def _value(self, fact: model.Fact, now: float) -> list[Node | str] | Node | str:
        """The value; times of a running job tick in the browser, so they cost no message."""
        run = self.job.run
        if fact.label == ELAPSED.label and self.job.status.is_active:
            elapsed = model.elapsed_s(self.job, now)
            return clock(round(now - elapsed)) if elapsed is not None else fact.value
        if fact.label == "Last save" and run and run.checkpoints.last_at:
            return clock(run.checkpoints.last_at, "ago")
        if fact.label == "Updated" and run and (split := run.validation.get("validation")):
            return clock(split.at, "ago") if split.at else fact.value
        if fact.tone:
            tone = {"class": f"gw-t-{fact.tone}"}
            return h("span", tone, icon(fact.icon, 14) if fact.icon else None, f" {fact.value}")
        aside = h("span", {"class": "gw-muted"}, f" {fact.aside}") if fact.aside else ""
        return [fact.value, aside]


def _overall(view: model.ProgressView) -> Node:
    return h(
        "div",
        {"class": "gw-row gw-row--wrap gw-ov__top"},
        h("span", {"class": "gw-ov__pct"}, view.percent),
        h("span", {"class": "gw-soft"}, f"overall · {view.measure}"),
        h("span", {"class": "gw-spacer"}),
        h(
            "span",
            {"class": "gw-soft"},
            f"{view.eta_label} ",
            h("b", {"class": "gw-strong gw-ov__eta"}, view.eta),
        ),
    )


def _segments(view: model.ProgressView) -> Node:
    full, partial = model.segments(view.share)
    cells = [
        h("i", {"class": "on"})
        if i < full
        else h("i", {"class": "part", "style": {"--p": f"{partial * 100:.0f}%"}})
        if i == full and partial >= 0.005
        else h("i")
        for i in range(20)
    ]
    return h(
        "div",
        {
            "class": f"gw-seg gw-tone-{view.tone}",
            "role": "progressbar",
            "aria-valuenow": f"{(view.share or 0) * 100:.1f}",
            "aria-valuemin": 0,
            "aria-valuemax": 100,
            "aria-label": view.accessible_name,
            "style": {"margin": "8px 0 14px"},
        },
        cells,
    )


def _part(part: model.Part) -> Node:
    width = f"{(part.share or 0) * 100:.1f}%"
    return h(
        "div",
        {"class": "gw-ov__part"},
        h(
            "div",
            {"class": "gw-row gw-small", "style": {"margin-bottom": "4px"}},
            h("span", {"class": "gw-soft"}, part.label),
            h("span", {"class": "gw-spacer"}),
            h("b", {"class": "gw-strong"}, part.text),
        ),
        h(
            "div",
            {"class": "gw-bar gw-bar--6 gw-tone-blue"},
            h("span", {"class": "gw-bar__f", "style": {"width": width}}),
        ),
    )
