"""Messages of the browser that were long on their way."""

import time

import pytest
from wire import Wire, recorded

from gladius_widgets.components import Element, line, location, toasts


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    monkeypatch.setattr(line, "_held", {})
    return recorded(monkeypatch)


@pytest.fixture
def pressed(wire: Wire) -> list[dict]:
    """What reached the handler of the element that `press` presses."""
    return []


@pytest.fixture
def press(wire, pressed):
    element = Element()
    element.on("save", pressed.append)

    def send(age_s: float, message_id: str = "page:1") -> None:
        sent = {"at": time.monotonic() - age_s, "id": message_id, "label": "Save"}
        wire.deliver(element, {"name": "save", "event": "click", "_sent": sent})

    return send


def answer(wire: Wire, message_id: str, is_meant: bool) -> None:
    wire.deliver(location(), {"name": "confirm", "id": message_id, "isMeant": is_meant})


def told() -> list[str]:
    return [toast["title"] for toast in toasts().items]


def test_a_fresh_message_runs_at_once_and_without_its_stamp(press, pressed):
    press(0.2)
    assert pressed == [{"name": "save", "event": "click"}]


def test_an_old_message_never_runs_and_that_is_said(press, pressed, wire):
    press(12)
    assert not pressed
    (toast,) = toasts().items
    assert toast["title"] == "Save was refused"
    assert "12 s ago" in toast["text"]
    answer(wire, "page:1", True)
    assert not pressed


def test_what_is_neither_fresh_nor_old_runs_if_the_page_still_means_it(press, pressed, wire):
    press(3)
    assert not pressed
    assert wire.custom(location())[-1] == {"confirm": "page:1"}
    answer(wire, "page:1", True)
    answer(wire, "page:1", True)
    assert len(pressed) == 1
    assert not told()


def test_what_was_sent_before_the_line_went_down_does_not_run(press, pressed, wire):
    press(3)
    answer(wire, "page:1", False)
    answer(wire, "page:1", True)
    assert not pressed
    assert told() == ["Save was refused"]


def test_an_answer_that_comes_too_late_is_none(press, pressed, wire, monkeypatch):
    press(3)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 4)
    answer(wire, "page:1", True)
    assert not pressed
    assert told() == ["Save was refused"]


@pytest.mark.parametrize("stamp", [7, "x", {}, {"at": "soon", "id": 1}, {"at": None, "id": "a"}])
def test_a_stamp_that_is_none_is_old(stamp, wire):
    pressed = []
    element = Element()
    element.on("save", pressed.append)
    wire.deliver(element, {"name": "save", "_sent": stamp})
    assert not pressed
    assert told() == ["That was refused"]


def test_a_page_whose_socket_was_replaced_gets_all_state_again(wire):
    element = Element()
    element.root_class = "gw-x"
    wire.messages.clear()
    wire.deliver(location(), {"name": "back"})
    (state,) = wire.updates(element)
    assert state["root_class"] == "gw-x"
    assert state["tree"] == element.tree
