"""The job dashboard in a real browser: over recorded runs, and over real training."""

import re
from collections.abc import Callable

import pytest
from live_job import START_S, start_pages, submit, violations, wait_for_status, wait_for_step
from playwright.sync_api import Page, expect
from recorded_runs import install

from gladius_widgets.client import Client, Job
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.registry.registry import Registry

# Far smaller than the example, and quick to prepare: what is tested is the page.
TINY = (
    "model.from_scratch.hidden_size=32",
    "model.from_scratch.moe_intermediate_size=32",
    "model.from_scratch.num_hidden_layers=2",
    "model.from_scratch.num_attention_heads=2",
    "model.from_scratch.num_key_value_heads=1",
    "model.from_scratch.head_dim=16",
    "training.micro_batch_size=4",
)
HOSTILE = "<img src=x onerror='window.pwned=1'><b>bold</b> \u202egnp.exe\u202c \x1b[31mred\x1b[0m"


@pytest.fixture(scope="module")
def pages(start_server, tmp_path_factory):
    """A page server of our own."""
    server = start_pages(start_server, tmp_path_factory.mktemp("job"))
    server.home.runs.mkdir(parents=True, exist_ok=True)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def recorded(pages) -> Callable[[str], Job]:
    """A recorded run in the server's home, one of each state."""
    known: dict[str, Job] = {}

    def get(state: str) -> Job:
        if state not in known:
            known[state] = install(pages.home, state)
        return known[state]

    return get


@pytest.fixture(scope="module")
def live(pages):
    """A job that trains on while the tests look at it, over its estimate from the start."""
    costs = ("cost.hourly_rate=100", "cost.estimate_low=0.0001", "cost.estimate_high=0.0002")
    job = submit(pages.home, "live-moe", *TINY, *costs)
    wait_for_step(pages.home, job, 25)
    yield job
    client = Client(pages.home)
    if not client.job(job.id).status.is_final:
        client.cancel(job.id, "the tests are over")


@pytest.fixture
def dashboard(pages, open_page):
    """Opens a job's dashboard and waits until it is drawn."""

    def open_(job: Job | str, tab: str = "", **options) -> Page:
        ref = job if isinstance(job, str) else job.id
        address = f"voila/render/job.ipynb?job={ref}" + (f"&tab={tab}" if tab else "")
        page = open_page(pages.url(address), **options)
        expect(page.locator(".gw-foot")).to_be_visible(timeout=30_000)
        return page

    return open_


def stage(page: Page, number: int):
    """One of the four segments."""
    return page.locator(".gw-stage").nth(number - 1)


def card(page: Page):
    """The progress card."""
    return page.get_by_role("region", name="Progress", exact=True)


def toast(page: Page, text: str):
    """The toast that says so."""
    return page.locator(".gw-toast").filter(has_text=text).first


def reach(page: Page, target, key: str = "Tab") -> None:
    """Press a key until the target has the focus."""
    for _ in range(60):
        page.keyboard.press(key)
        if target.evaluate("node => node === document.activeElement"):
            return
    raise AssertionError(f"{key} never reached {target}")


# States (page plan 6, 9-12)


def test_while_it_loads_its_shape_is_there(serve_notebooks, open_page):
    cell = (
        "from gladius_widgets.components import Element\n"
        "from gladius_widgets.pages.job.skeleton import loading\n"
        "Element(loading())"
    )
    page = open_page(serve_notebooks({"jobs": cell}).url())
    bones = page.get_by_role("main", name="The job is loading")
    expect(bones).to_have_attribute("aria-busy", "true", timeout=30_000)
    expect(bones.locator(".gw-stages .gw-skel")).to_have_count(4)
    expect(bones.locator(".gw-two .gw-card")).to_have_count(3)
    assert violations(page) == []


