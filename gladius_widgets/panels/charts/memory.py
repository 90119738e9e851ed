"""MemoryChart: GPU memory, processor, RAM and swap as shares of capacity."""

from collections.abc import Iterable
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Node, h, icon
from gladius_widgets.panels.charts import memory_model as model
from gladius_widgets.panels.charts.bars import ShareBars
from gladius_widgets.panels.charts.card import chart_card, tone_item
from gladius_widgets.panels.charts.figures import put
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel, stat

_LEGEND = (("green", "<70%"), ("yellow", "70–85%"), ("red", ">85%"))


class MemoryChart(Panel):
    """Use of each device as a share of its capacity. Without a GPU it says so.

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
        self._chart = ShareBars("In use", with_track=True)
        self.put_slots(plot=self._chart.overlay)

    def parts(self) -> Iterable[Part]:
        """Every two seconds at most."""
        return (Part(self._paint, frozenset({topics.SYSTEM}), 2.0),)

    def take_focus(self) -> None:
        """Focus the chart."""
        self._chart.overlay.take_focus()

    def _paint(self) -> Sent:
        view = model.view(self.feed.history.system)
        sent = self._chart.show(
            [bar.share or 0.0 for bar in view.bars],
            [bar.label for bar in view.bars],
            [bar.tone for bar in view.bars],
            [bar.text for bar in view.bars],
            [bar.detail for bar in view.bars],
        )
        sent += put(self._chart.overlay, label=view.summary)
        return sent + self.put_tree(self._tree(view))

    def _tree(self, view: model.MemoryView) -> Node:
        head = [view.head, h("span", {"class": "gw-muted"}, f" {view.head_total}")]
        pressure: Any = view.pressure
        if view.pressure_tone:
            tone = f"gw-t-{view.pressure_tone}"
            pressure = h("span", {"class": tone}, icon("warn", 14), f" {pressure}")
        return chart_card(
            "Memory",
            [tone_item(tone, text) for tone, text in _LEGEND],
            [
                stat(head, view.head_value, big=True),
                stat("System", view.system),
                stat("Pressure", pressure),
            ],
            note=view.note,
            plot=bool(view.bars),
            hotkey=self._hotkey,
        )
