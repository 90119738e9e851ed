"""Events of a run as toasts: each piece of news is said once."""

import asyncio
import time
from dataclasses import replace

import pytest

from gladius_widgets.client import Client
from gladius_widgets.components import notifier, toasts
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.pages.shared.notices import Notices
from gladius_widgets.panels.controls.actions import JobActions
from gladius_widgets.panels.live.feed import feed_of
from gladius_widgets.store.run.events import Event

CONFIG = {"model": {"name": "m"}, "data": {"path": "hub/data"}}
SAVED = Event(
    time=1.0,
    type="checkpoint",
    message="Checkpoint saved: checkpoints/step-00000004 (0.05 s)",
    payload={"step": 4},
    source="trainer",
    attempt=1,
)


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr("gladius_widgets.client.client.ensure_supervisor", lambda _home: None)
    client = Client(tmp_path)
    job = client.submit(TrainingConfig.model_validate(CONFIG), "moe")
    feed = feed_of(client.run(job.id), client)
    actions = JobActions(feed, client)
    toasts().items = []
    yield Notices(feed, actions), actions
    feed.leave()


def test_a_checkpoint_by_itself_is_told(page):
    notices, _ = page
    notices._show([SAVED])
    assert [toast["title"] for toast in toasts().items] == ["Checkpoint saved"]


def test_hostile_text_is_made_visible(page):
    notices, _ = page
    text = "\x1b[31mred\x1b[0m \u202eleft"
    notices._show([replace(SAVED, type="error", message=text)])
    assert [toast["text"] for toast in toasts().items] == ["red \\u202eleft"]


def test_a_failure_among_much_else_is_told_to_who_looks_elsewhere(page, monkeypatch):
    notices, _ = page
    told = []
    monkeypatch.setattr(notifier(), "tell", lambda title, *_, **__: told.append(title))
    failed = replace(SAVED, type="status", message="Out of memory", payload={"status": "failed"})
    notices._show([failed, SAVED, SAVED, failed, SAVED, SAVED, SAVED])
    assert told == ["moe has failed"]


@pytest.mark.parametrize("name", ["checkpoint", "pause", "stop"])
def test_one_that_the_reader_asked_for_is_told_by_its_answer_alone(page, name):
    notices, actions = page
    actions.pending = name
    notices._show([SAVED])
    actions.pending, actions.used = "", (name, time.monotonic())  # the answer came first
    notices._show([SAVED])
    assert toasts().items == []
    actions.used = (name, time.monotonic() - 60)
    notices._show([SAVED])
    assert len(toasts().items) == 1


def test_a_control_that_waits_for_its_answer_is_not_used_again(page, monkeypatch):
    _, actions = page
    asked = []
    monkeypatch.setattr(actions, "_handlers", {"checkpoint": lambda: asked.append(1)})
    actions.pending = "checkpoint"
    asyncio.run(actions.use("checkpoint"))
    assert asked == []
