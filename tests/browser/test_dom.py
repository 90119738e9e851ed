"""A page that is watched for long holds no more than at its beginning."""

import pytest
from playwright.sync_api import expect

BARS = """
import asyncio
from gladius_widgets.components import Element, h, stack
from gladius_widgets.panels.bar_chart import ShareBars

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
