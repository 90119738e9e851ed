"""Our own notebooks, in both places where people open them."""

from playwright.sync_api import expect


def test_jobs_in_voila(pages, open_page, requests):
    page = open_page(pages.url())
    expect(page.locator(".gw-app").first).to_be_visible()
    expect(page).to_have_title("Training Jobs · Gladius")
    assert all(f"//127.0.0.1:{pages.port}/" in url or ":" not in url[:5] for url in requests)


def test_jobs_in_jupyterlab(jupyterlab, open_page):
    page = open_page(jupyterlab.url("jobs.ipynb"))
    expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible()
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible()
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea .gw-app").first).to_be_visible()
