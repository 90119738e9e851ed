"""HomeBar: one line under a page's header while its home cannot be written."""

import asyncio
from contextlib import suppress
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Element, Node, h, icon, location
from gladius_widgets.components import events as page_events
from gladius_widgets.core.errors import HomeError
from gladius_widgets.panels.text import home as model

_LOOK_S = 2.0


class HomeBar(Element):
    """Nothing while all is well; why nothing can be changed, for as long as that is so.

    Args:
        client: the door to the home.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._task: asyncio.Task[Any] | None = None
        super().__init__(_bar(None))
        self._stop_first = page_events.begin(self._look())
        self._undo = [
            location().on("alive", self._start),
            location().on("gone", self._stop),
        ]

    def end(self) -> None:
        """Stop looking."""
        self._stop_first()
        self._stop()
        for undo in self._undo:
            undo()

    def _start(self, _payload: object = None) -> None:
        if self._task is None and page_events.on_loop():
            self._task = page_events.spawn(self._keep_looking())

    def _stop(self, _payload: object = None) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = None

    async def _keep_looking(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(_LOOK_S)

    async def _look(self) -> None:
        with suppress(OSError):  # the disk is away: the next look may find it
            self._show(await page_events.in_thread(self._client.trouble))

    def _show(self, trouble: HomeError | None) -> None:
        tree = _bar(model.view(trouble))
        if tree != self.tree:
            self.tree = tree

    def __repr__(self) -> str:
        return "HomeBar()"


def _bar(view: model.HomeView | None) -> Node:
    if view is None:
        return h("div", {"hidden": True})
    return h(
        "div",
        {"class": f"gw-homebar gw-tone-{view.tone}", "role": "status"},
        icon(view.icon),
        h("div", {"class": "gw-banner__t"}, h("b", None, view.title), " ", view.text),
    )
