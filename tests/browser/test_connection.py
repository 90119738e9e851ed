"""A line that is cut: it is said at once, nothing pressed meanwhile runs, the page comes back."""

import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from proxy import Proxy

from gladius_widgets.core.paths import Home

CUTS = [("silence", 5), ("close", 5), ("silence", 20)]
if os.environ.get("GLADIUS_LONG_CUTS"):  # minutes
    CUTS += [("close", 20), ("silence", 90), ("close", 90)]
PAGE = """
import time
from gladius_widgets.components import *
from gladius_widgets.pages.shared import bars

done = []
said = Element(h("p", {"id": "said"}))
def do(name):
    done.append(name)
    said.tree = h("p", {"id": "said"}, " ".join(done))
buttons = [h("button", {"id": n}, h("span", None, n), on={"click": n}) for n in ("one", "two")]
bar = Element(h("div", {"style": {"height": "3000px"}}, bars.live(is_live=True, classes=""),
                clock(time.time() - 60, classes="age"), h("input", {"id": "field"}), buttons))
for name in ("one", "two"):
    bar.on(name, lambda p, name=name: do(name))
keys = Hotkeys({"F2": "pause"})
keys.on("pause", lambda p: do("pause"))
place = location()
place.on("ready", lambda p: do(p["query"].get("job", "none")))
parts = {"bar": bar, "said": said}
Element(h("div", {"class": "gw-app"}, [h("slot", {"name": n}) for n in parts]), parts)
"""


@pytest.fixture(scope="module")
def server(serve_notebooks: Callable):
    return serve_notebooks({"jobs": PAGE}, unwatched_s=60)


@pytest.fixture
def proxy(server) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def page(server, proxy, open_page, console_errors) -> Iterator[Page]:
    """The page, seen through the proxy; what the browser says of lines that are cut is no error."""
    page = open_page(
        server.url("voila/render/jobs.ipynb?job=abc").replace(f":{server.port}/", f":{proxy.port}/")
    )
    expect(page.locator("#said")).to_have_text("abc")
    page.click("#one")
    expect(page.locator("#said")).to_have_text("abc one")
    yield page
    console_errors[:] = [error for error in console_errors if not is_of_a_cut_line(error)]


def is_of_a_cut_line(error: str) -> bool:
    """Whether the browser itself reports what found nobody, or no longer the page's kernel."""
    return any(word in error for word in ("net::ERR", "WebSocket", "/api/kernels/"))


def lost(page: Page):
    return page.locator("[data-gw-lost]")


def refusal(page: Page, what: str):
    return page.locator(".gw-toast").filter(has_text=f"{what} was refused").first


def cut_and_see(page: Page, cut: Callable[[], None], press: Callable[[], object]) -> float:
    """Cut the line, press at once, wait until the page says so; returns when it was cut."""
    cut()
    at = time.monotonic()
    press()
    # Within 3 s by the page's own clock, as tests/js/services.test.mjs has it.
    expect(lost(page)).to_contain_text("Connection lost")
    expect(page.locator(".gw-live--cut")).to_be_visible()
    return at


def rest(page: Page, since: float, seconds: float) -> None:
    page.wait_for_timeout(max(0.0, since + seconds - time.monotonic()) * 1000)


@pytest.mark.parametrize(("kind", "cut_s"), CUTS)
def test_what_is_pressed_while_the_line_is_cut_never_runs(page, proxy, kind, cut_s):
    at = cut_and_see(page, getattr(proxy, kind), lambda: page.click("#two"))
    age = page.locator(".age").inner_text()
    page.keyboard.press("F2")
    expect(refusal(page, "F2")).to_contain_text("nothing is queued")
    if cut_s > 10:
        expect(page.get_by_role("alertdialog")).to_be_visible()
        page.get_by_role("button", name="View last state").click()
        page.click("#one")
        expect(refusal(page, "one")).to_contain_text("nothing is queued")
    rest(page, at, cut_s)
    assert page.locator(".age").inner_text() == age
    proxy.restore()
    expect(lost(page)).to_have_count(0)
    expect(page.locator(".age")).not_to_have_text(age)
    if cut_s < 60:  # else the server has ended the kernel, and the page has been loaded anew
        expect(refusal(page, "two")).to_contain_text("has only now arrived")
        page.click("#one")
        expect(page.locator("#said")).to_have_text("abc one one")
    else:
        expect(page.locator("#said")).to_have_text("abc" if kind == "close" else "abc one")


def test_a_cut_without_a_press_shows_and_passes(page, proxy):
    cut_and_see(page, proxy.silence, lambda: None)
    proxy.restore()
    expect(lost(page)).to_have_count(0)
    page.click("#two")
    expect(page.locator("#said")).to_have_text("abc one two")
    expect(page.locator(".gw-toast")).to_have_count(0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_tab_returns_by_itself_when_the_server_has_restarted(
    start_server, open_page, console_errors, tmp_path
):
    home = Home(tmp_path / "home")
    program = str(Path(sys.executable).with_name("gladius"))
    arguments = [program, "serve", "--home", str(home.root), "--port", str(free_port())]
    first = start_server(arguments, home)
    page = open_page(first.url("voila/render/new.ipynb?preset=moe_chitchat"))
    name = page.get_by_label("Job name")
    expect(name).to_be_visible(timeout=30_000)
    name.fill("half written")
    name.blur()
    yaml = page.get_by_role("textbox", name="YAML")
    steps = page.get_by_label("Max steps")
    steps.fill("77")
    steps.blur()
    expect(yaml).to_have_value(re.compile("max_steps: 77"))
    rate = page.get_by_label("Learning rate", exact=True)
    rate.evaluate("field => field.focus({preventScroll: true})")
    page.keyboard.press("Control+a")
    page.keyboard.type("0.0123")  # and not told to the kernel: it is still in the field

    assert first.stop() == 0
    expect(page.get_by_role("alertdialog")).to_contain_text("No answer from", timeout=30_000)
    # Typing has scrolled to its field; this is where the reader has gone since.
    page.evaluate("document.getElementById('rendered_cells').scrollTop = 300")
    second = start_server(arguments, home)
    expect(page.get_by_role("alertdialog")).to_have_count(0, timeout=60_000)
    expect(name).to_have_value("half written", timeout=60_000)
    expect(page.locator(".gw-toast")).to_contain_text("Your draft is back")
    expect(yaml).to_have_value(re.compile("max_steps: 77"))
    expect(yaml).to_have_value(re.compile(r"0\.0123"))
    page.wait_for_function("document.getElementById('rendered_cells').scrollTop === 300")
    assert page.url.endswith("/new.ipynb?preset=moe_chitchat")
    console_errors[:] = [error for error in console_errors if not is_of_a_cut_line(error)]
    assert second.stop() == 0
    said = second.log.read_text().splitlines()
    assert len(said) <= 2, said  # its address, and where jobs go on
