"""What holds for every component: checked arguments, quiet traits, short names, static files."""

import asyncio
import inspect
import logging
import sys

import bqplot
import ipywidgets
import numpy as np
import pytest
from wire import Wire, recorded, until

from gladius_widgets import components
from gladius_widgets.components import (
    Action,
    ChartOverlay,
    Dialog,
    Element,
    Hotkeys,
    Location,
    Series,
    Terminal,
    Theme,
    Toasts,
    confirm,
    h,
    location,
    on_error,
    stack,
    theme,
    toasts,
)
from gladius_widgets.core import page_files
from gladius_widgets.core.errors import GladiusError


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return recorded(monkeypatch)


def chart(**kwargs) -> ChartOverlay:
    scales = {"x": bqplot.LinearScale(), "y": bqplot.LinearScale()}
    line = bqplot.Lines(x=np.arange(100.0), y=np.arange(100.0), scales=scales)
    return ChartOverlay(bqplot.Figure(marks=[line]), [Series(line, "Train")], **kwargs)


MAKERS = {
    Theme: Theme, Element: Element, Location: Location, Toasts: Toasts, Terminal: Terminal,
    Hotkeys: Hotkeys, Dialog: Dialog, ChartOverlay: chart,
}  # fmt: skip


@pytest.mark.parametrize("kind", MAKERS, ids=lambda kind: kind.__name__)
def test_unknown_arguments_are_named(kind, wire):
    with pytest.raises(TypeError, match=f"{kind.__name__} has no argument 'layuot'.*'layout'"):
        MAKERS[kind](layuot={})


@pytest.mark.parametrize("kind", MAKERS, ids=lambda kind: kind.__name__)
def test_no_trait_hides_a_method_of_widgets(kind):
    own = set(kind.class_traits()) - set(ipywidgets.DOMWidget.class_traits())
    assert not {name for name in own if callable(getattr(ipywidgets.DOMWidget, name, None))}


@pytest.mark.parametrize("kind", MAKERS, ids=lambda kind: kind.__name__)
def test_repr_is_short_and_the_same_each_time(kind, wire):
    texts = {repr(MAKERS[kind]()) for _ in range(2)}
    assert len(texts) == 1
    assert len(texts.pop()) < 60


@pytest.mark.parametrize("kind", MAKERS, ids=lambda kind: kind.__name__)
def test_all_find_the_runtime_of_their_kernel(kind, wire):
    widget = MAKERS[kind]()
    if kind is not Theme:
        assert wire.opened(widget)["_runtime"] == theme()._runtime
    state = wire.opened(widget)
    assert "as default" in state["_esm"]
    bundle = "terminal.js" if kind is Terminal else "page.js"
    assert state["_esm_module"] in page_files.text(bundle)
    assert state["_esm_code"] == (page_files.text(bundle) if state["_esm_file"] else "")


def test_everything_exported_is_documented():
    for name in components.__all__:
        thing = getattr(components, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), name


def test_theme_carries_styles_and_icons_from_the_start(wire):
    state = wire.opened(theme())
    assert ".gw-root" in state["_style"]
    assert "--gw-bg" in state["_style"]
    assert 'id="i-pause"' in state["_icons"]
    # JupyterLab's own page keeps its colours.
    assert "color-scheme: light" not in state["_style"]
    theme().switch("dark")
    assert wire.custom(theme()) == [{"switch": "dark"}]


def test_singletons_are_made_anew_after_their_end(wire):
    first = theme()
    assert theme() is first
    first.close()
    assert theme() is not first


# Element


def test_an_equal_tree_is_not_sent(wire):
    element = Element(h("div", None, "a"))
    element.tree = h("div", None, "a")
    assert wire.updates(element) == []
    element.tree = h("div", None, "b")
    assert wire.updates(element) == [{"tree": h("div", None, "b")}]


