"""ChartOverlay: a bqplot figure with tooltip, crosshair, clicks, zooming and keys.

bqplot's own tooltips want the pointer right on a mark, and its PanZoom swallows them and the
clicks. So a layer lies over the figure and reads its scales and the marks' data in the browser:
nothing is sent for a tooltip.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import traitlets
from bqplot.figure import Figure
from bqplot.marks import Mark
from ipywidgets import Widget

from gladius_widgets.components.base import Component

LEAST_SHARE = 1e-5  # of the extent: zooming in ends there


@dataclass(frozen=True)
class Series:
    """One line of the tooltip.

    Args:
        mark: a bqplot mark with 1-D `x`, ascending, and `y`.
        name: what the value is.
        color: CSS colour of its swatch, a variable as a rule.
        format: decimals.
        unit: written after the value.
        log: the mark holds decimal logarithms of its values.
    """

    mark: Mark
    name: str
    color: str = "var(--gw-text-2)"
    format: int = 4
    unit: str = ""
    log: bool = False


@dataclass(frozen=True)
class ChartMark:
    """Something that happened at an x: a button above the plot, and a hair line down it.

    Args:
        x: where.
        icon: of the sprite.
        tone: red, yellow, green, blue, gray …
        lines: what the tooltip says, a line each, as text.
        name: what the `mark` event names.
        count: how many things it stands for.
    """

    x: float
    icon: str
    tone: str
    lines: tuple[str, ...]
    name: str
    count: int = 1


class ChartOverlay(Component):
    """Shows the figure itself, with a layer over it. Put it where the figure would stand.

    Hovering shows the nearest point of each series; the arrow keys do so while it has the focus
    (Shift for ten points, Home, End). Wheel and drag zoom along x, Shift and drag move, + and -
    zoom, double click or 0 shows all. A wheel zooms only after the pointer has moved over the
    chart, so that scrolling the page past it goes on.

    Args:
        figure: the bqplot figure.
        series: what the tooltip lists.
        x_label: before the x value in the tooltip, e.g. "Step".
        label: the accessible name: a summary of the chart in words.
        zoomable: False switches zooming off.
        extent: (x0, x1) to which zooming out is limited; default: what the data span.
        x_names: names of x values, e.g. `{0: "E0"}`, in place of the number.
        x_notes: a further line in the tooltip, by x value.
        x_kind: how an x is written: `number`, `duration` (it is in s) or `count` (1.2M).
        lists_all: the tooltip has every series, with the place of its nearest point if that is
            elsewhere; by default only those with a point nearby.
        cursor: an x that a line points at; None for none.
        marks: `ChartMark`s; those that would overlap are shown as one.

    Events: `click` with `x`, `index` and `series` of the nearest point; `zoom` with `x0`, `x1`
    (None, None for all), sent after the x scale has been set; `mark` with the `mark` (its name)
    and `x` of one that was chosen; `clear` when Escape is pressed with no point shown.
    """

    _esm_module = traitlets.Unicode("chart_overlay").tag(sync=True)
    _figure = traitlets.Unicode().tag(sync=True)
    _series = traitlets.List(traitlets.Dict()).tag(sync=True)
    _extent = traitlets.List(traitlets.Float()).tag(sync=True)
    x_label = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode("Chart").tag(sync=True)
    zoomable = traitlets.Bool(True).tag(sync=True)
    x_names = traitlets.Dict().tag(sync=True)
    x_notes = traitlets.Dict().tag(sync=True)
    x_kind = traitlets.Enum(["number", "duration", "count"], "number").tag(sync=True)
    lists_all = traitlets.Bool(False).tag(sync=True)
    cursor = traitlets.Float(None, allow_none=True).tag(sync=True)
    _marks = traitlets.List(traitlets.Dict()).tag(sync=True)

    figure = traitlets.Instance(Figure)
    series = traitlets.List(traitlets.Instance(Series))
    marks = traitlets.List(traitlets.Instance(ChartMark))
    extent = traitlets.Any(None, allow_none=True)

    def __init__(self, figure: Figure, series: Sequence[Series] = (), **kwargs: Any) -> None:
        self._wants_picture: Callable[[bytes], object] | None = None
        super().__init__(figure=figure, series=list(series), **kwargs)

    @traitlets.observe("figure")
    def _name_figure(self, _change: object) -> None:
        self._figure = self.figure.model_id

    @traitlets.observe("series")
    def _name_marks(self, _change: object) -> None:
        self._series = [
            {
                "mark": one.mark.model_id,
                "name": one.name,
                "color": one.color,
                "decimals": one.format,
                "unit": one.unit,
                "log": one.log,
            }
            for one in self.series
        ]

    @traitlets.observe("marks")
    def _list_marks(self, _change: object) -> None:
        self._marks = [asdict(mark) for mark in self.marks]

    @traitlets.validate("x_names", "x_notes")
    def _with_text_keys(self, proposal: Any) -> Mapping[str, str]:
        return {str(x): text for x, text in proposal.value.items()}

    @traitlets.observe("extent")
    def _bound(self, _change: object) -> None:
        self._extent = [float(x) for x in self.extent] if self.extent else []

    def children_held(self) -> Iterable[Widget]:
        """The figure, with its marks and scales."""
        return (self.figure,)

    def zoom(self, factor: float) -> None:
        """Show `factor` times the present range, around its middle: 0.5 zooms in, 2 out."""
        shown = self._shown()
        if shown is None:
            return
        middle, half = (shown[0] + shown[1]) / 2, (shown[1] - shown[0]) / 2 * factor
        self._show(middle - half, middle + half)

    def reset_zoom(self) -> None:
        """Show all."""
        self._show(None, None)

    def show_range(self, shown: tuple[float, float] | None) -> None:
        """Show this range of x, or all."""
        self._show(*(shown or (None, None)))

    def take_focus(self) -> None:
        """Focus the chart and bring it into view."""
        self.send({"focus": True})

    def take_picture(self, title: str, then: Callable[[bytes], object]) -> None:
        """Have the browser draw what is shown, with title and legend, and call `then(png)`."""
        self._wants_picture = then
        self.send({"picture": title})

    def _x_scale(self) -> Any:
        return self.series[0].mark.scales.get("x") if self.series else None

    def _shown(self) -> tuple[float, float] | None:
        scale = self._x_scale()
        if scale is not None and scale.min is not None and scale.max is not None:
            return float(scale.min), float(scale.max)
        return self._span()

    def _span(self) -> tuple[float, float] | None:
        """The extent given, else the data's."""
        if self.extent:
            return float(self.extent[0]), float(self.extent[1])
        ends = [float(x) for one in self.series if len(one.mark.x) for x in one.mark.x[[0, -1]]]
        return (min(ends), max(ends)) if ends else None

    def _show(self, x0: float | None, x1: float | None) -> None:
        """Set the x scale and tell the handlers; a range as wide as the extent is all."""
        span = self._span()
        if x0 is not None and x1 is not None and span is not None:
            whole = span[1] - span[0]
            width = max(min(x1 - x0, whole), whole * LEAST_SHARE)
            x0 = min(max((x0 + x1 - width) / 2, span[0]), span[1] - width)
            x1 = x0 + width
            if width >= whole * (1 - 1e-9):
                x0 = x1 = None
        self._set_scale((x0, x1) if x0 is not None and x1 is not None else self.extent)
        self.emit("zoom", {"event": "zoom", "name": "zoom", "x0": x0, "x1": x1})

    def _set_scale(self, limits: Sequence[float] | None) -> None:
        scale = self._x_scale()
        if scale is None:
            return
        with scale.hold_sync():
            scale.min, scale.max = (float(limits[0]), float(limits[1])) if limits else (None, None)

    def _message(self, name: str, content: dict[str, Any], buffers: list[memoryview]) -> None:
        if name == "picture":
            then, self._wants_picture = self._wants_picture, None  # several views answer
            if then is not None and buffers:
                then(bytes(buffers[0]))
            return
        if name != "zoom":
            super()._message(name, content, buffers)
            return
        if not self.zoomable:
            return
        x0, x1 = content.get("x0"), content.get("x1")
        if x0 is None or x1 is None:
            self._show(None, None)
        elif math.isfinite(x0) and math.isfinite(x1) and x0 < x1:
            self._show(float(x0), float(x1))

    def __repr__(self) -> str:
        return f"ChartOverlay({', '.join(one.name for one in self.series)})"
