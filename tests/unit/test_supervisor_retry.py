"""Which failures are tried again, when, and how often."""

import time

import pytest

from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.registry.job_record import read_record
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run import requests
from gladius_widgets.supervisor.retry import Retries, backoff_s


@pytest.fixture
def registry(home):
    return Registry(home)


@pytest.fixture
def fail(home, registry):
    """A job whose attempt has just ended so."""

    def make(status=JobStatus.FAILED, **values):
        run = home.run("a")
        run.create()
        write_json(run.job, {"name": "a"})
        run.attempt(1).root.mkdir(parents=True)
        write_json(run.attempt(1).proc, {"runner": None, "started_at": 100.0})
        RunStatus(state=status, step=30, total_steps=60).write(run)
        values = {"max_attempts": 3, "retry_backoff_s": 10.0, "claimed_at": 99.0, **values}
        registry.insert(
            id="a", name="a", created_by="ada", status=status, ended_at=200.0, step=30, **values
        )
        return run

    return make


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.LOST])
def test_a_failure_is_queued_again_and_waits(registry, fail, status):
    run = fail(status, error={"type": "exit", "message": "x"}, retries=1)
    run.checkpoint(20).mkdir(parents=True)
    write_json(run.checkpoint(20) / "manifest.json", {})
    Retries(registry).step()
    job = registry.get("a")
    assert (job.status, job.attempt, job.retries, job.step) == (JobStatus.QUEUED, 2, 2, 20)
    assert (job.not_before, job.ended_at, job.error) == (220.0, None, None)
    snapshot = read_status(run)
    assert (snapshot.state, snapshot.attempt, snapshot.step) == (JobStatus.QUEUED, 2, 20)
    (entry,) = requests.ledger(run)
    assert (entry["command"], entry["requested_by"], entry["outcome"]) == (
        "resume", "supervisor", "applied",
    )  # fmt: skip
    assert entry["args"] == {"retry": 2, "of": 2, "not_before": 220.0}
    _, record = read_record(run)
    assert (record.retries, record.not_before) == (2, 220.0)


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.STOPPED, JobStatus.CANCELLED])
def test_what_ended_as_it_should_is_not_tried_again(registry, fail, status):
    fail(status)
    Retries(registry).step()
    assert registry.get("a").status == status


@pytest.mark.parametrize("values", [{"max_attempts": 1}, {"retries": 2}])
def test_no_more_attempts_than_the_config_says(registry, fail, values):
    fail(**values)
    Retries(registry).step()
    assert registry.get("a").status == JobStatus.FAILED


@pytest.mark.parametrize(
    ("commands", "is_tried"),
    [(["stop"], False), (["cancel"], False), (["pause"], False), (["pause", "resume"], True),
     (["pause", "resume", "pause"], False), (["checkpoint", "set"], True)],
)  # fmt: skip
def test_what_people_wanted_last_counts(registry, fail, commands, is_tried):
    run = fail()
    for command in commands:
        requests.request(run, command, {"reason": "x"} if command == "cancel" else {}, "ada")
    retries = Retries(registry)
    retries.step()
    retries.step()
    assert (registry.get("a").status == JobStatus.QUEUED) == is_tried


def test_what_was_asked_of_an_earlier_attempt_does_not_count(registry, fail):
    run = fail(claimed_at=time.time() + 5)
    requests.request(run, "stop", {}, "ada")
    Retries(registry).step()
    assert registry.get("a").status == JobStatus.QUEUED


def test_the_wait_doubles_up_to_an_hour(registry, fail):
    fail(max_attempts=100)
    waits = []
    for retries in (0, 1, 2, 8, 9, 98):
        registry.update("a", retries=retries)
        waits.append(backoff_s(registry.get("a")))
    assert waits == [10.0, 20.0, 40.0, 2560.0, 3600.0, 3600.0]


def test_two_supervisors_try_it_once(registry, home, fail):
    run = fail()
    (job,) = registry.retriable()
    Retries(Registry(home)).step()
    assert registry.move("a", [job.status], JobStatus.QUEUED, expected={"attempt": 1}) is False
    Retries(registry).step()
    assert registry.get("a").attempt == 2
    assert len(requests.ledger(run)) == 1
