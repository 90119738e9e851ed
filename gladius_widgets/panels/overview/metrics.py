"""CurrentMetrics: the figures that say how well a job does, each with what it means."""

import time
from collections.abc import Iterable

from gladius_widgets.components import Node, clock, h, icon
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.overview import metrics_model as model
from gladius_widgets.panels.overview.metric_rows import MetricRow

_NEWS = frozenset({topics.TRAIN, topics.VALIDATION, topics.SYSTEM, topics.STATE, topics.TICK})


class CurrentMetrics(Panel):
    """Losses with their trends, learning rate, utilization, pace, gradients and memory.

    A row explains itself on hover and when it has the focus.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        client: the door to the jobs.
    """

    def parts(self) -> Iterable[Part]:
        """Every two seconds at most, so that what flashes can be read."""
        return (Part(self._paint, _NEWS, 2.0),)

    def _paint(self) -> Sent:
        view = model.view(self.job, self.feed.history, time.time())
        stale = view.stale_since is not None
        age = (
            h(
                "span",
                {"class": "gw-small gw-t-yellow"},
                icon("clock", 12),
                " Last values, from ",
                clock(round(view.stale_since), "ago"),
            )
            if view.stale_since is not None
            else None
        )
        return self.put_tree(
            h(
                "section",
                {
                    "class": "gw-card gw-card--raised gw-metrics"
                    + (" gw-metrics--stale" if stale else ""),
                    "aria-label": view.title,
                },
                h(
                    "div",
                    {"class": "gw-card__h"},
                    h("h2", {"class": "gw-card__t"}, view.title),
                    h("span", {"class": "gw-spacer"}),
                    age,
                ),
                h("div", {"class": "gw-metrics__l"}, [self._row(row) for row in view.rows]),
            )
        )

    def _row(self, row: MetricRow) -> Node:
        name = f"gw-help-{row.key}-{self.model_id}"
        note = h("span", {"class": "gw-metric__n"}, f" · {row.note}") if row.note else None
        tone = f" gw-t-{row.tone}" if row.tone else ""
        return h(
            "div",
            {
                "class": "gw-metric",
                "role": "group",
                "tabindex": 0,
                "aria-label": row.accessible_name,
                "aria-describedby": name,
                "data-flash": row.value,
            },
            h("span", {"class": "gw-metric__l"}, row.label, note),
            h("span", {"class": f"gw-metric__v{tone}"}, row.value),
            h("span", {"class": "gw-metric__b"}, _beside(row)),
            h("span", {"class": "gw-metric__tip", "role": "tooltip", "id": name}, row.help),
            key=row.key,
        )


def _beside(row: MetricRow) -> Node | str | None:
    """What stands in the third column: trend, bar or words."""
    if row.trend is not None:
        tone = f" gw-t-{row.trend.tone}" if row.trend.tone else " gw-muted"
        return h(
            "span",
            {"class": f"gw-trend{tone}", "style": {"display": "flex"}},
            icon(row.trend.icon, 12),
            row.trend.text,
        )
    if row.meter is not None:
        width = f"{row.meter.share * 100:.0f}%"
        return h(
            "span",
            {
                "class": f"gw-bar gw-bar--8 gw-tone-{row.meter.tone}",
                "style": {"display": "block"},
                "role": "img",
                "aria-label": row.meter.label,
            },
            h("span", {"class": "gw-bar__f", "style": {"width": width}}),
        )
    return row.aside or None