def test_slots_are_named_by_model(wire):
    child = Element()
    parent = Element(h("slot", {"name": "x"}), slots={"x": child})
    assert wire.opened(parent)["_slots"] == {"x": child.model_id}
    both = stack(child, Element(), classes="gw-grid2")
    assert [node["a"]["name"] for node in both.tree["c"]] == list(both._slots)


def test_events_reach_their_handlers_until_taken_back(wire):
    element, seen = Element(), []
    off = element.on("pause", seen.append)
    wire.deliver(element, {"name": "pause", "event": "click", "key": "row-1"})
    wire.deliver(element, {"name": "other"})
    wire.deliver(element, {"no name": 1})
    off()
    wire.deliver(element, {"name": "pause"})
    assert [payload["key"] for payload in seen] == ["row-1"]


def test_a_raising_handler_is_logged_and_shown(wire, caplog):
    element = Element()

    def fail(_payload):
        raise GladiusError("The disk is full.", "Free some space.")

    element.on("save", fail)
    with caplog.at_level(logging.ERROR):
        wire.deliver(element, {"name": "save"})
    assert "The disk is full." in caplog.text
    assert [(t["title"], t["text"], t["tone"]) for t in toasts().items] == [
        ("The disk is full.", "Free some space.", "red")
    ]


def test_async_handlers_run_and_their_errors_are_reported(wire):
    async def main():
        element, errors = Element(), []
        off = on_error(errors.append)

        async def fail(_payload):
            await asyncio.sleep(0)
            raise ValueError("later")

        element.on("x", fail)
        wire.deliver(element, {"name": "x"})
        await until(lambda: errors)
        off()
        return errors

    assert [str(error) for error in asyncio.run(main())] == ["later"]


# Toasts


def test_three_toasts_at_most_and_errors_stay(wire):
    box = toasts()
    box.show("broken", tone="red")
    for n in range(4):
        box.show(f"info {n}")
    assert [t["title"] for t in box.items] == ["broken", "info 2", "info 3"]
    for n in range(3):
        box.show(f"error {n}", tone="red")
    assert [t["title"] for t in box.items] == ["error 0", "error 1", "error 2"]
    with pytest.raises(ValueError, match="Did you mean 'green'"):
        box.show("x", tone="gren")  # pyright: ignore[reportArgumentType]


def test_a_toast_leaves_when_done_and_its_action_runs_once(wire):
    seen = []
    box = toasts()
    toast = box.show("Removed", action=("Undo", lambda: seen.append("undone")))
    wire.deliver(box, {"name": "action", "id": toast})
    wire.deliver(box, {"name": "action", "id": toast})
    assert seen == ["undone"]
    assert box.items == []
    other = box.show("x")
    wire.deliver(box, {"name": "expire", "id": other})
    assert box.items == []


# Location


def test_location_knows_the_query_late_and_early(wire):
    seen = []
    place = location()
    place.on("ready", lambda p: seen.append(("early", p["query"])))
    wire.deliver(place, {"name": "ready", "query": {"job": "a"}, "path": "/x", "standalone": True})
    place.on("ready", lambda p: seen.append(("late", p["query"])))
    assert seen == [("early", {"job": "a"}), ("late", {"job": "a"})]
    assert (place.query, place.path, place.standalone) == ({"job": "a"}, "/x", True)
    place.set_query(tab="queue", job=None)
    assert place.query == {"tab": "queue"}
    assert wire.custom(place)[-1] == {"query": {"tab": "queue", "job": None}}
    place.push_query(tab="active")
    assert wire.custom(place)[-1] == {"query": {"tab": "active"}, "push": True}
    place.on("query", lambda p: seen.append(("back", p["query"])))
    wire.deliver(place, {"name": "query", "query": {"tab": "queue"}})
    assert seen[-1] == ("back", {"tab": "queue"})
    assert place.query == {"tab": "queue"}


