"""The loss curve on the job's page: zoom, axes, marks, exports, and the cursor it shares."""

import base64
import io
import math
import re

import numpy as np
import pyarrow.csv
import pytest
from live_job import serious, start_pages
from playwright.sync_api import Locator, Page, expect
from recorded_runs import install
from support import wait_until

from gladius_widgets.panels.live.history import History
from gladius_widgets.store.metrics import MetricReader, MetricWriter, schemas
from gladius_widgets.store.run.events import append_event

KINDS = {"epoch": "Epoch", "time": "Time since", "tokens": "Tokens", "step": "Training step"}


@pytest.fixture(scope="module")
def server(start_server, tmp_path_factory):
    server = start_pages(start_server, tmp_path_factory.mktemp("curve"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def jobs(server):
    return {state: install(server.home, state, f"run-{state}") for state in ("completed", "failed")}


@pytest.fixture
def open_curve(server, open_page):
    def open_(job, **options) -> Page:
        page = open_page(server.url(f"voila/render/job.ipynb?job={job.id}"), **options)
        line = page.locator(".gw-curve .gw-fig--loss path.line").first
        expect(line).to_have_attribute("d", re.compile(r"L"), timeout=60_000)
        return page

    return open_


@pytest.fixture
def curve(open_curve, jobs) -> Page:
    return open_curve(jobs["completed"])


def ticks(page: Page, axis: int = 0) -> list[str]:
    """The words at an axis: 0 is x, 1 left, 2 right."""
    return page.locator(".gw-curve .axis").nth(axis).locator(".tick text").all_text_contents()


def number_at(page: Page, place: int) -> float:
    """The number at a tick of the x axis; NaN while the axis is being drawn anew."""
    words = ticks(page)
    return float(words[place].replace(",", "")) if words and words[place] else math.nan


def last_tick(page: Page) -> float:
    return number_at(page, -1)


def first_tick(page: Page) -> float:
    return number_at(page, 0)


def plot_of(page: Page) -> Locator:
    return page.locator(".gw-curve .gw-chart")


def at(page: Page, share: float, plot: Locator | None = None) -> tuple[float, float]:
    """A place in the plot area, by its share of the width."""
    area = (plot or plot_of(page)).locator(".plotarea_background")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    return box["x"] + share * box["width"], box["y"] + box["height"] / 2


def hover(page: Page, share: float, plot: Locator | None = None) -> None:
    x, y = at(page, share, plot)
    page.mouse.move(x - 6, y)
    page.mouse.move(x, y)


def drag(page: Page, start: float, end: float) -> None:
    page.mouse.move(*at(page, start))
    page.mouse.down()
    page.mouse.move(*at(page, (start + end) / 2))
    page.mouse.move(*at(page, end))


def button(page: Page, name: str) -> Locator:
    return page.locator(".gw-curve").get_by_role("button", name=name, exact=True)


def history_of(server, job) -> History:
    """The run's rows, read anew."""
    run, history = server.home.run(job.id), History()
    history.add_train(MetricReader(run.table("train"), schemas.TRAIN).poll())
    history.add_validation(MetricReader(run.table("validation"), schemas.VALIDATION).poll())
    return history


def test_zoom_buttons_wheel_brush_pan_and_reset(curve):
    page = curve
    wait_until(lambda: (first_tick(page), last_tick(page)) == (0, 400), 10, "the whole run")
    button(page, "Zoom In").click()  # fewer than 500 steps: the newest half
    wait_until(lambda: first_tick(page) >= 200 and last_tick(page) == 400, 10, "the newest half")
    button(page, "Zoom In").click()
    wait_until(lambda: first_tick(page) >= 300, 10, "a closer look")
    button(page, "Zoom Out").click()
    wait_until(lambda: 200 <= first_tick(page) < 300, 10, "half as close")
    button(page, "Reset").click()
    wait_until(lambda: first_tick(page) == 0, 10, "the whole run")
    expect(button(page, "Reset")).to_have_attribute("aria-disabled", "true")

    wait_until(lambda: tip_after_hover(page, 0.5), 20, "a chart that listens")
    page.mouse.wheel(0, -400)
    wait_until(lambda: first_tick(page) > 0 and last_tick(page) < 400, 10, "a narrower range")
    page.mouse.dblclick(*at(page, 0.5))
    wait_until(lambda: (first_tick(page), last_tick(page)) == (0, 400), 10, "the whole run")

    drag(page, 0.4, 0.6)
    expect(page.locator(".gw-chart__brush")).to_be_visible()
    page.mouse.up()
    wait_until(lambda: first_tick(page) >= 160 and last_tick(page) <= 250, 10, "the brushed range")
    before = first_tick(page)
    page.keyboard.down("Shift")
    drag(page, 0.2, 0.8)
    page.mouse.up()
    page.keyboard.up("Shift")
    wait_until(lambda: first_tick(page) < before, 10, "an earlier range")


def tip_after_hover(page: Page, share: float) -> list[str]:
    """The texts of the tooltip: the place, then name and value of each line."""
    hover(page, share)
    return page.locator(".gw-tip:visible :is(b, dt, dd)").all_text_contents()


def test_tooltip_has_both_losses(curve, server, jobs):
    page = curve
    said = wait_until(lambda: tip_after_hover(page, 0.6), 20, "a tooltip")
    place, train, value, validation, _ = said
    assert train == "Training Loss"
    assert validation.startswith("Validation Loss")
    step = int(place.removeprefix("Step ").replace(",", ""))
    history = history_of(server, jobs["completed"])
    loss = history.train["loss"][list(history.train["step"]).index(step)]
    assert value == f"{loss:.4f}"


def test_the_keyboard_suffices(curve):
    page = curve
    plot_of(page).focus()
    page.keyboard.press("Home")
    tip = page.locator(".gw-tip:visible")
    expect(tip.locator("b")).to_have_text("Step 1")
    page.keyboard.press("Shift+ArrowRight")
    expect(tip.locator("b")).to_have_text("Step 11")
    page.keyboard.press("Enter")
    expect(page.locator(".gw-chart__cursor")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(tip).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator(".gw-chart__cursor")).to_have_count(0)
    page.keyboard.press("+")
    wait_until(lambda: first_tick(page) > 0, 10, "a zoomed axis")
    before = first_tick(page)
    page.keyboard.press("PageUp")
    wait_until(lambda: first_tick(page) < before, 10, "an earlier range")
    page.keyboard.press("0")
    wait_until(lambda: (first_tick(page), last_tick(page)) == (0, 400), 10, "the whole run")
    page.keyboard.press("Tab")
    mark = page.locator(".gw-chart__mark button").first
    expect(mark).to_be_focused()
    expect(page.locator(".gw-chart__story")).to_contain_text("Validation at step 50")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".gw-chart__story")).to_contain_text("Validation at step 100")
    page.keyboard.press("Enter")
    expect(page.locator(".gw-chart__cursor")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_label("X axis")).to_be_focused()


