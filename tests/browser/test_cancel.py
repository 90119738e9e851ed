"""Cancelling a job on its dashboard, and what a job that is over leaves there.

The launcher is the fake one of tests/processes; jobs that are over are recorded from real runs.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_job import start_pages, violations
from playwright.sync_api import Locator, Page, expect
from recorded_runs import install
from support import REPOSITORY, wait_until

from gladius_widgets.client import Client, Job
from gladius_widgets.core.states import JobStatus

CONFIG = """\
model:
  name: train
data:
  path: pypi:chitchat-dataset
resources:
  device: cpu
cost:
  hourly_rate: 3600
"""


@pytest.fixture(scope="module")
def server(start_server, tmp_path_factory):
    """Our pages on a home whose jobs are launched by the fake accelerate."""
    folder = tmp_path_factory.mktemp("cancel")
    program = folder / "accelerate"
    script = REPOSITORY / "tests" / "processes" / "fake_accelerate.py"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    program.chmod(0o755)
    (folder / "train.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLADIUS_ACCELERATE", str(program))
        server = start_pages(start_server, folder)
        server.home.runs.mkdir(parents=True, exist_ok=True)
        yield server
    server.stop()


@pytest.fixture(scope="module")
def client(server) -> Client:
    return Client(server.home, user="ada")


@pytest.fixture(scope="module")
def training(client) -> Iterator[Callable[[str], Job]]:
    """Starts a job that trains until it is told to end."""
    jobs: list[Job] = []

    def start(name: str) -> Job:
        path = client.home.root.parent / "train.yaml"
        jobs.append(client.submit(path, name))
        wait_until(lambda: client.job(jobs[-1].id).status == JobStatus.TRAINING, 60, name)
        return jobs[-1]

    yield start
    for job in jobs:
        if not client.job(job.id).status.is_final:
            client.cancel(job.id, "the tests are over")


@pytest.fixture
def dashboard(server, open_page):
    """Opens a job's dashboard and waits until it is drawn."""

    def open_(job: Job, **options) -> Page:
        page = open_page(server.url(f"voila/render/job.ipynb?job={job.id}"), **options)
        expect(page.locator(".gw-foot")).to_be_visible(timeout=30_000)
        return page

    return open_


def opener(page: Page) -> Locator:
    return page.get_by_role("button", name="Cancel Job")


def asking(page: Page) -> Locator:
    return page.get_by_role("alertdialog", name="Cancel Training Job?")


def button(dialog: Locator, name: str) -> Locator:
    return dialog.get_by_role("button", name=name, exact=True)


