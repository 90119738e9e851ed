"""Every page as more readers have it: with scroll bars, at 200 %, and in forced colours."""

from collections.abc import Callable, Iterator

import pytest
from live_job import serious, start_pages
from playwright.sync_api import Browser, BrowserType, Page, expect
from recorded_runs import install

STEP = "Epoch 10 | Batch 8450 | Loss: 2.7590" + "".join(f" | Expert-{i}: 2.837" for i in range(8))
# Ids that stand twice, and blocks in elements that hold text only: what a validator refuses.
TEXT = "a abbr b button code em h1 h2 h3 h4 h5 h6 i kbd label p s small span strong u"
BLOCK = (
    "address article aside details div dl fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr"
    " main nav ol p pre section table ul"
)
CHECK = """([text, block]) => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `#${id} twice`);
  const inside = [...document.querySelectorAll(`.gw-root :is(${text}) :is(${block})`)]
    .map((one) => `${one.tagName} in ${one.parentElement.closest(text)?.outerHTML.slice(0, 80)}`);
  return [...twice, ...inside];
}"""
WIDER = "document.querySelector('#rendered_cells').scrollWidth > innerWidth"


@pytest.fixture(scope="module")
def paths(pages) -> dict[str, str]:
    """Pages by what to wait for; all over runs that are over."""
    done, failed = install(pages.home, "completed"), install(pages.home, "failed")
    with pages.home.run(done.id).log.open("a") as log:
        log.write(f"{STEP}\n")
    return {
        ".gw-table--jobs tbody tr": "jobs.ipynb",
        ".gw-cost__v": f"job.ipynb?job={failed.id}",
        "#event-log, [role=tabpanel] .gw-table tbody tr": f"job.ipynb?job={done.id}&tab=event-log",
        ".gw-statusbar": f"console.ipynb?job={done.id}",
        ".gw-flds": "new.ipynb",
        ".gw-cmp__table": f"compare.ipynb?jobs={done.id},{failed.id}",
    }


@pytest.fixture(scope="module")
def pages(start_server, tmp_path_factory):
    server = start_pages(start_server, tmp_path_factory.mktemp("zoom"))
    server.home.runs.mkdir(parents=True, exist_ok=True)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def with_scroll_bars(
    browser_type: BrowserType, browser_type_launch_args: dict
) -> Iterator[Browser]:
    """A browser as people have it; tests are usually run without scroll bars."""
    hidden = ["--hide-scrollbars"]
    browser = browser_type.launch(**browser_type_launch_args, ignore_default_args=hidden)
    yield browser
    browser.close()


@pytest.fixture
def show(pages, with_scroll_bars) -> Iterator[Callable[..., Page]]:
    """Opens a path and waits for what stands on the page; keywords are those of a context."""
    contexts = []

    def open_(path: str, wait_for: str, **options) -> Page:
        size = {"width": 1440, "height": 900} | options.pop("viewport", {})
        contexts.append(
            with_scroll_bars.new_context(viewport=size, reduced_motion="reduce", **options)
        )
        page = contexts[-1].new_page()
        page.goto(pages.url(f"voila/render/{path}"))
        expect(page.locator(wait_for).first).to_be_visible(timeout=30_000)
        return page

    yield open_
    for context in contexts:
        context.close()


KINDS = {
    "scroll bars": {},
    "200 %": {"viewport": {"width": 720, "height": 450}, "device_scale_factor": 2},
    "forced colours": {"forced_colors": "active"},
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_pages_are_valid_and_can_be_used(show, paths, kind):
    found = {}
    for wait_for, path in paths.items():
        page = show(path, wait_for, **KINDS[kind])
        wrong = [
            *page.evaluate(CHECK, [", ".join(TEXT.split()), ", ".join(BLOCK.split())]),
            *serious(page),
        ]
        if page.evaluate(WIDER):
            wrong.append("wider than the window")
        if wrong:
            found[path] = wrong
        page.context.close()
    assert not found


def test_a_step_of_eight_experts_is_one_row(show, paths):
    page = show(paths[".gw-statusbar"], ".gw-statusbar")
    assert page.evaluate("document.querySelector('#rendered_cells').offsetWidth") == 1440
    assert page.evaluate("document.querySelector('#rendered_cells').clientWidth") < 1440
    row = page.locator(".xterm-rows > div").filter(has_text="Epoch 10 | Batch 8450")
    expect(row).to_contain_text("Expert-7: 2.837")


def test_at_200_percent_back_and_the_theme_are_at_hand(show, paths):
    page = show(paths[".gw-statusbar"], ".gw-statusbar", **KINDS["200 %"])
    expect(page.get_by_role("button", name="Back", exact=True)).to_be_in_viewport()
    theme = page.get_by_role("button", name="Switch between light and dark")
    expect(theme).to_be_in_viewport()
    theme.click()
    expect(page.locator("html[data-gw-theme=dark]")).to_be_attached()


def test_in_forced_colours_a_track_is_seen(show, paths):
    page = show(paths[".gw-cost__v"], ".gw-cost__v", **KINDS["forced colours"])
    tracks = page.locator(".gw-bar")
    assert tracks.count() >= 2
    for number in range(tracks.count()):
        expect(tracks.nth(number)).to_have_css("outline-style", "solid")
    fill, page_colour = page.evaluate("""() => [".gw-bar__f", "body"].map(
        (where) => getComputedStyle(document.querySelector(where)).backgroundColor)""")
    assert fill != page_colour
