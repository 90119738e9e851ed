"""The plot of a run's losses: figure, scales, lines, zoom and cursor. Two cards share it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gladius_widgets.components import ChartOverlay, Series
from gladius_widgets.panels.charts.figures import (
    PLOT_HEIGHT_PX,
    dots,
    figure,
    line,
    linear_axis,
    put,
    scale,
    set_limits,
    set_ticks,
)
from gladius_widgets.panels.live.cursor import Moment, cursor_of
from gladius_widgets.panels.live.pace import Sent
from gladius_widgets.panels.live.series import Floats, MovingAverage
from gladius_widgets.panels.loss import lines as loss_lines
from gladius_widgets.panels.loss import stats as loss
from gladius_widgets.panels.loss.axis import EMPTY_X, X_LABELS, LossAxis, Range, XKind
from gladius_widgets.panels.loss.zoom import LossZoom

if TYPE_CHECKING:
    from gladius_widgets.panels.live.feed import JobFeed

_FORMATS: dict[XKind, str] = {"time": "duration", "tokens": "count"}
_NOTHING = {"x": np.empty(0, np.float32), "y": np.empty(0, np.float32)}


@dataclass(frozen=True)
class PlotStyle:
    """What differs between the cards.

    Attributes:
        names: of the lines in the tooltip: `train`, `validation`, `average`.
        empty_y: limits of y without any value.
        ends_at_run: the x axis goes on to the end of the run, where that is known.
        marks_points: a marker on each point of the training loss while there are few.
        average_over_raw: the average is what the eye follows, and the raw line is faint.
        lists_all: the tooltip has both losses wherever it is.
    """

    names: Mapping[str, str]
    height_px: int = PLOT_HEIGHT_PX
    margins_px: tuple[int, int, int] = (8, 36, 32)  # top, right, left
    empty_y: Range = loss_lines.EMPTY_Y
    ends_at_run: bool = True
    marks_points: bool = False
    average_over_raw: bool = False
    lists_all: bool = False


class LossPlot:
    """Draws the losses of one feed. Put `overlay` where it is to be shown; `end` lets go.

    Args:
        feed: of the job.
        style: what the card wants.
        kind: what x counts.
        span: of the moving average, in steps; None for none.
        shared_scale: validation on the scale of training.
    """

    def __init__(
        self,
        feed: "JobFeed",
        style: PlotStyle,
        *,
        kind: XKind = "step",
        span: int | None = None,
        shared_scale: bool = True,
    ) -> None:
        self.feed, self.style = feed, style
        self.kind: XKind = kind
        self.shared_scale, self.log = shared_scale, False
        self.shown = set(loss_lines.BOTH)
        self._average: MovingAverage | None = None
        self.span = span
        self._build()
        self._cursor = cursor_of(feed)
        self._undo = self._cursor.on_move(self._point_at)
        self._point_at(self._cursor.moment)

    @property
    def span(self) -> int | None:
        """Span of the moving average, in steps; None for none."""
        return self._average.span if self._average else None

    @span.setter
    def span(self, steps: int | None) -> None:
        if steps != self.span:
            self._average = MovingAverage(steps) if steps else None

    @property
    def axis(self) -> LossAxis:
        """The x axis over what is known now."""
        run = self.feed.job.run
        return LossAxis(self.feed.history, self.kind, run.training_started_at if run else None)

    def end(self) -> None:
        """Stop following the cursor."""
        self._undo()

    def _build(self) -> None:
        style = self.style
        empty_x, empty_y = EMPTY_X[self.kind], style.empty_y
        self._x_scale, self._y_scale = scale(empty_x), scale(empty_y)
        self._val_scale = scale(empty_y)
        left = {"x": self._x_scale, "y": self._y_scale}
        right = {"x": self._x_scale, "y": self._val_scale}
        self._train = line(left, "var(--gw-series-train)")
        self._train.marker_size = 14
        if style.average_over_raw:
            self._smooth = line(left, "var(--gw-series-train)")
        else:
            self._smooth = line(left, "var(--gw-series-trend)", style="dotted", width=1.5)
        self._validation = line(right, "var(--gw-series-val)", style="dashed")
        self._validated = dots(right, "var(--gw-series-val-edge)", size=16)
        self._bad = dots(left, "var(--gw-red)", marker="cross")
        self._best = dots(right, "var(--gw-surface)", edge="var(--gw-series-val-edge)")
        self._x_axis = linear_axis(self._x_scale, limits=empty_x)
        self._y_axis = linear_axis(self._y_scale, side="left", grid=True, limits=empty_y)
        self._val_axis = linear_axis(self._val_scale, side="right", limits=empty_y)
        top, right_px, left_px = style.margins_px
        fig = figure(
            [
                self._train,
                self._smooth,
                self._validation,
                self._validated,
                self._best,
                self._bad,
            ],
            [self._x_axis, self._y_axis, self._val_axis],
            left_px=left_px,
            right_px=right_px,
            top_px=top,
            height_px=style.height_px,
            classes="gw-fig--loss",
        )
        self.overlay = ChartOverlay(fig, series=self._series(), label="Loss", **self._x_words())
        self.overlay.lists_all = style.lists_all
        self.zoom = LossZoom(self.overlay, lambda: self.axis)
        self.zoom.on_change(self.paint)
        self.overlay.on("click", self._clicked)
        self.overlay.on("clear", lambda _payload: self._cursor.move(None))

    def _series(self) -> list[Series]:
        """What the tooltip lists: the lines that are shown."""
        names, blue = self.style.names, "var(--gw-series-train)"
        smooth = blue if self.style.average_over_raw else "var(--gw-series-trend)"
        raw = f"color-mix(in srgb, {blue} 45%, transparent)" if self._is_faint else blue
        lines = [
            ("train", self._train, raw),
            ("validation", self._validation, "var(--gw-series-val)"),
            ("average", self._smooth, smooth),
        ]
        shown = self.shown | ({"average"} if self.span and "train" in self.shown else set())
        return [
            Series(mark, names[name], color, log=self.log)
            for name, mark, color in lines
            if name in shown
        ]

    @property
    def _is_faint(self) -> bool:
        """Whether the raw line steps back behind its average."""
        return self.style.average_over_raw and self.span is not None

    def _x_words(self) -> dict[str, str]:
        return {"x_label": X_LABELS[self.kind], "x_kind": _FORMATS.get(self.kind, "number")}

    # Painting

    def lines(self) -> loss_lines.LossLines:
        """What is to be drawn now."""
        axis, history = self.axis, self.feed.history
        return loss_lines.lines(
            axis,
            self._average.follow(history.train["loss"], history.cuts) if self._average else None,
            x_limits=self._x_limits(axis),
            zoom=self.zoom.shown,
            log=self.log,
            shown=self.shown,
            empty_y=self.style.empty_y,
        )

    def _x_limits(self, axis: LossAxis) -> Range:
        run, end = self.feed.job.run, None
        if run is not None and self.style.ends_at_run:
            end = {"step": run.total_steps, "epoch": run.total_epochs}.get(self.kind)
        return loss_lines.x_limits(axis, end, snug=not self.style.ends_at_run)

    def paint_line(self) -> Sent:
        """Bring the training loss and the x axis up to date."""
        self.zoom.follow_newest()
        return self._paint_train(self.lines())

    def paint_rest(self) -> Sent:
        """Bring all else up to date."""
        return self._paint_rest(self.lines())

    def paint(self) -> Sent:
        """Bring everything up to date, after a change of what is shown or how."""
        self.zoom.follow_newest()
        series = self._series()
        sent = put(self.overlay, **self._x_words())
        if series != self.overlay.series:
            self.overlay.series = series
        lines = self.lines()
        self._point_at(self._cursor.moment)
        return sent + self._paint_train(lines) + self._paint_rest(lines)

    def _paint_train(self, lines: loss_lines.LossLines) -> Sent:
        marker = "circle" if self.style.marks_points and lines.is_sparse else None
        sent = put(
            self._train,
            **self._points(lines.x, lines.train),
            marker=marker,
            opacities=[0.35] if self._is_faint else [1.0],
            visible="train" in self.shown,
        )
        if self.zoom.shown is None:
            self.overlay.extent = lines.x_limits
        return sent + self._paint_x_axis(lines.x_limits)

    def _paint_x_axis(self, limits: Range) -> Sent:
        values, words = self.axis.ticks(limits)
        sent = Sent()
        if limits != (self._x_scale.min, self._x_scale.max):
            sent += set_limits(self._x_scale, limits)
        return sent + set_ticks(self._x_axis, limits, values, words)

    def _paint_rest(self, lines: loss_lines.LossLines) -> Sent:
        has_train, has_validation = "train" in self.shown, "validation" in self.shown
        smooth = self._points(lines.x, lines.average) if self.span else _NOTHING
        sent = put(self._smooth, **smooth, visible=has_train)
        validation = self._points(lines.validation_x, lines.validation)
        sent += put(self._validation, **validation, visible=has_validation)
        few = len(lines.validation_x) <= loss_lines.FEW_POINTS
        dotted = validation if few else _NOTHING
        sent += put(self._validated, **dotted, visible=has_validation)
        sent += self._paint_y_axes(lines) + self._paint_best(has_validation)
        floor = np.full(len(lines.bad_x), lines.y_limits[0], np.float32)
        return sent + put(self._bad, x=self._places(lines.bad_x), y=floor, visible=has_train)

    def _paint_y_axes(self, lines: loss_lines.LossLines) -> Sent:
        left = lines.y_limits
        right = left if self.shared_scale else lines.validation_limits
        sent = Sent()
        for limits, of, axis in (
            (left, self._y_scale, self._y_axis),
            (right, self._val_scale, self._val_axis),
        ):
            if limits != (of.min, of.max):
                sent += set_limits(of, limits)
            sent += set_ticks(axis, limits, *loss_lines.y_ticks(limits, log=self.log))
        return sent

    def _paint_best(self, visible: bool) -> Sent:
        best = loss.best(self.feed.history)
        x = self.axis.x_of(best.step) if best and best.source == "validation" else None
        if best is None or x is None or (self.log and best.loss <= 0):
            return put(self._best, **_NOTHING)
        y = np.log10(best.loss) if self.log else best.loss
        at = {"x": self._places(np.array([x])), "y": np.array([y], np.float32)}
        return put(self._best, **at, visible=visible)

    def _points(self, x: Floats, y: Floats) -> dict[str, Floats]:
        """The points of a line up to its last value: bqplot cannot end a line in a gap."""
        known = np.flatnonzero(np.isfinite(y))
        end = int(known[-1]) + 1 if len(known) else 0
        return {"x": self._places(x[:end]), "y": y[:end]}

    def _places(self, x: Floats) -> Floats:
        """Whole steps are exact in half the bytes."""
        return x.astype(np.float32 if self.kind == "step" else np.float64)

    @property
    def visible(self) -> Range:
        """What of x is shown."""
        return self.zoom.shown or self._x_limits(self.axis)

    def count(self, kind: XKind) -> None:
        """Have x count something else, over the same rows; the caller paints."""
        old, self.kind = self.axis, kind
        self.zoom.translate(old, self.axis)

    # The cursor

    def _clicked(self, payload: dict[str, Any]) -> None:
        row = self.axis.row_near(float(payload["x"]))
        if row is not None:
            train = self.feed.history.train
            self._cursor.move(Moment(int(train["step"][row]), float(train["time"][row])))

    def _point_at(self, moment: Moment | None) -> None:
        x = self.axis.x_of(moment.step, moment.time) if moment else None
        self.overlay.cursor = x
