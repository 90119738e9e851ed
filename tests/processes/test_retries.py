"""Jobs that fail are tried again by the queue, whoever dies in between."""

import os
import signal
import time

import pytest
from support import wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.supervisor.lock import supervisor_is_running, supervisor_pid

AT_ONCE = ["queue.max_attempts=3", "queue.retry_backoff_s=0"]


def test_a_job_that_fails_twice_completes_at_its_third_attempt(lab):
    job_id = lab.submit("flaky", overrides=AT_ONCE)
    lab.wait(job_id, JobStatus.COMPLETED, timeout_s=60)
    job = lab.client.job(job_id)
    assert (job.attempt, job.retries) == (3, 2)
    assert [lab.exit_record(job_id, n)["status"] for n in (1, 2, 3)] == [
        "failed", "failed", "completed",
    ]  # fmt: skip
    entries = lab.client.ledger(job_id)
    assert [(e["command"], e["requested_by"], e["args"]["retry"]) for e in entries] == [
        ("resume", "supervisor", 1), ("resume", "supervisor", 2),
    ]  # fmt: skip
    spans = [lab.exit_record(job_id, n) for n in (1, 2, 3)]
    ran_s = sum(record["ended_at"] - record["started_at"] for record in spans)
    assert job.duration_s(time.time()) == pytest.approx(ran_s, abs=0.1)


def test_it_fails_for_good_after_its_last_attempt(lab):
    lab.home.settings.write_text("quick_failure_s: 0\n")  # else the queue would pause itself
    job_id = lab.submit("fail", overrides=["queue.max_attempts=2", "queue.retry_backoff_s=0"])
    wait_until(lab.run(job_id).attempt(2).exit.exists, 60, "its second end")
    lab.wait(job_id, JobStatus.FAILED)
    later = lab.submit("complete")  # the supervisor has looked at all of them by its end
    lab.wait(later, JobStatus.COMPLETED)
    assert lab.status(job_id) == JobStatus.FAILED
    assert lab.run(job_id).attempt_numbers() == [1, 2]


def test_while_it_waits_to_be_tried_again_others_go_and_it_can_be_cancelled(lab):
    lab.home.settings.write_text("slots: 1\n")
    job_id = lab.submit("fail", overrides=["queue.max_attempts=3", "queue.retry_backoff_s=600"])
    other = lab.submit("complete")
    lab.wait(other, JobStatus.COMPLETED)
    job = lab.client.job(job_id)
    assert (job.status, job.attempt) == (JobStatus.QUEUED, 2)
    assert 500 < job.not_before - time.time() < 600
    assert lab.client.queue().waiting[0].reason.startswith("Not before")
    lab.client.cancel(job_id, "give up")
    assert lab.status(job_id) == JobStatus.CANCELLED


def test_a_lost_run_is_tried_again_and_nothing_of_the_old_one_is_left(lab):
    job_id = lab.started("stubborn", processes=2, overrides=AT_ONCE)
    os.kill(lab.client.state(job_id)["pids"]["runner"], signal.SIGKILL)
    wait_until(lambda: lab.client.job(job_id).attempt == 2, 30, "another attempt")
    lab.wait(job_id, JobStatus.TRAINING)
    assert lab.living(job_id, 1) == []


def test_a_retry_survives_the_death_of_supervisor_and_registry(lab):
    job_id = lab.submit("fail", overrides=["queue.max_attempts=5", "queue.retry_backoff_s=600"])
    wait_until(lambda: lab.client.job(job_id).attempt == 2, 30, "its first retry")
    before = lab.client.job(job_id)
    os.kill(wait_until(lambda: supervisor_pid(lab.home)), signal.SIGKILL)
    wait_until(lambda: not supervisor_is_running(lab.home))
    for name in ("registry.sqlite", "registry.sqlite-wal", "registry.sqlite-shm"):
        (lab.home.root / name).unlink(missing_ok=True)
    after = Client(lab.home).job(job_id)
    same = ("status", "attempt", "retries", "not_before", "max_attempts", "position")
    assert [getattr(after, n) for n in same] == [getattr(before, n) for n in same]


def test_a_failure_that_a_page_notices_first_is_tried_again_too(lab):
    """No supervisor lives when it ends; the row is settled by whoever looks."""
    job_id = lab.started(overrides=AT_ONCE)
    os.kill(wait_until(lambda: supervisor_pid(lab.home)), signal.SIGKILL)
    os.kill(lab.client.state(job_id)["pids"]["ranks"][0], signal.SIGKILL)
    wait_until(lab.run(job_id).attempt(1).exit.exists, what="its end")
    assert Registry(lab.home).get(job_id).status == JobStatus.TRAINING
    lab.client.jobs()  # settles it, and wakes a supervisor
    wait_until(lambda: Registry(lab.home).get(job_id).attempt == 2, 30, "another attempt")


def test_a_paused_run_that_is_lost_does_not_go_on_by_itself(lab):
    job_id = lab.started(overrides=AT_ONCE)
    (lab.run(job_id).root / "obeys-pause").touch()
    lab.client.pause(job_id, wait_s=20)
    lab.wait(job_id, JobStatus.PAUSED)
    os.kill(lab.client.state(job_id)["pids"]["runner"], signal.SIGKILL)
    lab.wait(job_id, JobStatus.LOST)
    later = lab.submit("complete")  # the supervisor has looked at all of them by its end
    lab.wait(later, JobStatus.COMPLETED)
    assert lab.client.job(job_id).attempt == 1


def test_what_nobody_knew_of_does_not_write_beside_the_next_attempt(lab):
    """A rank that was never recorded outlives its lost attempt, and ends as the next begins."""
    job_id = lab.started("stubborn", processes=2)
    attempt = lab.run(job_id).attempt(1)
    hidden = lab.client.state(job_id)["pids"]["ranks"][1]
    attempt.rank(1).unlink()
    os.kill(hidden, signal.SIGSTOP)  # so that it neither hears of the death nor ends
    pids = lab.client.state(job_id)["pids"]
    for pid in (pids["runner"], pids["launcher"], *pids["ranks"]):
        os.kill(pid, signal.SIGKILL)
    lab.wait(job_id, JobStatus.LOST)
    assert lab.living(job_id) == [hidden]
    lab.client.resume(job_id)
    lab.wait(job_id, JobStatus.TRAINING)
    assert lab.living(job_id) == []
