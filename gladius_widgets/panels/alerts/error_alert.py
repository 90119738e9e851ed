"""ErrorAlert: a banner while a run is in trouble, and the whole story on demand."""

from collections.abc import Callable, Iterable
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Action, Dialog, Node, h, icon
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.controls.actions import actions_of
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.text import alert as model
from gladius_widgets.panels.text import format as fmt


class ErrorAlert(Panel):
    """Nothing while all is well; a banner once the run failed; a dialog when it happens.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        show_log: called when the reader wants to see the log.
        client: the door to the jobs.
    """

    def __init__(
        self,
        job: str | None = None,
        *,
        show_log: Callable[[], object] | None = None,
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        self._show_log = show_log
        super().__init__(job, client=client, **unknown)

    def build(self) -> None:
        """Prepare the dialog; what is wrong already needs no alarm, unless it waits for one."""
        self.actions = actions_of(self.feed, self.client)
        waits = self.job.status == JobStatus.PAUSED
        self._known = None if waits else model.view(self.job, self.feed.events)
        self._dialog = Dialog(kicker="Training error", tone="danger", icon="warn", icon_tone="red")
        self._dialog.on("log", lambda _payload: self._show_log and self._show_log())
        self._dialog.on("resume", lambda _payload: self._resume())
        self.on("details", lambda _payload: self._open())

    def parts(self) -> Iterable[Part]:
        """At once when the state changes."""
        return (Part(self._paint, frozenset({topics.STATE}), 0.5),)

    def end(self) -> None:
        """End the dialog."""
        self._dialog.close()

    def _paint(self) -> Sent:
        view = model.view(self.job, self.feed.events)
        if view is not None and self._known is None:
            self._open(view)
        self._known = view
        return self.put_tree(_banner(view) if view else h("div", {"hidden": True}))

    def _open(self, view: model.AlertView | None = None) -> None:
        view = view or self._known
        if view is None:
            return
        self._dialog.title, self._dialog.text = view.title, view.text
        self._dialog.body = _body(view)
        offer = view.offer
        self._dialog.actions = [
            *([Action("log", "View Logs", icon="term", focus=True)] if self._show_log else []),
            *([Action("resume", offer.label, icon="play", title=offer.why)] if offer else []),
            Action("close", "Close", "primary"),
        ]
        self._dialog.show()

    async def _resume(self) -> None:
        offer = self._known.offer if self._known else None
        if offer is not None:
            await self.actions.resume(offer.changes)


def _banner(view: model.AlertView) -> Node:
    return h(
        "div",
        {"class": "gw-banner gw-tone-red", "role": "alert"},
        icon("warn"),
        h("div", {"class": "gw-banner__t"}, h("b", None, view.title), " ", view.text),
        h(
            "button",
            {"type": "button", "class": "gw-btn gw-btn--sm"},
            "View Details",
            on={"click": "details"},
        ),
    )


def _memory(autopsy: model.Autopsy) -> Node | None:
    """How full the device was as it ran out; nothing where it did not tell."""
    used, total = autopsy.used_bytes, autopsy.total_bytes
    if not used or not total:
        return None
    share, words = min(1.0, used / total), f"{fmt.gib(used)} / {fmt.gib(total)} GiB"
    return h(
        "div",
        {"style": {"margin-bottom": "8px"}},
        h(
            "div",
            {"class": "gw-row gw-small"},
            h("span", {"class": "gw-soft"}, "Memory of the device"),
            h("span", {"class": "gw-spacer"}),
            h("b", {"class": "gw-t-red"}, words),
        ),
        h(
            "div",
            {
                "class": "gw-bar gw-bar--8 gw-tone-red",
                "style": {"margin-top": "6px"},
                "role": "progressbar",
                "aria-label": f"Memory of the device: {words}",
                "aria-valuemin": 0,
                "aria-valuemax": 100,
                "aria-valuenow": f"{share * 100:.0f}",
            },
            h("span", {"class": "gw-bar__f", "style": {"width": f"{share * 100:.1f}%"}}),
        ),
    )


def _body(view: model.AlertView) -> list[Node]:
    kept = h(
        "div",
        {"class": "gw-well"},
        _memory(view.autopsy) if view.autopsy else None,
        h(
            "div",
            {"class": "gw-row gw-small gw-soft"},
            icon("save", 14),
            h("span", None, view.kept),
        ),
    )
    if not view.suggestions:
        return [kept]
    items = [
        h(
            "li",
            None,
            icon("arr-r", 14),
            h("span", {"class": "gw-impact__t"}, suggestion.text),
            h("span", {"class": "gw-muted"}, suggestion.now),
        )
        for suggestion in view.suggestions
    ]
    title = h("h3", {"class": "gw-modal__sub"}, "Suggestions")
    return [kept, h("div", None, title, h("ul", {"class": "gw-impact"}, items))]
