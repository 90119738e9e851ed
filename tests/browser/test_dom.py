"""A page that is watched for long, and gone about in, holds no more than at its beginning."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from held_runs import HeldRun, holder
from live_job import start_pages
from playwright.sync_api import Locator, Page, expect
from recorded_runs import install
from support import wait_until

BARS = """
import asyncio
from gladius_widgets.components import Element, h, stack
from gladius_widgets.panels.charts.bars import ShareBars

experts = 8
chart = ShareBars("Load", threshold=0.5, with_track=True)
counted = Element(h("p", {"id": "drawn"}, "0"))

def show(turn):
    shares = [((number + turn) % experts + 1) / (experts + 1) for number in range(experts)]
    tones = ["green" if share > 0.5 else "yellow" for share in shares]
    texts = [f"{share:.0%}" for share in shares]
    chart.show(shares, [f"E{number}" for number in range(experts)], tones, texts, texts)

async def draw(_payload):
    for turn in range(1, 61):
        show(turn)
        await asyncio.sleep(0.01)
    counted.tree = h("p", {"id": "drawn"}, "60")

show(0)
button = Element(h("button", {"type": "button", "id": "draw"}, "Draw", on={"click": "draw"}))
button.on("draw", draw)
page = stack(button, counted, chart.overlay)
page
"""
COUNT = "() => document.querySelectorAll('.bqplot *').length"
WARM, TRIPS, SPARE_NODES, SPARE_LISTENERS = 3, 10, 20, 10


@pytest.fixture(scope="module")
def server(serve_notebooks):
    return serve_notebooks({"bars": BARS})


def test_bars_that_are_drawn_again_leave_nothing_behind(server, open_page):
    page = open_page(server.url("/voila/render/bars.ipynb"))
    expect(page.locator(".bqplot .bargroup rect")).to_have_count(16)
    before = page.evaluate(COUNT)
    page.locator("#draw").click()
    expect(page.locator("#drawn")).to_have_text("60")
    # The last drawing may come after the words: what it adds, it takes away.
    page.wait_for_function(f"({COUNT})() <= {before + 2}")
    assert page.evaluate(COUNT) <= before + 2


@pytest.fixture(scope="module")
def gladius(start_server, tmp_path_factory) -> Iterator[tuple]:
    """Our pages, and what to fill in where an address names jobs."""
    server = start_pages(start_server, tmp_path_factory.mktemp("dom"))
    runs = {name: install(server.home, name, name).id for name in ("completed",)}
    with holder() as identity:
        run = HeldRun(server.home, "training", identity)
        run.attempt(1, time.time() - 300)
        run.steps(40)
        run.beat(step=40)
        run.index()
        yield server, runs | {"training": run.run.id}
    server.stop()


def tab(page: Page, name: str) -> None:
    one = page.get_by_role("tab", name=name)
    one.click()
    expect(one).to_have_attribute("aria-selected", "true")


def turn_tabs(page: Page) -> None:
    tab(page, "Event Log")
    expect(page.get_by_role("tabpanel")).to_contain_text("Run completed")
    expect(page.locator(".gw-fig--loss")).not_to_be_visible()
    tab(page, "Overview")
    expect(page.locator(".gw-fig--loss path.line").first).to_be_visible()


def open_event(page: Page) -> None:
    row = page.locator(EVENT).first
    row.click()
    expect(page.locator(".gw-detail")).to_have_count(1)
    expect(page.locator(".gw-event__more")).to_contain_text(re.compile(r"\w"))
    row.click()
    expect(page.locator(".gw-detail")).to_have_count(0)


def turn_lists(page: Page) -> None:
    tab(page, "Queue")
    expect(page.locator(".gw-queuetab")).to_be_visible()
    for name in ("Active", "Completed", "All Jobs"):
        tab(page, name)
        expect(page.locator(".gw-jobname").first).to_be_visible()


def cancelled(page: Page, opener: Locator) -> None:
    opener.click()
    dialog = page.get_by_role("dialog").or_(page.get_by_role("alertdialog"))
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def open_dialogs(page: Page) -> None:
    for name in ("Stop Training", "Adjust Hyperparams", "Export Metrics"):
        cancelled(page, page.locator(".gw-ctls").get_by_role("button", name=name))


def open_search(page: Page) -> None:
    page.locator(".gw-term__b").first.click()
    page.keyboard.press("Control+f")
    field = page.get_by_role("searchbox")
    expect(field).to_be_visible()
    field.press("Escape")
    expect(field).to_have_count(0)


def open_bulk(page: Page) -> None:
    page.get_by_label("Select training").check()
    cancelled(page, page.get_by_role("button", name="Cancel Jobs…"))
    page.get_by_label("Select training").uncheck()


JOB, CONSOLE = ".gw-fig--loss path.line", ".gw-statusbar"
TABLE = ".gw-jobname"
EVENT = ".gw-table--events tr[data-number]"


@pytest.mark.parametrize(
    ("path", "drawn", "trip"),
    [
        ("job.ipynb?job={completed}", JOB, turn_tabs),
        (
            "job.ipynb?job={completed}&tab=event-log",
            ".gw-table--events tr[data-number]",
            open_event,
        ),
        ("jobs.ipynb", TABLE, turn_lists),
        ("jobs.ipynb", TABLE, open_bulk),
        ("console.ipynb?job={training}", CONSOLE, open_dialogs),
        ("console.ipynb?job={completed}", CONSOLE, open_search),
    ],
)
def test_a_round_trip_leaves_nothing_behind(
    gladius, open_page, path: str, drawn: str, trip: Callable[[Page], None]
):
    server, runs = gladius
    page = open_page(server.url("voila/render/" + path.format(**runs)))
    expect(page.locator(drawn).first).to_be_attached(timeout=60_000)
    for _ in range(WARM):
        trip(page)
    held = Held(page)
    # A job that goes on may look another way once; what leaks, leaks with each trip.
    assert held.is_flat_over(page, trip) or held.is_flat_over(page, trip), held.look()


SEEN = """async () => {
  const models = Object.values(window.jupyterapp._widgetManager._models);
  const counts = { shown: [], hidden: [] };
  for (const model of await Promise.all(models)) {
    if (typeof model.get("_view_count") !== "number") continue;
    for (const view of await Promise.all(Object.values(model.views)))
      counts[view.el.closest("[hidden]") ? "hidden" : "shown"].push(model.get("_view_count"));
  }
  return counts;
}"""


def test_what_a_hidden_tab_holds_is_not_counted_as_seen(gladius, open_page):
    server, runs = gladius
    page = open_page(server.url(f"voila/render/job.ipynb?job={runs['completed']}"))
    expect(page.locator(JOB).first).to_be_attached(timeout=60_000)
    for _ in range(2):
        counts = page.evaluate(SEEN)
        assert len(counts["shown"]) > 5
        assert set(counts["shown"]) == {1}
        tab(page, "Event Log")
        expect(page.locator(EVENT).first).to_be_visible()
        page.wait_for_function(f"({SEEN})().then(({{hidden}}) => hidden.every((n) => n === 0))")
        counts = page.evaluate(SEEN)
        assert len(counts["hidden"]) > 2
        assert set(counts["shown"]) == {1}
        tab(page, "Overview")
        page.wait_for_function(f"({SEEN})().then(({{shown}}) => shown.every((n) => n === 1))")


class Held:
    """What a page holds once its garbage is gone."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable")

    def is_flat_over(self, page: Page, trip: Callable[[Page], None]) -> bool:
        """Whether trips leave nothing behind."""
        nodes, listeners = self.look()
        for _ in range(TRIPS):
            trip(page)

        def is_flat() -> bool:
            now = self.look()
            return now[0] <= nodes + SPARE_NODES and now[1] <= listeners + SPARE_LISTENERS

        try:  # what fades away, such as a tooltip or an answer on its way, may take its time
            return wait_until(is_flat, 10)
        except TimeoutError:
            return False

    def look(self) -> tuple[int, int]:
        """Nodes, in the document or not, and listeners."""
        self._session.send("HeapProfiler.collectGarbage")
        told = self._session.send("Performance.getMetrics")["metrics"]
        known = {metric["name"]: int(metric["value"]) for metric in told}
        return known["Nodes"], known["JSEventListeners"]
