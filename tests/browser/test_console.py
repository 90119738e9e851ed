"""The training console against a real training process, in a real browser."""

import re
import time
import zipfile
from urllib.parse import quote

import psutil
import pytest
from live_job import (
    growing,
    line_points,
    serious,
    start_pages,
    state,
    submit,
    wait_for_status,
    wait_for_step,
)
from playwright.sync_api import Page, expect
from support import wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.states import JobStatus

MESSAGES_PER_S = 10


@pytest.fixture(scope="module")
def pages(start_server, tmp_path_factory):
    """A page server of our own."""
    server = start_pages(start_server, tmp_path_factory.mktemp("console"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def job(pages):
    """A job that trains on while the tests look at it."""
    job = submit(pages.home, "console-moe")
    wait_for_step(pages.home, job, 25)
    yield job
    client = Client(pages.home)
    if not client.job(job.id).status.is_final:
        client.cancel(job.id, "the tests are over")


@pytest.fixture
def console(pages, job, open_page):
    """Opens the job's console and waits until it is drawn."""

    def open_(**options) -> Page:
        page = open_page(pages.url(f"voila/render/console.ipynb?job={job.id}"), **options)
        expect(page.locator(".gw-statusbar")).to_be_visible(timeout=30_000)
        expect(page.locator(".gw-fig--loss path.line").first).to_be_attached(timeout=15_000)
        return page

    return open_


def lines_shown(page: Page) -> int:
    """The line count of the terminal's footer."""
    text = page.locator(".gw-term__f").first.inner_text()
    return int(re.search(r"([\d,]+) lines?", text)[1].replace(",", ""))


def toast(page: Page, text: str):
    """The toast that says so."""
    return page.locator(".gw-toast").filter(has_text=text).first


def test_it_shows_a_live_run(console, job, pages):
    page = console()
    expect(page.locator("h1")).to_have_text(job.name)
    expect(page.locator(".gw-appbar .gw-badge")).to_contain_text("TRAINING")
    expect(page.locator(".gw-term")).to_contain_text("Batch")
    expect(page).to_have_title(re.compile(job.name))
    growing(page, lambda: line_points(page))
    growing(page, lambda: lines_shown(page))
    experts = page.get_by_role("region", name="Expert coverage")
    expect(experts.locator(".bargroup")).to_have_count(8)
    expect(page.get_by_label("Progress overview")).to_contain_text("step")
    loss = page.get_by_role("region", name="Loss").locator(".gw-stat--big dd")
    expect(loss).to_have_text(re.compile(r"^\d+\.\d{4}$"))
    expect(page.get_by_label("Configuration snapshot")).to_contain_text("8, 2 active per token")


def test_pause_really_pauses_and_resume_goes_on(console, job, pages):
    page = console()
    page.locator(".gw-ctls").get_by_role("button", name="Pause Training").click()
    expect(toast(page, "Training paused")).to_be_visible(timeout=30_000)
    expect(page.locator(".gw-ctls__b .gw-badge")).to_contain_text("PAUSED", timeout=30_000)
    wait_for_status(pages.home, job, JobStatus.PAUSED, 10)
    held = state(pages.home, job)["step"]
    run = pages.home.run(job.id)
    beaten = run.status.stat().st_mtime
    wait_until(lambda: run.status.stat().st_mtime > beaten + 2.0, 20, "two beats of the trainer")
    assert state(pages.home, job)["step"] == held
    page.keyboard.press("F2")
    expect(page.locator(".gw-ctls__b .gw-badge")).to_contain_text("TRAINING", timeout=30_000)
    wait_for_step(pages.home, job, held + 2, 30)


def test_save_checkpoint(console, job, pages):
    page = console()
    before = len(pages.home.run(job.id).checkpoint_steps())
    page.get_by_role("button", name="Save Checkpoint").click()
    expect(toast(page, "Checkpoint saved")).to_be_visible(timeout=30_000)
    steps = pages.home.run(job.id).checkpoint_steps()
    assert len(steps) >= min(before + 1, 3)


@pytest.mark.parametrize("name", ["Save Checkpoint", "Run Validation"])
def test_the_focus_stays_on_what_was_pressed(console, name):
    page = console()
    button = page.locator(".gw-ctls").get_by_role("button", name=name)
    button.focus()
    control = button.get_attribute("data-control")
    page.keyboard.press("Enter")
    at = page.locator(f".gw-ctls [data-control={control}]")
    expect(at).to_have_attribute("aria-disabled", "true")
    expect(at).to_be_focused()
    expect(page.locator(".gw-toast").first).to_be_visible(timeout=30_000)
    expect(at).to_be_enabled(timeout=30_000)
    expect(at).to_be_focused()


def test_stop_asks_first(console, job, pages):
    page = console()
    page.locator(".gw-ctls").get_by_role("button", name="Stop Training").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Stop Training?")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert state(pages.home, job)["status"] == JobStatus.TRAINING


def test_export_downloads_all_metrics(console, tmp_path):
    page = console()
    page.get_by_role("button", name="Export Metrics").click()
    page.get_by_label("Format", exact=True).select_option("parquet")
    with page.expect_download(timeout=30_000) as download:
        page.get_by_role("dialog").get_by_role("button", name="Export").click()
    path = tmp_path / "metrics.zip"
    download.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        assert {"train.parquet", "validation.parquet", "train.log", "config.yaml"} <= names
        assert archive.testzip() is None


def test_the_whole_log_is_exported_whatever_is_shown(console, job, pages, tmp_path):
    page = console()
    expect(page.locator(".xterm-rows")).to_contain_text("[INFO]")
    terminal = page.locator(".gw-term__bar")
    terminal.get_by_role("button", name="Clear").click()
    with page.expect_download(timeout=30_000) as download:
        terminal.get_by_role("button", name="Export").click()
    path = tmp_path / "train.log"
    download.value.save_as(path)
    assert download.value.suggested_filename == f"{job.id}.log"
    whole = pages.home.run(job.id).log.read_bytes()
    assert len(path.read_bytes()) > 1000
    assert whole.startswith(path.read_bytes())


def test_settings_change_while_it_trains(console, job, pages):
    page = console()
    page.get_by_role("button", name="Adjust Hyperparams").click()
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_label("Weight decay")
    field.fill("0.5x")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog).to_contain_text("'0.5x' is no number")
    field.fill("50")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog).to_contain_text("between 0 and 1")
    expect(field).to_have_value("50")  # what was typed is not lost
    field.fill("0.05")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog).to_have_count(0)
    expect(toast(page, "Settings changed")).to_contain_text("weight decay", timeout=30_000)
    optimizer = page.get_by_label("Progress overview")
    expect(optimizer).to_contain_text("0.05")