def test_alive_while_any_page_pings(wire, monkeypatch):
    place, seen = location(), []
    for name in ("alive", "gone"):
        place.on(name, lambda _p, name=name: seen.append(name))
    wire.deliver(place, {"name": "ping", "page": "a", "visible": True, "sent": 1.5})
    assert wire.custom(place)[0]["pong"]["sent"] == 1.5
    wire.deliver(place, {"name": "ping", "page": "b", "visible": False, "sent": 2.0})
    wire.deliver(place, {"name": "bye", "page": "a"})
    assert place.alive
    assert not place.visible
    wire.deliver(place, {"name": "bye", "page": "b"})
    assert seen == ["alive", "gone"]
    assert not place.alive


def test_a_silent_page_is_forgotten_only_at_the_second_look(wire, monkeypatch):
    place = location()
    wire.deliver(place, {"name": "ping", "page": "a", "visible": True, "sent": 1.0})
    page, (seen, visible) = next(iter(place._pages.items()))
    place._pages[page] = (seen - 1000, visible)
    place.check()  # after a long cell, its pings are still in the queue
    assert place.alive
    place.check()
    assert not place.alive


def test_a_thread_beats_for_a_busy_kernel(wire, monkeypatch):
    monkeypatch.setattr(sys.modules[Location.__module__], "BEAT_S", 0.01)
    place = location()
    wire.deliver(place, {"name": "ping", "page": "a", "visible": True, "sent": 1.0})
    beats = asyncio.run(_beats(wire, place))
    wire.deliver(place, {"name": "bye", "page": "a"})
    assert beats >= 3
    place._thread.join(timeout=5)
    assert not place._thread.is_alive()


async def _beats(wire, place) -> int:
    def count():
        return sum("beat" in message for message in wire.custom(place))

    await until(lambda: count() >= 3)
    return count()


def test_a_file_goes_to_the_browser_as_bytes(wire):
    location().download("m.csv", b"a,b\n", "text/csv")
    assert wire.custom(location()) == [{"download": {"filename": "m.csv", "mime": "text/csv"}}]
    assert wire.buffers(location()) == [b"a,b\n"]


def test_a_large_file_goes_in_parts_each_after_the_one_before(wire, monkeypatch, tmp_path):
    monkeypatch.setattr(sys.modules[Location.__module__], "PART_BYTES", 4)
    path = tmp_path / "train.log"
    path.write_bytes(b"0123456789")
    place = location()

    async def use():
        sending = asyncio.ensure_future(place.download_file("a.log", path, "text/plain"))
        for number in range(3):
            await until(lambda: len(wire.custom(place)) == number + 1)  # noqa: B023
            part = wire.custom(place)[-1]["part"]
            assert (part["number"], part["last"]) == (number, number == 2)
            wire.deliver(place, {"name": "part", "transfer": part["transfer"], "number": number})
        return await sending

    assert asyncio.run(use()) == 10
    assert b"".join(wire.buffers(place)) == b"0123456789"
    assert place._parts == {}


def test_a_page_that_takes_no_more_is_told(wire, monkeypatch, tmp_path):
    monkeypatch.setattr(sys.modules[Location.__module__], "PART_WAIT_S", 0.01)
    path = tmp_path / "train.log"
    path.write_bytes(b"0123")
    with pytest.raises(GladiusError, match="stopped taking"):
        asyncio.run(location().download_file("a.log", path))
    with pytest.raises(GladiusError, match="cannot be read"):
        asyncio.run(location().download_file("a.log", tmp_path / "gone"))


# Hotkeys


def test_keys_have_one_spelling(wire):
    keys = Hotkeys({"shift+ctrl+r": "reload", "f2": "pause", "1": "one", "ctrl+e": "x", "+": "in"})
    assert list(keys.bindings) == ["Ctrl+Shift+R", "F2", "1", "Ctrl+E", "+"]
    assert repr(keys) == "Hotkeys(Ctrl+Shift+R, F2, 1, Ctrl+E, +)"