def test_a_completed_job(dashboard, recorded):
    page = dashboard(recorded("completed"))
    expect(card(page).locator(".gw-progress__pct")).to_have_text("Completed in 20s")
    expect(card(page)).to_contain_text("Step 400 of 400")
    expect(card(page)).to_contain_text("Status: Completed")
    expect(page.locator(".gw-stage--done")).to_have_count(4)
    expect(page.locator(".gw-ended")).to_contain_text("Completed on")
    expect(page.get_by_role("button", name="Cancel Job")).to_have_count(0)
    expect(page.get_by_role("button", name="Resume")).to_have_count(0)
    expect(page.locator(".gw-foot")).to_contain_text("Updates stopped when the job completed,")
    expect(page).to_have_title("Completed · recorded-completed · Gladius")
    for name in ("Loss Curve", "Final Metrics", "Cost Tracker"):
        expect(page.get_by_role("heading", name=name)).to_be_visible()


def test_a_failed_job_leads_to_its_errors(dashboard, recorded):
    page = dashboard(recorded("failed"))
    expect(card(page).locator(".gw-progress__pct")).to_have_text("Failed at Step 259")
    alert = card(page).get_by_role("alert")
    expect(alert).to_contain_text("Out of memory at step 260")
    expect(stage(page, 3)).to_have_class(re.compile("gw-stage--failed"))
    expect(stage(page, 3)).to_contain_text("Out of Memory...")
    expect(stage(page, 4)).to_contain_text("Not reached")
    expect(page.locator(".gw-ended")).to_contain_text("Job failed on")
    expect(page.locator(".gw-foot")).to_contain_text("when the job failed,")
    stage(page, 3).get_by_role("button", name="View Details").click()
    expect(page.get_by_role("tab", name="Event Log")).to_have_attribute("aria-selected", "true")
    rows = page.get_by_role("row").filter(has_text="Out of memory")
    expect(rows.first).to_be_visible()
    expect(page.get_by_role("tabpanel")).not_to_contain_text("Validation at step")
    page.wait_for_url(re.compile("tab=event-log"))
    page.get_by_role("tab", name="Overview").click()
    expect(page.get_by_role("heading", name="Loss Curve")).to_be_visible()
    alert.get_by_role("button", name="View Error Log").click()
    expect(rows.first).to_be_visible()


def test_a_cancelled_job(dashboard, recorded):
    page = dashboard(recorded("cancelled"))
    expect(card(page).locator(".gw-progress__pct")).to_have_text("Cancelled at 47%")
    expect(stage(page, 3)).to_contain_text("Cancelled")
    expect(page.locator(".gw-stage--failed")).to_have_count(0)
    expect(page.locator(".gw-ended")).to_contain_text("Job Cancelled on")


def test_an_active_job_over_its_estimate(dashboard, live):
    page = dashboard(live)
    expect(page.locator("h1")).to_have_text("live-moe")
    expect(card(page)).to_contain_text(re.compile(r"\d+% Complete"))
    expect(card(page)).to_contain_text("Status: Training")
    expect(card(page)).to_contain_text(re.compile(r"~.+ remaining"))
    expect(stage(page, 3)).to_contain_text(re.compile(r"Epoch \d+/[\d,]+ - Step [\d,]+ of 100,000"))
    expect(stage(page, 4)).to_contain_text("Waiting...")
    expect(page.locator(".gw-foot")).to_contain_text("Last updated: ")
    expect(page).to_have_title(re.compile(r"^\d+% · live-moe · Gladius$"))
    cancel = page.get_by_role("button", name="Cancel Job")
    expect(cancel).to_have_class(re.compile("is-urgent"))
    # It goes on: the step counts up, the time ticks in the browser.
    step = card(page).locator(".gw-fact b").first
    before = step.inner_text()
    expect(step).not_to_have_text(before)
    ticking = stage(page, 3).locator("[data-clock]")
    before = ticking.inner_text()
    expect(ticking).not_to_have_text(before)


def test_pause_and_resume(dashboard, live):
    page = dashboard(live)
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(card(page)).to_contain_text("Status: Paused")
    expect(stage(page, 3)).to_contain_text("Paused")
    expect(card(page)).to_contain_text("remaining once resumed")
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(card(page)).to_contain_text("Status: Training")
    expect(stage(page, 3)).to_contain_text("Active")


