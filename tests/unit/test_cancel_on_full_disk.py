"""A job that waits can be cancelled on a disk without a free byte, and never starts afterwards."""

import json
import time
from collections.abc import Iterator

import pytest
from support import Disk, small_disk, suppress_full

import gladius_widgets.client.client as client_module
from gladius_widgets.client import Client
from gladius_widgets.core import reserve
from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.errors import HomeError, IllegalMoveError
from gladius_widgets.core.paths import Home
from gladius_widgets.core.run_state import read_status
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.panels.jobs.source import JobsSource
from gladius_widgets.store import cancelling
from gladius_widgets.store.idle_jobs import queue_again
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run import requests
from gladius_widgets.store.run.events import EventReader
from gladius_widgets.supervisor.lock import SupervisorLock
from gladius_widgets.supervisor.loop import Supervisor

CONFIG = "model:\n  name: org/model\ndata:\n  path: org/data\n"


class Machine:
    """An engine that notes what it shall start."""

    name = "local"

    def __init__(self):
        self.started = []

    def submit(self, run, attempt, gpu_uuids=()):
        self.started.append(run.id)


@pytest.fixture(autouse=True)
def small_needs(monkeypatch):
    monkeypatch.setattr(client_module, "ensure_supervisor", lambda _home: None)
    monkeypatch.setattr(client_module, "MIN_FREE_BYTES", 0)


@pytest.fixture
def disk() -> Iterator[Disk]:
    with small_disk(16) as disk:
        yield disk


@pytest.fixture
def home(disk, monkeypatch) -> Home:
    home = Home(disk.path / "home")
    monkeypatch.setenv("GLADIUS_HOME", str(home.root))
    return home


@pytest.fixture
def jobs(home, disk):
    """One of each that waits: next in the queue, held, scheduled, and paused without a machine."""
    config = disk.path / "tiny.yaml"
    config.write_text(CONFIG)
    client = Client(home, user="ada")
    made = {
        "next": client.submit(config, "next"),
        "held": client.submit(config, "held", held=True),
        "later": client.submit(config, "later", not_before=time.time() + 3600),
        "paused": client.submit(config, "paused"),
    }
    client._registry.move(
        made["paused"].id, [JobStatus.QUEUED], JobStatus.PAUSED, observed=True, holds_slot=False
    )
    return {name: job.id for name, job in made.items()}


def fill(disk: Disk, home: Home) -> None:
    """No room on the disk, and none inside the files of the registry either."""
    for path in home.root.glob("registry.sqlite-*"):
        path.unlink()
    disk.fill()
    with pytest.raises(HomeError):
        Registry(home).update("nobody", step=1)


def supervise(home: Home) -> list[str]:
    """What a supervisor starts in one round."""
    supervisor, machine = Supervisor(home, SupervisorLock(home)), Machine()
    supervisor._engines["local"] = machine  # type: ignore[assignment]
    supervisor.tick()
    return machine.started


@pytest.mark.parametrize("name", ["next", "held", "later", "paused"])
def test_it_is_cancelled_at_once_for_everybody_and_never_starts(home, disk, jobs, name, in_process):
    fill(disk, home)
    code, out, err = in_process("cancel", name, "--reason", "wrong data")
    assert code == 0, err
    assert out == "cancel applied; the list notes it once the home can be written\n"
    for client in (Client(home), Client(home, user="eve")):
        assert client.job(name).status == JobStatus.CANCELLED
        assert {job.name: job.status for job in client.jobs()}[name] == JobStatus.CANCELLED
        assert name not in [one.job.name for one in client.queue().waiting]
    listed = json.loads(in_process("jobs", "--json")[1])
    assert {job["name"]: job["status"] for job in listed}[name] == "cancelled"
    code, _, err = in_process("cancel", name, "--reason", "again")
    assert (code, err.count("has been cancelled already")) == (1, 1)
    assert supervise(home) == []

    disk.free()
    started = supervise(home)
    assert jobs[name] not in started
    assert started == ([jobs["next"]] if name != "next" else [])
    job = Registry(home).get(jobs[name])
    assert job is not None
    assert (job.status, job.holds_slot) == (JobStatus.CANCELLED, False)
    run = home.run(job.id)
    (entry,) = requests.ledger(run)
    assert (entry["outcome"], entry["args"]["reason"]) == ("applied", "wrong data")
    assert job.ended_at == pytest.approx(entry["requested_at"])
    snapshot = read_status(run)
    assert snapshot is not None
    assert snapshot.state == JobStatus.CANCELLED
    assert [event.type for event in EventReader(run).poll()][-1] == "status"
    assert not run.reserve.exists()
    assert Client(home).reindex().jobs == len(jobs)
    assert Client(home).job(name).status == JobStatus.CANCELLED


