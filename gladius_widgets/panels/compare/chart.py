"""CompareChart: the loss curves of several jobs in one plot, live."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gladius_widgets.components import ChartOverlay, Element, Node, Series, h, icon, toasts
from gladius_widgets.core.text.suggest import did_you_mean
from gladius_widgets.panels.charts import axes
from gladius_widgets.panels.charts.figures import figure, line, linear_axis, put, scale, set_limits
from gladius_widgets.panels.compare import chart_model as model
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.feed import JobFeed
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.series import Floats, MovingAverage
from gladius_widgets.panels.loss.axis import X_KINDS, X_LABELS, X_NAMES, LossAxis, XKind
from gladius_widgets.panels.loss.lines import y_ticks

HEIGHT_PX = 340
SPANS = (1, 10, 50, 100, 500)
_X_SCALES = {"step": "number", "epoch": "number", "time": "duration", "tokens": "count"}
# A second way to tell lines apart than their colour.
_MARKERS = (
    "circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "rectangle", "ellipse",
)  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """A job among those compared: its feed, what to call it, and which colour it has."""

    feed: JobFeed
    label: str
    slot: int

    @property
    def id(self) -> str:
        """The job's id."""
        return self.feed.run.id

    @property
    def color(self) -> str:
        """Its colour, a CSS variable."""
        return f"var(--gw-compare-{self.slot + 1})"


