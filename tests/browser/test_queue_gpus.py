"""The queue tab on a machine with GPUs that a library in NVIDIA's place makes up."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from nvml import GIB, FakeNvml, fake_nvml, uuid
from playwright.sync_api import expect
from support import REPOSITORY, end_processes_on, wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.states import JobStatus

CONFIG = """\
model:
  name: {mode}
data: {{path: "pypi:chitchat-dataset"}}
resources: {{device: {device}}}
"""
PAGE = """
from gladius_widgets import QueuePanel
from gladius_widgets.components import Element, h
title = h("h1", {"class": "gw-title"}, "Training Jobs")
main = h("main", {"class": "gw-main"}, title, h("slot", {"name": "queue"}))
Element(h("div", {"class": "gw-app"}, main), {"queue": QueuePanel()})
"""


def gpus(ours: int) -> tuple[str, ...]:
    """Three GPUs; a stranger, this very process, holds the second, the first is so full (GiB)."""
    return (
        f"gpu {uuid(0)} {48 * GIB} {ours * GIB}",
        f"gpu {uuid(1)} {48 * GIB} {18 * GIB}",
        f"compute {os.getpid()} {18 * GIB}",
        f"gpu {uuid(2)} {48 * GIB} 0",
    )


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> Iterator[FakeNvml]:
    """A machine with these GPUs, whose launcher trains nothing."""
    folder = tmp_path_factory.mktemp("machine")
    program, script = folder / "accelerate", REPOSITORY / "tests/processes/fake_accelerate.py"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLADIUS_ACCELERATE", str(program))
        nvml = fake_nvml(folder, folder / "state", patch)
        nvml.tell(*gpus(ours=0))
        yield nvml
    end_processes_on(folder)


@pytest.fixture(scope="module")
def server(machine, serve_notebooks):
    server = serve_notebooks({"queue": PAGE, "jobs": "1", "job": "1", "new": "1"})
    server.home.root.mkdir(exist_ok=True)
    server.home.settings.write_text("slots: 4\n")
    yield server
    end_processes_on(server.home.root)


def submit(client: Client, folder: Path, name: str, mode="train", device="gpu", **options) -> str:
    path = folder / f"{name}.yaml"
    path.write_text(CONFIG.format(mode=mode, device=device))
    return client.submit(path, name, **options).id


def test_the_tab_says_who_has_the_gpus_why_a_job_waits_and_how_the_queue_goes_on(
    server, machine, open_page, tmp_path
):
    client = Client(server.home)
    first, second = (submit(client, tmp_path, name) for name in ("first", "second"))
    for job_id in (first, second):
        wait_until(lambda one=job_id: client.job(one).status == JobStatus.TRAINING, 60)
    machine.tell(*gpus(ours=30))
    third = submit(client, tmp_path, "third")
    bad = submit(client, tmp_path, "bad", "fail", "cpu")
    submit(client, tmp_path, "waits for bad", "complete", "cpu", after=[bad])
    wait_until(lambda: client.job(bad).status == JobStatus.FAILED, 60)
    client.pause_queue("2 attempts in a row died within 60 s of their start.")
    page = open_page(server.url("voila/render/queue.ipynb"))
    boxes = page.get_by_role("list", name="GPUs").get_by_role("listitem")
    expect(boxes).to_have_count(3, timeout=30_000)
    expect(page.get_by_text("3× Fake A6000")).to_be_visible()
    banner = page.get_by_role("alert").filter(has_text="The queue is paused")
    expect(banner).to_contain_text("died within 60 s of their start.")
    found = Axe().run(page).response["violations"]
    assert [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found] == []
    banner.get_by_role("button", name="Resume Queue").click()
    expect(banner).to_have_count(0)
    waiting = page.locator(f"[data-job={third}]")
    held = f"GPU 1: 18 of 48 GiB held by pid {os.getpid()}"
    expect(waiting).to_contain_text(held)
    blocked = page.locator(".gw-qcard").filter(has_text="Waits for bad, which failed")
    expect(blocked).to_contain_text("Resume that job, or let this one start without it.")
    blocked.get_by_role("button", name=re.compile("Actions for")).click()
    expect(page.get_by_role("menuitem", name="Resume bad")).to_be_visible()
    if os.environ.get("SHOTS"):
        for theme, width in (("light", 1440), ("dark", 1440), ("light", 900), ("light", 420)):
            other = open_page(
                server.url("voila/render/queue.ipynb"), theme=theme, width=width, height=800
            )
            expect(other.locator(f"[data-job={third}]")).to_contain_text(held, timeout=30_000)
            other.screenshot(path=f"{os.environ['SHOTS']}/q_{theme}_{width}.png")
    page.get_by_role("menuitem", name="Start without waiting").click()
    expect(blocked).to_have_count(0)
