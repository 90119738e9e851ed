"""The jobs page in a real browser: by mouse, and by keyboard alone.

Where training is not the point, the launcher is the fake one of tests/processes.
"""

import csv
import io
import re
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from live_job import start_pages, submit, violations, wait_for_status
from playwright.sync_api import Locator, Page, expect
from support import REPOSITORY, wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import JobStatus

CONFIG = """\
model:
  name: {mode}
data:
  path: pypi:chitchat-dataset
resources:
  device: cpu
cost:
  hourly_rate: 2.49
  estimate_low: 24.9
  estimate_high: 29.88
"""
OLD = 28  # cancelled jobs, so that there are two pages


class Crowd:
    """A home full of jobs, as others see and change it."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home, self.folder = home, folder
        self.client = Client(home)
        self.bob = Client(home, user="bob")

    def submit(self, name: str, mode: str = "train", client: Client | None = None, **options):
        path = self.folder / f"{mode}.yaml"
        path.write_text(CONFIG.format(mode=mode))
        return (client or self.client).submit(path, name, **options)

    def ended(self, name: str, client: Client | None = None):
        """A job that was cancelled while it was queued."""
        job = self.submit(name, client=client, held=True)
        (client or self.client).cancel(job.id, "not needed")
        return job

    def wait(self, job, status: JobStatus) -> None:
        wait_until(lambda: self.client.job(job.id).status == status, 60, f"{job.name} {status}")

    def names(self, **filters) -> set[str]:
        return {job.name for job in self.client.jobs(**filters)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(scope="module")
def server(start_server, folder):
    """Our pages on a home whose jobs are launched by the fake accelerate."""
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
def crowd(server, folder):
    """Old jobs by two people; one that completed, one that failed, one that trains, one held."""
    crowd = Crowd(server.home, folder)
    for number in range(OLD):
        crowd.ended(f"old-{number:02d}", crowd.bob if number % 3 == 0 else None)
    done, broken = crowd.submit("done-one", "complete"), crowd.submit("broken-one", "fail")
    crowd.wait(done, JobStatus.COMPLETED)
    crowd.wait(broken, JobStatus.FAILED)
    crowd.wait(crowd.submit("busy-one"), JobStatus.TRAINING)
    crowd.submit("waiting-one", client=crowd.bob, held=True)
    yield crowd
    for job in crowd.client.jobs():
        if not job.status.is_final:
            crowd.client.cancel(job.id, "the tests are over")


@pytest.fixture
def jobs_page(server, crowd, open_page):
    """Opens the page and waits for its rows."""

    def open_(query: str = "", *, wait: bool = True, **options) -> Page:
        page = open_page(server.url(f"voila/render/jobs.ipynb?{query}"), **options)
        expect(page.get_by_role("heading", name="Training Jobs")).to_be_visible(timeout=30_000)
        if wait:
            expect(page.locator(".gw-jobname").first).to_be_visible()
        return page

    return open_


def row_of(page: Page, name: str) -> Locator:
    link = page.get_by_role("link", name=name, exact=True)
    return page.get_by_role("row").filter(has=link)


def names(page: Page) -> list[str]:
    return page.locator(".gw-jobname").all_inner_texts()


def asked(page: Page) -> dict[str, str]:
    """The address's parameters, without the token."""
    found = parse_qs(page.evaluate("location.search.slice(1)"))
    return {name: values[0] for name, values in found.items() if name != "token"}


def expect_asked(page: Page, parameters: str) -> None:
    wanted = {name: values[0] for name, values in parse_qs(parameters).items()}
    wait_until(lambda: asked(page) == wanted, 10, f"{wanted}, but it is {asked(page)}")


def reach(page: Page, target: Locator, *, key: str = "Tab") -> None:
    """Press a key until the target has the focus, as somebody without a mouse does."""
    expect(target).to_be_visible()
    for _ in range(250):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{target} cannot be reached with {key}")


