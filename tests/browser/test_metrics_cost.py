"""The metrics panel and the cost tracker in a real browser."""

import re
import time

import pytest
from held_runs import HeldRun, holder
from live_job import violations
from playwright.sync_api import Page, expect
from recorded_runs import install

from gladius_widgets.core.states import JobStatus

CELL = """
from gladius_widgets import CostTracker, CurrentMetrics
from gladius_widgets.components import Element, h, location

page = Element(h("div", {"class": "gw-app"}))

def show(payload):
    job = payload["query"]["job"]
    page.slots = {"metrics": CurrentMetrics(job), "cost": CostTracker(job)}
    side = h("div", {"class": "gw-stack"}, *(h("slot", {"name": name}) for name in page.slots))
    grid = h("div", {"class": "gw-two"}, h("div"), side)
    page.tree = h(
        "div", {"class": "gw-app"},
        h("main", {"class": "gw-main"}, h("h1", {"class": "gw-title"}, job), grid),
    )

location().on("ready", show)
page
"""
ESTIMATE = {"cost.estimate_low": 45.0, "cost.estimate_high": 55.0}
SPOT = {"resources.gpu_type": "H100", "resources.spot": True}


def spent(amount: float, rate: float = 2.49) -> float:
    """Seconds that cost so much."""
    return amount / rate * 3600


@pytest.fixture(scope="module")
def server(serve_notebooks):
    return serve_notebooks({"panels": CELL}, unwatched_s=3)


@pytest.fixture(scope="module")
def by():
    with holder() as identity:
        yield identity


@pytest.fixture(scope="module")
def active(server, by):
    """As design/job.html: training, within its estimate."""
    run = HeldRun(server.home, "active", by, ESTIMATE | SPOT)
    began = time.time() - spent(22.18)
    run.attempt(1, began)
    run.say(began + 900, 1, status="training")
    run.steps(850, lambda step: 0.342 if step > 800 else 0.3891)
    run.validate(0.412, 0.358, every=425)
    run.beat(step=850, remaining_s=spent(47.32 - 22.18))
    run.sample(87.0)
    run.index()
    return run


@pytest.fixture(scope="module")
def dear(server, by):
    """As design/job_warning_failed.html, state A: over its estimate, its budget spent, twice."""
    budget = {"cost.budget": 50.0, "cost.on_budget": "warn"}
    run = HeldRun(server.home, "dear", by, ESTIMATE | SPOT | budget)
    now = time.time()
    first, second = spent(20.0), spent(38.12)
    run.attempt(1, now - 90_000, now - 90_000 + first)
    run.say(now - 89_000, 1, status="training")
    run.attempt(2, now - second)
    run.say(now - second + 600, 2, status="training")
    run.say(now - 9000, 2, "warning", kind="budget", state="over", on_budget="warn")
    run.steps(300, lambda _: 0.2874, attempt=2)
    run.validate(0.3922, 0.4126, attempt=2)
    run.beat(step=1820, remaining_s=spent(63.85 - 58.12))
    run.sample(46.0, attempt=2)
    run.index()
    return run


@pytest.fixture
def panels(server, open_page):
    """Opens the page of a job and waits for both panels."""

    def open_(job: str, **options) -> Page:
        page = open_page(server.url(f"voila/render/panels.ipynb?job={job}"), **options)
        expect(page.get_by_role("heading", name="Cost Tracker")).to_be_visible(timeout=30_000)
        return page

    return open_


def row(page: Page, label: str):
    return page.locator(".gw-metric", has=page.get_by_text(label, exact=True))


@pytest.fixture(scope="module")
def free(server, by):
    """Paused, its machine given back; on a machine without a rate and without GPU."""
    run = HeldRun(server.home, "free", by, hourly_rate=None, cost_note="No price for <b>H9</b>.")
    now = time.time()
    run.attempt(1, now - 7200, now - 3600)
    run.say(now - 7000, 1, status="training")
    run.steps(40, until=now - 3700)
    run.beat(JobStatus.PAUSED, step=40, heartbeat=now - 3600)
    run.sample()
    run.index()
    return run


def test_the_metrics_of_a_job_that_trains(panels, active):
    active.beat()
    page = panels("active")
    for name in (
        "Training loss 0.3420, down 12.1% from previous",
        "Validation loss 0.3580, down 13.1% from previous",
        "Learning rate 0.000182, cosine decay",
        "GPU utilization 87%",
        "Perplexity 1.43",
        "GPU memory 20.0 / 80.0 GiB",
    ):
        expect(page.get_by_role("group", name=name, exact=True)).to_be_visible()
    expect(row(page, "Training Loss").locator(".gw-trend.gw-t-green")).to_have_text("-12.1%")
    expect(row(page, "GPU Utilization").get_by_role("img", name="87 percent")).to_be_visible()


def test_a_row_explains_itself_by_mouse_and_by_keyboard(panels, active):
    page = panels("active")
    loss, rate = row(page, "Training Loss"), row(page, "Learning Rate")
    tip = loss.locator(".gw-metric__tip")
    expect(tip).to_be_hidden()
    loss.hover()
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("the last 50 steps against the 50 before")
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()
    page.keyboard.press("Tab")
    expect(loss).to_be_focused()
    expect(tip).to_be_visible()
    expect(loss).to_have_accessible_description(tip.inner_text())
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(rate).to_be_focused()
    expect(tip).to_be_hidden()
    expect(rate.get_by_role("tooltip")).to_contain_text("Learning rate of the last step")


