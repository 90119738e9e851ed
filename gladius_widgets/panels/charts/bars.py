"""The base of charts that show one share of 1 per bar, each bar in its own tone."""

from collections.abc import Sequence

import numpy as np

from gladius_widgets.components import ChartOverlay, Series
from gladius_widgets.panels.charts.figures import (
    bar_labels,
    bars,
    figure,
    line,
    linear_axis,
    put,
    scale,
    set_limits,
)
from gladius_widgets.panels.live.pace import Sent

_TICKS = np.array([0, 25, 50, 75, 100], dtype=np.int32)
_NAMES = {str(tick): f"{tick}%" for tick in _TICKS}


class ShareBars:
    """A figure of bars from 0 to 100 %, made once.

    Args:
        threshold: a dashed line across, as a share.
        with_track: a pale bar behind each that shows the whole capacity.
        name: of the value, for the tooltip.
    """

    def __init__(
        self, name: str, *, threshold: float | None = None, with_track: bool = False
    ) -> None:
        self._x_scale, y_scale = scale((-0.5, 0.5)), scale((0.0, 100.0))
        scales = {"x": self._x_scale, "y": y_scale}
        self._bars = bars(scales, padding=0.42)
        self._labels = bar_labels(scales)
        track = {"padding": 0.42, "colors": ["var(--gw-surface-3)"]}
        self._track = bars(scales, **track) if with_track else None
        self._line = line(scales, "var(--gw-text-3)", style="dashed", width=1)
        self._threshold = threshold
        self._x_axis = linear_axis(self._x_scale, limits=(0.0, 1.0))
        y_axis = linear_axis(y_scale, side="left", grid=True, limits=(0.0, 100.0))
        y_axis.tick_values, y_axis.tick_format, y_axis.tick_labels = _TICKS, "d", _NAMES
        marks = [self._bars, self._line, self._labels]
        fig = figure(
            [self._track, *marks] if self._track else marks,
            [self._x_axis, y_axis],
            left_px=40,
            top_px=14,
            classes="gw-fig--bars",
        )
        self.overlay = ChartOverlay(
            fig,
            series=[Series(self._bars, name, "var(--gw-text-2)", format=1, unit="%")],
            label=name,
            zoomable=False,
        )

    def show(
        self,
        shares: Sequence[float],
        labels: Sequence[str],
        tones: Sequence[str],
        texts: Sequence[str],
        notes: Sequence[str],
    ) -> Sent:
        """Bring the bars up to date.

        Args:
            shares: heights, of 1.
            labels: names below the bars.
            tones: colour tone of each.
            texts: above the bars.
            notes: a further line in the tooltip of each.
        """
        count = len(shares)
        at, heights = np.arange(count, dtype=np.int32), np.array(shares, np.float32) * 100
        colors = [f"var(--gw-{tone})" for tone in tones] or ["var(--gw-gray)"]
        sent = Sent()
        if len(self._bars.x) != count:
            sent += self._spread(count, labels)
        sent += put(self._bars, x=at, y=heights, colors=colors)
        sent += put(self._labels, x=at, y=heights, text=np.array(texts, dtype="U16"))
        return sent + put(self.overlay, x_notes={str(i): note for i, note in enumerate(notes)})

    def _spread(self, count: int, labels: Sequence[str]) -> Sent:
        """Make room for another number of bars."""
        edges = (-0.5, max(count, 1) - 0.5)
        sent = set_limits(self._x_scale, edges)
        names = {str(i): label for i, label in enumerate(labels)}
        every = max(1, count // 16)  # with many experts not every name fits
        ticks = np.arange(0, count, every, dtype=np.int32)
        sent += put(self._x_axis, tick_values=ticks, tick_labels=names, tick_format="d")
        sent += put(self.overlay, x_names=names)
        if self._track is not None:
            whole = np.full(count, 100, np.float32)
            sent += put(self._track, x=np.arange(count, dtype=np.int32), y=whole)
        if self._threshold is not None:
            level = np.full(2, self._threshold * 100, np.float32)
            sent += put(self._line, x=np.array(edges, np.float32), y=level)
        return sent
