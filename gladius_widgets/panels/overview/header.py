"""ProgressHeader: how far a job is, how long it takes, and how it ended."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Node, clock, h, icon
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.overview import header_model as model
from gladius_widgets.panels.text.badges import Badge


class ProgressHeader(Panel):
    """The progress card of a job: bar, step, epoch, times, state, and why it failed.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        show_errors: called when the reader wants to see the errors of a job that failed.
        client: the door to the jobs.
    """

    def __init__(
        self,
        job: str | None = None,
        *,
        show_errors: Callable[[], object] | None = None,
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        self._show_errors = show_errors
        super().__init__(job, client=client, **unknown)

    def build(self) -> None:
        """Wire the link to the errors."""
        self.on("errors", lambda _payload: self._show_errors and self._show_errors())

    def parts(self) -> Iterable[Part]:
        """Every second at most."""
        return (Part(self._paint, frozenset({topics.STATE}), 1.0),)

    def _paint(self) -> Sent:
        view = model.view(self.job, time.time())
        tone = f"gw-tone-{view.tone}"
        return self.put_tree(
            h(
                "section",
                {
                    "class": f"gw-card gw-card--raised gw-progress {tone}",
                    "aria-label": "Progress",
                },
                h(
                    "div",
                    {"class": "gw-progress__top"},
                    h("span", {"class": "gw-progress__pct"}, view.headline),
                    h("span", {"class": "gw-spacer"}),
                    _badge(view.badge, is_moving=self.job.status.is_active),
                ),
                _bar(view),
                h("div", {"class": "gw-facts"}, [_fact(fact) for fact in view.facts]),
                self._trouble(view.trouble) if view.trouble else None,
            )
        )

    def _trouble(self, trouble: model.Trouble) -> Node:
        see = h(
            "button",
            {"type": "button", "class": "gw-linkbtn gw-nowrap gw-strong"},
            "View Error Log",
            on={"click": "errors"},
        )
        return h(
            "div",
            {"class": "gw-banner gw-tone-red gw-progress__error", "role": "alert"},
            icon("fail"),
            h(
                "div",
                {"class": "gw-banner__t"},
                h("b", {"dir": "auto"}, trouble.title),
                h("div", {"class": "gw-mono", "dir": "auto"}, trouble.message),
            ),
            see if self._show_errors else None,
        )


def _badge(badge: Badge, *, is_moving: bool) -> Node:
    solid = " gw-badge--solid" if badge.tone == "blue" else ""
    motion = badge.motion if is_moving else ""
    return h(
        "span",
        {"class": f"gw-badge gw-tone-{badge.tone} gw-badge--lg{solid}"},
        icon(badge.icon, 14, classes=motion),
        h("span", {"class": "gw-sr"}, "Status: "),
        badge.text,
    )


def _bar(view: model.HeaderView) -> Node:
    percent = round((view.share or 0.0) * 100, 1)
    return h(
        "div",
        {
            "class": "gw-bar gw-bar--16",
            "role": "progressbar",
            "aria-valuenow": f"{percent:g}",
            "aria-valuemin": 0,
            "aria-valuemax": 100,
            "aria-label": view.name,
        },
        h("span", {"class": "gw-bar__f", "style": {"width": f"{percent:g}%"}}),
    )


def _fact(fact: model.Fact) -> Node:
    # The start is known to the second; finer differences between readings would only flicker.
    value = clock(round(fact.since)) if fact.since is not None else fact.value
    flash = {"data-flash": fact.value} if fact.flashes else None
    return h(
        "span",
        {"class": "gw-fact", "title": fact.title or None},
        icon(fact.icon),
        h("span", None, fact.before, h("b", flash, value), fact.after),
        key=fact.icon,
    )