def test_a_value_that_changes_flashes(panels, server, by):
    run = HeldRun(server.home, "flashing", by)
    run.attempt(1, time.time() - 600)
    run.steps(5)
    run.validate(0.412, 0.358)
    run.beat(step=5)
    run.sample(87.0)
    run.index()
    page = panels("flashing")
    validation = row(page, "Validation Loss")
    page.evaluate(
        """() => {
            window.flashed = [];
            new MutationObserver(changes => changes.forEach(({target}) => {
                if (target.classList.contains("is-updated")) window.flashed.push(
                    target.querySelector(".gw-metric__l").textContent);
            })).observe(document.body, {subtree: true, attributeFilter: ["class"]});
        }"""
    )
    run.validate(0.5, every=900)
    expect(validation.locator(".gw-metric__v")).to_have_text("0.5000", timeout=15_000)
    expect(validation.locator(".gw-trend.gw-t-red")).to_have_text("+39.7%")
    page.wait_for_function("() => window.flashed.includes('Validation Loss')")
    assert "GPU Utilization" not in page.evaluate("window.flashed")


def test_a_job_that_falls_silent_keeps_its_values_and_looks_it(panels, active):
    active.beat(heartbeat=time.time() - 300)
    page = panels("active")
    expect(page.get_by_text("Last values, from 5 minutes ago")).to_be_visible()
    expect(row(page, "Training Loss").locator(".gw-metric__v")).to_have_text("0.3420")
    active.beat()
    expect(page.get_by_text("Last values, from")).to_have_count(0, timeout=15_000)


def test_spend_ticks_on_and_the_figures_have_names(panels, active):
    active.beat()
    page = panels("active")
    spend = page.locator(".gw-cost__v")
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_accessible_name(
        re.compile(r"^Current spend \$22\.\d\d, (49|50)% of estimated \$45 to \$55$")
    )
    expect(page.locator(".gw-cost__scale")).to_contain_text("% of $45–55 estimate")
    expect(page.get_by_text("Within estimate")).to_be_visible()
    expect(page.locator(".gw-kv")).to_contain_text("$2.49/hr (spot)")
    first = spend.inner_text()
    expect(spend).not_to_have_text(first, timeout=25_000)  # a cent is 14.5 s
    assert spend.inner_text() > first


def test_the_breakdown_opens_by_mouse_and_by_keyboard(panels, dear):
    page = panels("dear")
    button = page.get_by_role("button", name="Breakdown")
    table = page.get_by_role("region", name="Cost by attempt and state")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(table.get_by_role("rowheader")).to_have_text(["Attempt 1", "Attempt 2", "All attempts"])
    expect(table.get_by_role("row").nth(1)).to_contain_text("$20.00")
    page.wait_for_function(
        """() => document.querySelector(".gw-cost__parts tr:last-child td:last-child")
            .firstChild.textContent === document.querySelector(".gw-cost__v").textContent"""
    )
    button.click()
    expect(table).to_have_count(0)
    button.focus()
    page.keyboard.press("Enter")
    expect(table).to_be_visible()
    page.keyboard.press("Tab")
    expect(table).to_be_focused()


def test_a_job_over_its_estimate_and_its_budget(panels, dear):
    page = panels("dear")
    expect(page.locator(".gw-banner").first).to_contain_text(
        re.compile(r"Cost exceeding estimate: \$58\.\d\d vs \$45–55 estimated")
    )
    expect(page.get_by_text("Spend grows by $2.49 an hour until the job ends.")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_text(["Cost exceeding estimate", "Budget reached"])
    expect(page.get_by_text("The job goes on, as cost.on_budget is warn.")).to_be_visible()
    expect(page.locator(".gw-cost__v.gw-t-red")).to_be_visible()
    expect(page.get_by_text("Over estimate")).to_be_visible()


def test_what_is_not_known_is_said_so(panels, free):
    page = panels("free")
    expect(page.locator(".gw-cost__v")).to_have_text("–")
    expect(page.get_by_text("No price for <b>H9</b>.")).to_be_visible()
    expect(page.get_by_role("group", name="Steps/hour Paused")).to_be_visible()
    expect(page.get_by_role("group", name="CPU utilization 62%, no GPU")).to_be_visible()
    expect(page.get_by_role("group", name="Validation loss unknown")).to_be_visible()


def test_a_job_that_is_over(panels, server):
    job = install(server.home, "failed", "broken")
    page = panels(job.id)
    expect(page.get_by_role("heading", name="Metrics at Failure")).to_be_visible()
    expect(page.get_by_text("Final cost")).to_be_visible()
    expect(page.locator(".gw-kv")).to_contain_text("Charged")
    expect(page.locator(".gw-trend")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(panels, dear, theme):
    dear.beat()
    page = panels("dear", theme=theme)
    page.get_by_role("button", name="Breakdown").click()
    expect(page.get_by_role("region", name="Cost by attempt and state")).to_be_visible()
    row(page, "Training Loss").focus()
    for width in (1440, 900, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
