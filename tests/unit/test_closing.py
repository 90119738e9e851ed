"""What a closed widget leaves behind: nothing."""

import asyncio
import gc
import inspect
import weakref
from collections import Counter
from typing import Any

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances as held_by_ipywidgets
from recorded_runs import install

import gladius_widgets
from gladius_widgets.components import Element, Terminal, events, location, stack
from gladius_widgets.panels.live import feed as feeds
from gladius_widgets.panels.live.panel import default_client

WIDGETS = sorted(
    name
    for name in gladius_widgets.__all__
    if inspect.isclass(found := getattr(gladius_widgets, name))
    and issubclass(found, ipywidgets.Widget)
)
WITHOUT_JOB = {"JobsPage", "JobsTable", "NewJobPage", "QueuePanel"}


@pytest.fixture
def make(home):
    """Makes a public widget over a recorded run, by its name."""
    runs = [install(home, "completed").id, install(home, "failed").id]

    def made(name: str) -> Any:
        arguments = {"CompareJobs": [runs]} | {key: [] for key in WITHOUT_JOB}
        return getattr(gladius_widgets, name)(*arguments.get(name, runs[:1]))

    default_client.cache_clear()  # that of the home of another test
    yield made
    default_client.cache_clear()


def left_after_closing(make: Any, name: str) -> Counter[str]:
    """The widgets, by type, that ipywidgets holds after one was made and closed."""
    make(name).close()  # what there is one of in a kernel stays
    gc.collect()
    before = set(held_by_ipywidgets)
    make(name).close()
    gc.collect()
    return Counter(type(held_by_ipywidgets[one]).__name__ for one in {*held_by_ipywidgets} - before)


@pytest.mark.parametrize("name", WIDGETS)
def test_a_closed_widget_is_freed(make, name):
    widget = make(name)
    alive = weakref.ref(widget)
    widget.close()
    del widget
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("name", WIDGETS)
def test_a_closed_widget_closes_all_that_it_showed(make, name):
    assert not left_after_closing(make, name)


@pytest.mark.parametrize("name", WIDGETS)
def test_closing_twice_is_closing_once(make, name):
    widget = make(name)
    widget.close()
    widget.close()  # as ipywidgets does when the widget is freed


@pytest.mark.parametrize("name", WIDGETS)
def test_a_widget_that_watched_is_freed(make, name):
    """In a kernel, where tasks run and pages are alive."""

    async def watch() -> weakref.ref[Any]:
        widget = make(name)
        location()._message("ping", {"page": "one", "sent": 0.0, "visible": True}, [])
        await asyncio.sleep(0)
        widget.close()
        location()._message("bye", {"page": "one"}, [])
        for task in list(events._tasks):
            task.cancel()
        await asyncio.gather(*events._tasks, return_exceptions=True)
        return weakref.ref(widget)

    alive = asyncio.run(watch())
    gc.collect()
    assert alive() is None
    assert not feeds._feeds


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pytest would hold bqplot's
def test_nothing_grows_with_openings(make):
    """Objects that the collector knows, over openings of the page that holds most: 12,000 each."""

    def objects_after(openings: int) -> int:
        for _ in range(openings):
            make("TrainingConsole").close()
        gc.collect()
        return len(gc.get_objects())

    objects_after(3)
    first, last = objects_after(1), objects_after(20)
    assert last - first < 20 * 2


def test_an_element_closes_what_stands_in_its_slots():
    inner = Terminal()
    outer = stack(Element(slots={"log": inner}))
    outer.close()
    assert inner.comm is None
