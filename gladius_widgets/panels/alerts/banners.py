"""AlertBanners: a quiet banner for each alert that is on; nothing while all is well."""

import time
from collections.abc import Iterable

from gladius_widgets.components import Node, h, icon
from gladius_widgets.panels.alerts.banners_model import Alert, Firing
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.text.event import stamp


class AlertBanners(Panel):
    """What is too hot, too full or too slow now."""

    def build(self) -> None:
        """What was told before the page was opened counts too."""
        self._firing = Firing()
        self._taken = 0

    def parts(self) -> Iterable[Part]:
        """When an alert comes or goes, and when the job ends."""
        return (Part(self._paint, frozenset({topics.STATE, topics.EVENTS}), 0.5),)

    def _paint(self) -> Sent:
        events = self.feed.events
        self._firing.take(events[self._taken :])
        self._taken = len(events)
        alerts = self._firing.view(self.job)
        if not alerts:
            return self.put_tree(h("div", {"hidden": True}))
        return self.put_tree(h("div", {"class": "gw-stack"}, [_banner(one) for one in alerts]))


def _banner(alert: Alert) -> Node:
    since = stamp(alert.since, time.time())
    moment = f"Since {since.clock}" if not since.day else f"Since {since.day}, {since.clock}"
    return h(
        "div",
        {"class": "gw-banner gw-tone-yellow", "role": "status"},
        icon(alert.icon),
        h("div", {"class": "gw-banner__t"}, h("b", None, alert.title), " ", alert.text),
        h("span", {"class": "gw-small gw-muted gw-nowrap", "title": since.full}, moment),
        key=alert.kind + alert.text,
    )