@pytest.mark.parametrize("state", ["completed", "failed"])
def test_on_a_phone_nothing_is_wider_than_the_page(dashboard, recorded, state):
    page = dashboard(recorded(state), width=390, height=844)
    expect(page.get_by_role("heading", name="Cost Tracker")).to_be_attached()
    wide = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
    assert wide <= 0
    boxes = [stage(page, number).bounding_box() for number in (1, 2, 3, 4)]
    assert sorted(box["y"] for box in boxes) == [box["y"] for box in boxes]
    assert len({box["x"] for box in boxes}) == 1, "one below the other"


# Names


def test_screen_readers_hear_what_the_eyes_see(dashboard, recorded, live):
    page = dashboard(live)
    bar = card(page).get_by_role("progressbar")
    name = re.compile(r"^\d+% Complete, Step [\d,]+ of 100,000$")
    expect(bar).to_have_attribute("aria-label", name)
    tree = page.locator("main").aria_snapshot()
    assert re.search(r"Stage 3 of 4: Training, active, .+ elapsed", tree)
    assert re.search(r"Stage 1 of 4: Preprocessing, completed in .+ seconds", tree)
    assert "Stage 4 of 4: Finalization, waiting" in tree
    assert "Status: Training" in re.sub(r"\s+", " ", tree)
    page = dashboard(recorded("failed"))
    tree = page.locator("main").aria_snapshot()
    assert 'progressbar "Failed at Step 259, Step 259 of 400"' in tree
    assert "Stage 3 of 4: Training, failed, Out of Memory..." in tree
    assert "Stage 4 of 4: Finalization, not reached" in tree


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 900])
def test_no_violation_of_accessibility(dashboard, recorded, live, theme, width):
    for job in (live, recorded("failed")):
        page = dashboard(job, theme=theme, width=width)
        expect(page.get_by_role("heading", name="Cost Tracker")).to_be_visible()
        assert violations(page) == []
    page.get_by_role("tab", name="Event Log").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("Out of memory")
    assert violations(page) == []


# Moving about


def test_tabs_are_in_the_address_and_the_back_button_turns_them(dashboard, recorded):
    page = dashboard(recorded("completed"), tab="event-log")
    log, overview = page.get_by_role("tab", name="Event Log"), page.get_by_role("tab", name="Ov")
    expect(log).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel")).to_contain_text("Run completed")
    overview.click()
    expect(page.get_by_role("heading", name="Loss Curve")).to_be_visible()
    page.wait_for_url(re.compile("tab=overview"))
    page.go_back()
    expect(log).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel")).to_contain_text("Run completed")
    page.go_forward()
    expect(overview).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("heading", name="Loss Curve")).to_be_visible()


def test_new_events_are_counted_on_the_other_tab(dashboard, live, pages):
    page = dashboard(live)
    expect(card(page)).to_contain_text("Status: Training")
    client = Client(pages.home)
    client.set(live.id, {"max_grad_norm": 1.5}, wait_s=30)
    badge = page.get_by_role("tab", name=re.compile(r"Event Log, \d+ new events?"))
    expect(badge).to_be_visible()
    badge.click()
    expect(page.get_by_role("tabpanel")).to_contain_text("Command set")
    expect(page.get_by_role("tab", name="Event Log", exact=True)).to_be_visible()


def test_refresh_reads_again(dashboard, recorded, pages):
    job = install(pages.home, "completed", "read-me-again")
    page = dashboard(job)
    expect(page.locator("h1")).to_have_text("read-me-again")
    button = page.get_by_role("button", name="Refresh")
    button.click()
    expect(toast(page, "Metrics updated")).to_be_visible()
    expect(button).to_be_enabled()


def test_by_keyboard_alone(dashboard, recorded):
    page = dashboard(recorded("failed"))
    reach(page, page.get_by_role("button", name="Refresh"))
    page.keyboard.press("Enter")
    expect(toast(page, "Metrics updated")).to_be_visible()
    expect(page.get_by_role("button", name="Refresh")).to_be_enabled()
    reach(page, page.get_by_role("button", name="View Details"))
    page.keyboard.press("Enter")
    log = page.get_by_role("tab", name="Event Log")
    expect(log).to_have_attribute("aria-selected", "true")
    reach(page, log)
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Overview")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Loss Curve")).to_be_visible()