def test_legend_log_axes_smoothing_and_x(curve):
    page = curve
    lines = page.locator(".gw-curve .gw-fig--loss path.line")
    legend = page.get_by_role("button", name="Validation Loss (right)")
    expect(legend).to_have_attribute("aria-pressed", "true")
    legend.click()
    expect(legend).to_have_attribute("aria-pressed", "false")
    dashed = page.locator(".gw-curve path.line[style*='10, 10']").first
    expect(dashed).to_be_hidden()
    legend.click()
    expect(legend).to_have_attribute("aria-pressed", "true")
    expect(dashed).to_be_visible()

    before = lines.first.get_attribute("d")
    page.get_by_role("switch", name="Log scale").click()
    expect(page.get_by_role("switch", name="Log scale")).to_have_attribute("aria-checked", "true")
    wait_until(lambda: lines.first.get_attribute("d") != before, 10, "logarithms")
    wait_until(lambda: ticks(page, 1) == ["2", "5", "10"], 10, "logarithmic ticks")
    said = wait_until(lambda: tip_after_hover(page, 0.6), 20, "a tooltip")
    assert 2 < float(said[2]) < 5  # the loss, not its logarithm
    page.get_by_role("switch", name="Log scale").click()
    wait_until(lambda: ticks(page, 1)[0] == "0", 10, "linear ticks")

    page.get_by_role("switch", name="Separate axes").click()
    wait_until(lambda: ticks(page, 1) != ticks(page, 2), 10, "an axis of its own")
    page.get_by_role("switch", name="Separate axes").click()
    wait_until(lambda: ticks(page, 1) == ticks(page, 2), 10, "one scale")

    slider = page.get_by_role("slider", name=re.compile("Smoothing"))
    expect(slider).to_have_attribute("aria-valuetext", "off")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "10 steps")
    wait_until(lambda: "Smoothed" in tip_after_hover(page, 0.5), 20, "the average")
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "off")

    for kind, words in KINDS.items():
        page.get_by_label("X axis").select_option(kind)
        expect(page.locator(".gw-curve__x")).to_contain_text(words)
    wait_until(lambda: last_tick(page) == 400, 10, "steps")