def test_a_killed_trainer_is_said_at_once(pages, open_page):
    victim = submit(pages.home, "to-be-killed")
    wait_for_step(pages.home, victim, 2)
    page = open_page(pages.url(f"voila/render/console.ipynb?job={victim.id}"))
    expect(page.locator(".gw-statusbar")).to_be_visible(timeout=30_000)
    growing(page, lambda: line_points(page))
    for pid in state(pages.home, victim)["pids"]["ranks"]:
        psutil.Process(pid).kill()
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_contain_text("SIGKILL", timeout=15_000)
    expect(page.locator(".gw-appbar .gw-badge")).to_contain_text("ERROR")
    dialog.get_by_role("button", name="View Logs").click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".gw-banner")).to_contain_text("SIGKILL")


def test_disabled_controls_say_why(console):
    page = console()
    button = page.get_by_role("button", name="View TensorBoard")
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("title", re.compile("tensorboard --logdir"))


def test_tooltip_names_the_nearest_point(console):
    page = console()
    plot = page.locator(".gw-fig--loss")
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + box["width"] * 0.3 + 2, box["y"] + box["height"] / 2)
    tip = page.locator(".gw-tip:visible")
    expect(tip).to_contain_text("Train")
    expect(tip).to_contain_text(re.compile(r"\d\.\d{4}"))


