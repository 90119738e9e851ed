"""The queue tab in the kernel: what it sends, what it says when the queue cannot be read."""

import asyncio
import json

import pytest
from wire import Wire, recorded, until

from gladius_widgets import Client, QueuePanel
from gladius_widgets.components import toasts
from gladius_widgets.panels.text.links import new_job_url

CONFIG = """\
model:
  name: tiny
data:
  path: pypi:chitchat-dataset
resources:
  device: cpu
"""


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return recorded(monkeypatch)


@pytest.fixture
def client(home, tmp_path) -> Client:
    """Three held jobs in a queue that so stands still."""
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    client = Client(home, user="ada")
    for name in ("first", "second", "third"):
        client.submit(tmp_path / "tiny.yaml", name, held=True)
    return client


def names(client: Client) -> list[str]:
    return [queued.job.name for queued in client.queue().waiting]


def job_id(client: Client, name: str) -> str:
    return client.job(name).id


def key(panel: QueuePanel, name: str, pressed: str) -> None:
    payload = {"event": "keydown", "name": "lift-key", "key": name, "keys": {"key": pressed}}
    Wire.deliver(panel, payload)


async def opened(client: Client) -> QueuePanel:
    """A panel that has looked once."""
    panel = QueuePanel(client=client)
    await until(lambda: panel._queue is not None or panel._failed)
    return panel


def test_unknown_arguments_are_named(wire, client):
    with pytest.raises(TypeError, match=r"QueuePanel has no argument 'clent'.*'client'"):
        QueuePanel(clent=client)


def test_a_queue_that_stands_still_sends_nothing(wire, client):
    async def main():
        panel = await opened(client)
        sent = len(wire.messages)
        await panel._look_again()
        await panel._look_again()
        assert len(wire.messages) == sent
        panel.close()

    asyncio.run(main())


def test_a_queue_that_cannot_be_read_says_so_and_recovers(wire, client):
    async def main():
        client.home.settings.write_text("slots: many\n")
        panel = await opened(client)
        assert "The queue cannot be read" in json.dumps(panel.tree)
        assert "slots" in json.dumps(panel.tree)
        client.home.settings.write_text("slots: 2\n")
        await panel._look_again()
        assert "0 of 2 slots" in json.dumps(panel.tree)
        client.home.settings.write_text("slots: many\n")
        await panel._look_again()
        shown = json.dumps(panel.tree)
        assert "0 of 2 slots" in shown  # what was seen last, with its age
        assert "Last updated" in shown
        panel.close()

    asyncio.run(main())


def test_keys_faster_than_the_page_are_not_lost(wire, client):
    """Space, two arrows and Space, all sent before anything has come back."""

    async def main():
        panel, third = await opened(client), job_id(client, "third")
        lift = {"event": "keydown", "name": "lift", "key": third, "keys": {"key": " "}}
        Wire.deliver(panel, lift)
        key(panel, third, "ArrowUp")
        key(panel, third, "ArrowUp")
        Wire.deliver(panel, lift)
        await until(lambda: names(client) == ["third", "first", "second"])
        panel.close()

    asyncio.run(main())


def test_keys_without_a_lifted_card_do_nothing(wire, client):
    async def main():
        panel, third = await opened(client), job_id(client, "third")
        before = panel.tree
        for pressed in ("ArrowUp", "Home", "Escape"):
            key(panel, third, pressed)
        assert panel.tree == before
        panel.close()

    asyncio.run(main())


def test_what_another_has_moved_stays_and_this_one_is_told(wire, client):
    """The page is a second old: both move the same card."""

    async def main():
        panel = await opened(client)
        first, third = job_id(client, "first"), job_id(client, "third")
        Client(client.home, user="bob").reorder(third, before=first)
        drop = {"event": "drop", "name": "reorder", "dragged": third, "before": None, "key": None}
        Wire.deliver(panel, drop)
        await until(lambda: toasts().items)
        [toast] = toasts().items
        assert toast["tone"] == "yellow"
        assert "'third'" in toast["title"]
        assert names(client) == ["third", "first", "second"]
        panel.close()

    asyncio.run(main())


def test_a_card_that_has_gone_is_told(wire, client):
    async def main():
        panel = await opened(client)
        act = {"event": "click", "name": "act", "key": "gone-000000", "data": {"action": "hold"}}
        Wire.deliver(panel, act)
        await until(lambda: toasts().items)
        assert toasts().items[0]["title"] == "The job has left the queue"
        panel.close()

    asyncio.run(main())


def test_where_slots_and_the_new_job_lead(wire, client):
    opened = []
    panel = QueuePanel(client=client)
    panel.open_job, panel.open_form = opened.append, lambda: opened.append("form")
    Wire.deliver(panel, {"event": "click", "name": "open", "key": "a-job"})
    Wire.deliver(panel, {"event": "click", "name": "create", "key": None})
    assert opened == ["a-job", "form"]
    panel.open_form = None
    Wire.deliver(panel, {"event": "click", "name": "create", "key": None})
    assert any(new_job_url() in str(message) for message in wire.messages)
    panel.close()
