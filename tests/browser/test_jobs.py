"""The jobs list against real jobs, in a real browser."""

import re
import sys
import time
from pathlib import Path

import pytest
from live_job import serious, start_pages, state, submit, wait_for_status, wait_for_step
from playwright.sync_api import Page, expect
from support import wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import JobStatus


@pytest.fixture(scope="module")
def pages(start_server, tmp_path_factory):
    """A page server of our own."""
    server = start_pages(start_server, tmp_path_factory.mktemp("jobs"))
    yield server
    server.stop()


@pytest.fixture
def jobs_page(pages, open_page):
    """Opens the list and waits until it is drawn."""

    def open_(**options) -> Page:
        page = open_page(pages.url(), **options)
        expect(page.get_by_role("heading", name="Training Jobs")).to_be_visible(timeout=30_000)
        return page

    return open_


@pytest.fixture(scope="module")
def job(pages):
    """A job that trains on while the tests look at it."""
    job = submit(pages.home, "listed-moe")
    wait_for_step(pages.home, job, 5)
    yield job
    client = Client(pages.home)
    if not client.job(job.id).status.is_final:
        client.cancel(job.id, "the tests are over")


def row_of(page: Page, name: str):
    return page.get_by_role("row").filter(has_text=name)


def test_a_row_says_all_about_its_job(jobs_page, job):
    row = row_of(jobs_page(), job.name)
    expect(row).to_contain_text("MoE · Local CPU")
    expect(row.locator(".gw-badge")).to_contain_text(re.compile(r"Training \(\d+%\)"))
    expect(row).to_contain_text("You")
    expect(row).to_contain_text(re.compile(r"[A-Z][a-z]{2} \d+, \d+:\d\d [AP]M"))
    expect(row.locator(".gw-col-duration")).to_contain_text(re.compile(r"\d+(s|m \d\ds)"))
    expect(row).to_contain_text(re.compile(r"Current: \$\d+\.\d\d"))


def test_a_new_job_shows_within_two_seconds(pages, jobs_page, job):
    page = jobs_page()
    new = submit(pages.home, "newcomer")
    begin = time.monotonic()
    expect(row_of(page, "newcomer")).to_be_visible(timeout=2_000)
    assert time.monotonic() - begin < 2.0
    Client(pages.home).cancel(new.id, "only a visit")
    expect(row_of(page, "newcomer").locator(".gw-badge")).to_contain_text(
        re.compile("Cancel"), timeout=5_000
    )


def test_the_name_and_the_row_open_the_console(jobs_page, job):
    page = jobs_page()
    link = page.get_by_role("link", name=job.name)
    expect(link).to_have_attribute("href", re.compile(rf"console\.ipynb\?job={job.id}"))
    row_of(page, job.name).locator(".gw-col-started").click()
    expect(page.locator(".gw-statusbar")).to_be_visible(timeout=30_000)
    expect(page.locator("h1")).to_have_text(job.name)
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("heading", name="Training Jobs")).to_be_visible(timeout=30_000)


def test_menu_pauses_and_resumes(pages, jobs_page, job):
    page = jobs_page()
    row = row_of(page, job.name)
    row.get_by_label(f"Actions for {job.name}").click()
    page.get_by_role("menuitem", name="Pause").click()
    expect(row.locator(".gw-badge")).to_contain_text("Paused", timeout=30_000)
    wait_for_status(pages.home, job, JobStatus.PAUSED, 10)
    row.get_by_label(f"Actions for {job.name}").click()
    page.get_by_role("menuitem", name="Resume").click()
    expect(row.locator(".gw-badge")).to_contain_text("Training", timeout=30_000)


def test_menu_by_keyboard(jobs_page, job):
    page = jobs_page()
    page.get_by_label(f"Actions for {job.name}").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Open Console")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Pause")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(page.get_by_label(f"Actions for {job.name}")).to_be_focused()


def test_cancel_wants_a_reason_and_keeps_it(pages, jobs_page):
    victim = submit(pages.home, "to-be-cancelled")
    page = jobs_page()
    row = row_of(page, victim.name)
    row.get_by_label(f"Actions for {victim.name}").click()
    page.get_by_role("menuitem", name="Cancel Job").click()
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_contain_text("This action cannot be undone.")
    confirm = dialog.get_by_role("button", name="Confirm Cancellation")
    expect(confirm).to_be_disabled()
    dialog.get_by_label("Why are you cancelling? Required").select_option("Testing")
    expect(confirm).to_be_disabled()
    dialog.get_by_label("I understand this action cannot be undone").check()
    confirm.click()
    wait_until(
        lambda: state(pages.home, victim)["status"] == JobStatus.CANCELLED, 60, "the cancellation"
    )
    expect(row.locator(".gw-badge")).to_contain_text("Cancelled", timeout=5_000)
    asked = [
        entry for entry in Client(pages.home).ledger(victim.id) if entry["command"] == "cancel"
    ]
    assert "Testing" in str(asked)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_violation_of_accessibility(jobs_page, job, theme):
    page = jobs_page(theme=theme)
    expect(row_of(page, job.name)).to_be_visible()
    assert serious(page) == []
    page.get_by_label(f"Actions for {job.name}").click()
    expect(page.get_by_role("menu")).to_be_visible()
    assert serious(page) == []


def test_empty_home(start_server, open_page, tmp_path):
    home = Home(tmp_path / "empty")
    program = str(Path(sys.executable).with_name("gladius"))
    server = start_server([program, "serve", "--home", str(home.root), "--port", "0"], home)
    page = open_page(server.url())
    expect(page.get_by_role("heading", name="No training jobs yet")).to_be_visible(timeout=30_000)
    expect(page.locator(".gw-empty")).to_contain_text("gladius submit")
    page.goto(server.url("voila/render/console.ipynb"))
    expect(page.get_by_role("alert")).to_contain_text("There is no job yet", timeout=30_000)
    server.stop()
