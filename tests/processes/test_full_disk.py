"""A real run on a disk that fills: it goes on, it is seen, it obeys, and it loses no metric row."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_job import START_S, submit, wait_for_step
from support import Disk, small_disk, wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.live.reader import RunReader
from gladius_widgets.panels.live.topics import ALL
from gladius_widgets.store.metrics import MetricReader
from gladius_widgets.store.run.events import EventReader
from gladius_widgets.store.run.requests import Ack


@pytest.fixture
def disk() -> Iterator[Disk]:
    """Larger than what a run has to have free as it is submitted."""
    with small_disk(160) as disk:
        yield disk


def gladius(home: Home, *arguments: object) -> str:
    """What the command line says; fails when it does."""
    program = Path(sys.executable).with_name("gladius")
    done = subprocess.run(
        [program, "--home", home.root, *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def steps(run, table: str) -> list[int]:
    return MetricReader(run.table(table)).read()["step"].to_pylist()


def test_a_run_on_a_disk_that_fills_is_seen_obeys_and_loses_no_row(disk):
    home = Home(disk.path / "home")
    job = submit(home, "filling")
    run, client = home.run(job.id), Client(home)
    wait_for_step(home, job, 3)
    disk.fill()

    def step() -> int:
        return json.loads(gladius(home, "show", job.id, "--json"))["step"]

    at = step()
    wait_until(lambda: step() > at + 3, START_S, "the run to go on")
    assert job.id in gladius(home, "jobs")
    gladius(home, "logs", job.id, "-n", 5)
    gladius(home, "events", job.id)
    news = RunReader(run, client).read(ALL)  # what every page reads by
    assert news.snapshot is not None
    assert news.snapshot.status == JobStatus.TRAINING
    answer = client.pause(job.id, wait_s=START_S)
    assert isinstance(answer, Ack)
    assert answer.outcome == "applied"
    wait_until(lambda: client.job(job.id).status == JobStatus.PAUSED, START_S, "the pause")
    held_at = step()
    gladius(home, "resume", job.id, "--wait")
    wait_until(lambda: step() > held_at + 3, START_S, "the run to go on after the pause")
    gladius(home, "cancel", job.id, "--reason", "the disk is full")
    wait_until(lambda: client.job(job.id).status == JobStatus.CANCELLED, START_S, "the end")
    wait_until(lambda: not run.reserve.exists(), START_S, "the runner's own end")
    disk.free()

    assert client.job(job.id).status == JobStatus.CANCELLED
    train = steps(run, "train")
    assert train == list(range(1, len(train) + 1))
    assert len(train) > held_at + 3
    assert set(train) >= set(steps(run, "experts")) > set()  # measured by time, not by step
    clock = r"\d\d:\d\d:\d\d"
    assert re.search(rf"the disk was full from {clock} to {clock}", run.log.read_text())
    told = [event.message for event in EventReader(run).poll()]
    assert any(message.startswith("The disk is full") for message in told)
    assert client.reindex().jobs == 1
    assert client.job(job.id).status == JobStatus.CANCELLED