@pytest.mark.parametrize(
    ("key", "words"), [("Cntrl+R", "Did you mean 'Ctrl'"), ("F22", "Did you mean 'F"), ("", "key")]
)
def test_an_unknown_key_is_named(key, words, wire):
    with pytest.raises(ValueError, match=words):
        Hotkeys({key: "x"})


# Dialog


def test_a_dialog_says_what_it_is_and_hides_when_answered(wire):
    seen = []
    dialog = Dialog(
        "Stop?", [h("p", None, "body")], text="Really", tone="danger",
        actions=[Action("back", "Go Back"), Action("check", "Check", closes=False)],
    )  # fmt: skip
    dialog.on("check", lambda _p: seen.append("check"))
    dialog.show()
    state = dialog._tree["a"]
    assert state["role"] == "alertdialog"
    assert state["aria-modal"] == "true"
    assert {state["aria-labelledby"], state["aria-describedby"]} <= ids(dialog._tree)
    wire.deliver(dialog, {"name": "check"})
    assert dialog.shown
    wire.deliver(dialog, {"name": "dismiss"})
    assert not dialog.shown
    assert seen == ["check"]
    dialog.actions = [Action("go", "Go", "primary", icon="play", disabled=True, title="Not yet")]
    assert wire.updates(dialog)[-1]["_tree"] == dialog._tree


def ids(node) -> set[str]:
    if isinstance(node, str):
        return set()
    own = {node["a"]["id"]} if "id" in node.get("a", {}) else set()
    return own.union(*(ids(child) for child in node.get("c", [])))


@pytest.mark.parametrize(
    ("answer", "result"), [("confirm", True), ("back", False), ("dismiss", False)]
)
def test_confirm_waits_for_the_answer(answer, result, wire, monkeypatch):
    made = []

    def show(self):
        made.append(self)

    async def main():
        monkeypatch.setattr(Dialog, "show", show)
        asked = asyncio.create_task(confirm("Stop?", action="Stop", tone="danger"))
        await until(lambda: made)
        wire.deliver(made[0], {"name": answer})
        return await asked, made[0]

    said, dialog = asyncio.run(main())
    assert said is result
    assert dialog.comm is None  # nothing is left behind in the browser


# ChartOverlay


def test_the_overlay_names_figure_and_marks(wire):
    overlay = chart(x_label="Step", x_names={3: "E3"})
    state = wire.opened(overlay)
    assert state["_figure"] == overlay.figure.model_id
    assert state["_series"][0]["mark"] == overlay.series[0].mark.model_id
    assert state["x_names"] == {"3": "E3"}
    assert repr(overlay) == "ChartOverlay(Train)"


def test_zooming_sets_the_scale_then_tells(wire):
    overlay, seen = chart(extent=(0, 100)), []
    scale = overlay.series[0].mark.scales["x"]
    overlay.on("zoom", lambda p: seen.append((p["x0"], p["x1"], scale.min, scale.max)))
    wire.deliver(overlay, {"name": "zoom", "x0": 20, "x1": 40})
    overlay.zoom(0.5)
    wire.deliver(overlay, {"name": "zoom", "x0": -50, "x1": 10})  # moved back inside
    overlay.zoom(100)
    assert seen == [(20, 40, 20, 40), (25, 35, 25, 35), (0, 60, 0, 60), (None, None, 0, 100)]


@pytest.mark.parametrize("range_", [(5, 5), (9, 2), (float("nan"), 3), (float("-inf"), 3)])
def test_senseless_ranges_are_ignored(range_, wire):
    overlay, seen = chart(), []
    overlay.on("zoom", seen.append)
    wire.deliver(overlay, {"name": "zoom", "x0": range_[0], "x1": range_[1]})
    assert seen == []


def test_a_chart_that_does_not_zoom_stays(wire):
    overlay, seen = chart(zoomable=False), []
    overlay.on("zoom", seen.append)
    wire.deliver(overlay, {"name": "zoom", "x0": 1, "x1": 2})
    assert seen == []
    assert overlay.series[0].mark.scales["x"].min is None
