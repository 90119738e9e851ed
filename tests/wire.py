"""The wire between a widget and the browser, recorded: a real comm that goes nowhere."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import comm
import ipywidgets
import pytest
from comm.base_comm import BaseComm

from gladius_widgets.components import events


@dataclass
class Wire:
    """What was sent, in order: (comm id, kind, data, buffers)."""

    messages: list[tuple[str, str, dict[str, Any], list[bytes]]] = field(default_factory=list)

    def custom(self, widget: ipywidgets.Widget) -> list[dict[str, Any]]:
        """The custom messages of a widget."""
        return [
            data["content"]
            for comm_id, kind, data, _ in self.messages
            if comm_id == widget.model_id and kind == "comm_msg" and data["method"] == "custom"
        ]

    def buffers(self, widget: ipywidgets.Widget) -> list[bytes]:
        """The buffers of a widget's custom messages, joined for each."""
        return [
            b"".join(bytes(b) for b in buffers)
            for comm_id, kind, data, buffers in self.messages
            if comm_id == widget.model_id and kind == "comm_msg" and data["method"] == "custom"
        ]

    def updates(self, widget: ipywidgets.Widget) -> list[dict[str, Any]]:
        """The trait updates of a widget."""
        return [
            data["state"]
            for comm_id, kind, data, _ in self.messages
            if comm_id == widget.model_id and kind == "comm_msg" and data["method"] == "update"
        ]

    def opened(self, widget: ipywidgets.Widget) -> dict[str, Any]:
        """The state with which a widget was opened."""
        [state] = [
            data["state"]
            for comm_id, kind, data, _ in self.messages
            if comm_id == widget.model_id and kind == "comm_open"
        ]
        return state

    @staticmethod
    def deliver(widget: ipywidgets.Widget, content: dict[str, Any]) -> None:
        """Have a widget receive a custom message of the browser."""
        message = {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
        widget._handle_msg(message)


def recorded(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """A wire on which all widgets made from now on send."""
    wire = Wire()

    class Recording(BaseComm):
        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **_):
            wire.messages.append((self.comm_id, msg_type, data or {}, buffers or []))

    monkeypatch.setattr(comm, "create_comm", Recording)
    for name in ("theme", "location", "toasts"):
        module = sys.modules[f"gladius_widgets.components.{name}"]
        monkeypatch.setattr(module, "_current", None)
    monkeypatch.setattr(events, "_listeners", [])
    return wire


async def until(done: Callable[[], Any], limit_s: float = 5) -> None:
    """Wait until `done()` is true."""
    async with asyncio.timeout(limit_s):
        while not done():  # noqa: ASYNC110 - what it looks at are not our own events
            await asyncio.sleep(0.002)
