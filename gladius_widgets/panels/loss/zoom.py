"""Which range of a loss plot is shown."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gladius_widgets.components import ChartOverlay
from gladius_widgets.panels.loss.axis import LossAxis, Range


class LossZoom:
    """The visible range of x: by buttons, and by what the reader does on the overlay.

    Args:
        overlay: of the plot; it holds the x scale.
        axis: what x counts now.
    """

    def __init__(self, overlay: ChartOverlay, axis: Callable[[], LossAxis]) -> None:
        self.shown: Range | None = None  # None for all
        self._recent: float | None = None  # width of a range that stays at the newest step
        self._overlay, self._axis = overlay, axis
        self._listeners: list[Callable[[], object]] = []
        overlay.on("zoom", self._zoomed)

    def on_change(self, listener: Callable[[], object]) -> None:
        """Have `listener` called when another range was chosen."""
        self._listeners.append(listener)

    def show(self, shown: Range | None) -> None:
        """Show a range of x, or all."""
        self._overlay.show_range(shown)

    def nearer(self, steps: int) -> None:
        """Show the newest `steps` steps; from then on half of what is shown.

        A run that has no more than so many shows its second half first.
        """
        axis = self._axis()
        last = axis.last
        if last is None:
            return
        if self.shown is None:
            newest = float(axis.history.train["step"][-1])
            begin = axis.x_of(newest - steps) if newest > steps else last / 2
            assert begin is not None
            self._show_newest(last - begin)
        elif self._recent is not None:
            self._show_newest(self._recent / 2)
        else:
            self._overlay.zoom(0.5)

    def wider(self) -> None:
        """Show twice as much."""
        if self._recent is not None and self.shown is not None:
            self._show_newest(self._recent * 2)
        elif self.shown is not None:
            self._overlay.zoom(2.0)

    def reset(self) -> None:
        """Show the whole run."""
        self._overlay.reset_zoom()

    def follow_newest(self) -> None:
        """Move on with the run, if it was its newest steps that were asked for."""
        last = self._axis().last
        if self._recent is not None and last is not None:
            self.shown = (last - self._recent, last)

    def translate(self, old: LossAxis, new: LossAxis) -> None:
        """Keep the rows that are shown while x comes to count something else."""
        if self.shown is None:
            return
        rows = [row for x in self.shown if (row := old.row_near(x)) is not None]
        low, high = new.at(np.array(rows)).tolist()
        self.shown = (low, high) if low < high else None
        if self._recent is not None:
            self._recent = high - low if self.shown else None

    def _show_newest(self, width: float) -> None:
        last = self._axis().last or 0.0
        if width >= last:
            self.reset()
            return
        self.show((last - width, last))
        if self.shown is not None:
            self._recent = width

    def _zoomed(self, payload: dict[str, Any]) -> None:
        low, high = payload.get("x0"), payload.get("x1")
        self._recent = None
        self.shown = None if low is None or high is None else (float(low), float(high))
        for listener in self._listeners:
            listener()
