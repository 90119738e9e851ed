"""Pages in a real browser: they load, from us alone, and leave nothing running behind."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import psutil
import pytest
from playwright.sync_api import expect
from support import command_line, processes_on, wait_until

# A page like ours: an anywidget that reads the address, a chart, and what the kernel knows.
WIDGETS = """
import os, sys, anywidget, bqplot, ipywidgets, traitlets

class Query(anywidget.AnyWidget):
    _esm = '''export default {
      render({ model, el }) {
        const show = () => { el.textContent = model.get("heard"); };
        el.className = "query";
        model.on("change:heard", show);
        model.set("search", location.search || "?");
        model.save_changes();
      },
    };'''
    search = traitlets.Unicode().tag(sync=True)
    heard = traitlets.Unicode().tag(sync=True)

    @traitlets.observe("search")
    def _hear(self, change):
        self.heard = "kernel heard " + change.new

known = {name: os.environ.get(name, "") for name in ("GLADIUS_HOME", "QUERY_STRING")}
about = ipywidgets.Text(f"{known} {sys.executable} {'torch' in sys.modules}")
x, y = bqplot.LinearScale(), bqplot.LinearScale()
line = bqplot.Lines(x=[0, 1], y=[1, 2], scales={"x": x, "y": y})
page = ipywidgets.VBox([Query(), about, bqplot.Figure(marks=[line])])
page
"""


@pytest.fixture(scope="module")
def server(serve_notebooks: Callable):
    return serve_notebooks({"jobs": WIDGETS, "console": WIDGETS}, unwatched_s=5)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_loads_from_us_alone(server, open_page, requests, theme):
    page = open_page(server.url("/voila/render/console.ipynb?job=a-1"), theme=theme)
    expect(page.locator(".query")).to_have_text("kernel heard ?job=a-1")
    expect(page.locator(".bqplot path.line").first).to_be_visible()
    expect(page).to_have_title("console title")
    expect(page.locator("#bones")).to_have_count(0)
    assert page.url.endswith("/voila/render/console.ipynb?job=a-1")
    remote = {urlsplit(url).netloc for url in requests} - {f"127.0.0.1:{server.port}", ""}
    assert not remote
    known = page.locator("input").input_value()
    assert f"'GLADIUS_HOME': '{server.home.root}'" in known
    assert server.token not in known
    assert known.endswith("False")


def test_a_second_visit_asks_for_no_script_again(server, open_page, requests):
    page = open_page(server.url())
    expect(page.locator(".query")).to_be_visible()
    scripts = [url for url in requests if urlsplit(url).path.endswith(".js")]
    assert 2 < len(scripts) < 40, scripts
    kept = {url: page.request.get(url).headers["cache-control"] for url in scripts}
    assert not {url: said for url, said in kept.items() if "max-age=31" not in said}
    (main,) = [url for url in scripts if url.endswith("/voila.js")]
    assert "/voila/static-" in main
    for path in ("..%2f" * 12, "/", "%2e%2e/" * 12):
        assert page.request.get(f"{main.removesuffix('voila.js')}{path}etc/passwd").status >= 400
    unhashed = page.request.get(urljoin(main, "/voila/labextensions/bqplot/package.json"))
    assert (unhashed.status, unhashed.headers["cache-control"]) == (200, "no-cache")
    page.reload()
    expect(page.locator(".query")).to_be_visible()
    asked = page.evaluate("""() => performance.getEntriesByType("resource")
        .filter((entry) => entry.name.includes(".js") && entry.transferSize > 0)
        .map((entry) => entry.name)""")
    assert not asked


def test_a_page_gets_the_state_of_its_widgets_in_one_message(server, open_page):
    page, sent = open_page(), []
    page.on("websocket", lambda ws: ws.on("framesent", lambda data: sent.append(str(data))))
    page.goto(server.url())
    expect(page.locator(".query")).to_be_visible()
    assert sum("request_states" in frame for frame in sent) == 1
    assert not [frame for frame in sent if '"request_state"' in frame]


def test_our_own_start_page(pages, open_page, requests):
    page, warnings = open_page(), []
    page.on("console", lambda said: warnings.append(said.text) if said.type == "warning" else None)
    page.goto(pages.url())
    expect(page.locator(".gw-app").first).to_be_visible()
    expect(page).to_have_title("Training Jobs · Gladius")
    assert not {urlsplit(url).netloc for url in requests} - {f"127.0.0.1:{pages.port}", ""}
    assert not warnings


def test_the_start_page(server, open_page):
    page = open_page(server.url())
    expect(page.locator(".query")).to_be_visible()
    assert urlsplit(page.url).path == "/voila/render/jobs.ipynb"


@pytest.mark.parametrize(
    ("theme", "background"), [("light", "rgb(249, 250, 251)"), ("dark", "rgb(15, 18, 22)")]
)
def test_the_background_is_right_from_the_first_paint(server, open_page, theme, background):
    page = open_page(server.url(), theme=theme)
    page.add_init_script("""
        window.seen = new Set();
        const look = () => {
            for (const part of [document.documentElement, document.body])
                if (part) window.seen.add(getComputedStyle(part).backgroundColor);
            requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    """)
    page.reload()
    expect(page.locator(".query")).to_be_visible()
    seen = set(page.evaluate("[...window.seen]")) - {"rgba(0, 0, 0, 0)"}
    assert seen == {background}


def test_the_visitors_theme_outlives_a_reload(server, open_page):
    page = open_page(server.url(), theme="light")
    page.evaluate("localStorage.setItem('gladius-theme', 'dark')")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.gwTheme") == "dark"
    assert page.evaluate("document.body.dataset.jpThemeLight") == "false"
    page.evaluate("document.documentElement.dataset.gwTheme = 'light'")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'true'")


def test_a_page_that_fails_says_so(serve_notebooks, open_page):
    server = serve_notebooks({"jobs": "raise RuntimeError('boom <b>')"}, preheat=0)
    page = open_page(server.url())
    expect(page.locator("#rendered_cells")).to_contain_text("gladius serve` says why")
    expect(page.locator("#bones")).to_have_count(0)
    said = server.log.read_text()
    assert "A page could not be built." in said
    assert "RuntimeError: boom <b>" in said
    assert "\x1b" not in said
    page.get_by_role("button", name="Reload").click()
    wait_until(lambda: server.log.read_text().count("could not be built") == 2, what="a second try")
    server.stop()


MISSING = """
import ipywidgets
from IPython.display import display
widget = ipywidgets.Text("there")
view = "application/vnd.jupyter.widget-view+json"
display({view: {"version_major": 2, "version_minor": 0, "model_id": "0" * 32}}, raw=True)
"""


def test_a_widget_that_is_missing_is_no_page(serve_notebooks, open_page, console_errors):
    server = serve_notebooks({"jobs": MISSING}, preheat=0)
    page, loads = open_page(), []
    page.on("domcontentloaded", lambda _: loads.append(1))
    page.goto(server.url())
    said = page.locator("#bones p")
    expect(said).to_contain_text("could not be drawn", timeout=60_000)
    assert len(loads) == 2  # it has tried again by itself, once
    with page.expect_navigation():
        page.get_by_role("button", name="Reload").click()
    expect(said).to_contain_text("could not be drawn", timeout=60_000)
    assert len(loads) == 3
    assert console_errors
    console_errors.clear()  # the widget manager's own word about it
    server.stop()


def test_a_refusal_is_a_page(server, open_page, console_errors):
    page = open_page(f"http://127.0.0.1:{server.port}/")
    expect(page.get_by_role("heading")).to_have_text("Not allowed")
    expect(page.locator("p")).to_contain_text("gladius serve")
    console_errors.clear()  # the browser reports the 403


def test_leaving_a_page_ends_its_kernel(server, open_page):
    wait_until(lambda: len(server.kernels()) == 2, what="two kernels held ready")
    page = open_page(server.url())
    expect(page.locator(".query")).to_be_visible()
    wait_until(lambda: len(server.kernels()) == 3, what="a page's kernel and two held ready")
    page.goto("about:blank")
    wait_until(lambda: len(server.kernels()) == 2, what="the end of the page's kernel")


def test_a_page_that_vanishes_ends_its_kernel_even_when_it_keeps_sending(
    serve_notebooks, open_page
):
    cell = WIDGETS + (
        "\nimport threading, time\n"
        "def chat():\n"
        "    while True:\n"
        "        time.sleep(0.05)\n"
        "        about.value = str(time.time())\n"
        "threading.Thread(target=chat, daemon=True).start()\n"
        "page"
    )
    server = serve_notebooks({"jobs": cell}, preheat=0, unwatched_s=5)
    page = open_page(server.url())
    expect(page.locator(".query")).to_be_visible()
    (kernel,) = server.kernels()
    # No goodbye: the sockets just close.
    page.route("**/voila/api/shutdown/**", lambda route: route.abort())
    page.context.close()
    wait_until(lambda: not server.kernels(), what="the end of the page's kernel")
    wait_until(lambda: not kernel.is_running(), what="its reaping")
    server.stop()


def test_a_killed_kernel_stays_dead(serve_notebooks, open_page):
    server = serve_notebooks({"jobs": WIDGETS}, preheat=0)
    page = open_page(server.url())
    expect(page.locator(".query")).to_be_visible()
    (kernel,) = server.kernels()
    kernel.kill()
    # The watch polls the kernel; a restart would follow within one of its rounds.
    wait_until(lambda: "died" in server.log.read_text() or not server.kernels())
    page.reload()
    expect(page.locator(".query")).to_be_visible()
    assert len(server.kernels()) == 1
    server.stop()


def test_a_kernel_held_ready_that_dies_is_replaced(serve_notebooks, open_page):
    server = serve_notebooks({"jobs": WIDGETS})
    (kernel,) = wait_until(server.kernels, what="a kernel held ready")
    wait_until(lambda: len(list(connections_of(kernel).iterdir())) > 1, what="its sockets")
    kernel.kill()
    wait_until(lambda: set(server.kernels()) - {kernel}, what="another")
    expect(open_page(server.url()).locator(".query")).to_be_visible()
    server.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_server_and_its_kernels(serve_notebooks, open_page, number):
    server = serve_notebooks({"jobs": WIDGETS})
    page = open_page(server.url())
    expect(page.locator(".query")).to_be_visible()
    started = time.monotonic()
    assert server.stop(number) == 0
    assert time.monotonic() - started < 10
    assert not processes_on(server.home.root)
    assert "Traceback" not in server.log.read_text()


def test_a_signal_while_kernels_start(serve_notebooks):
    server = serve_notebooks({"jobs": WIDGETS, "console": WIDGETS})
    assert server.stop() == 0, server.log.read_text()
    assert "Traceback" not in server.log.read_text()
    assert not processes_on(server.home.root)


def test_a_signal_while_a_page_is_made(serve_notebooks, open_page):
    server = serve_notebooks({"jobs": WIDGETS})
    open_page().goto(server.url(), wait_until="commit")  # its head, before its kernel is up
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()
    assert not processes_on(server.home.root)


def test_kernels_of_a_killed_server_end(serve_notebooks):
    server = serve_notebooks({"jobs": WIDGETS})
    (kernel,) = wait_until(server.kernels, what="a kernel held ready")
    wait_until(lambda: len(list(connections_of(kernel).iterdir())) > 1, what="its sockets")
    server.process.kill()
    server.process.wait()
    wait_until(lambda: not processes_on(server.home.root), what="the end of its kernels")


def connections_of(kernel: psutil.Process) -> Path:
    words = command_line(kernel).split()
    return Path(words[words.index("-f") + 1]).parent