def reach(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press a key until the target has the focus."""
    expect(target).to_be_visible()
    for _ in range(80):
        if target.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} never reached {target}")


def is_cancelled(page: Page, client: Client, job: Job) -> None:
    """Toast, badge and header, as the spec's flow 3 ends; the toast's cost is the true one."""
    toast = page.locator(".gw-toast").filter(has_text="Job cancelled. Final cost: $")
    expect(toast).to_be_visible()
    expect(asking(page)).to_have_count(0)
    now = client.job(job.id)
    assert now.status == JobStatus.CANCELLED
    expect(toast).to_contain_text(f"Final cost: ${now.cost:,.2f}")
    expect(page.locator(".gw-ended")).to_contain_text(
        re.compile(r"Job Cancelled on .+ at .+ [AP]M")
    )
    expect(page.get_by_role("region", name="Progress", exact=True)).to_contain_text("Cancelled")
    expect(opener(page)).to_have_count(0)


def results(page: Page) -> Locator:
    return page.get_by_role("region", name="Results")


# The dialog


def test_flow_3_by_mouse(dashboard, training, client):
    job = training("to-be-cancelled")
    page = dashboard(job)
    expect(results(page)).to_have_count(0)
    opener(page).click()
    dialog = asking(page)
    expect(button(dialog, "Go Back")).to_be_focused()
    for words in (
        "This action cannot be undone.", "to-be-cancelled", "Training", "spent",
        "Training will stop immediately at current step", "released within 60 seconds",
        "Partial progress will be saved for review", "This job cannot be resumed",
    ):  # fmt: skip
        expect(dialog).to_contain_text(words)
    assert violations(page) == []
    # It stays true: a dollar a second, in the well and in the list.
    spent = dialog.locator(".gw-stat--spent")
    before = spent.inner_text()
    expect(spent).not_to_have_text(before)
    step = dialog.get_by_text(re.compile(r"\d+% Complete \(Step \d+ of 1,000\)"))
    expect(step).to_be_visible()
    page.mouse.click(5, 5)
    expect(dialog).to_be_visible()
    # The button is gated by the reason and the box, for Other by the note too.
    confirm = button(dialog, "Confirm Cancellation")
    reason = dialog.get_by_label("Why are you cancelling? Required")
    expect(reason.locator("option:checked")).to_have_text("Select a reason...")
    expect(confirm).to_be_disabled()
    reason.select_option("Loss not decreasing")
    expect(confirm).to_have_attribute("title", "Tick the box first")
    expect(confirm).to_be_disabled()
    dialog.get_by_label("I understand this action cannot be undone").check()
    expect(confirm).to_be_enabled()
    reason.select_option("Other")
    expect(confirm).to_be_disabled()
    reason.select_option("Loss not decreasing")
    expect(confirm).to_be_enabled()
    confirm.click()
    expect(button(dialog, "Cancelling...").or_(page.locator(".gw-ended"))).to_be_visible()
    is_cancelled(page, client, job)
    assert client.ledger(job.id)[-1]["args"] == {"reason": "Loss not decreasing"}
    expect(results(page)).to_contain_text("Loss not decreasing")
    expect(results(page)).to_contain_text("Partial results")


def test_by_keyboard_alone(dashboard, training, client):
    job = training("by-keyboard")
    page = dashboard(job, theme="dark")
    reach(page, opener(page))
    page.keyboard.press("Enter")
    dialog = asking(page)
    expect(button(dialog, "Go Back")).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect(button(dialog, "Go Back")).to_be_focused()
    for _ in range(7):  # round and round, and never out
        page.keyboard.press("Tab")
        assert page.evaluate("!!document.activeElement.closest('[role=alertdialog]')")
    reach(page, dialog.get_by_label("Why are you cancelling? Required"))
    page.keyboard.type("Other")
    reach(page, dialog.get_by_label("Notes, required"))
    page.keyboard.type("a <b>better</b> idea")
    reach(page, dialog.get_by_role("checkbox"))
    page.keyboard.press("Space")
    expect(button(dialog, "Confirm Cancellation")).to_be_enabled()
    reach(page, button(dialog, "Confirm Cancellation"))
    page.keyboard.press("Enter")
    is_cancelled(page, client, job)
    args = {"reason": "Other", "note": "a <b>better</b> idea"}
    assert client.ledger(job.id)[-1]["args"] == args
    expect(results(page)).to_contain_text("a <b>better</b> idea")


def test_a_job_that_ends_meanwhile_leaves_nothing_to_cancel(dashboard, training, client):
    job = training("ends-by-itself")
    page = dashboard(job)
    opener(page).click()
    expect(button(asking(page), "Go Back")).to_be_focused()
    (client.run(job.id).root / "is-done").touch()
    dialog = page.get_by_role("alertdialog", name="Nothing to Cancel")
    expect(dialog).to_contain_text("It has completed in the meantime")
    expect(dialog.get_by_role("button")).to_have_text(["Close"])
    expect(button(dialog, "Close")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    assert client.job(job.id).status == JobStatus.COMPLETED


def test_the_second_of_two_people_is_told_of_the_first(dashboard, training, client):
    job = training("wanted-by-two")
    page = dashboard(job)
    opener(page).click()
    expect(button(asking(page), "Go Back")).to_be_focused()
    Client(client.home, user="bob").cancel(job.id, "Testing")
    dialog = page.get_by_role("alertdialog", name="Nothing to Cancel")
    expect(dialog).to_contain_text(re.compile(r"bob (is cancelling it already|has cancelled it)\."))
    expect(dialog.get_by_role("button")).to_have_text(["Close"])


# What a job leaves


def test_one_click_resumes_with_a_smaller_micro_batch(dashboard, client):
    changes = {"training.micro_batch_size": 2048, "model.name": "train"}
    job = install(client.home, "failed", config=changes)
    page = dashboard(job)
    expect(results(page)).to_contain_text("Out of Memory (OOM)")
    expect(results(page)).to_contain_text("2,048 × 48 tokens")
    log = results(page).get_by_label("Last log lines")
    expect(log).to_contain_text("[ERROR] Out of memory at step 260")
    assert violations(page) == []
    button(results(page), "Resume with micro-batch 1024").click()
    wanted = {"micro_batch_size": 1024, "gradient_accumulation": 4}

    def heeded() -> bool:
        sets = [entry for entry in client.ledger(job.id) if entry["command"] == "set"]
        return (sets[-1]["args"], sets[-1]["outcome"]) == (wanted, "applied")

    wait_until(heeded, 30, "the trainer's answer")
    expect(results(page)).to_have_count(0)
    assert (client.job(job.id).attempt, client.job(job.id).status) == (2, JobStatus.TRAINING)
    client.cancel(job.id, "seen enough")


def test_the_results_of_a_completed_job(dashboard, client):
    job = install(client.home, "completed")
    page = dashboard(job, theme="dark", width=900)
    shown = results(page)
    expect(shown).to_contain_text("Training results")
    for name, value in (("Tokens", "150,561"), ("Validation loss", "2.8846")):
        expect(shown.locator(".gw-stat").filter(has_text=name).first).to_contain_text(value)
    expect(shown.locator("code").first).to_have_text(str(client.run(job.id).checkpoint(400)))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button(shown, "Copy path of Final checkpoint").click()
    expect(page.locator(".gw-toast").filter(has_text="Copied!")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert Path(copied) == client.run(job.id).checkpoint(400)
    with page.expect_download() as download:
        assert violations(page) == []
        button(shown, "Download metrics").click()
        page.get_by_role("dialog", name="Export Metrics").get_by_role(
            "button", name="Export"
        ).click()
    assert download.value.suggested_filename.endswith(".zip")
