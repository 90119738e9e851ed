"""TrainingControls: the eight buttons, their shortcuts, and the state they act on."""

from collections.abc import Iterable
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Hotkeys, Node, h, icon
from gladius_widgets.panels.controls import model
from gladius_widgets.panels.controls.actions import actions_of
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.text.badges import Badge, console_badge

HOTKEYS = {
    "F2": "toggle",
    "F3": "stop",
    "F5": "checkpoint",
    "F8": "validate",
    "F9": "tensorboard",
    "Ctrl+Shift+R": "reload",
    "Ctrl+Shift+E": "export",
    "Ctrl+Shift+H": "set",
    "Ctrl+S": "checkpoint",
}


class TrainingControls(Panel):
    """Pause, stop, save, reload, export and so on; each says why when it cannot be used.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        hotkeys: False leaves the keyboard alone.
        client: the door to the jobs.
    """

    def __init__(
        self,
        job: str | None = None,
        *,
        hotkeys: bool = True,
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        self._wants_hotkeys = hotkeys
        self._hotkeys: Hotkeys | None = None
        super().__init__(job, client=client, **unknown)

    def build(self) -> None:
        """Wire buttons and keys to the job's actions."""
        self.actions = actions_of(self.feed, self.client)
        self.on("use", lambda payload: self.actions.use(payload["data"]["control"]))
        if self._wants_hotkeys:
            self._hotkeys = Hotkeys(HOTKEYS)
            for name in set(HOTKEYS.values()):
                self._hotkeys.on(name, lambda _payload, name=name: self.actions.use(name))

    def parts(self) -> Iterable[Part]:
        """Whenever the state changes; twice a second at most."""
        return (Part(self._paint, frozenset({topics.STATE}), 0.5),)

    def end(self) -> None:
        """Give the keys back."""
        if self._hotkeys is not None:
            self._hotkeys.close()

    def _paint(self) -> Sent:
        view = self.actions.controls()
        return self.put_tree(
            h(
                "section",
                {"class": "gw-card gw-card--column", "aria-label": "Training controls"},
                h(
                    "div",
                    {"class": "gw-card__h gw-card__h--line"},
                    h("h2", {"class": "gw-card__t gw-card__t--sm"}, "Training controls"),
                ),
                h(
                    "div",
                    {"class": "gw-ctls__b"},
                    h(
                        "div",
                        {"class": "gw-row gw-row--wrap"},
                        state_badge(console_badge(self.job.status), large=True),
                        h("span", {"class": "gw-spacer"}),
                        _mode(view.mode),
                    ),
                    h("div", {"class": "gw-ctls"}, [_button(c) for c in view.controls]),
                ),
                _footer(view),
            )
        )


def state_badge(badge: Badge, *, large: bool = False) -> Node:
    """The state as a pill; screen readers hear `Status: …`."""
    return h(
        "span",
        {"class": f"gw-badge gw-tone-{badge.tone}{' gw-badge--lg' if large else ''}"},
        icon(badge.icon, 14, classes=badge.motion),
        h("span", {"class": "gw-sr"}, "Status: "),
        badge.text,
    )


def _mode(mode: str) -> Node:
    return h("span", {"class": "gw-soft gw-small"}, "Mode: ", h("b", {"class": "gw-strong"}, mode))


def _button(control: model.Control) -> Node:
    return h(
        "button",
        {
            "type": "button",
            "class": f"gw-ctl{' gw-ctl--danger' if control.danger else ''}",
            "title": control.title,
            "disabled": not control.enabled,
            "data-control": control.name,
        },
        icon(control.icon),
        control.label,
        h("span", {"class": "gw-kbd"}, control.keys),
        on={"click": "use"},
        key=control.icon,  # pause becomes resume: another button, the focus stays at its place
    )


def _footer(view: model.ControlsView) -> Node:
    words = [
        h("span", None, h("span", {"class": "gw-kbd"}, key), word)
        for key, word in model.shortcut_words(view)
    ]
    return h("div", {"class": "gw-ctls__f"}, h("div", {"class": "gw-qa"}, words))