def choose(page: Page, name: str, item: str) -> None:
    """An entry of a row's menu, by mouse."""
    page.get_by_label(f"Actions for {name}", exact=True).and_(page.get_by_role("button")).click()
    page.get_by_role("menuitem", name=item, exact=True).click()


def toast(page: Page, title: str) -> Locator:
    return page.locator(".gw-toast").filter(has_text=title)


def badge(page: Page, name: str) -> Locator:
    return row_of(page, name).locator(".gw-badge")


# What it shows


def test_a_row_says_all_about_its_job(jobs_page):
    page = jobs_page()
    row = row_of(page, "busy-one")
    expect(row.locator(".gw-badge")).to_contain_text(re.compile(r"Status: Training \(\d+%\)"))
    expect(row.locator(".gw-col-creator")).to_have_text("You")
    expect(row.locator(".gw-col-started")).to_have_text(
        re.compile(r"[A-Z][a-z]{2} \d+, \d+:\d\d [AP]M")
    )
    expect(row.locator(".gw-col-started")).to_have_attribute("title", re.compile(r"ago$|just now"))
    expect(row.locator(".gw-col-duration")).to_have_text(re.compile(r"\d+(s|m \d\ds)"))
    expect(row.locator(".gw-col-duration svg")).to_be_visible()
    expect(row.locator(".gw-col-cost")).to_have_text(re.compile(r"Current: \$\d+\.\d\d"))
    expect(row.locator(".gw-col-cost .gw-t-green")).to_be_visible()
    expect(row.get_by_role("link")).to_have_attribute("title", "busy-one")
    waiting = row_of(page, "waiting-one")
    expect(waiting.locator(".gw-badge")).to_contain_text("Queued (held)")
    expect(waiting.locator(".gw-col-creator")).to_have_text("bob")
    expect(waiting.locator(".gw-col-started")).to_have_text("Not started")
    expect(waiting.locator(".gw-col-duration")).to_have_text("Est. 10–12h")
    expect(row_of(page, "done-one").locator(".gw-badge")).to_contain_text("Completed")
    broken = row_of(page, "broken-one")
    expect(broken.locator(".gw-col-duration")).to_have_text(re.compile(r"Stopped at \d+s"))
    expect(broken.locator(".gw-col-status")).to_have_attribute(
        "title", re.compile("the data are upside down")
    )