def test_marks_tell_of_a_real_command_and_its_consequences(open_curve, jobs):
    page = open_curve(jobs["failed"])
    last = page.locator(".gw-chart__mark button").last
    expect(last).to_have_accessible_name(
        re.compile(r"^\d events: .*set micro_batch_size \d+ → \d+")
    )
    last.hover()
    story = page.locator(".gw-chart__story")
    expect(story).to_contain_text("Out of memory")
    expect(story).to_contain_text("applied at step")
    last.click()
    expect(page.locator(".gw-curve .gw-chart__cursor")).to_have_count(1)
    best = page.get_by_role("button", name=re.compile("Best validation"))
    expect(best).to_have_count(1)


def test_rows_and_events_that_come_are_drawn(open_curve, server):
    job = install(server.home, "cancelled", "grows")
    run = server.home.run(job.id)
    page = open_curve(job)
    history = history_of(server, job)
    newest = int(history.train["step"][-1])
    base = MetricReader(run.table("train"), schemas.TRAIN).read().to_pylist()[-1]
    with MetricWriter(run.table("train"), schemas.TRAIN, int(base["attempt"])) as writer:
        for step in range(newest + 1, newest + 4):
            writer.append(base | {"step": step, "time": base["time"] + step, "loss": 123.0})
        writer.append(base | {"step": newest + 4, "time": base["time"] + 999, "loss": float("nan")})
    append_event(run, "warning", "<b>Look</b> \x1b[31mout", {"step": newest}, source="test")
    wait_until(lambda: ticks(page, 1)[-1] in ("125", "150"), 20, "a taller axis")
    mark = page.locator(".gw-chart__mark button").last
    expect(mark).to_have_accessible_name(re.compile(r"<b>Look</b> \[31mout"), timeout=20_000)
    expect(plot_of(page)).to_have_attribute(
        "aria-label", re.compile(rf"^Loss curve, steps 1 to {newest + 4:,}\."), timeout=20_000
    )
    red = page.locator(".gw-curve .gw-fig--loss path[style*='--gw-red']")
    wait_until(lambda: red.count() > 0, 20, "a red mark")


def download(page: Page, name: str) -> bytes:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name).click()
    return waiting.value.path().read_bytes()


