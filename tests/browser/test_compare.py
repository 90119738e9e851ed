"""Jobs side by side in a real browser, and the bell; the runs were recorded from real ones."""

import csv
import io
import re
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from live_job import start_pages, violations
from playwright.sync_api import Page, expect
from recorded_runs import install
from support import REPOSITORY, wait_until

from gladius_widgets.client import Client
from gladius_widgets.store.metrics import MetricReader

HOSTILE = '<img src=x onerror="alert(1)"> & \u202e"name" ' + "long " * 12
CONFIG = """\
model:
  name: train
data:
  path: pypi:chitchat-dataset
resources:
  device: cpu
"""
RECORDER = """
window.recorded = [];
window.allowed = "default";
window.Notification = class {
  constructor(title, options) { window.recorded.push({ title, ...options }); }
  static get permission() { return window.allowed; }
  static async requestPermission() { return window.allowed = window.answer ?? "granted"; }
  close() {}
};
document.hasFocus = () => !window.elsewhere;
"""


@pytest.fixture(scope="module")
def server(start_server, tmp_path_factory):
    """Our pages on a home whose jobs are launched by the fake accelerate."""
    folder = tmp_path_factory.mktemp("compare")
    program = folder / "accelerate"
    script = REPOSITORY / "tests" / "processes" / "fake_accelerate.py"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLADIUS_ACCELERATE", str(program))
        server = start_pages(start_server, folder)
        yield server
    server.stop()


@pytest.fixture(scope="module")
def jobs(server):
    """Four runs: alpha and delta completed, beta failed, gamma was cancelled."""
    home = server.home
    changed = {"optimization.learning_rate": 1e-4}
    return {
        "alpha": install(home, "completed", "alpha"),
        "beta": install(home, "failed", "beta", config=changed),
        "gamma": install(home, "cancelled", "gamma"),
        "delta": install(home, "completed", "delta", hourly_rate=7.99),
    }


@pytest.fixture
def compare(server, jobs, open_page):
    """Opens the comparison of these jobs."""

    def open_(*names: str, **options) -> Page:
        ids = ",".join(jobs[name].id if name in jobs else name for name in names)
        page = open_page(server.url(f"voila/render/compare.ipynb?jobs={ids}"), **options)
        expect(page.get_by_role("heading", level=1)).to_contain_text("Compare", timeout=40_000)
        return page

    return open_


def asked(page: Page) -> list[str]:
    values = parse_qs(urlsplit(page.url).query).get("jobs", [""])[0]
    return [value for value in values.split(",") if value]


def column(page: Page, number: int) -> list[str]:
    table = page.get_by_role("table", name="Figures and cost")
    return table.locator(f"tbody tr > :nth-child({number})").all_inner_texts()


def expect_rows(page: Page, *names: str) -> None:
    rows = page.get_by_role("table", name="Figures and cost").locator("tbody a")
    expect(rows).to_have_text(list(names))


def test_from_the_selection_to_the_page(server, jobs, open_page):
    page = open_page(server.url("voila/render/jobs.ipynb"))
    page.get_by_label("Select alpha").check(timeout=40_000)
    one = page.get_by_role("button", name="Compare")
    expect(one).to_have_attribute("aria-disabled", "true")
    page.get_by_label("Select beta").check()
    expect(one).not_to_have_attribute("aria-disabled", "true")
    one.click()
    page.wait_for_url(re.compile(r"compare\.ipynb\?jobs="))
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 2 Jobs", timeout=40_000)
    assert sorted(asked(page)) == sorted([jobs["alpha"].id, jobs["beta"].id])
    expect(page).to_have_title("Compare 2 Jobs · Gladius")
    page.get_by_role("link", name="alpha", exact=True).click()
    page.wait_for_url(re.compile(rf"job\.ipynb\?job={jobs['alpha'].id}"))