def test_hostile_names_are_text_here_and_in_the_export(jobs_page, crowd):
    markup, formula = "<img src=x onerror=alert(1)>", '=HYPERLINK("http://x","y")'
    for name in (markup, formula):
        crowd.ended(name)
    page = jobs_page()
    expect(row_of(page, markup)).to_be_visible()
    assert page.locator(".gw-table img").count() == 0
    page.get_by_label("Search jobs by name").fill("=hyper")
    expect(page.locator(".gw-jobname")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    lines = read_csv(download.value)
    assert [line["name"] for line in lines] == [f"'{formula}"]


def read_csv(download) -> list[dict[str, str]]:
    text = Path(download.path()).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_others_changes_show_within_two_seconds(jobs_page, crowd):
    page = jobs_page()
    new = crowd.submit("newcomer", held=True)
    begin = time.monotonic()
    expect(row_of(page, "newcomer")).to_be_visible(timeout=2_000)
    assert time.monotonic() - begin < 2.0
    crowd.bob.cancel(new.id, "only a visit")
    expect(badge(page, "newcomer")).to_contain_text("Cancelled", timeout=2_000)
    crowd.bob.delete(new.id)
    expect(row_of(page, "newcomer")).to_have_count(0, timeout=2_000)


# Tabs and address


def test_tabs_by_mouse_and_the_back_button(jobs_page):
    page = jobs_page()
    tabs = page.get_by_role("tablist", name="Job views")
    expect(tabs.get_by_role("tab")).to_have_text(["All Jobs", re.compile("Queue1"), "Active",
                                                  "Completed"])  # fmt: skip
    expect(tabs.get_by_role("tab", name="Queue (1)")).to_be_visible()
    tabs.get_by_role("tab", name="Active").click()
    expect_asked(page, "tab=active")
    expect(page.locator(".gw-jobname")).to_have_text(["busy-one"])
    tabs.get_by_role("tab", name="Completed").click()
    expect(page.locator(".gw-jobname")).to_have_text(["done-one"])
    tabs.get_by_role("tab", name="Queue").click()
    expect(page.locator(".gw-queuetab")).to_contain_text("waiting-one")
    expect(page.get_by_role("tabpanel")).to_have_attribute(
        "aria-labelledby", tabs.get_by_role("tab", selected=True).get_attribute("id")
    )
    page.go_back()
    expect(page.locator(".gw-jobname")).to_have_text(["done-one"])
    page.go_back()
    expect(page.locator(".gw-jobname")).to_have_text(["busy-one"])
    expect(tabs.get_by_role("tab", selected=True)).to_have_text("Active")
    page.go_forward()
    expect(page.locator(".gw-jobname")).to_have_text(["done-one"])
    page.reload()
    expect(page.locator(".gw-jobname")).to_have_text(["done-one"], timeout=30_000)


def test_tabs_by_keyboard(jobs_page):
    page = jobs_page()
    reach(page, page.get_by_role("tab", name="All Jobs"))
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Queue")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".gw-jobname")).to_have_text(["busy-one"])
    expect(page.get_by_role("tab", name="Active")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Space")
    expect(page.locator(".gw-jobname")).to_have_text(["done-one"])


def test_a_deep_link_shows_what_it_says(jobs_page):
    page = jobs_page("status=cancelled&q=old&by=bob&sort=name&size=25")
    expect(page.get_by_label("Status", exact=True)).to_have_value("cancelled")
    expect(page.get_by_label("Search jobs by name")).to_have_value("old")
    expect(page.get_by_label("Created By")).to_have_value("bob")
    expect(page.locator(".gw-jobname").first).to_have_text("old-00")
    assert names(page) == [f"old-{number:02d}" for number in range(0, OLD, 3)]
    expect(page.get_by_role("columnheader", name="Job Name")).to_have_attribute(
        "aria-sort", "ascending"
    )


# Filters, order, pages


def test_filters_by_mouse(jobs_page, crowd):
    page = jobs_page()
    expect(page.get_by_label("Date Range")).to_have_value("30")
    page.get_by_label("Status", exact=True).select_option("Failed")
    expect(page.locator(".gw-jobname")).to_have_text(["broken-one"])
    expect_asked(page, "status=failed")
    page.get_by_label("Created By").select_option("bob")
    empty = page.locator(".gw-empty")
    expect(empty).to_contain_text("No jobs match your filters")
    expect(empty).to_contain_text("3 filters are on: Failed, Last 30 days, created by bob.")
    page.get_by_label("Date Range").select_option("Last 7 days")
    expect(empty).to_contain_text("Last 7 days")
    expect_asked(page, "status=failed&by=bob&dates=7")
    page.get_by_role("button", name="Clear Filters").click()
    expect(page.locator(".gw-jobname")).to_have_count(25)
    expect_asked(page, "dates=all")


def test_filters_by_keyboard(jobs_page):
    page = jobs_page()
    reach(page, page.get_by_label("Status", exact=True))
    page.keyboard.type("Comp")
    expect(page.locator(".gw-jobname")).to_have_text(["done-one"])
    page.keyboard.press("Home")
    expect(page.locator(".gw-jobname")).to_have_count(25)
    reach(page, page.get_by_label("Search jobs by name"))
    typed_at = time.monotonic()
    page.keyboard.type("old-1")
    expect(page.locator(".gw-jobname")).to_have_count(10)
    assert time.monotonic() - typed_at > 0.5  # not at each letter
    expect_asked(page, "q=old-1")
    expect(page.get_by_role("status").filter(has_text="Showing")).to_have_text(
        "Showing 1–10 of 10 jobs"
    )
    page.keyboard.type("zzz")
    reach(page, page.get_by_role("button", name="Clear Filters"))
    page.keyboard.press("Enter")
    expect(page.locator(".gw-jobname")).to_have_count(25)
    expect(page.get_by_label("Search jobs by name")).to_have_value("")


def test_order_by_mouse_and_keyboard(jobs_page):
    page = jobs_page("q=old")
    head = page.get_by_role("columnheader", name="Job Name")
    assert names(page)[0] == f"old-{OLD - 1}"  # newest first
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(page.locator(".gw-jobname").first).to_have_text("old-00")
    reach(page, head.get_by_role("button"))
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(page.locator(".gw-jobname").first).to_have_text(f"old-{OLD - 1}")
    expect_asked(page, "q=old&sort=-name")
    for column in ("Status", "Created By", "Started At", "Duration", "Cost"):
        other = page.get_by_role("columnheader", name=column)
        other.get_by_role("button").click()
        expect(other).to_have_attribute("aria-sort", re.compile("ascending|descending"))
    expect(page.locator("[aria-sort]")).to_have_count(1)


def test_pages_by_mouse_and_keyboard(jobs_page, crowd):
    page = jobs_page("q=old&sort=name")
    pager = page.get_by_role("navigation", name="Pagination")
    expect(pager).to_contain_text(f"Showing 1–25 of {OLD} jobs")
    expect(pager).to_contain_text("Page 1 of 2")
    expect(pager.get_by_role("button", name="Previous")).to_be_disabled()
    pager.get_by_role("button", name="Next").click()
    expect(page.locator(".gw-jobname").first).to_have_text("old-25")
    expect(pager).to_contain_text(f"Showing 26–{OLD} of {OLD} jobs")
    expect(pager.get_by_role("button", name="Next")).to_be_disabled()
    expect_asked(page, "q=old&sort=name&page=2")
    reach(page, pager.get_by_role("button", name="Previous"))
    page.keyboard.press("Enter")
    expect(page.locator(".gw-jobname").first).to_have_text("old-00")
    expect(pager.get_by_role("button", name="Previous")).to_be_focused()
    reach(page, pager.get_by_label("Rows"), key="Shift+Tab")
    page.keyboard.type("50")
    expect(page.locator(".gw-jobname")).to_have_count(OLD)
    expect(pager).to_contain_text("Page 1 of 1")


# One job


def test_the_name_and_the_row_open_the_job(jobs_page, crowd):
    page = jobs_page()
    link = page.get_by_role("link", name="busy-one")
    job_id = crowd.client.job("busy-one").id
    expect(link).to_have_attribute("href", re.compile(rf"job\.ipynb\?job={job_id}"))
    row_of(page, "busy-one").locator(".gw-col-started").click()
    expect(page.locator("h1")).to_have_text("busy-one", timeout=30_000)
    page.go_back()
    reach(page, page.get_by_role("link", name="busy-one"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"job\.ipynb\?job={job_id}"))


def test_menu_by_keyboard(jobs_page, crowd):
    page = jobs_page()
    button = page.get_by_role("button", name="Actions for waiting-one")
    reach(page, button)
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="View Dashboard")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Release from Hold")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("menuitem", name="Cancel Job…")).to_be_focused()
    for away in ("Escape", "Tab"):
        page.keyboard.press(away)
        expect(page.get_by_role("menu")).to_have_count(0)
        expect(button).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("menuitem", name="View Dashboard")).to_be_focused()


