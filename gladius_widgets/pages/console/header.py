"""HeaderBar: the console's top bar with the job's name, state, pause and stop."""

from collections.abc import Callable, Iterable
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Node, h, icon
from gladius_widgets.pages.shared import bars
from gladius_widgets.panels.controls import model as controls_model
from gladius_widgets.panels.controls.actions import actions_of
from gladius_widgets.panels.controls.panel import state_badge
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.overview.status_bar_model import is_stale
from gladius_widgets.panels.text.badges import console_badge


class HeaderBar(Panel):
    """The console's top bar.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        back: called when the reader wants to go back to the list.
        client: the door to the jobs.
    """

    def __init__(
        self,
        job: str | None = None,
        *,
        back: Callable[[], object] | None = None,
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        self._back = back
        super().__init__(job, client=client, **unknown)

    def build(self) -> None:
        """Wire the buttons."""
        self.actions = actions_of(self.feed, self.client)
        self.on("use", lambda payload: self.actions.use(payload["data"]["control"]))
        self.on("back", lambda _payload: self._back and self._back())

    def parts(self) -> Iterable[Part]:
        """When the state changes, or news stay out."""
        return (Part(self._paint, frozenset({topics.STATE, topics.TICK}), 0.5),)

    def _paint(self) -> Sent:
        view = self.actions.controls()
        first, stop = view.controls[0], view["stop"]
        return self.put_tree(
            h(
                "header",
                {"class": "gw-appbar gw-appbar--console"},
                bars.brand("Gladius Training Console", hides=True),
                bars.separator(),
                h("h1", {"class": "gw-soft gw-ellipsis gw-appbar__job"}, self.job.name),
                state_badge(console_badge(self.job.status)),
                bars.spacer(),
                bars.live(is_live=not is_stale(self.job), classes="gw-hide-md"),
                _button(first, "gw-btn"),
                _button(stop, "gw-btn gw-btn--danger-quiet"),
                bars.separator("gw-hide-sm"),
                *self._leaving(view),
            )
        )

    def _leaving(self, view: controls_model.ControlsView) -> list[Node | None]:
        settings = view["set"]
        gear = {"disabled": not settings.enabled, "data-control": "set", "title": settings.title}
        can_leave = self._back is not None
        back = h(
            "button",
            {
                "type": "button",
                "class": "gw-btn gw-btn--sm gw-btn--ghost gw-btn--narrow",
                "title": "Back to the jobs list (Alt ←)",
                "aria-label": "Back",
            },
            icon("arr-l", 14),
            h("span", None, "Back"),
            on={"click": "back"},
        )
        return [
            back if can_leave else None,
            bars.theme_button(),
            bars.icon_button("gear", "Training settings", attrs=gear, on="use"),
            bars.user(self.client.user, "gw-hide-sm"),
            bars.icon_button("x", "Close console", on="back") if can_leave else None,
        ]


def _button(control: controls_model.Control, classes: str) -> Node:
    return h(
        "button",
        {
            "type": "button",
            "class": f"{classes} gw-btn--sm",
            "title": control.title,
            "disabled": not control.enabled,
            "data-control": control.name,
        },
        icon(control.icon, 14),
        h("span", None, control.short),
        on={"click": "use"},
        key=control.icon,
    )
