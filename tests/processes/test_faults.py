"""Real SIGKILLs to every process there is; after each, the records are true and nothing trains."""

import os
import signal
import time

import psutil
import pytest
from support import wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.errors import IllegalMoveError
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.run.events import EventReader
from gladius_widgets.supervisor.lock import supervisor_is_running, supervisor_pid

FAST_S = 10.0  # states are true and slots are free within


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def test_a_run_goes_from_the_queue_to_its_end_and_leaves_its_records(lab):
    job_id = lab.submit("complete")
    assert lab.status(job_id) in (JobStatus.QUEUED, JobStatus.PROVISIONING)
    lab.wait(job_id, JobStatus.COMPLETED)
    job, record = lab.client.job(job_id), lab.exit_record(job_id)
    assert record["status"] == "completed"
    assert record["returncode"] == 0
    assert record["error"] is None
    assert (job.step, job.total_steps) == (5, 1000)
    assert job.cost == pytest.approx(record["ended_at"] - record["started_at"], abs=0.01)
    assert "rank 0 begins" in lab.run(job_id).log.read_text()
    said = [event.message for event in EventReader(lab.run(job_id)).poll()]
    assert said == ["Provisioning", "Run completed"]
    wait_until(lambda: not lab.living(job_id), what="the runner's own end")


def test_a_killed_supervisor_hurts_no_job_and_the_next_one_adopts_it(lab):
    job_id = lab.started()
    queued = [lab.submit("complete") for _ in range(4)]
    before = lab.client.state(job_id)["pids"]
    pid = wait_until(lambda: supervisor_pid(lab.home), what="a supervisor")
    kill(pid)
    wait_until(lambda: not supervisor_is_running(lab.home), what="its death")
    step = lab.client.job(job_id).step  # asks the files; and starts another supervisor
    wait_until(lambda: supervisor_pid(lab.home) not in (None, pid), what="another supervisor")
    for other in queued:
        lab.wait(other, JobStatus.COMPLETED)
    assert lab.client.state(job_id)["pids"] == before
    assert lab.client.job(job_id).step > step
    lab.client.stop(job_id, wait_s=10)
    lab.wait(job_id, JobStatus.STOPPED)


@pytest.mark.parametrize("moment", ["queued", "provisioning", "training"])
def test_a_supervisor_killed_at_any_moment_leaves_one_run_of_each_job(lab, moment):
    job_id = lab.submit("train")
    pid = wait_until(lambda: supervisor_pid(lab.home), what="a supervisor")
    wait_until(lambda: lab.status(job_id) == moment or lab.status(job_id) == "training")
    kill(pid)
    lab.wait(job_id, JobStatus.TRAINING)
    pids = lab.client.state(job_id)["pids"]
    assert len(pids["ranks"]) == 1
    assert sorted(lab.living(job_id)) == sorted([pids["runner"], pids["launcher"], *pids["ranks"]])


def test_a_killed_runner_leaves_nothing_training_and_frees_its_slot(lab):
    lab.home.settings.write_text("slots: 1\n")
    job_id, waiting = lab.started(processes=2), lab.submit("complete")
    kill(lab.client.state(job_id)["pids"]["runner"])
    wait_until(lambda: not lab.living(job_id), FAST_S, "no process of it")
    lab.wait(job_id, JobStatus.LOST, timeout_s=FAST_S)
    lab.wait(waiting, JobStatus.COMPLETED)
    assert lab.client.job(job_id).error["type"] == "lost"
    lab.client.resume(job_id)
    lab.wait(job_id, JobStatus.TRAINING)
    assert lab.client.job(job_id).attempt == 2


def test_a_killed_runner_of_ranks_that_ignore_sigterm_leaves_nothing_either(lab):
    job_id = lab.started("stubborn", processes=2)
    kill(lab.client.state(job_id)["pids"]["runner"])
    wait_until(lambda: not lab.living(job_id), FAST_S, "no process of it")
    lab.wait(job_id, JobStatus.LOST, timeout_s=FAST_S)


@pytest.mark.parametrize("mode", ["train", "stubborn"])
def test_a_killed_launcher_leaves_nothing_training(lab, mode):
    job_id = lab.started(mode, processes=2)
    kill(lab.client.state(job_id)["pids"]["launcher"])
    lab.wait(job_id, JobStatus.FAILED, timeout_s=FAST_S)
    error = lab.client.job(job_id).error
    assert error["type"] == "SIGKILL"
    assert "launcher" in error["message"]
    wait_until(lambda: not lab.living(job_id), FAST_S, "no process of it")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_rank_that_dies_of_a_signal_shows_within_5_s(lab, number):
    job_id = lab.started()
    os.kill(lab.client.state(job_id)["pids"]["ranks"][0], number)
    lab.wait(job_id, JobStatus.FAILED, timeout_s=5)
    assert lab.client.job(job_id).error["type"] == number.name
    assert lab.exit_record(job_id)["signal"] == number.name
    assert read_json(lab.run(job_id).status)["state"] == "failed"


def test_one_dead_rank_of_two_ends_the_other_that_waits_for_it(lab):
    job_id = lab.started("stubborn", processes=2)
    kill(lab.client.state(job_id)["pids"]["ranks"][1])
    lab.wait(job_id, JobStatus.FAILED, timeout_s=5)
    assert lab.client.job(job_id).error["type"] == "SIGKILL"
    wait_until(lambda: not lab.living(job_id), what="no process of it")


def test_what_a_rank_said_as_it_failed_is_the_error(lab):
    job_id = lab.submit("fail")
    lab.wait(job_id, JobStatus.FAILED)
    assert lab.client.job(job_id).error == {
        "type": "ValueError", "message": "the data are upside down",
    }  # fmt: skip