class CompareChart(Element):
    """Training loss solid, validation loss dashed with marks, one colour a job.

    Args:
        jobs: what to draw.
        x: step, epoch, time or tokens.
        span: span of the moving average of the training loss, in steps; 1 = none.
        log: logarithmic loss axis.
        hidden: ids of jobs that are not drawn.
    """

    def __init__(
        self,
        jobs: Sequence[Compared],
        *,
        x: XKind = "step",
        span: int = 1,
        log: bool = False,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        if x not in X_KINDS:
            raise ValueError(f"CompareChart has no x '{x}'. {did_you_mean(x, X_KINDS)}")
        super().__init__()
        toasts()
        self._jobs = list(jobs)
        self.x: XKind = x
        self.span, self.is_log, self.hidden = span, log, hidden
        self._averages: dict[str, MovingAverage] = {}
        self._zoom: tuple[float, float] | None = None
        self._drawn: dict[str, model.JobLines] = {}
        self._undo: list[Callable[[], object]] = []
        self.on("x", lambda payload: self._choose(x=str(payload["value"])))
        self.on("span", lambda payload: self._choose(span=int(payload["value"])))
        self.on("log", lambda _payload: self._choose(log=not self.is_log))
        self.on("toggle", lambda payload: self._toggle(str(payload["data"]["job"])))
        for name, act in (("in", 0.5), ("out", 2.0)):
            self.on(f"zoom-{name}", lambda _payload, act=act: self._overlay.zoom(act))
        self.on("zoom-reset", lambda _payload: self._overlay.reset_zoom())
        self._make_figure()
        self._paint_all()
        for job in self._jobs:
            parts = [
                Part(lambda job=job: self._paint_job(job), frozenset({topics.TRAIN}), 1.0),
                Part(self._paint_rest, frozenset({topics.TRAIN, topics.VALIDATION}), 2.0),
            ]
            self._undo.append(job.feed.show(parts))

    def end(self) -> None:
        """End the chart."""
        for undo in self._undo:
            undo()
        self._undo = []
        self._overlay.close()

    # What is there

    def _make_figure(self) -> None:
        empty_x, empty_y = (0.0, 1.0), model.y_limits([])
        self._x_scale, self._y_scale = scale(empty_x), scale(empty_y)
        scales = {"x": self._x_scale, "y": self._y_scale}
        self._train = {job.id: line(scales, job.color) for job in self._jobs}
        self._validation = {job.id: _dashed(scales, job) for job in self._jobs}
        self._x_axis = linear_axis(self._x_scale, limits=empty_x)
        self._y_axis = linear_axis(self._y_scale, side="left", grid=True, limits=empty_y)
        marks = [*self._train.values(), *self._validation.values()]
        made = figure(
            marks, [self._x_axis, self._y_axis], left_px=48, right_px=24, classes="gw-fig--compare"
        )
        made.layout.height = f"{HEIGHT_PX}px"
        self._overlay = ChartOverlay(made, series=self._series(), label="Loss of the jobs")
        self._overlay.on("zoom", self._zoomed)
        self.slots = {"plot": self._overlay}

    def _series(self) -> list[Series]:
        lines = ((self._train, ""), (self._validation, ", validation"))
        return [
            Series(mark=marks[job.id], name=f"{job.label}{words}", color=job.color, log=self.is_log)
            for job in self._shown()
            for marks, words in lines
        ]

    def _axis(self, job: Compared) -> LossAxis:
        run = job.feed.job.run
        return LossAxis(job.feed.history, self.x, run.training_started_at if run else None)

    def _shown(self) -> list[Compared]:
        return [job for job in self._jobs if job.id not in self.hidden]

    # What the reader does

    def _choose(self, *, x: str = "", span: int = 0, log: bool | None = None) -> None:
        kinds: dict[str, XKind] = {kind: kind for kind in X_KINDS}
        self.x = kinds.get(x, self.x)
        self.span = span or self.span
        self._zoom = None if x else self._zoom
        if log is not None:
            self.is_log = log
            self._overlay.series = self._series()
        self._paint_all()

    def _toggle(self, job_id: str) -> None:
        self.hidden ^= {job_id}
        self._overlay.series = self._series()
        self._paint_all()

    def _zoomed(self, payload: dict[str, Any]) -> None:
        low, high = payload.get("x0"), payload.get("x1")
        self._zoom = None if low is None or high is None else (float(low), float(high))
        self._paint_all()

    # Painting

    def _paint_all(self) -> None:
        for job in self._jobs:
            self._paint_job(job)
        self._paint_rest()

    def _paint_job(self, job: Compared) -> Sent:
        """One job's lines; hidden ones keep what they had."""
        is_shown = job.id not in self.hidden
        train, validation = self._train[job.id], self._validation[job.id]
        sent = put(train, visible=is_shown) + put(validation, visible=is_shown)
        if not is_shown:
            return sent
        drawn = model.lines(self._axis(job), self._average(job), zoom=self._zoom, log=self.is_log)
        self._drawn[job.id] = drawn
        sent += put(train, x=drawn.x, y=drawn.train)
        return sent + put(validation, x=drawn.validation_x, y=drawn.validation)

    def _paint_rest(self) -> Sent:
        """Axes, which all lines share, and the card around them."""
        shown = self._shown()
        extent = model.x_limits(self._axis(job) for job in shown)
        x_limits = self._zoom or extent
        y_limits = model.y_limits([self._drawn[job.id] for job in shown], log=self.is_log)
        sent = set_limits(self._x_scale, x_limits) + set_limits(self._y_scale, y_limits)
        first = LossAxis(self._jobs[0].feed.history, self.x)
        sent += _set_ticks(self._x_axis, x_limits, *first.ticks(x_limits))
        sent += _set_ticks(self._y_axis, y_limits, *y_ticks(y_limits, log=self.is_log))
        sent += put(
            self._overlay,
            x_label=X_LABELS[self.x],
            x_kind=_X_SCALES[self.x],
            label=self._summary(),
        )
        if self._overlay.extent != extent:
            self._overlay.extent = extent
        tree = self._tree()
        if tree != self.tree:
            self.tree = tree
            sent += Sent(1, 2000)
        return sent

    def _average(self, job: Compared) -> Floats | None:
        if self.span == 1:
            return None
        average = self._averages.get(job.id)
        if average is None or average.span != self.span:
            average = self._averages[job.id] = MovingAverage(self.span)
        history = job.feed.history
        return average.follow(history.train["loss"], history.cuts)

    def _summary(self) -> str:
        names = ", ".join(job.label for job in self._shown())
        return f"Loss by {self.x} of {names}" if names else "Loss. Every job is hidden."

    def _tree(self) -> Node:
        return h(
            "section",
            {"class": "gw-card", "aria-label": "Loss curves"},
            h(
                "div",
                {"class": "gw-card__h gw-cmp__tools"},
                h("h2", {"class": "gw-card__t"}, "Loss"),
                h("span", {"class": "gw-card__s"}, "Training solid, validation dashed"),
                h("span", {"class": "gw-spacer"}),
                _select("x", "X axis", {name: f"By {name}" for name in X_KINDS}, self.x),
                _select(
                    "span",
                    "Smoothing of the training loss",
                    {str(n): "No smoothing" if n == 1 else f"Average of {n}" for n in SPANS},
                    str(self.span),
                ),
                _switch(self.is_log),
                _zoom_group(),
            ),
            h(
                "div",
                {"class": "gw-cmp__legend", "role": "group", "aria-label": "Jobs shown"},
                self._legend(),
            ),
            h("div", {"class": "gw-cmp__plot"}, h("slot", {"name": "plot"})),
            h("p", {"class": "gw-cmp__x gw-card__s", "aria-hidden": True}, X_NAMES[self.x]),
        )

    def _legend(self) -> list[Node]:
        return [
            h(
                "button",
                {
                    "type": "button",
                    "class": "gw-cmp__job",
                    "aria-pressed": job.id not in self.hidden,
                    "title": f"{job.label}: show or hide",
                    "data-job": job.id,
                },
                swatch(job.color),
                h("span", {"class": "gw-ellipsis"}, job.label),
                on={"click": "toggle"},
                key=job.id,
            )
            for job in self._jobs
        ]

    def __repr__(self) -> str:
        return f"CompareChart({', '.join(job.id for job in self._jobs)})"


def swatch(color: str) -> Node:
    """A job's colour, as a line of the chart: solid, then dashed."""
    path = h("path", {"d": "M0 4h12M15 4h3M20 4h2", "style": {"stroke": color}})
    attrs = {"class": "gw-cmp__swatch", "viewBox": "0 0 22 8", "aria-hidden": True}
    return h("svg", attrs, path)


def _dashed(scales: dict[str, Any], job: Compared) -> Any:
    """The line of the validation loss, each value marked."""
    made = line(scales, job.color, style="dashed")
    made.marker, made.marker_size = _MARKERS[job.slot % len(_MARKERS)], 24
    return made


def _set_ticks(
    axis: Any, limits: tuple[float, float], values: list[float], words: list[str] | None
) -> Sent:
    """Ticks with their words; without words as numbers."""
    names = {f"{value:.15g}": word for value, word in zip(values, words or (), strict=False)}
    form = axes.tick_format(*limits)
    return put(axis, tick_values=np.array(values), tick_labels=names or None, tick_format=form)


def _select(name: str, label: str, options: dict[str, str], chosen: str) -> Node:
    choices = [
        h("option", {"value": value, "selected": value == chosen}, text)
        for value, text in options.items()
    ]
    field = {"class": "gw-select", "aria-label": label, "title": label, "value": chosen}
    return h(
        "span",
        {"class": "gw-selectwrap gw-cmp__select"},
        h("select", field, choices, on={"change": name}),
        icon("chev-d"),
        key=name,
    )


def _switch(chosen: bool) -> Node:
    return h(
        "button",
        {"type": "button", "class": "gw-switch", "role": "switch", "aria-checked": chosen},
        h("span", {"class": "gw-switch__t"}),
        "Log scale",
        on={"click": "log"},
        key="log",
    )


def _zoom_group() -> Node:
    buttons = (("zoom-in", "zin", "Zoom in"), ("zoom-out", "zout", "Zoom out"))
    return h(
        "div",
        {"class": "gw-group", "role": "group", "aria-label": "Zoom"},
        [_zoom(*button) for button in (*buttons, ("zoom-reset", "reset", "Show all"))],
        key="zoom",
    )


def _zoom(name: str, symbol: str, label: str) -> Node:
    classes = "gw-btn gw-btn--sm gw-btn--icon"
    attrs = {"type": "button", "class": classes, "aria-label": label, "title": label}
    return h("button", attrs, icon(symbol, 14), on={"click": name})
