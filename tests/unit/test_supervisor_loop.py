"""What a supervisor survives, what it forgets, and how long an orphan may save."""

import errno
import logging

import pytest

from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.engines import EngineState
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run import requests
from gladius_widgets.supervisor import orphans
from gladius_widgets.supervisor.lock import SupervisorLock
from gladius_widgets.supervisor.loop import Supervisor
from gladius_widgets.supervisor.retry import Retries


class Machine:
    """An engine whose machine starts nothing; `broken` jobs answer with an error."""

    name = "local"

    def __init__(self):
        self.state, self.broken, self.started, self.killed = EngineState.RUNNING, set(), [], []

    def submit(self, run, attempt, gpu_uuids=()):
        self.started.append(run.id)

    def poll(self, attempts):
        attempts = list(attempts)
        if any(attempt.root.parts[-3] in self.broken for attempt in attempts):
            raise OSError(errno.EIO, "the disk fails")
        return dict.fromkeys(attempts, self.state)

    def kill(self, attempt):
        self.killed.append(attempt.root.parts[-3])


@pytest.fixture
def registry(home):
    return Registry(home)


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def supervisor(home, registry, machine):
    made = Supervisor(home, SupervisorLock(home))
    made._engines["local"] = machine
    return made


@pytest.fixture
def add(home, registry):
    def make(job_id, status=JobStatus.QUEUED, **values):
        home.run(job_id).create()
        write_json(home.run(job_id).job, {"name": job_id})
        return registry.insert(
            id=job_id, name=job_id, created_by="ada", status=status,
            holds_slot=status == JobStatus.TRAINING, **values,
        )  # fmt: skip

    return make


def end(home, job_id, status=JobStatus.COMPLETED):
    attempt = home.run(job_id).attempt(1)
    attempt.root.mkdir(parents=True)
    write_json(attempt.exit, {"status": status, "error": None, "ended_at": 5.0})


def test_a_job_that_the_engine_cannot_be_asked_about_holds_up_no_other(
    home, registry, supervisor, machine, add, caplog
):
    add("bad", JobStatus.TRAINING)
    add("good", JobStatus.TRAINING)
    add("next")
    machine.broken = {"bad"}
    end(home, "good")
    for _ in range(3):
        assert supervisor.tick()
    assert registry.get("good").status == JobStatus.COMPLETED
    assert machine.started == ["next"]
    assert sum("the disk fails" in line for line in caplog.messages) == 1


def test_a_row_that_names_no_folder_holds_up_no_other(registry, supervisor, machine, add):
    values = {"name": "x", "created_by": "ada"}
    registry.insert(id="../running", status=JobStatus.TRAINING, holds_slot=True, **values)
    registry.insert(id="../waiting", **values)
    add("next")
    assert supervisor.tick()
    assert machine.started == ["next"]
    failed = registry.get("../waiting")
    assert (failed.status, failed.holds_slot) == (JobStatus.FAILED, False)
    assert "not a job id" in failed.error["message"]


def test_a_job_whose_folder_takes_no_record_fails_and_frees_its_slot(
    home, registry, supervisor, machine, add
):
    home.settings.write_text("slots: 1\n")
    add("bad")
    add("next")
    home.run("bad").attempts.rmdir()
    home.run("bad").attempts.write_text("no folder")
    machine.submit = lambda run, attempt, _gpus: (
        run.attempt(attempt).ranks.mkdir(parents=True) or machine.started.append(run.id)
    )
    supervisor.tick()
    assert registry.get("bad").status == JobStatus.FAILED
    assert registry.get("bad").error["type"] == "start"
    assert machine.started == ["next"]


def test_a_retry_that_cannot_be_made_holds_up_no_other(home, registry, add, caplog):
    for name in ("bad", "good"):
        add(name, JobStatus.FAILED, max_attempts=2)
    home.run("bad").requests.rmdir()
    home.run("bad").requests.write_text("no folder")
    retries = Retries(registry)
    for _ in range(3):
        retries.step()
    assert registry.get("good").status == JobStatus.QUEUED
    assert registry.get("bad").status == JobStatus.FAILED
    assert sum("bad" in line for line in caplog.messages) == 1


@pytest.mark.parametrize("error", [ValueError("nonsense"), GladiusError("no"), OSError(5, "no")])
def test_a_round_that_fails_somewhere_still_starts_what_waits(
    supervisor, machine, add, monkeypatch, caplog, error
):
    def fail():
        raise error

    add("next")
    monkeypatch.setattr(supervisor._registry, "active", fail)
    monkeypatch.setattr(supervisor._registry, "retriable", fail)
    assert supervisor.tick()
    assert machine.started == ["next"]
    shown = [record for record in caplog.records if record.levelno >= logging.WARNING]
    supervisor.tick()
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == len(shown) == 2


def test_what_is_over_is_forgotten(home, registry, supervisor, machine, add):
    add("a")
    supervisor.tick()
    machine.broken = {"a"}
    supervisor.tick()
    assert supervisor._starts
    assert supervisor._complaints.subjects == {"a"}
    machine.broken = set()
    end(home, "a")
    for _ in range(2):
        supervisor.tick()
    assert not supervisor._starts
    assert not supervisor._complaints.subjects


def test_a_retry_that_was_declined_is_forgotten_with_its_job(home, registry, add):
    add("b", JobStatus.FAILED, max_attempts=2)
    requests.request(home.run("b"), Command.STOP, {}, "ada")
    retries = Retries(registry)
    retries.step()
    assert retries._declined == {("b", 1)}
    registry.update("b", retries=1)
    retries.step()
    assert not retries._declined


CONFIG = "model:\n  name: org/model\ndata:\n  path: org/data\ntraining:\n  sigterm_grace_s: 40\n"


@pytest.mark.parametrize(
    ("is_saving", "waited_s", "is_killed"),
    [(False, 4, False), (False, 6, True), (True, 6, False), (True, 44, False), (True, 46, True)],
)
def test_an_orphan_that_saves_gets_the_time_its_config_gives_it(
    home, machine, add, is_saving, waited_s, is_killed
):
    add("a", JobStatus.TRAINING)
    run = home.run("a")
    run.config.write_text(CONFIG)
    attempt = run.attempt(1)
    attempt.root.mkdir()
    write_json(attempt.proc, {})
    if is_saving:
        run.saving(20).mkdir()
    assert orphans.is_overdue(run, attempt, waited_s) == is_killed


def test_what_an_older_attempt_left_half_saved_gives_no_time(home, add):
    add("a", JobStatus.TRAINING)
    run = home.run("a")
    run.saving(20).mkdir()
    attempt = run.attempt(2)
    attempt.root.mkdir()
    write_json(attempt.proc, {"started_at": run.saving(20).stat().st_mtime + 1})
    assert orphans.is_overdue(run, attempt, 6)
    run.config.write_text("nonsense: [")  # as if it had the default
    write_json(attempt.proc, {"started_at": 1.0})
    assert not orphans.is_overdue(run, attempt, 29)
    assert orphans.is_overdue(run, attempt, 31)