def test_figures_are_those_of_the_run_directory(compare, jobs, server):
    page = compare("alpha", "beta")
    expect_rows(page, "alpha", "beta")
    home = server.home
    for row, name in enumerate(("alpha", "beta")):
        job = Client(home).job(jobs[name].id)
        run = home.run(job.id)
        found = MetricReader(run.table("validation")).read().to_pylist()
        last = [one for one in found if one["split"] == "validation"][-1]
        best = min(one["loss"] for one in found if one["split"] == "validation")
        tokens = sum(MetricReader(run.table("train")).read().column("tokens").to_pylist())
        assert f"{last['loss']:.4f}" in column(page, 4)[row]
        assert f"{best:.4f}" in column(page, 5)[row]
        assert column(page, 7)[row] == f"{last['accuracy']:.1%}"
        assert column(page, 10)[row] == f"${job.cost:.2f}"
        assert column(page, 11)[row] == f"${job.cost / (tokens / 1e6):.2f}"
    badges = page.get_by_role("table", name="Figures and cost").locator(".gw-cmp__best")
    expect(badges).to_have_count(2)
    with page.expect_download() as got:
        page.get_by_role("button", name="Export CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(got.value.path()).read_text("utf-8-sig"))))
    assert [row["name"] for row in rows] == ["alpha", "beta"]
    assert float(rows[0]["best_validation_loss"]) > 0


def test_sort_and_configs_by_mouse_and_keyboard(compare):
    page = compare("alpha", "beta", "gamma")
    steps = page.get_by_role("button", name="Steps", exact=True)
    steps.click()
    expect_rows(page, "gamma", "beta", "alpha")
    steps.press("Enter")
    expect_rows(page, "alpha", "beta", "gamma")
    expect(page.get_by_role("columnheader", name="Steps")).to_have_attribute(
        "aria-sort", "descending"
    )
    table = page.get_by_role("table", name="Configuration")
    expect(table.get_by_role("rowheader", name="learning_rate")).to_be_visible()
    expect(table.locator("tbody tr")).to_have_count(2)  # the section, and its one key
    page.get_by_role("switch", name="Show all keys").press("Enter")
    expect(table.get_by_role("rowheader", name="micro_batch_size")).to_be_visible()


def test_add_and_remove_follow_the_address(compare, jobs):
    page = compare("alpha", "beta")
    expect_rows(page, "alpha", "beta")
    field = page.get_by_role("searchbox", name="Add a job, by name or id")
    field.fill("gam")
    page.get_by_role("group", name="Jobs that match").get_by_role("button", name="gamma").click()
    expect_rows(page, "alpha", "beta", "gamma")
    field.fill("delta")
    field.press("Enter")
    expect_rows(page, "alpha", "beta", "gamma", "delta")
    assert asked(page)[-1] == jobs["delta"].id
    page.get_by_role("button", name="Remove beta from the comparison").press("Enter")
    expect_rows(page, "alpha", "gamma", "delta")
    page.go_back()
    expect_rows(page, "alpha", "beta", "gamma", "delta")
    page.go_back()
    expect_rows(page, "alpha", "beta", "gamma")
    field.fill("no such job")
    field.press("Enter")
    expect(page.locator(".gw-toast")).to_contain_text("There is no job 'no such job'")


def test_chart_controls(compare):
    page = compare("alpha", "beta")
    chart = page.get_by_role("img", name=re.compile("^Loss by"))
    expect(chart).to_have_attribute("aria-label", "Loss by step of alpha, beta")
    lines = page.locator(".gw-fig--compare path.line")
    expect(lines).to_have_count(4)
    first = lines.first
    wait_until(lambda: (first.get_attribute("d") or "").count("L") > 100, 20, "a line")

    def changes(act) -> None:
        before = first.get_attribute("d")
        act()
        wait_until(lambda: first.get_attribute("d") != before, 20, "another line")

    for axis in ("time", "tokens", "epoch", "step"):
        page.get_by_role("combobox", name="X axis").select_option(axis)
        expect(chart).to_have_attribute("aria-label", f"Loss by {axis} of alpha, beta")
    changes(lambda: page.get_by_role("combobox", name=re.compile("Smoothing")).select_option("50"))
    changes(lambda: page.get_by_role("switch", name="Log scale").press("Space"))
    expect(page.get_by_role("switch", name="Log scale")).to_be_checked()
    changes(lambda: page.get_by_role("button", name="Zoom in").click())
    changes(lambda: page.get_by_role("button", name="Show all").click())
    legend = page.get_by_role("group", name="Jobs shown").get_by_role("button", name="beta")
    legend.click()
    expect(legend).to_have_attribute("aria-pressed", "false")
    expect(chart).to_have_attribute("aria-label", "Loss by step of alpha")
    legend.press("Enter")
    expect(chart).to_have_attribute("aria-label", "Loss by step of alpha, beta")
    chart.focus()
    page.keyboard.press("Home")
    expect(page.locator(".gw-tip")).to_contain_text("alpha")
    expect(page.locator(".gw-tip")).to_contain_text("beta")


def test_unknown_few_and_many(compare, jobs):
    page = compare("alpha", "nobody", "beta")
    expect_rows(page, "alpha", "beta")
    expect(page.locator(".gw-banner")).to_contain_text("There is no job 'nobody'")
    page = compare()
    expect(page.locator(".gw-empty")).to_contain_text("Choose two to eight jobs")


@pytest.fixture(scope="module")
def hostile(server, jobs):
    job = install(server.home, "failed", HOSTILE)
    yield job
    Client(server.home).delete(job.id)


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 900)])
def test_hostile_names_and_accessibility(compare, hostile, theme, width):
    page = compare("alpha", hostile.id, theme=theme, width=width)
    page.get_by_role("switch", name="Show all keys").click()
    expect(page.get_by_role("table", name="Configuration")).to_be_visible()
    expect(page.locator("main img")).to_have_count(0)
    expect(page.locator("tbody a").nth(1)).to_contain_text("<img src=x")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []


def test_the_bell(server, jobs, open_page, tmp_path):
    config = tmp_path / "train.yaml"
    config.write_text(CONFIG)
    client = Client(server.home)
    job = client.submit(config, "epsilon")
    page = open_page()
    page.add_init_script(RECORDER)
    page.goto(server.url("voila/render/jobs.ipynb"))
    bell = page.get_by_role("button", name="Notifications")
    expect(bell).to_have_attribute("aria-pressed", "false", timeout=40_000)
    page.evaluate("window.answer = 'denied'")
    bell.click()
    expect(page.locator(".gw-toast")).to_contain_text("The browser blocks notifications")
    page.evaluate("window.allowed = 'default'; window.answer = 'granted'")
    bell.click()
    expect(bell).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("localStorage.getItem('gladius-notify')") == "on"
    assert page.evaluate("window.recorded") == []
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="epsilon"))
    expect(row).to_contain_text("Training", timeout=30_000)
    page.evaluate("window.elsewhere = true")
    (server.home.run(job.id).root / "is-done").touch()
    page.wait_for_function("window.recorded.length === 1", timeout=30_000)
    told = page.evaluate("window.recorded[0]")
    assert told["title"] == "epsilon has completed"
    page.wait_for_function("document.title === '● epsilon has completed'")
    page.evaluate("window.elsewhere = false; window.dispatchEvent(new Event('focus'))")
    expect(page).to_have_title("Training Jobs · Gladius")
    bell.click()
    expect(bell).to_have_attribute("aria-pressed", "false")
