"""LossChart: training and validation loss, moving average, zoom into the raw rows."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gladius_widgets.components import Node, h, icon
from gladius_widgets.core.text.suggest import did_you_mean
from gladius_widgets.panels.charts.card import chart_card, line_item
from gladius_widgets.panels.charts.figures import put
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel, stat
from gladius_widgets.panels.loss import stats as model
from gladius_widgets.panels.loss.axis import X_LABELS, XKind
from gladius_widgets.panels.loss.plot import LossPlot, PlotStyle

if TYPE_CHECKING:
    from gladius_widgets.client import Client

SPANS = (10, 25, 50, 100, 250, 1000)
_ARROWS = {"down": ("arr-d", "green"), "up": ("arr-u", "red")}
_STYLE = PlotStyle({"train": "Train", "validation": "Validation", "average": "Moving avg"})


class LossChart(Panel):
    """Loss by step or epoch: training solid, validation dashed, moving average dotted.

    Both axes share one scale, so that the lines compare. Wheel, drag and the keys +, -, 0 zoom;
    a zoomed range is read anew from the raw rows. A click on a point moves the job's cursor.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        x: `epoch`, `step`, `time` or `tokens`; by default epoch where the run has more than one.
        span: span of the exponential moving average, in steps.
        shared_scale: False gives validation a scale of its own, on the right.
        hotkey: the key that focuses it, shown in its corner.
        client: the door to the jobs.
    """

    def __init__(
        self,
        job: str | None = None,
        *,
        x: XKind | None = None,
        span: int = 50,
        shared_scale: bool = True,
        hotkey: str = "",
        client: "Client | None" = None,
        **unknown: Any,
    ) -> None:
        if x is not None and x not in X_LABELS:
            raise ValueError(f"LossChart has no x '{x}'. {did_you_mean(str(x), X_LABELS)}")
        if span < 1:
            raise ValueError(f"span must be at least 1 step, not {span}.")
        self._wanted_x: XKind | None = x
        self._first_span = span
        self._shared = shared_scale
        self._hotkey = hotkey
        super().__init__(job, client=client, **unknown)

    @property
    def x(self) -> XKind:
        """What the x axis counts."""
        if self._wanted_x:
            return self._wanted_x
        run = self.job.run
        return "epoch" if run and (run.total_epochs or 1) > 1 else "step"

    def build(self) -> None:
        """Make the plot."""
        self._plot = LossPlot(
            self.feed, _STYLE, kind=self.x, span=self._first_span, shared_scale=self._shared
        )
        self.on("span", self._choose_span)
        self.put_slots(plot=self._plot.overlay)

    def end(self) -> None:
        """Let go of the plot."""
        self._plot.end()

    def parts(self) -> Iterable[Part]:
        """The line follows every step; the rest is slower."""
        rows = frozenset({topics.TRAIN, topics.VALIDATION})
        return (
            Part(self._plot.paint_line, frozenset({topics.TRAIN}), 0.2),
            Part(self._plot.paint_rest, rows, 1.0),
            Part(self._paint_stats, rows | {topics.STATE}, 1.0),
            Part(self._paint_label, rows | {topics.STATE}, 5.0),
        )

    def reset_zoom(self) -> None:
        """Show the whole run."""
        self._plot.zoom.reset()

    def take_focus(self) -> None:
        """Focus the chart."""
        self._plot.overlay.take_focus()

    # Painting

    def _paint_stats(self) -> Sent:
        sent = Sent()
        if self._plot.kind != self.x:  # that shows once the run says its length
            self._plot.kind = self.x
            sent = self._plot.paint()
        return sent + self.put_tree(self._tree(model.stats(self.feed.history, self.x)))

    def _paint_label(self) -> Sent:
        """What screen readers are told."""
        return put(self._plot.overlay, label=model.stats(self.feed.history, self.x).summary)

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
        span = self._plot.span or self._first_span
        choices = [
            h("option", {"value": str(n), "selected": n == span}, f"Moving avg {n}")
            for n in sorted({*SPANS, span})
        ]
        label = {"class": "gw-legend__select", "aria-label": "Span of the moving average, steps"}
        return h("select", label, choices, on={"change": "span"})

    def _choose_span(self, payload: dict[str, Any]) -> None:
        self._plot.span = max(1, int(payload["value"]))
        self._plot.paint_rest()
        self._paint_stats()
