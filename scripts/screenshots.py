"""Takes the pictures in docs/: both pages, light and dark, 1440 px wide, of a real home.

python scripts/screenshots.py JOB [--home DIR]: the job that the console shows; best while it
trains.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from gladius_widgets.client import Client

DOCS = Path(__file__).resolve().parent.parent / "docs"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
SETTLE_MS = 4000  # charts, terminal and figures have come, and nothing flashes any more


def main() -> None:
    """Serve the home, open each page in each theme, save what it looks like."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job")
    parser.add_argument("--home")
    arguments = parser.parse_args()
    client = Client(arguments.home)
    job = client.job(arguments.job)
    program = Path(sys.executable).with_name("gladius")
    server = subprocess.Popen(
        [program, "serve", "--home", str(client.home.root), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        found = None
        while found is None:
            line = server.stdout.readline()
            assert line, "the server ended"
            found = re.search(r"(http://[^/]+)/\S*token=([\w-]+)", line)
        address, token = found.groups()
        DOCS.mkdir(exist_ok=True)
        with sync_playwright() as playwright:
            chromium = os.environ.get("GLADIUS_CHROMIUM") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            for theme in ("light", "dark"):
                for page, query in (("jobs", ""), ("console", f"&job={job.id}")):
                    url = f"{address}/voila/render/{page}.ipynb?token={token}{query}"
                    picture(browser, url, theme, DOCS / f"{page}_{theme}.png")
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=60)


def picture(browser: Browser, url: str, theme: str, path: Path) -> None:
    """The whole page, scrolled through once so that all of it is drawn."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme=theme)
    page.goto(url)
    page.wait_for_selector(".gw-app", timeout=60_000)
    page.wait_for_timeout(SETTLE_MS)
    height = page.evaluate(  # the page scrolls in a box of its own
        "Math.max(...[...document.querySelectorAll('*')].map(element => element.scrollHeight))"
    )
    page.set_viewport_size({"width": 1440, "height": max(900, height)})
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=path)
    page.close()


if __name__ == "__main__":
    main()
