"""What a page costs the line: the first visit of a browser, and the second."""

from dataclasses import dataclass, field

import pytest
from playwright.sync_api import BrowserContext, expect
from recorded_runs import install

MOST_BYTES, MOST_REQUESTS, SECOND_BYTES = 1_500_000, 60, 100_000
PAGES = {
    "jobs": ("jobs.ipynb", ".gw-jobname"),
    "job": ("job.ipynb?job={job}", ".gw-chart path.line"),
    "console": ("console.ipynb?job={job}", ".xterm-rows"),
}


@dataclass
class Line:
    """What went over it, by the address asked for."""

    sizes: dict[str, float] = field(default_factory=dict)

    @property
    def size_bytes(self) -> float:
        return sum(self.sizes.values())


def visit(context: BrowserContext, url: str, drawn: str) -> Line:
    """Open a page until its content is drawn; count what came over the network."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    asked: dict[str, str] = {}
    line = Line()

    def finished(event: dict) -> None:
        if asked.get(event["requestId"], "").startswith("http"):
            line.sizes[asked[event["requestId"]]] = event["encodedDataLength"]

    def began(event: dict) -> None:
        asked[event["requestId"]] = event["request"]["url"]

    session.on("Network.requestWillBeSent", began)
    session.on("Network.loadingFinished", finished)
    page.goto(url)
    expect(page.locator(drawn).first).to_be_attached(timeout=60_000)
    page.close()
    return line


@pytest.mark.parametrize("name", PAGES)
def test_a_visit_is_light(pages, new_context, name):
    job = install(pages.home, "completed")
    path, drawn = PAGES[name]
    url = pages.url("/voila/render/" + path.format(job=job.id))
    context = new_context(viewport={"width": 1440, "height": 900})
    first = visit(context, url, drawn)
    assert first.size_bytes < MOST_BYTES, first.sizes
    assert len(first.sizes) < MOST_REQUESTS, list(first.sizes)
    second = visit(context, url, drawn)
    assert second.size_bytes < SECOND_BYTES, second.sizes
