"""LossCurve: the dashboard's curve of training and validation loss, with what happened on it."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import ChartMark, location
from gladius_widgets.panels.charts.figures import put
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.cursor import Moment, cursor_of
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.loss import stats as loss
from gladius_widgets.panels.loss.axis import X_KINDS, X_NAMES
from gladius_widgets.panels.loss.curve_card import SPANS, CardState, card
from gladius_widgets.panels.loss.export import loss_csv
from gladius_widgets.panels.loss.marks import Ledger
from gladius_widgets.panels.loss.plot import LossPlot, PlotStyle
from gladius_widgets.panels.loss.stats import summary
from gladius_widgets.panels.text import export as event_export

RECENT_STEPS = 500  # what Zoom In shows first
_STYLE = PlotStyle(
    {"train": "Training Loss", "validation": "Validation Loss", "average": "Smoothed"},
    height_px=470,
    margins_px=(26, 34, 34),
    empty_y=(0.0, 2.0),
    ends_at_run=False,
    marks_points=True,
    average_over_raw=True,
    lists_all=True,
)


class LossCurve(Panel):
    """Training loss solid, validation loss dashed, and marks for what happened on the way.

    Commands, checkpoints, validations and alerts stand above the curve, each with its story on
    hover. A click on a mark or a point moves the job's cursor, which the event log, the console's
    chart and its log follow. Zooming reads the raw rows of the range, so that no spike is lost.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        client: the door to the jobs.
    """

    def __init__(
        self, job: str | None = None, *, client: Client | None = None, **unknown: Any
    ) -> None:
        super().__init__(job, client=client, **unknown)

    def build(self) -> None:
        """Make the plot, and listen to what the reader does."""
        self._ledger = Ledger()
        self.plot = LossPlot(self.feed, _STYLE)
        self.plot.zoom.on_change(self._paint_card_and_marks)
        self.plot.overlay.on("mark", self._choose_mark)
        self.on("zoom-in", lambda _payload: self._zoom(lambda: self.plot.zoom.nearer(RECENT_STEPS)))
        self.on("zoom-out", lambda _payload: self._zoom(self.plot.zoom.wider))
        self.on("reset", lambda _payload: self.plot.zoom.reset())
        for name, change in {
            "toggle": self._toggle,
            "log": self._switch_log,
            "axes": self._switch_axes,
            "x": self._choose_x,
            "span": self._choose_span,
        }.items():
            self.on(name, lambda payload, change=change: self._change(change, payload))
        self.on("png", self._save_picture)
        self.on("csv", self._save_rows)
        self.put_slots(plot=self.plot.overlay)

    def end(self) -> None:
        """Let go of the plot."""
        self.plot.end()

    def parts(self) -> Iterable[Part]:
        """The line every second, words seldom."""
        rows = frozenset({topics.TRAIN, topics.VALIDATION})
        return (
            Part(self.plot.paint_line, frozenset({topics.TRAIN}), 1.0),
            Part(self.plot.paint_rest, rows, 2.0),
            Part(self._paint_marks, rows | {topics.EVENTS}, 2.0),
            Part(self._paint_card, rows, 2.0),
            Part(self._paint_label, rows, 5.0),
        )

    def take_focus(self) -> None:
        """Focus the chart."""
        self.plot.overlay.take_focus()

    # Painting

    def _paint_card(self) -> Sent:
        plot = self.plot
        state = CardState(
            kind=plot.kind,
            log=plot.log,
            shared_scale=plot.shared_scale,
            span=plot.span,
            is_zoomed=plot.zoom.shown is not None,
            is_empty=not len(self.feed.history.train),
            shown=frozenset(plot.shown),
        )
        return self.put_tree(card(state))

    def _paint_marks(self) -> Sent:
        self._ledger.follow(self.feed.events)
        best = loss.best(self.feed.history)
        step = best.step if best and best.source == "validation" else None
        found = self._ledger.marks(self.plot.axis, self.plot.visible, best_step=step)
        marks = [ChartMark(m.x, m.icon, m.tone, m.lines, m.name, m.count) for m in found]
        if marks == self.plot.overlay.marks:
            return Sent()
        self.plot.overlay.marks = marks
        return Sent(1, sum(120 + len("".join(mark.lines)) for mark in marks))

    def _paint_label(self) -> Sent:
        return put(self.plot.overlay, label=summary(self.feed.history))

    def _paint_card_and_marks(self) -> None:
        self._paint_card()
        self._paint_marks()

    # What the reader does

    def _zoom(self, zoom: Any) -> None:
        if len(self.feed.history.train):
            zoom()

    def _change(self, change: Any, payload: dict[str, Any]) -> None:
        change(payload)
        self.plot.paint()
        self._paint_card_and_marks()

    def _toggle(self, payload: dict[str, Any]) -> None:
        name = payload["data"].get("line")
        if name in ("train", "validation"):
            self.plot.shown ^= {name}

    def _switch_log(self, _payload: dict[str, Any]) -> None:
        self.plot.log = not self.plot.log

    def _switch_axes(self, _payload: dict[str, Any]) -> None:
        self.plot.shared_scale = not self.plot.shared_scale

    def _choose_x(self, payload: dict[str, Any]) -> None:
        if payload["value"] in X_KINDS:
            self.plot.count(payload["value"])

    def _choose_span(self, payload: dict[str, Any]) -> None:
        self.plot.span = SPANS[max(0, min(int(payload["value"]), len(SPANS) - 1))] or None

    def _choose_mark(self, payload: dict[str, Any]) -> None:
        event = self._ledger.event(str(payload["mark"]))
        axis = self.plot.axis
        row = axis.row_near(float(payload["x"]))
        step = (event.payload or {}).get("step")
        if not isinstance(step, int) and row is not None:
            step = int(self.feed.history.train["step"][row])
        cursor_of(self.feed).move(Moment(step, event.time))

    def _save_picture(self, _payload: dict[str, Any]) -> None:
        name = self._filename("png")
        by = X_NAMES[self.plot.kind].lower()  # the picture has no other words than its title
        scales = "" if self.plot.shared_scale else " (validation on the right)"
        self.plot.overlay.take_picture(
            f"{self.job.name} · Loss by {by}{scales}",
            lambda png: location().download(name, png, "image/png"),
        )

    async def _save_rows(self, _payload: dict[str, Any]) -> None:
        data = await asyncio.to_thread(loss_csv, self.plot.axis, self.plot.zoom.shown)
        location().download(self._filename("csv"), data, "text/csv")

    def _filename(self, kind: str) -> str:
        return event_export.filename(self.job.name, kind, time.time(), "loss")
