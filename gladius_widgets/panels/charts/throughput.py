"""ThroughputChart: tokens per second over the last four minutes."""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from gladius_widgets.client import Client
from gladius_widgets.components import ChartOverlay, Node, Series, h
from gladius_widgets.panels.charts import throughput_model as model
from gladius_widgets.panels.charts.card import chart_card
from gladius_widgets.panels.charts.figures import (
    figure,
    line,
    linear_axis,
    put,
    scale,
    set_limits,
    set_ticks,
)
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel, stat
from gladius_widgets.panels.text import format as fmt

_MINUTES = model.WINDOW_S / 60
_WORDS = {"slow": "Slow", "stalled": "Stalled", "paused": "Paused", "ended": "Ended"}


class ThroughputChart(Panel):
    """Tokens per second over a rolling window; green, yellow when slow, red when stalled.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        hotkey: the key that focuses it, shown in its corner.
        client: the door to the jobs.
    """

    def __init__(
        self,
        job: str | None = None,
        *,
        hotkey: str = "",
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        self._hotkey = hotkey
        super().__init__(job, client=client, **unknown)

    def build(self) -> None:
        """Make the figure."""
        x_limits, y_limits = (0.0, _MINUTES), (0.0, model.EMPTY_LIMIT)
        x_scale, self._y_scale = scale(x_limits), scale(y_limits)
        scales = {"x": x_scale, "y": self._y_scale}
        self._line = line(scales, "var(--gw-green-text)")
        self._average = line(scales, "var(--gw-text-3)", style="dashed", width=1)
        x_axis = linear_axis(x_scale, limits=x_limits)
        x_axis.tick_labels = {str(i): f"{i}m" for i in range(int(_MINUTES) + 1)}
        x_axis.tick_format = "d"
        self._y_axis = linear_axis(self._y_scale, side="left", grid=True, limits=y_limits)
        fig = figure(
            [self._average, self._line],
            [x_axis, self._y_axis],
            left_px=34,
            classes="gw-fig--throughput",
        )
        self._overlay = ChartOverlay(
            fig,
            series=[
                Series(mark=self._line, name="Tokens/s", color="var(--gw-green-text)", format=0)
            ],
            x_label="Minute",
            label="Throughput",
            zoomable=False,
        )
        self.put_slots(plot=self._overlay)

    def parts(self) -> Iterable[Part]:
        """Every second: the window moves on."""
        news = frozenset({topics.TRAIN, topics.STATE, topics.TICK})
        return (Part(self._paint, news, 1.0),)

    def take_focus(self) -> None:
        """Focus the chart."""
        self._overlay.take_focus()

    def _paint(self) -> Sent:
        slow = self.job.config.alerts.slow_throughput_share if self.job.config else model.SLOW_SHARE
        worked_at = self.job.run.progressed_at if self.job.run else None
        recent = self.feed.history.recent
        view = model.view(recent, self.job.status, time.time(), slow, worked_at)
        sent = put(self._line, x=view.x, y=view.y, colors=[f"var(--gw-{view.tone}-text)"])
        if view.average_value is not None and len(view.x):
            level = np.full(2, round(view.average_value), np.float32)
            sent += put(self._average, x=np.array([0, _MINUTES], np.float32), y=level)
        if view.y_limit != self._y_scale.max:
            limits = (0.0, view.y_limit)
            sent += set_limits(self._y_scale, limits) + set_ticks(self._y_axis, limits)
            sent += put(self._y_axis, tick_format="~s")
        return sent + self.put_tree(self._tree(view))

    def _tree(self, view: model.ThroughputView) -> Node:
        word = _WORDS.get(view.state, "")
        return chart_card(
            "Throughput",
            [],
            [
                stat(
                    ["Current ", h("span", {"class": "gw-muted"}, "tok/s")],
                    self._current(view),
                    big=True,
                ),
                stat("Average", view.average),
                stat("Peak", view.peak),
            ],
            aside=f"{word} · last 4 minutes" if word else "Last 4 minutes",
            hotkey=self._hotkey,
        )

    def _current(self, view: model.ThroughputView) -> Node | str:
        tone = {"slow": "gw-t-yellow", "stalled": "gw-t-red"}.get(view.state)
        return h("span", {"class": tone}, view.current) if tone else view.current or fmt.UNKNOWN
