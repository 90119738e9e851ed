"""StageIndicator: the four stages of a job as connected segments."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Node, clock, h, icon
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.overview import stages_model as model

# The segment's name says it all at once; what is in sight would say it twice.
_HIDDEN = {"aria-hidden": True}


class StageIndicator(Panel):
    """Preprocessing, model loading, training, finalization: what is over, goes on, or failed.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        details: called when the reader wants to know more of a failure.
        client: the door to the jobs.
    """

    def __init__(
        self,
        job: str | None = None,
        *,
        details: Callable[[], object] | None = None,
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        self._details = details
        super().__init__(job, client=client, **unknown)

    def build(self) -> None:
        """Wire the link to the details."""
        self.on("details", lambda _payload: self._details and self._details())

    def parts(self) -> Iterable[Part]:
        """Every second at most."""
        return (Part(self._paint, frozenset({topics.STATE}), 1.0),)

    def _paint(self) -> Sent:
        segments = model.view(self.job, time.time())
        return self.put_tree(
            h(
                "ol",
                {"class": "gw-stages", "role": "list", "aria-label": "Training stages"},
                [self._segment(segment) for segment in segments],
            )
        )

    def _segment(self, segment: model.Segment) -> Node:
        see = h(
            "button",
            {"type": "button", "class": "gw-linkbtn gw-nowrap gw-strong"},
            "View Details",
            on={"click": "details"},
        )
        aside: Node | None = None
        if segment.since is not None:
            aside = h("span", {"class": "gw-nowrap", **_HIDDEN}, clock(round(segment.since)))
        elif segment.state == "failed" and self._details:
            aside = see
        substatus = {} if segment.state == "active" else _HIDDEN
        return h(
            "li",
            {"class": f"gw-stage gw-stage--{segment.state}"},
            h("span", {"class": "gw-sr"}, segment.name),
            h(
                "span",
                {"class": "gw-stage__i"},
                icon(segment.icon, classes=segment.motion),
                key=segment.icon,
            ),
            h("span", {"class": "gw-stage__n", **_HIDDEN}, segment.title, _badge(segment)),
            h(
                "span",
                {"class": "gw-stage__s"},
                h(
                    "span",
                    {"class": "gw-ellipsis", "title": segment.text, "dir": "auto", **substatus},
                    segment.text,
                ),
                h("span", {"class": "gw-spacer"}),
                aside,
            ),
            _rail(segment.share),
            key=str(segment.stage),
        )


def _badge(segment: model.Segment) -> Node | None:
    word, tone = segment.badge
    if not word:
        return None
    plain = "" if segment.state == "failed" else " gw-badge--plain"
    symbol = icon("fail", 14) if segment.state == "failed" else None
    return h("span", {"class": f"gw-badge gw-tone-{tone} gw-badge--square{plain}"}, symbol, word)


def _rail(share: float | None) -> Node | None:
    if share is None:
        return None
    width = {"width": f"{share * 100:.1f}%"}
    return h("span", {"class": "gw-stage__rail"}, h("i", {"style": width}))