def test_hold_and_release(jobs_page, crowd):
    job = crowd.submit("brake-me", held=True, after=[crowd.client.job("busy-one").id])
    page = jobs_page()
    choose(page, "brake-me", "Release from Hold")
    expect(toast(page, "Released from hold")).to_contain_text("brake-me")
    expect(badge(page, "brake-me")).to_have_text("Status: Queued")
    assert not crowd.client.job(job.id).held
    choose(page, "brake-me", "Hold in Queue")
    expect(badge(page, "brake-me")).to_contain_text("Queued (held)")
    assert crowd.client.job(job.id).held
    crowd.client.cancel(job.id, "done")


def test_a_failed_job_shows_its_error_and_is_tried_again(jobs_page, crowd):
    job = crowd.submit("fails-again", "fail")
    crowd.wait(job, JobStatus.FAILED)
    page = jobs_page()
    choose(page, "fails-again", "View Error Log")
    expect(page.locator("h1")).to_have_text("fails-again", timeout=30_000)
    page.wait_for_url(re.compile(r"job\.ipynb\?job=[^&]+&tab=event-log&type=error"))
    expect(page.get_by_text("the data are upside down").first).to_be_visible()
    page.go_back()
    choose(page, "fails-again", "Resume as New Attempt")
    expect(toast(page, "Queued as a new attempt")).to_be_visible()
    wait_until(lambda: crowd.client.job(job.id).attempt == 2, 10, "the second attempt")
    crowd.wait(job, JobStatus.FAILED)
    expect(badge(page, "fails-again")).to_contain_text("Failed")


