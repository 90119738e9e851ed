"""Make the pictures in docs/ anew, from real runs: `python scripts/screenshots.py [--steps 1500]`.

A home of its own gets six jobs: one completes, one is killed, one is cancelled, one is paused, one
waits, and one trains on; then the pages are pictured, 1440 px wide, some in the dark as well.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from gladius_widgets.client import Client

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIG = REPOSITORY / "configs" / "moe_chitchat.yaml"
DOCS = REPOSITORY / "docs"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
QUICK = ("data.max_samples=300", "model.train_tokenizer_vocab=400", "cost.hourly_rate=2.49")
WIDTH = 1440
# The picture's name, the page, and the themes.
BOTH, LIGHT = ("light", "dark"), ("light",)
PAGES = (
    ("console", "console.ipynb?job={job}", BOTH),
    ("jobs", "jobs.ipynb?", BOTH),
    ("job", "job.ipynb?job={job}", BOTH),
    ("events", "job.ipynb?job={job}&tab=event-log", LIGHT),
    ("queue", "jobs.ipynb?tab=queue", LIGHT),
    ("compare", "compare.ipynb?jobs={job},docs-qa-moe", LIGHT),
)


def main() -> None:
    """Run the jobs, take the pictures, end everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500, help="length of the run that is shown")
    steps = parser.parse_args().steps
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["GLADIUS_HOME"] = folder
        client = Client(folder)
        client.home.settings.write_text("slots: 2\n")
        try:
            shown = make_jobs(client, steps)
            with_server(folder, lambda address, token: picture(address, token, shown))
        finally:
            for job in client.jobs():
                if not job.status.is_final:
                    client.cancel(job.id, "the pictures are taken")


def make_jobs(client: Client, steps: int) -> str:
    """Six jobs in six states; returns the id of the one that trains on."""
    other = Client(client.home, user="admin")
    submit(client, "docs-qa-moe", "training.max_steps=40")
    wait(client, "docs-qa-moe", lambda job: job.status == "completed")
    submit(other, "triage-notes-moe", "training.max_steps=5000")
    wait(client, "triage-notes-moe", lambda job: job.step > 30)
    for pid in client.state("triage-notes-moe")["pids"]["ranks"]:
        os.kill(pid, signal.SIGKILL)
    wait(client, "triage-notes-moe", lambda job: job.status == "failed")
    submit(client, "voice-intents-moe", "training.max_steps=5000")
    wait(client, "voice-intents-moe", lambda job: job.step > 20)
    client.cancel("voice-intents-moe", "Wrong configuration", wait_s=60)
    submit(client, "invoice-extract-moe", "training.max_steps=100")
    wait(client, "invoice-extract-moe", lambda job: job.step > 55)
    client.pause("invoice-extract-moe", wait_s=60)
    every = max(1, steps // 15)
    settings = [f"training.max_steps={steps}", f"training.validation_interval_steps={every}"]
    settings += [f"checkpointing.interval_steps={every}", "cost.hourly_rate=2.49"]
    shown = client.submit(CONFIG, "qwen-moe-8x-chitchat", settings)
    submit(other, "code-review-moe", "training.max_steps=100")
    wait(client, shown.id, lambda job: job.step > 0.7 * steps)
    return shown.id


def submit(client: Client, name: str, *settings: str) -> None:
    """Queue a quick variant of the example."""
    client.submit(CONFIG, name, (*QUICK, *settings))


def wait(client: Client, name: str, condition: Callable[[Any], bool]) -> None:
    """Wait until the job is as wanted; a quarter of an hour at most."""
    deadline = time.monotonic() + 3600
    while not condition(client.job(name)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} is {client.job(name)}")
        time.sleep(0.3)
    print(name, client.job(name).status, client.job(name).step)


def with_server(home: str, use: Callable[[str, str], None]) -> None:
    """Call `use` with the address and the token of a page server."""
    program = Path(sys.executable).with_name("gladius")
    command = [program, "serve", "--home", home, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = None
            while found is None:
                found = re.search(r"(http://[\d.:]+)/\S*token=([\w-]+)", server.stdout.readline())
            use(*found.groups())
        finally:
            server.send_signal(signal.SIGINT)


def picture(address: str, token: str, job_id: str) -> None:
    """Every page in its themes."""
    DOCS.mkdir(exist_ok=True)
    program = os.environ.get("GLADIUS_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        for name, path, themes in PAGES:
            for theme in themes:
                viewport: Any = {"width": WIDTH, "height": 900}
                page = browser.new_page(color_scheme=theme, viewport=viewport)
                page.goto(f"{address}/voila/render/{path.format(job=job_id)}&token={token}")
                settle(page)
                page.screenshot(path=DOCS / f"{name}_{theme}.png")
                page.close()
        browser.close()


def settle(page: Page) -> None:
    """Wait until the page is drawn; then make the window as high as it."""
    page.wait_for_selector(".gw-statusbar, .gw-table, .gw-tabs", timeout=60_000)
    page.wait_for_timeout(2_000)
    height = page.evaluate("document.querySelector('.gw-app').scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": max(560, min(height, 4000))})
    page.wait_for_timeout(4_000)


if __name__ == "__main__":
    main()
