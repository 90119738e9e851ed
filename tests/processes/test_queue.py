"""Slots, order, and a supervisor that comes and goes."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from support import processes_on, wait_until

from gladius_widgets.cli import doctor
from gladius_widgets.client import Client
from gladius_widgets.core.errors import IllegalMoveError
from gladius_widgets.core.states import ACTIVE, JobStatus
from gladius_widgets.supervisor.lock import (
    SILENT_S,
    SupervisorLock,
    stuck_supervisor,
    supervisor_is_running,
    supervisor_pid,
)
from gladius_widgets.supervisor.loop import Supervisor
from gladius_widgets.supervisor.reconcile import refresh


def test_never_more_jobs_than_slots_and_first_come_first_served(lab):
    lab.home.settings.write_text("slots: 2\n")
    ids = [lab.submit("complete", name=f"job {i}") for i in range(5)]
    most, jobs = 0, lab.client.jobs()
    while any(job.status != JobStatus.COMPLETED for job in jobs):
        most = max(most, sum(job.status in ACTIVE for job in jobs))
        assert time.time() - jobs[0].created_at < 60, jobs
        jobs = lab.client.jobs()
    assert most == 2
    started = sorted(jobs, key=lambda job: job.started_at)
    assert [job.id for job in started] == ids


def test_the_queue_goes_on_after_a_failure(lab):
    lab.home.settings.write_text("slots: 1\n")
    bad, good = lab.submit("fail"), lab.submit("complete")
    lab.wait(good, JobStatus.COMPLETED)
    assert lab.status(bad) == JobStatus.FAILED


def test_of_many_supervisors_one_stays(lab):
    command = [sys.executable, "-m", "gladius_widgets.supervisor", "--home", str(lab.home.root)]
    many = [subprocess.Popen([*command, "--idle-exit-s", "20"]) for _ in range(4)]
    left = wait_until(
        lambda: alive if len(alive := [p for p in many if p.poll() is None]) == 1 else None,
        what="one supervisor",
    )
    assert wait_until(lambda: supervisor_pid(lab.home)) == left[0].pid
    left[0].send_signal(signal.SIGTERM)
    assert left[0].wait(timeout=10) == 0
    assert not supervisor_is_running(lab.home)


def test_a_stopped_supervisor_is_not_called_running(lab):
    lab.home.settings.write_text("slots: 1\nidle_exit_s: 60\n")
    lab.started()
    waiting = lab.submit("complete")
    assert lab.client.queue().trouble == ""
    pid = wait_until(lambda: supervisor_pid(lab.home), what="a supervisor")
    os.kill(pid, signal.SIGSTOP)
    try:
        view = wait_until(lambda: v if (v := lab.client.queue()).trouble else None)
        assert f"process {pid}) has been stopped" in view.trouble
        assert f"kill -CONT {pid}" in view.trouble
        assert [(one.job.id, one.starts_at, one.reason) for one in view.waiting] == [
            (waiting, None, "The supervisor does not answer")
        ]
        finding = doctor._slots(lab.home)
        assert finding.state == "problem"
        assert f"kill -CONT {pid}" in finding.mend
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not lab.client.queue().trouble, what="the supervisor at work")
    assert doctor._slots(lab.home).state == "ok"


def test_a_supervisor_that_hangs_shows_by_its_heartbeat(home):
    home.root.mkdir()
    with SupervisorLock(home) as lock:
        assert lock.acquire()
        assert stuck_supervisor(home) is None
        long_ago = time.time() - SILENT_S - 5
        os.utime(home.supervisor_lock, (long_ago, long_ago))
        told = stuck_supervisor(home)
        assert told is not None
        assert "has not answered for" in told.message
        assert f"kill -9 {os.getpid()}" in told.hint
        lock._beat_at = float("-inf")
        lock.beat()
        assert stuck_supervisor(home) is None
    assert stuck_supervisor(home) is None


def test_no_submit_is_missed_by_a_supervisor_that_is_about_to_leave(lab):
    lab.home.settings.write_text("idle_exit_s: 0\n")
    ids = []
    for _ in range(4):
        ids.append(lab.submit("complete"))
        lab.wait(ids[-1], JobStatus.COMPLETED)  # from here on the supervisor wants to leave
    wait_until(lambda: not supervisor_is_running(lab.home), what="an idle exit")
    assert all(lab.exit_record(job_id)["status"] == "completed" for job_id in ids)


def test_an_idle_supervisor_that_finds_a_job_in_its_last_moment_stays(lab, monkeypatch):
    lock = SupervisorLock(lab.home)
    assert lock.acquire()
    supervisor = Supervisor(lab.home, lock, idle_exit_s=0)
    release = lock.release

    def release_as_somebody_submits():
        release()
        lab.client._registry.insert(id="late-000001", name="late", created_by="ada")

    monkeypatch.setattr(lock, "release", release_as_somebody_submits)
    assert not supervisor._may_leave()
    assert supervisor_is_running(lab.home)
    release()


def test_a_claim_whose_supervisor_died_before_the_start_is_started(lab):
    registry = lab.client._registry
    lock = SupervisorLock(lab.home)
    assert lock.acquire()  # keeps others from coming up
    job_id = lab.submit()
    registry.claim(3)
    supervisor = Supervisor(lab.home, lock)
    supervisor.tick()
    assert not lab.run(job_id).attempt(1).runner_log.exists()  # it may be on its way
    registry.update(job_id, claimed_at=time.time() - 60)
    supervisor.tick()
    lab.wait(job_id, JobStatus.TRAINING)
    supervisor.tick()
    assert registry.get(job_id).status == JobStatus.TRAINING
    lock.release()


def test_one_job_that_cannot_be_looked_after_holds_up_no_other(lab, monkeypatch):
    lock = SupervisorLock(lab.home)
    assert lock.acquire()  # keeps others from coming up
    bad, good = lab.submit("wait", name="bad"), lab.submit("complete", name="good")

    def refresh_but_one(registry, home, job, **known):
        if job.id == bad:
            raise ValueError("its files are nonsense")
        return refresh(registry, home, job, **known)

    monkeypatch.setattr("gladius_widgets.supervisor.loop.refresh", refresh_but_one)
    supervisor = Supervisor(lab.home, lock)
    registry = lab.client._registry

    def good_is_over():
        supervisor.tick()
        return registry.get(good).status == JobStatus.COMPLETED

    wait_until(good_is_over, 30, "the end of the good one")
    lock.release()


def test_a_second_runner_for_an_attempt_does_nothing(lab):
    job_id = lab.started()
    run = lab.run(job_id)
    before, status = sorted(lab.living(job_id)), run.attempt(1).proc.read_bytes()
    second = [sys.executable, "-m", "gladius_widgets.runner", "--run", str(run.root)]
    assert subprocess.run([*second, "--attempt", "1"], timeout=30).returncode == 0
    assert sorted(lab.living(job_id)) == before
    assert run.attempt(1).proc.read_bytes() == status


def test_cancel_in_the_queue_takes_the_job_out(lab):
    lab.home.settings.write_text("slots: 1\n")
    lab.started()
    waiting = lab.submit()
    answer = lab.client.cancel(waiting, "changed my mind")
    assert answer.outcome == "applied"
    assert lab.status(waiting) == JobStatus.CANCELLED
    assert lab.run(waiting).attempt_numbers() == []
    with pytest.raises(IllegalMoveError):
        lab.client.cancel(waiting, "again")


def test_of_two_who_resume_at_once_one_is_told_so(lab):
    job_id = lab.started()
    lab.client.stop(job_id)
    lab.wait(job_id, JobStatus.STOPPED)
    lab.home.settings.write_text("slots: 1\n")
    outcomes, ready = [], threading.Barrier(2)

    def resume(user):
        client = Client(lab.home, user=user)
        ready.wait()
        try:
            outcomes.append(client.resume(job_id).outcome)
        except IllegalMoveError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=resume, args=(user,)) for user in ("ada", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lab.wait(job_id, JobStatus.TRAINING)
    assert sorted(outcomes)[1] == "applied"
    assert "resumed" in sorted(outcomes)[0]
    assert lab.client.job(job_id).attempt == 2
    assert [e["command"] for e in lab.client.ledger(job_id)] == ["stop", "resume"]


def test_the_registry_can_be_rebuilt_while_jobs_run_and_wait(lab):
    lab.home.settings.write_text("slots: 1\n")
    running, first, second = lab.started(), lab.submit(), lab.submit()
    os.kill(wait_until(lambda: supervisor_pid(lab.home)), signal.SIGKILL)
    wait_until(lambda: not supervisor_is_running(lab.home))
    before = {job.id: job for job in lab.client._registry.find()}
    for name in ("registry.sqlite", "registry.sqlite-wal", "registry.sqlite-shm"):
        (lab.home.root / name).unlink(missing_ok=True)
    client = Client(lab.home)
    jobs = {job.id: job for job in client.jobs(sort="position", descending=False)}
    assert {i: j.status for i, j in jobs.items()} == {
        running: JobStatus.TRAINING, first: JobStatus.QUEUED, second: JobStatus.QUEUED,
    }  # fmt: skip
    assert jobs[first].position < jobs[second].position
    for name in ("name", "created_by", "created_at", "config_line", "attempt", "hourly_rate"):
        assert getattr(jobs[running], name) == getattr(before[running], name)
    client.stop(running)
    wait_until(lambda: client.job(first).status == JobStatus.TRAINING, what="the next in line")


def test_a_supervisor_leaves_when_its_home_is_gone(lab):
    lab.submit("complete")
    wait_until(lambda: supervisor_is_running(lab.home))
    wait_until(lambda: all(job.status.is_final for job in lab.client.jobs()))
    lab.home.root.rename(lab.folder / "elsewhere")
    wait_until(lambda: not processes_on(lab.home.root), what="nobody on a home that is gone")
