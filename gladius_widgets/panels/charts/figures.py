"""bqplot figures in the look of the design. Colours are CSS variables, so they follow the theme.

Figures are made once; afterwards only traits of marks, scales and axes change, within
`hold_sync`, which makes one message a widget.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets
import numpy as np
from bqplot import Axis, Bars, Figure, Label, LinearScale, Lines, Scatter

from gladius_widgets.panels.charts import axes
from gladius_widgets.panels.live.pace import Sent

# bqplot registers its classes by a decorator that hides them from type checkers.
Mark = Any
Scale = Any
Scales = Mapping[str, Scale]

PLOT_HEIGHT_PX = 158
_TRAIT_BYTES = 60  # of a message's own words


def figure(
    marks: Sequence[Mark],
    plot_axes: Sequence[Any],
    *,
    left_px: int,
    right_px: int = 8,
    top_px: int = 8,
    height_px: int = PLOT_HEIGHT_PX,
    classes: str = "",
) -> Any:
    """A figure without frame, title, legend or animation, as wide as its place."""
    made: Any = Figure(
        marks=list(marks),
        axes=list(plot_axes),
        animation_duration=0,
        display_toolbar=False,
        padding_x=0,
        padding_y=0,
        fig_margin={"top": top_px, "bottom": 22, "left": left_px, "right": right_px},
        layout=ipywidgets.Layout(height=f"{height_px}px", width="100%", min_width="0", margin="0"),
    )
    for name in ("gw-fig", *classes.split()):
        made.add_class(name)
    return made


def scale(limits: tuple[float, float]) -> Scale:
    """A linear scale that spans the limits."""
    return LinearScale(min=float(limits[0]), max=float(limits[1]))


def dots(
    scales: Scales,
    color: str,
    *,
    edge: str | None = None,
    marker: str = "circle",
    size: int = 40,
) -> Mark:
    """Single points, none as yet."""
    return Scatter(
        x=np.empty(0, np.float32),
        y=np.empty(0, np.float32),
        scales=dict(scales),
        colors=[color],
        stroke=edge,
        stroke_width=2,
        marker=marker,
        default_size=size,
    )


def line(scales: Scales, color: str, *, style: str = "solid", width: float = 2) -> Mark:
    """An empty line in a CSS variable's colour."""
    return Lines(
        x=np.empty(0, np.float32),
        y=np.empty(0, np.float32),
        scales=dict(scales),
        colors=[color],
        line_style=style,
        stroke_width=width,
    )


def linear_axis(
    of: Scale, *, side: str = "bottom", grid: bool = False, limits: tuple[float, float]
) -> Any:
    """An axis with round ticks; left and right ones have no spine."""
    axis: Any = Axis(
        scale=of,
        side=side,
        orientation="horizontal" if side in ("bottom", "top") else "vertical",
        grid_lines="solid" if grid else "none",
        color="transparent" if side in ("left", "right") else None,
    )
    set_ticks(axis, limits)
    return axis


def set_ticks(
    axis: Any,
    limits: tuple[float, float],
    values: Sequence[float] | None = None,
    words: Sequence[str] | None = None,
) -> Sent:
    """Ticks at these values with these words; by default round numbers within the limits."""
    at = axes.ticks(*limits) if values is None else values
    labels = {_js_key(v): word for v, word in zip(at, words, strict=True)} if words else {}
    shown = {"tick_format": axes.format_of(at)} if not words else {}
    # First the words: new values are written by a transition that keeps the words it begins with.
    return put(axis, tick_labels=labels, **shown) + put(axis, tick_values=np.array(at))


def _js_key(value: float) -> str:
    """A number as JavaScript writes it, which is how bqplot looks up its label."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def set_limits(of: Scale, limits: tuple[float, float]) -> Sent:
    """What the scale spans."""
    return put(of, min=float(limits[0]), max=float(limits[1]))


def put(widget: Any, **values: Any) -> Sent:
    """Set the traits that differ, in one message; says what was sent."""
    changed = {
        name: value for name, value in values.items() if not _same(getattr(widget, name), value)
    }
    if not changed:
        return Sent()
    with widget.hold_sync():
        for name, value in changed.items():
            setattr(widget, name, value)
    size = sum(_TRAIT_BYTES + getattr(v, "nbytes", 40) for v in changed.values())
    return Sent(1, size)


def bars(scales: Scales, *, padding: float, colors: Sequence[str] = ()) -> Mark:
    """Bars that each have a colour of their own."""
    return Bars(
        x=np.arange(0),
        y=np.empty(0, np.float32),
        scales=dict(scales),
        color_mode="no_group",
        padding=padding,
        colors=list(colors) or ["var(--gw-gray)"],
    )


def bar_labels(scales: Scales) -> Mark:
    """The values on the bars."""
    return Label(
        x=np.arange(0),
        y=np.empty(0, np.float32),
        text=np.empty(0, dtype="U8"),
        scales=dict(scales),
        align="middle",
        default_size=11,
        font_weight="bold",
        y_offset=-8,
        colors=["var(--gw-text-2)"],
    )


def _same(old: Any, new: Any) -> bool:
    if isinstance(new, np.ndarray):
        return (
            isinstance(old, np.ndarray)
            and old.shape == new.shape
            and np.array_equal(old, new, equal_nan=new.dtype.kind == "f")
        )
    return type(old) is type(new) and bool(old == new)