def test_csv_has_the_raw_rows_of_the_visible_range(curve, server, jobs):
    page = curve
    button(page, "Zoom In").click()
    wait_until(lambda: first_tick(page) >= 200, 10, "the newest half")
    table = pyarrow.csv.read_csv(io.BytesIO(download(page, "Save the raw rows")))
    run = server.home.run(jobs["completed"].id)
    raw = MetricReader(run.table("train"), schemas.TRAIN).read().to_pydict()
    rows = [i for i, step in enumerate(raw["step"]) if step >= 200]
    assert table["step"].to_pylist() == [raw["step"][i] for i in rows]
    for column, name in (("training_loss", "loss"), ("epoch", "epoch"), ("time", "time")):
        np.testing.assert_array_equal(table[column], [raw[name][i] for i in rows])
    np.testing.assert_array_equal(table["tokens"], np.cumsum(raw["tokens"])[rows])
    history = history_of(server, jobs["completed"])
    losses = dict(zip(history.validation["step"], history.validation["loss"], strict=True))
    found = zip(table["step"].to_pylist(), table["validation_loss"].to_pylist(), strict=True)
    assert {s: v for s, v in found if v is not None} == {
        s: v for s, v in losses.items() if s >= 200
    }


_COLOURS = """async (data) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data: pixels } = context.getImageData(0, 0, image.width, image.height);
  const counts = {};
  for (let i = 0; i < pixels.length; i += 4) {
    const key = `${pixels[i]},${pixels[i + 1]},${pixels[i + 2]},${pixels[i + 3]}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return { width: image.width, height: image.height, counts };
}"""
_RESOLVED = """(name) => {
  const probe = document.querySelector(".gw-curve").appendChild(document.createElement("i"));
  probe.style.color = `var(${name})`;
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color.match(/\\d+/g).slice(0, 3).join(",") + ",255";
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_png_is_a_readable_picture_in_both_themes(open_curve, jobs, theme):
    page = open_curve(jobs["completed"], theme=theme)
    png = download(page, "Save the chart as a picture")
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    seen = page.evaluate(_COLOURS, base64.b64encode(png).decode())
    box = plot_of(page).bounding_box()
    assert seen["width"] > 2 * box["width"] - 2
    assert seen["height"] > 2 * box["height"]
    colours = {
        name: page.evaluate(_RESOLVED, f"--gw-{name}")
        for name in ("surface", "series-train", "series-val", "text", "tick")
    }
    whole = seen["width"] * seen["height"]
    assert seen["counts"][colours["surface"]] > 0.6 * whole  # opaque, in the theme's colour
    for name in ("series-train", "series-val", "text", "tick"):
        assert seen["counts"].get(colours[name], 0) > 20, name


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 900), ("light", 390)])
def test_no_serious_violation_of_accessibility(open_curve, jobs, theme, width):
    page = open_curve(jobs["failed"], theme=theme, width=width)
    expect(page.locator(".gw-chart__mark button").last).to_be_visible()
    assert [v for v in serious(page) if "gw-curve" in v or "gw-chart" in v] == []


def test_the_consoles_chart_moves_the_cursor_and_its_log_follows(server, open_page, jobs):
    page = open_page(server.url(f"voila/render/console.ipynb?job={jobs['completed'].id}"))
    plot = page.locator(".gw-chart", has=page.locator(".gw-fig--loss"))
    expect(plot.locator("path.line").first).to_have_attribute("d", re.compile("L"), timeout=60_000)
    expect(page.locator(".xterm-rows")).to_contain_text("completed", timeout=30_000)
    hover(page, 0.4, plot)
    expect(page.locator(".gw-tip:visible")).to_contain_text("Train")
    page.mouse.click(*at(page, 0.4, plot))
    expect(plot.locator(".gw-chart__cursor")).to_have_count(1)
    expect(page.get_by_role("switch", name="Auto-scroll")).to_have_attribute(
        "aria-checked", "false"
    )
    expect(page.locator(".xterm-selection div").first).to_be_attached()
    expect(page.locator(".xterm-rows")).not_to_contain_text("completed")
