"""LossChart: training and validation loss, moving average, zoom into the raw rows."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from gladius_widgets.client import Client
from gladius_widgets.components import ChartOverlay, Node, Series, h, icon
from gladius_widgets.core.suggest import did_you_mean
from gladius_widgets.panels import reading
from gladius_widgets.panels.chart_card import chart_card, line_item
from gladius_widgets.panels.figures import (
    dots,
    figure,
    line,
    linear_axis,
    put,
    scale,
    set_limits,
    set_ticks,
)
from gladius_widgets.panels.history import MovingAverage
from gladius_widgets.panels.models import loss as model
from gladius_widgets.panels.pace import Part, Sent
from gladius_widgets.panels.panel import Panel, stat

SPANS = (10, 25, 50, 100, 250, 1000)
_X_LABELS = {"epoch": "Epoch", "step": "Step"}
_ARROWS = {"down": ("arr-d", "green"), "up": ("arr-u", "red")}


class LossChart(Panel):
    """Loss by step or epoch: training solid, validation dashed, moving average dotted.

    Both axes share one scale, so that the lines compare. Wheel, drag and the keys +, -, 0 zoom;
    a zoomed range is read anew from the raw rows.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        x: `epoch` or `step`; by default epoch where the run has more than one.
        span: span of the exponential moving average, in steps.
        shared_scale: False gives validation a scale of its own, on the right.
        hotkey: the key that focuses it, shown in its corner.
        client: the door to the jobs.
    """

    def __init__(
        self,
        job: str | None = None,
        *,
        x: model.XAxis | None = None,
        span: int = 50,
        shared_scale: bool = True,
        hotkey: str = "",
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        if x is not None and x not in _X_LABELS:
            raise ValueError(f"LossChart has no x '{x}'. {did_you_mean(str(x), _X_LABELS)}")
        if span < 1:
            raise ValueError(f"span must be at least 1 step, not {span}.")
        self._wanted_x: model.XAxis | None = x
        self._average = MovingAverage(span)
        self._shared = shared_scale
        self._hotkey = hotkey
        self._zoom: tuple[float, float] | None = None
        super().__init__(job, client=client, **unknown)

    @property
    def x(self) -> model.XAxis:
        """What the x axis counts."""
        if self._wanted_x:
            return self._wanted_x
        run = self.job.run
        return "epoch" if run and (run.total_epochs or 1) > 1 else "step"

    def build(self) -> None:
        """Make the figure and what lies over it."""
        empty_x, empty_y = model.EMPTY_X[self.x], model.EMPTY_Y
        self._x_scale, self._y_scale = scale(empty_x), scale(empty_y)
        self._val_scale = self._y_scale if self._shared else scale(empty_y)
        left = {"x": self._x_scale, "y": self._y_scale}
        right = {"x": self._x_scale, "y": self._val_scale}
        self._train = line(left, "var(--gw-series-train)")
        self._train_average = line(left, "var(--gw-series-trend)", style="dotted", width=1.5)
        self._validation = line(right, "var(--gw-series-val)", style="dashed")
        self._validation.marker, self._validation.marker_size = "circle", 12
        self._bad = dots(left, "var(--gw-red)", marker="cross")
        self._best = dots(right, "var(--gw-surface)", edge="var(--gw-series-val-edge)")
        self._x_axis = linear_axis(self._x_scale, limits=empty_x)
        self._y_axis = linear_axis(self._y_scale, side="left", grid=True, limits=empty_y)
        self._val_axis = linear_axis(self._val_scale, side="right", limits=empty_y)
        fig = figure(
            [self._train, self._train_average, self._validation, self._best, self._bad],
            [self._x_axis, self._y_axis, self._val_axis],
            left_px=32,
            right_px=30,
            classes="gw-fig--loss",
        )
        self._overlay = ChartOverlay(
            fig,
            series=[
                Series(mark=self._train, name="Train", color="var(--gw-series-train)"),
                Series(mark=self._validation, name="Validation", color="var(--gw-series-val)"),
                Series(mark=self._train_average, name="Moving avg", color="var(--gw-series-trend)"),
            ],
            x_label=_X_LABELS[self.x],
            label="Loss",
        )
        self._overlay.on("zoom", self._zoomed)
        self.on("span", self._choose_span)
        self.put_slots(plot=self._overlay)

    def parts(self) -> Iterable[Part]:
        """The line follows every step; the rest is slower."""
        rows = frozenset({reading.TRAIN, reading.VALIDATION})
        return (
            Part(self._paint_line, frozenset({reading.TRAIN}), 0.2),
            Part(self._paint_rest, rows, 1.0),
            Part(self._paint_stats, rows | {reading.STATE}, 1.0),
            Part(self._paint_label, rows | {reading.STATE}, 5.0),
        )

    def reset_zoom(self) -> None:
        """Show the whole run."""
        self._overlay.reset_zoom()

    def take_focus(self) -> None:
        """Focus the chart."""
        self._overlay.take_focus()

    # Painting

    def _lines(self) -> model.LossLines:
        return model.lines(
            self.feed.history,
            self._average.follow(self.feed.history),
            x_axis=self.x,
            x_end=self._x_end(),
            zoom=self._zoom,
        )

    def _x_end(self) -> float | None:
        run = self.job.run
        if run is None:
            return None
        return run.total_steps if self.x == "step" else run.total_epochs

    def _paint_line(self) -> Sent:
        lines = self._lines()
        sent = put(self._train, x=lines.x, y=lines.train)
        if self._zoom is None and lines.x_limits != (self._x_scale.min, self._x_scale.max):
            sent += set_limits(self._x_scale, lines.x_limits)
            sent += set_ticks(self._x_axis, lines.x_limits)
            self._overlay.extent = lines.x_limits
        return sent

    def _paint_rest(self) -> Sent:
        lines = self._lines()
        sent = put(self._train_average, x=lines.x, y=lines.average)
        sent += put(self._validation, x=lines.validation_x, y=lines.validation)
        sent += self._paint_y_axis(lines)
        floor = np.full(len(lines.bad_x), self._y_scale.min, np.float32)
        sent += put(self._bad, x=lines.bad_x, y=floor)
        best = model.best(self.feed.history)
        if best is not None and best.source == "validation":
            at = np.array([best.epoch if self.x == "epoch" else best.step], np.float32)
            sent += put(self._best, x=at, y=np.array([best.loss], np.float32))
        return sent

    def _paint_y_axis(self, lines: model.LossLines) -> Sent:
        if lines.y_limits == (self._y_scale.min, self._y_scale.max):
            return Sent()
        sent = set_limits(self._y_scale, lines.y_limits) + set_ticks(self._y_axis, lines.y_limits)
        if not self._shared:
            own = model.validation_limits(lines)
            return sent + set_limits(self._val_scale, own) + set_ticks(self._val_axis, own)
        return sent + set_ticks(self._val_axis, lines.y_limits)

    def _paint_stats(self) -> Sent:
        return self.put_tree(self._tree(model.stats(self.feed.history, self.x)))

    def _paint_label(self) -> Sent:
        """What screen readers are told, and what x is: that shows once the run says its length."""
        summary = model.stats(self.feed.history, self.x).summary
        return put(self._overlay, label=summary, x_label=_X_LABELS[self.x])

    def _tree(self, stats: model.LossStats) -> Node:
        best = [stats.best, h("span", {"class": "gw-muted"}, f" {stats.best_epoch}")]
        arrow, tone = _ARROWS.get(stats.direction, ("", ""))
        delta = [icon(arrow, 12), f" {stats.delta}"] if arrow else stats.delta
        return chart_card(
            "Loss",
            [
                line_item("train", "Train"),
                line_item("val", "Validation"),
                line_item("trend", self._span_choice()),
            ],
            [
                stat("Current", stats.current, big=True),
                stat("Best", best),
                stat("Delta", h("span", {"class": f"gw-t-{tone}" if tone else None}, delta)),
            ],
            hotkey=self._hotkey,
        )

    def _span_choice(self) -> Node:
        spans = sorted({*SPANS, self._average.span})
        choices = [
            h("option", {"value": str(n), "selected": n == self._average.span}, f"Moving avg {n}")
            for n in spans
        ]
        label = {"class": "gw-legend__select", "aria-label": "Span of the moving average, steps"}
        return h("select", label, choices, on={"change": "span"})

    # What the reader does

    def _zoomed(self, payload: dict[str, Any]) -> None:
        low, high = payload.get("x0"), payload.get("x1")
        self._zoom = None if low is None or high is None else (float(low), float(high))
        lines = self._lines()
        put(self._train, x=lines.x, y=lines.train)
        set_ticks(self._x_axis, lines.x_limits)
        if self._zoom is None:
            set_limits(self._x_scale, lines.x_limits)
        self._paint_rest()

    def _choose_span(self, payload: dict[str, Any]) -> None:
        self._average = MovingAverage(max(1, int(payload["value"])))
        self._paint_rest()
        self._paint_stats()
