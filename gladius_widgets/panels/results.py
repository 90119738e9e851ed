"""JobResults: what a job that is over leaves behind."""

from collections.abc import Iterable

from gladius_widgets.components import h
from gladius_widgets.panels import reading
from gladius_widgets.panels.pace import Part, Sent
from gladius_widgets.panels.panel import Panel


class JobResults(Panel):
    """Nothing while the job goes on; a card on top of the overview when it is over."""

    def parts(self) -> Iterable[Part]:
        """At once when the state changes."""
        return (Part(self._paint, frozenset({reading.STATE}), 0.5),)

    def _paint(self) -> Sent:
        return self.put_tree(h("div", {"hidden": True}))
