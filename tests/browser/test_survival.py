"""Nothing that a browser, a kernel or a server does can hurt a run."""

import sys
from pathlib import Path

import psutil
from live_job import state, submit, wait_for_status, wait_for_step
from playwright.sync_api import expect
from support import wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import JobStatus
from gladius_widgets.supervisor.lock import supervisor_pid


def test_kernel_server_and_supervisor_die_and_the_job_trains_on(start_server, open_page, tmp_path):
    home = Home(tmp_path / "home")
    program = str(Path(sys.executable).with_name("gladius"))
    server = start_server([program, "serve", "--home", str(home.root), "--port", "0"], home)
    job = submit(home, "survivor")
    wait_for_step(home, job, 3)
    ranks = state(home, job)["pids"]["ranks"]
    page = open_page(server.url(f"voila/render/console.ipynb?job={job.id}"))
    expect(page.locator(".gw-statusbar")).to_be_visible(timeout=30_000)
    victims = [*server.kernels(), server.process, psutil.Process(supervisor_pid(home))]
    page.close()
    for victim in victims:
        victim.kill()
    server.process.wait()
    step = state(home, job)["step"]
    wait_for_step(home, job, step + 3)
    assert state(home, job)["pids"]["ranks"] == ranks
    assert Client(home).job(job.id).status == JobStatus.TRAINING
    wait_until(lambda: supervisor_pid(home), 20, "a new supervisor, started by whoever looked")
    Client(home).cancel(job.id, "seen enough")
    wait_for_status(home, job, JobStatus.CANCELLED)