def test_a_runner_told_to_end_lets_the_ranks_end_first(lab):
    job_id = lab.started()
    os.kill(lab.client.state(job_id)["pids"]["runner"], signal.SIGTERM)
    lab.wait(job_id, JobStatus.FAILED)
    assert lab.client.job(job_id).error["type"] == "SIGTERM"
    wait_until(lambda: not lab.living(job_id), what="no process of it")


def test_a_launcher_that_is_gone_when_the_jobs_turn_comes_is_named(lab, launcher):
    lab.home.settings.write_text("slots: 1\n")
    first, second = lab.started(), lab.submit()
    launcher.unlink()
    lab.client.stop(first)
    lab.wait(second, JobStatus.FAILED)
    assert str(launcher) in lab.client.job(second).error["message"]


def test_a_config_deleted_after_submit_is_a_sentence(lab):
    lab.home.settings.write_text("slots: 1\n")
    first, second = lab.started(), lab.submit()
    lab.run(second).config.unlink()
    lab.client.stop(first)
    lab.wait(second, JobStatus.FAILED)
    assert "config.yaml" in lab.client.job(second).error["message"]


def _pretend(lab, job_id, **changes):
    """Rewrite the runner's identity in proc.json, after the runner's death."""
    attempt = lab.run(job_id).attempt(1)
    record = read_json(attempt.proc)
    record["runner"] |= changes
    write_json(attempt.proc, record)


@pytest.mark.parametrize("change", ["another process has the pid", "the machine was restarted"])
def test_a_pid_that_is_not_ours_any_more_is_not_mistaken_for_life(lab, change):
    job_id = lab.started()
    kill(wait_until(lambda: supervisor_pid(lab.home)))
    pids = lab.client.state(job_id)["pids"]
    for pid in (pids["runner"], pids["launcher"], *pids["ranks"]):
        kill(pid)
    if change == "another process has the pid":
        _pretend(lab, job_id, pid=os.getpid())
    else:
        mine = psutil.Process()
        _pretend(lab, job_id, pid=mine.pid, create_time=mine.create_time(), boot_id="another")
    lab.wait(job_id, JobStatus.LOST, timeout_s=FAST_S)


def test_cancel_ends_a_run_for_good(lab):
    job_id = lab.started(processes=2)
    answer = lab.client.cancel(job_id, "wrong data", wait_s=20)
    assert answer.outcome == "applied"
    assert lab.wait(job_id, JobStatus.CANCELLED) == JobStatus.CANCELLED
    wait_until(lambda: not lab.living(job_id), what="no process of it")
    entry = lab.client.ledger(job_id)[-1]
    assert (entry["requested_by"], entry["args"]) == ("ada", {"reason": "wrong data"})
    with pytest.raises(IllegalMoveError, match="is cancelled"):
        lab.client.resume(job_id)


def test_two_people_cancelling_at_once_have_one_effect(lab):
    job_id = lab.started("stubborn")
    lab.client.cancel(job_id, "mine")
    with pytest.raises(IllegalMoveError, match="is being cancelled"):
        Client(lab.home, user="bob").cancel(job_id, "no, mine")
    assert lab.status(job_id) == JobStatus.CANCELLING


def test_commands_to_a_run_that_ends_meanwhile_are_answered(lab):
    job_id = lab.started()
    pause = lab.client.pause(job_id)  # the fake trainer never answers this one
    lab.client.stop(job_id)
    lab.wait(job_id, JobStatus.STOPPED)
    entry = next(e for e in lab.client.ledger(job_id) if e["id"] == pause.id)
    assert entry["outcome"] == "rejected"
    assert "already ended" in entry["reason"]


def test_log_lines_are_in_the_file_as_they_are_written(lab):
    job_id = lab.started()
    assert lab.run(job_id).log.read_bytes() == b"rank 0 begins\n"


def test_system_samples_are_taken_while_it_runs(lab):
    from gladius_widgets.store.metrics import MetricReader

    job_id = lab.started()
    table = MetricReader(lab.run(job_id).table("system"))
    row = wait_until(lambda: table.read().to_pylist(), what="a sample")[0]
    assert row["process_rss_bytes"] > 10 * 1024**2
    assert row["ram_used_bytes"] < row["ram_total_bytes"]
    assert row["gpu_memory_used_bytes"] == [] or row["gpu_memory_total_bytes"][0] > 0
    assert abs(row["time"] - time.time()) < 30
    assert row["attempt"] == 1


def test_trainers_see_no_secrets(lab, monkeypatch):
    secrets = {"HF_TOKEN": "s1", "JUPYTER_TOKEN": "s2", "AWS_SECRET_ACCESS_KEY": "s3",
               "WANDB_API_KEY": "s4", "QUERY_STRING": "token=s5",
               "HTTPS_PROXY": "http://ada:s6@proxy:1"}  # fmt: skip
    for name, value in {**secrets, "HF_HOME": "/data/hf", "CUDA_VISIBLE_DEVICES": ""}.items():
        monkeypatch.setenv(name, value)
    job_id = lab.started()
    seen = read_json(lab.run(job_id).root / "environment.json")
    assert not set(secrets) & set(seen)
    assert seen["HF_HOME"] == "/data/hf"
    assert seen["CUDA_VISIBLE_DEVICES"] == ""
    assert seen["GLADIUS_HOME"] == str(lab.home.root)
    assert (seen["OMP_NUM_THREADS"], seen["PYTHONUNBUFFERED"]) == ("1", "1")