def test_the_console_and_the_list_are_one_step_away(dashboard, recorded):
    job = recorded("completed")
    page = dashboard(job)
    console = re.compile(rf"^console\.ipynb\?job={job.id}$")
    for link in ("Open Console", "Console"):
        expect(page.get_by_role("link", name=link, exact=True)).to_have_attribute("href", console)
    crumbs = page.get_by_role("navigation", name="Breadcrumb")
    expect(crumbs).to_contain_text("recorded-completed")
    crumbs.get_by_role("link", name="Training Jobs").click()
    page.wait_for_url(re.compile(r"jobs\.ipynb"))


# What cannot be shown


def test_an_unknown_job_is_said_so(pages, open_page):
    page = open_page(pages.url("voila/render/job.ipynb?job=no-such-job"))
    expect(page.get_by_role("alert")).to_contain_text("no-such-job", timeout=30_000)
    expect(page.get_by_role("link", name="Open the jobs list")).to_be_visible()


def test_a_job_that_is_deleted_while_open(dashboard, pages):
    job = install(pages.home, "completed", "soon-gone")
    page = dashboard(job)
    expect(page.locator("h1")).to_have_text("soon-gone")
    Client(pages.home).delete(job.id)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("'soon-gone' has been deleted.")
    expect(page.locator(".gw-toast")).to_have_count(0)
    Client(pages.home).restore(job.id)
    page.reload()
    expect(page.locator("h1")).to_have_text("soon-gone", timeout=30_000)


def test_hostile_text_is_text(dashboard, pages):
    job = install(pages.home, "failed", HOSTILE + "x" * 5000)
    error = {"type": "Evil", "message": HOSTILE + "y" * 2_000_000}
    Registry(pages.home).update(job.id, error=error)
    page = dashboard(job)
    heading = page.locator("h1")
    expect(heading).to_contain_text("<img src=x onerror='window.pwned=1'><b>bold</b> �gnp.exe�")
    alert = card(page).get_by_role("alert")
    expect(alert).to_contain_text("window.pwned=1'><b>bold</b> ")
    assert not set(alert.inner_text()) & {"\u202e", "\u202c", "\x1b"}
    assert len(alert.inner_text()) < 600
    assert page.evaluate("window.pwned") is None
    assert page.locator("main img, main h1 b").count() == 0
    assert len(heading.inner_text()) <= 300
    wide = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
    assert wide <= 0


# The flows of the spec


def test_flow_1_from_the_list_to_a_live_job(pages, open_page, live):
    page = open_page(pages.url())
    row = page.locator("tr").filter(has_text="live-moe")
    expect(row).to_contain_text("Training (", timeout=30_000)
    row.get_by_role("link", name="live-moe").click()
    page.wait_for_url(re.compile(rf"job\.ipynb\?job={live.id}"))
    expect(card(page)).to_contain_text("Status: Training", timeout=30_000)
    for number in (1, 2):
        expect(stage(page, number)).to_have_class(re.compile("gw-stage--done"))
    expect(stage(page, 3)).to_have_class(re.compile("gw-stage--active"))
    for name in ("Loss Curve", "Current Metrics", "Cost Tracker"):
        expect(page.get_by_role("heading", name=name)).to_be_visible()


def test_flow_5_stages_go_by_until_it_is_complete(pages, dashboard, live):
    job = submit(pages.home, "short-moe", *TINY, max_steps=40, held=True)
    page = dashboard(job)
    expect(card(page)).to_contain_text("Held until somebody lets it start")
    expect(page.locator(".gw-stage--pending")).to_have_count(4)
    Client(pages.home).command(job.id, "unhold")
    expect(page.locator(".gw-stage--active")).to_have_count(1, timeout=START_S * 1000)
    expect(stage(page, 3)).to_have_class(
        re.compile("gw-stage--(active|done)"), timeout=START_S * 1000
    )
    expect(toast(page, "Training completed successfully!")).to_be_visible(timeout=START_S * 1000)
    expect(page.locator(".gw-stage--done")).to_have_count(4)
    expect(card(page)).to_contain_text("Status: Completed")
    expect(card(page)).to_contain_text("Step 40 of 40")
    expect(page.get_by_role("button", name="Cancel Job")).to_have_count(0)
    wait_for_status(pages.home, job, JobStatus.COMPLETED, 30)
