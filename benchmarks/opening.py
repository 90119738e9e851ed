"""Whether the console opens on a busy machine: page errors, and pages without content after 30 s.

python -m benchmarks.opening
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright

from benchmarks._runs import completed
from benchmarks.live import FLAGS, serving
from gladius_widgets.core.paths import Home
from gladius_widgets.serve.notebooks import PAGES, directory

OPENINGS, LOAD, STEPS, PREHEAT = 50, 10, 400, 1
LIMIT_S = 30.0
QUICK = {"OPENINGS": 1, "LOAD": 1, "PREHEAT": 0}


def main() -> None:
    """Measure and print one line a figure."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Home(Path(folder) / "home")
        home.runs.mkdir(parents=True)
        completed(home, "opening", STEPS)
        with (
            serving(home, directory(), PAGES, PREHEAT) as (url, _),
            sync_playwright() as playwright,
            busy(LOAD),
        ):
            program = os.environ.get("GLADIUS_CHROMIUM") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            address = url("console.ipynb?job=opening")
            results = [opened_s(browser, address) for _ in range(OPENINGS)]
            browser.close()
    drawn = sorted(seconds for seconds, _ in results if seconds is not None)
    print(f"{OPENINGS} openings of the console beside {LOAD} busy processes")
    print(f"  {'with an error of the page':<48}{sum(bool(e) for _, e in results):>10}")
    print(f"  {f'without content after {LIMIT_S:.0f} s':<48}{OPENINGS - len(drawn):>10}")
    if drawn:
        middle = drawn[len(drawn) // 2]
        print(f"  {'drawn after (s), median and worst':<48}{middle:>10.1f}{drawn[-1]:>10.1f}")
    for error in {error for _, errors in results for error in errors}:
        print(f"  {error}")


def opened_s(browser: Browser, url: str) -> tuple[float | None, list[str]]:
    """How long until the log stands there, None if it never came; and what the page threw."""
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error).splitlines()[0]))
    began = time.monotonic()
    try:
        page.goto(url)
        page.wait_for_selector(".xterm-rows", timeout=LIMIT_S * 1000)
        return time.monotonic() - began, errors
    except Error:
        return None, errors
    finally:
        page.close()


@contextmanager
def busy(count: int) -> Iterator[None]:
    """That many processes that do nothing but keep the cores."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