def test_clone_and_create_lead_to_the_form(jobs_page, crowd):
    page = jobs_page()
    job_id = crowd.client.job("done-one").id
    choose(page, "done-one", "Clone with Changes")
    page.wait_for_url(re.compile(rf"new\.ipynb\?clone={job_id}"))
    page.go_back()
    link = page.get_by_role("link", name="Create New Job")
    reach(page, link)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"new\.ipynb$"))


def test_delete_and_undo(jobs_page, crowd):
    for name in ("rubbish-a", "rubbish-b"):
        crowd.ended(name)
    page = jobs_page("q=rubbish&sort=name")
    choose(page, "rubbish-a", "Delete")
    expect(row_of(page, "rubbish-a")).to_have_count(0)
    assert "rubbish-a" not in crowd.names()
    toast(page, "1 job deleted").get_by_role("button", name="Undo").click()
    expect(row_of(page, "rubbish-a")).to_be_visible()
    assert "rubbish-a" in crowd.names()
    # By keyboard alone: the focus goes to the row that comes to stand there; Ctrl Z takes it back.
    reach(page, page.get_by_role("button", name="Actions for rubbish-a"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(row_of(page, "rubbish-a")).to_have_count(0)
    expect(page.get_by_role("link", name="rubbish-b")).to_be_focused()
    page.keyboard.press("Control+z")
    expect(row_of(page, "rubbish-a")).to_be_visible()


def test_cancel_wants_a_reason_and_keeps_it(jobs_page, crowd):
    job = crowd.submit("to-be-cancelled")
    crowd.wait(job, JobStatus.TRAINING)
    page = jobs_page("q=to-be")
    choose(page, "to-be-cancelled", "Cancel Job…")
    dialog = page.get_by_role("alertdialog", name="Cancel Training Job?")
    expect(dialog).to_contain_text("Final cost: $")
    confirm = dialog.get_by_role("button", name="Confirm Cancellation")
    expect(confirm).to_be_disabled()
    dialog.get_by_label("Why are you cancelling? Required").select_option("Testing")
    expect(confirm).to_be_disabled()
    dialog.get_by_label("I understand this action cannot be undone").check()
    confirm.click()
    expect(badge(page, "to-be-cancelled")).to_contain_text("Cancel", timeout=5_000)
    crowd.wait(job, JobStatus.CANCELLED)
    expect(badge(page, "to-be-cancelled")).to_contain_text("Cancelled")
    cancels = [e for e in crowd.client.ledger(job.id) if e["command"] == "cancel"]
    assert [entry["args"] for entry in cancels] == [{"reason": "Testing"}]


# Several jobs


def test_selection_by_mouse(jobs_page):
    page = jobs_page("q=old&sort=name")
    bar = page.get_by_role("toolbar", name="Actions for")
    page.get_by_label("Select old-02").click()
    expect(bar).to_contain_text("1 selected")
    page.get_by_label("Select old-05").click(modifiers=["Shift"])
    expect(bar).to_contain_text("4 selected")
    expect(page.get_by_label("Select old-03")).to_be_checked()
    page.locator("td.gw-col-pick").nth(4).click(position={"x": 40, "y": 45})  # beside the box
    expect(bar).to_contain_text("3 selected")
    everything = page.get_by_label("Select all 25 jobs on this page")
    everything.click()
    expect(bar).to_contain_text("25 selected")
    expect(everything).to_be_checked()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Select old-25").check()
    expect(bar).to_contain_text("26 selected")
    with page.expect_download() as download:
        bar.get_by_role("button", name="Export CSV").click()
    assert {line["name"] for line in read_csv(download.value)} == {
        f"old-{number:02d}" for number in range(26)
    }
    page.get_by_label("Status", exact=True).select_option("Failed")
    expect(bar).to_have_count(0)  # nothing is acted on that is not shown


def test_export_of_all_pages(jobs_page):
    page = jobs_page("q=old&sort=name")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    assert re.fullmatch(r"training-jobs-[\d-]+\.csv", download.value.suggested_filename)
    lines = read_csv(download.value)
    assert [line["name"] for line in lines] == [f"old-{number:02d}" for number in range(OLD)]
    assert {line["status"] for line in lines} == {"cancelled"}


def test_several_are_cancelled_by_keyboard_alone(jobs_page, crowd):
    jobs = [crowd.submit(f"bulk-{letter}", held=True) for letter in "abc"]
    crowd.ended("bulk-d")
    page = jobs_page("q=bulk&sort=name")
    reach(page, page.get_by_label("Select bulk-a"))
    page.keyboard.press("Space")
    reach(page, page.get_by_label("Select bulk-d"))
    page.keyboard.press("Shift+Space")
    bar = page.get_by_role("toolbar", name="Actions for 4 selected")
    reach(page, bar.get_by_role("button", name="Cancel Jobs…"))
    page.keyboard.press("Enter")
    dialog = page.get_by_role("alertdialog", name="Cancel 3 Training Jobs?")
    expect(dialog).to_contain_text("1 is over already.")
    expect(dialog.get_by_role("button", name="Go Back")).to_be_focused()
    expect(dialog.get_by_role("button", name="Confirm Cancellation")).to_be_disabled()
    reach(page, dialog.get_by_label("Why are you cancelling? Required"))
    page.keyboard.type("Testing")
    reach(page, dialog.get_by_role("checkbox"))
    page.keyboard.press("Space")
    expect(dialog.get_by_role("button", name="Confirm Cancellation")).to_be_enabled()
    reach(page, dialog.get_by_role("button", name="Confirm Cancellation"))
    page.keyboard.press("Enter")
    expect(toast(page, "3 jobs cancelled")).to_be_visible()
    for job in jobs:
        assert crowd.client.job(job.id).status == JobStatus.CANCELLED
        entries = crowd.client.ledger(job.id)
        assert [e["args"] for e in entries if e["command"] == "cancel"] == [{"reason": "Testing"}]
    expect(page.locator(".gw-badge").filter(has_text="Cancelled")).to_have_count(4)


def test_several_are_deleted_and_brought_back(jobs_page, crowd):
    for letter in "abc":
        crowd.ended(f"trash-{letter}")
    page = jobs_page("q=trash&sort=name")
    page.get_by_label("Select all 3 jobs on this page").check()
    bar = page.get_by_role("toolbar", name="Actions for 3 selected")
    bar.get_by_role("button", name="Delete").click()
    expect(page.locator(".gw-empty")).to_contain_text("name has “trash”")
    toast(page, "3 jobs deleted").get_by_role("button", name="Undo").click()
    expect(page.locator(".gw-jobname")).to_have_text(["trash-a", "trash-b", "trash-c"])
    reach(page, page.get_by_label("Select trash-b"))
    page.keyboard.press("Space")
    expect(page.get_by_role("toolbar", name="Actions for 1 selected")).to_be_visible()
    page.keyboard.press("Delete")
    expect(page.locator(".gw-jobname")).to_have_text(["trash-a", "trash-c"])
    expect(page.get_by_role("link", name="trash-c")).to_be_focused()
    page.keyboard.press("Control+z")
    expect(page.locator(".gw-jobname")).to_have_count(3)
    reach(page, page.get_by_label("Select trash-b"))
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    expect(page.get_by_role("toolbar", name="Actions for")).to_have_count(0)


# Accessibility


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 900])
def test_no_violation_of_accessibility(jobs_page, theme, width):
    page = jobs_page(theme=theme, width=width)
    page.get_by_role("button", name="Sort by Cost").or_(
        page.get_by_role("button", name="Cost")
    ).click()
    page.get_by_label("Select busy-one").check()
    page.get_by_role("button", name="Actions for busy-one").click()
    expect(page.get_by_role("menu")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Cancel Jobs…").click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("Search jobs by name").fill("zzz")
    expect(page.locator(".gw-empty")).to_be_visible()
    assert violations(page) == []


# An empty home, and real training in it


@pytest.fixture(scope="module")
def real(start_server, tmp_path_factory):
    """Our pages on an empty home whose jobs really train."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GLADIUS_ACCELERATE", raising=False)
        server = start_pages(start_server, tmp_path_factory.mktemp("real"))
        yield server
    server.stop()


def test_empty_home(real, open_page):
    page = open_page(real.url())
    expect(page.get_by_role("heading", name="No training jobs yet")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("tab", name="Queue")).to_have_text("Queue")
    assert violations(page) == []
    page.get_by_role("link", name="Create Your First Training Job").click()
    page.wait_for_url(re.compile(r"new\.ipynb"))
    for name in ("console", "job"):
        page.goto(real.url(f"voila/render/{name}.ipynb"))
        expect(page.get_by_role("alert")).to_contain_text("There is no job yet", timeout=30_000)


def test_a_real_job_goes_through_the_queue(real, open_page):
    quick = "training.validation_interval_steps=1000"
    job = submit(real.home, "real-moe", quick, max_steps=30, held=True)
    page = open_page(real.url())
    expect(badge(page, "real-moe")).to_contain_text("Queued (held)", timeout=30_000)
    expect(page.get_by_role("tab", name="Queue (1)")).to_be_visible()
    choose(page, "real-moe", "Release from Hold")
    expect(badge(page, "real-moe")).to_contain_text(
        re.compile(r"Training \([1-9]\d?%\)"), timeout=90_000
    )
    choose(page, "real-moe", "Pause")
    expect(badge(page, "real-moe")).to_contain_text("Paused (", timeout=30_000)
    wait_for_status(real.home, job, JobStatus.PAUSED, 10)
    reach(page, page.get_by_role("button", name="Actions for real-moe"))
    page.keyboard.press("Enter")
    for item in ("View Dashboard", "Open Console", "Resume"):
        expect(page.get_by_role("menuitem", name=item)).to_be_focused()
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(badge(page, "real-moe")).to_contain_text("Training", timeout=30_000)
    expect(badge(page, "real-moe")).to_contain_text("Completed", timeout=90_000)
    expect(page.get_by_role("tab", name="Queue")).to_have_text("Queue")
    assert Client(real.home).job(job.id).status == JobStatus.COMPLETED