def test_one_that_was_claimed_just_before_is_not_started(home, disk, jobs):
    registry = Registry(home)
    job = registry.get(jobs["next"])
    requests.request(home.run(jobs["next"]), Command.CANCEL, {"reason": "x"}, "ada")
    assert job is not None
    supervisor, machine = Supervisor(home, SupervisorLock(home)), Machine()
    supervisor._engines["local"] = machine  # type: ignore[assignment]
    supervisor._caught_up_at = time.monotonic()  # it was asked for just after that look
    supervisor.tick()
    assert machine.started == []
    now = registry.get(job.id)
    assert now is not None
    assert (now.status, now.holds_slot) == (JobStatus.CANCELLED, False)


def test_what_the_run_directory_says_holds_though_the_registry_lost_the_end(home, disk, jobs):
    """The last write of the transaction found no room: it was rolled back, the answer stays."""
    run = home.run(jobs["next"])
    asked = requests.request(run, Command.CANCEL, {"reason": "x"}, "ada")
    requests.acknowledge(run, asked, "applied", step=0)
    assert Client(home).job("next").status == JobStatus.CANCELLED
    assert supervise(home) == []
    told = [event.message for event in EventReader(run).poll()]
    assert told[-1] == "Cancelled by ada while queued"
    assert len(requests.ledger(run)) == 1


def test_the_count_of_the_queue_tab_leaves_it_out(home, disk, jobs):
    client = Client(home)
    assert client.queued() == 3
    fill(disk, home)
    client.cancel("held", "x")
    look = JobsSource(client).read(JobsSource(client).query)
    assert look is not None
    assert look.queued == 2


def test_an_old_cancel_does_not_end_an_attempt_that_was_queued_after_it(home, disk, jobs):
    """Asked of an attempt that was lost before it obeyed; somebody resumed the job since."""
    registry, run = Registry(home), home.run(jobs["next"])
    requests.request(run, Command.CANCEL, {"reason": "x"}, "ada")
    registry.move(jobs["next"], [JobStatus.QUEUED], JobStatus.LOST, observed=True)
    job = registry.get(jobs["next"])
    assert job is not None
    queue_again(registry, run, job, "ada")
    now = registry.get(job.id)
    assert now is not None
    assert cancelling.cancelled_at(run, now) is None
    assert Client(home).job("next").status == JobStatus.QUEUED
    requests.request(run, Command.CANCEL, {"reason": "y"}, "ada")
    assert Client(home).job("next").status == JobStatus.CANCELLED


def test_without_a_reserve_it_is_refused_and_waits_as_before(home, disk, jobs):
    reserve.give_up(home.run(jobs["next"]).reserve)
    fill(disk, home)
    client = Client(home)
    with pytest.raises(HomeError, match="No space left"):
        client.cancel("next", "x")
    assert client.job("next").status == JobStatus.QUEUED


def test_a_second_cancel_is_refused_like_that_of_any_job_that_is_over(home, disk, jobs):
    fill(disk, home)
    client = Client(home)
    client.cancel("held", "x")
    for refused in (lambda: client.cancel("held", "y"), lambda: client.unhold("held")):
        with pytest.raises(IllegalMoveError):
            refused()


def test_a_run_that_is_resumed_and_paused_again_keeps_its_slips(home, disk, jobs):
    folder = home.run(jobs["next"]).reserve
    reserve.lay_in(folder, ballast=True)
    reserve.give_up(folder, but=reserve.WAITING_SLIPS)
    assert len(list(folder.iterdir())) == reserve.WAITING_SLIPS
    write_json(folder.parent / "x.json", {})
    disk.fill()
    with suppress_full():
        write_json(folder.parent / "x.json", "y" * 8000, reserve=folder)
    assert (folder.parent / "x.json").stat().st_size == reserve.SLIP_BYTES