def test_zoom_reads_the_range_and_resets(console):
    page = console()
    plot = page.locator(".gw-fig--loss")

    def last_tick() -> float:
        ticks = plot.locator(".axis").first.locator(".tick text").all_text_contents()
        return float(ticks[-1].replace(",", ""))

    whole = last_tick()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.move(box["x"] + 64, box["y"] + 60)
    expect(page.locator(".gw-tip:visible")).to_contain_text("Train")  # it listens
    for _ in range(4):
        page.mouse.wheel(0, -240)
    wait_until(lambda: last_tick() < whole, 10, "a zoomed axis")
    page.mouse.dblclick(box["x"] + 60, box["y"] + 60)
    wait_until(lambda: last_tick() >= whole, 10, "the whole axis")


def test_span_of_the_moving_average(console):
    page = console()
    span = page.get_by_label("Span of the moving average, steps")
    dotted = page.locator(".gw-fig--loss path.line[style*='2, 10']").first
    before = dotted.get_attribute("d")
    span.select_option("10")
    wait_until(lambda: dotted.get_attribute("d") != before, 10, "another average")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 900])
def test_no_serious_violation_of_accessibility(console, theme, width):
    assert serious(console(theme=theme, width=width)) == []


def test_theme_switch_is_kept(console):
    page = console(theme="light")
    page.get_by_label("Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-gw-theme", "dark")
    page.reload()
    expect(page.locator(".gw-statusbar")).to_be_visible(timeout=30_000)
    expect(page.locator("html")).to_have_attribute("data-gw-theme", "dark")


def test_nothing_is_cut_off_at_900px(console):
    page = console(width=900)
    wide = page.evaluate(
        "() => [...document.querySelectorAll('.gw-main *')].filter(e => e.getBoundingClientRect()"
        ".right > innerWidth + 1 && !e.closest('.xterm')).map(e => e.className)"
    )
    assert wide == []


def test_unknown_job_is_said_on_the_page(pages, open_page):
    page = open_page(pages.url(f"voila/render/console.ipynb?job={quote('no-such-job')}"))
    expect(page.get_by_role("alert")).to_contain_text(
        "There is no job 'no-such-job'", timeout=30_000
    )
    link = page.get_by_role("link", name="Open the jobs list")
    link.click()
    expect(page.get_by_role("heading", name="Training Jobs")).to_be_visible(timeout=30_000)


def test_kernel_stays_small_and_sends_no_flood(pages, job, open_page):
    frames: list[tuple[float, bytes]] = []

    def listen(socket):
        socket.on("framereceived", lambda data: frames.append((time.monotonic(), _bytes(data))))

    page = open_page("about:blank")
    page.on("websocket", listen)
    before = {process.pid for process in pages.kernels()}
    page.goto(pages.url(f"voila/render/console.ipynb?job={job.id}"))
    expect(page.locator(".gw-fig--loss path.line").first).to_be_attached(timeout=30_000)
    growing(page, lambda: line_points(page))
    begin = time.monotonic() + 3
    while time.monotonic() < begin + 10:
        page.evaluate("1")  # lets playwright tell of frames as they come
    counted = [data for at, data in frames if begin < at < begin + 10 and _is_state(data)]
    assert 10 <= len(counted) <= 10 * MESSAGES_PER_S * 1.1
    assert sum(map(len, counted)) <= 10 * 200_000
    used = [process for process in pages.kernels() if process.pid in before]
    sizes = [process.memory_info().rss for process in used]
    assert max(sizes) < 150 * 2**20, sizes
    assert not any(_has_torch(process) for process in used)


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _is_state(frame: bytes) -> bool:
    """A widget message that is neither log output nor the heartbeat.

    The first type named is the message's own; the next one is that of what it answers.
    """
    kind = re.search(rb'"msg_type":\s*"(\w+)"', frame)
    log_or_beat = (b'"skipped"', b'"beat"', b'"pong"')
    is_widget_message = kind is not None and kind[1] == b"comm_msg"
    return is_widget_message and not any(word in frame for word in log_or_beat)


def _has_torch(process: psutil.Process) -> bool:
    return any("/torch/" in region.path for region in process.memory_maps())
