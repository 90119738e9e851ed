"""The same notebooks in JupyterLab: run a cell, see the panels live."""

import re

import pytest
from live_job import growing, line_points, submit, wait_for_step
from playwright.sync_api import Page, expect
from support import wait_until, write_notebooks

from gladius_widgets.client import Client


@pytest.fixture(scope="module")
def job(jupyterlab):
    """A job that trains on while the tests look at it."""
    job = submit(jupyterlab.home, "lab-moe")
    wait_for_step(jupyterlab.home, job, 10)
    yield job
    client = Client(jupyterlab.home)
    if not client.job(job.id).status.is_final:
        client.cancel(job.id, "the tests are over")


@pytest.fixture
def notebook(jupyterlab, open_page, console_errors):
    """Opens a notebook in JupyterLab and runs its first cell."""

    def open_(name: str) -> Page:
        page = open_page(jupyterlab.url(name), width=1600, height=1000)
        page.locator(".jp-CodeCell .jp-InputArea-editor").first.wait_for(timeout=60_000)
        run_first_cell(page)
        return page

    yield open_
    # Its debugger gives up on a kernel that is busy with the first cell, and says so.
    ours = [error for error in console_errors if "restore the debugger state" not in error]
    console_errors[:] = ours


def run_first_cell(page: Page) -> None:
    """Run it, as often as it takes: before its kernel is there, JupyterLab drops the keys."""
    cell = page.locator(".jp-CodeCell").first
    prompt = cell.locator(".jp-InputPrompt")
    before = prompt.inner_text()

    def ran() -> bool:
        if "*" in prompt.inner_text() or prompt.inner_text() not in (before, "[ ]:"):
            return True
        for accept in page.locator("dialog.jp-Dialog .jp-mod-accept").all():
            accept.click()  # a busy server makes JupyterLab ask for the kernel
        cell.locator(".jp-InputArea-editor").click()
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(500)
        return False

    wait_until(ran, 60, "the cell to run")


def test_console_notebook(notebook, job):
    page = notebook("console.ipynb")
    expect(page.locator(".gw-statusbar")).to_be_visible(timeout=60_000)
    expect(page.locator("h1").filter(has_text=job.name)).to_be_visible()
    growing(page, lambda: line_points(page))
    expect(page.locator(".gw-term")).to_contain_text("Epoch")


def test_one_panel_in_a_cell_and_run_again(notebook, jupyterlab, job):
    source = f"from gladius_widgets import LossChart\nLossChart({job.id!r})"
    write_notebooks(jupyterlab.root, {"one": source})
    page = notebook("one.ipynb")
    expect(page.locator(".gw-fig--loss path.line").first).to_be_attached(timeout=60_000)
    growing(page, lambda: line_points(page))
    run_first_cell(page)
    expect(page.locator(".gw-fig--loss")).to_have_count(1, timeout=30_000)
    growing(page, lambda: line_points(page))


def test_jobs_open_in_place_and_return(notebook, job):
    page = notebook("jobs.ipynb")
    page.get_by_role("link", name=job.name).click(timeout=60_000)
    expect(page.locator(".gw-stages")).to_be_visible(timeout=30_000)
    page.get_by_role("link", name="Open Console").click()
    expect(page.locator(".gw-statusbar")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Back").click()
    expect(page.locator(".gw-stages")).to_be_visible(timeout=30_000)
    page.get_by_role("link", name="Training Jobs").click()
    expect(page.get_by_role("heading", name="Training Jobs")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("link", name=job.name)).to_be_visible()
    address = page.url
    page.get_by_role("tab", name="Completed", exact=True).click()
    expect(page.locator(".gw-empty")).to_contain_text("No completed jobs yet")
    page.get_by_role("tab", name="Active", exact=True).click()
    expect(page.get_by_role("link", name=job.name)).to_be_visible()
    page.get_by_role("link", name="Create New Job").click()
    expect(page.get_by_role("button", name=re.compile("^Submit"))).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Back to the jobs").click()
    expect(page.get_by_role("link", name=job.name)).to_be_visible(timeout=30_000)
    assert page.url == address


def test_a_mistake_is_one_sentence(notebook, jupyterlab, job):
    source = "from gladius_widgets import LossChart\nLossChart('nope')"
    write_notebooks(jupyterlab.root, {"wrong": source})
    page = notebook("wrong.ipynb")
    output = page.locator(".jp-OutputArea-output")
    expect(output).to_contain_text("There is no job 'nope'", timeout=60_000)
    assert "Traceback" not in output.inner_text()
