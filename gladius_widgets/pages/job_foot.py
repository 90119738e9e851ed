"""The foot of the job dashboard: how current the figures are."""

import time
from collections.abc import Iterable

from gladius_widgets.components import Node, clock, h, icon
from gladius_widgets.panels import reading
from gladius_widgets.panels.models import job_words
from gladius_widgets.panels.models.status_bar import is_stale
from gladius_widgets.panels.pace import Part, Sent
from gladius_widgets.panels.panel import Panel


class JobFoot(Panel):
    """When the job's data last arrived; that none arrives; or that they are final."""

    def parts(self) -> Iterable[Part]:
        """Every few seconds; the age itself ticks in the browser."""
        return (Part(self._paint, frozenset({reading.STATE, reading.TICK}), 5.0),)

    def _paint(self) -> Sent:
        now = time.time()
        final = job_words.final_line(self.job, now)
        beat = self.job.run.heartbeat if self.job.run else None
        if final:
            return self._put("", final)
        if not self.job.status.is_active:
            return self._put("", "Waiting for a slot. Figures come once the job has started.")
        if not beat:
            return self._put("", "The machine is being prepared. There is no data yet.")
        if is_stale(self.job, now):
            words = "These are the last values: the job has sent nothing since "
            return self._put("gw-t-yellow", words, clock(round(beat), "ago"), ".")
        return self._put("", "Last updated: ", clock(round(beat), "ago"), " · as it happens")

    def _put(self, tone: str, *words: Node | str) -> Sent:
        classes = f"gw-foot {tone}".strip()
        return self.put_tree(
            h("footer", {"class": classes}, icon("clock", 14), h("span", None, *words))
        )
