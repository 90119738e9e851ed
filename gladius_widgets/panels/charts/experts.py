"""ExpertChart: how evenly the router uses the experts."""

from collections.abc import Iterable
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Node, h, icon
from gladius_widgets.panels.charts import experts_model as model
from gladius_widgets.panels.charts.bars import ShareBars
from gladius_widgets.panels.charts.card import chart_card, tone_item
from gladius_widgets.panels.charts.figures import put
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel, stat
from gladius_widgets.panels.text import format as fmt

_LEGEND = (("green", "80–100%"), ("yellow", "60–79%"), ("red", "<60%"))


class ExpertChart(Panel):
    """Coverage of each expert over the last 50 steps: 100 % is at least its even share.

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
        self._chart = ShareBars("Coverage", threshold=model.ACCEPTABLE)
        self.put_slots(plot=self._chart.overlay)

    def parts(self) -> Iterable[Part]:
        """Every two seconds at most."""
        return (Part(self._paint, frozenset({topics.TRAIN, topics.STATE}), 2.0),)

    def take_focus(self) -> None:
        """Focus the chart."""
        self._chart.overlay.take_focus()

    def _paint(self) -> Sent:
        config = self.job.config
        dead_share = config.moe.dead_load_share if config else model.DEAD_SHARE
        loads = self.feed.history.loads
        view = model.view(loads, is_moe=self._is_moe(), dead_share=dead_share)
        sent = self._chart.show(
            [bar.coverage for bar in view.bars],
            [bar.label for bar in view.bars],
            [bar.tone for bar in view.bars],
            [bar.text for bar in view.bars],
            [f"{bar.load * 100:.1f}% of assignments" for bar in view.bars],
        )
        sent += put(self._chart.overlay, label=view.summary)
        return sent + self.put_tree(self._tree(view))

    def _is_moe(self) -> bool | None:
        """None while the model is not known yet."""
        run = self.job.run
        if run is None or not run.model:
            return None
        return bool(run.model.get("experts"))

    def _tree(self, view: model.ExpertView) -> Node:
        lowest: Any = view.lowest
        if view.lowest_tone in ("yellow", "red"):
            lowest = h(
                "span", {"class": f"gw-t-{view.lowest_tone}"}, icon("warn", 14), f" {lowest}"
            )
        dead: Any = view.dead
        if view.dead not in ("none", fmt.UNKNOWN):
            dead = h("span", {"class": "gw-t-red"}, icon("warn", 14), f" {dead}")
        return chart_card(
            "Expert coverage",
            [tone_item(tone, text) for tone, text in _LEGEND],
            [
                stat("Avg coverage", view.average, big=True),
                stat("Imbalance", view.imbalance),
                stat("Lowest", lowest),
                stat("Dead", dead),
            ],
            note=view.note,
            plot=not view.note,
            hotkey=self._hotkey,
        )
