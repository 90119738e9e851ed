"""The foot of the job dashboard: how current the figures are."""

import time
from collections.abc import Iterable

from gladius_widgets.components import clock, h, icon
from gladius_widgets.pages.job import age as model
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel


class JobFoot(Panel):
    """When the job's data last arrived; that none arrives; or that they are final."""

    def parts(self) -> Iterable[Part]:
        """Every few seconds; the age itself ticks in the browser."""
        return (Part(self._paint, frozenset({topics.STATE, topics.TICK}), 5.0),)

    def _paint(self) -> Sent:
        view = model.view(self.job, time.time())
        age = clock(round(view.since), "ago") if view.since is not None else None
        words = h("span", None, view.words, age, view.after)
        classes = "gw-foot gw-t-yellow" if view.is_stale else "gw-foot"
        return self.put_tree(h("footer", {"class": classes}, icon("clock", 14), words))
