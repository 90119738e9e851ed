"""StatusBar: the run in one line."""

import time
from collections.abc import Iterable

from gladius_widgets.components import clock, h, icon
from gladius_widgets.panels.controls.actions import actions_of
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.overview import status_bar_model as model

_QUIET_TONES = {"gray", "sky"}


class StatusBar(Panel):
    """State, epoch, loss, health, throughput, and how fresh all that is.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        client: the door to the jobs.
    """

    def build(self) -> None:
        """Wire the button."""
        self.actions = actions_of(self.feed, self.client)
        self.on("use", lambda _payload: self.actions.use("toggle"))

    def parts(self) -> Iterable[Part]:
        """Every second at most; also when nothing comes, so that silence shows."""
        return (Part(self._paint, frozenset({topics.STATE, topics.TICK}), 1.0),)

    def _paint(self) -> Sent:
        job = self.job
        view = model.view(job, time.time())
        tone = None if view.tone in _QUIET_TONES else f"gw-t-{view.tone}"
        beat = job.run.heartbeat if job.run and job.run.heartbeat else job.seen_at
        synced = (
            [icon("clock", 12), "Data from ", clock(round(beat), "ago")]
            if view.stale
            else [icon("check", 12), "Synced ", clock(round(job.seen_at), "age")]
        )
        action = h(
            "span",
            None,
            h("span", {"class": "gw-kbd"}, view.action_keys),
            h(
                "button",
                {"type": "button", "class": "gw-statusbar__b"},
                view.action,
                on={"click": "use"},
            ),
        )
        return self.put_tree(
            h(
                "footer",
                {"class": "gw-statusbar", "aria-label": "Status bar"},
                h("span", {"class": tone}, icon(view.icon, 12), view.state),
                h("span", None, view.epoch),
                h("span", None, view.loss),
                h("span", None, view.health),
                h("span", {"class": "gw-hide-sm"}, view.throughput),
                h("span", {"class": "gw-spacer gw-statusbar__gap"}),
                h("span", {"class": "gw-t-yellow" if view.stale else "gw-hide-sm"}, synced),
                action if view.action else None,
            )
        )
