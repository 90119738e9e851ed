"""The whole way with the real launcher and the real trainer: `gladius` in, records out."""

import os
import signal

import pyarrow.parquet as pq
import pytest
from support import REPOSITORY, end_processes_on, wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.machine.processes import processes_of
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.metrics import MetricReader
from gladius_widgets.store.run.events import EventReader
from gladius_widgets.store.run.records import read_processes

SMALL = ["data.max_samples=300", "data.max_length=48", "training.validation_max_batches=2",
         "training.micro_batch_size=4", "training.tensorboard=false"]  # fmt: skip


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """One home for the module: the data are prepared once."""
    home = Home(tmp_path_factory.mktemp("real") / "home")
    yield Client(home, user="ada")
    end_processes_on(home.root)


def submit(client: Client, *overrides: str) -> str:
    config = REPOSITORY / "configs" / "moe_chitchat.yaml"
    return client.submit(config, overrides=[*SMALL, *overrides]).id


def wait(client: Client, job_id: str, status: JobStatus, timeout_s: float = 90) -> None:
    def reached() -> bool:
        job = client.job(job_id)
        assert not job.status.is_final or job.status == status, job
        return job.status == status

    wait_until(reached, timeout_s, f"{status}")


def steps(client: Client, job_id: str) -> list[int]:
    return MetricReader(client.run(job_id).table("train")).read()["step"].to_pylist()


def nothing_left(client: Client, job_id: str, attempt: int) -> None:
    directory = client.run(job_id).attempt(attempt)
    wait_until(lambda: processes_of(directory) == [], 10, "no process of it")


def test_a_run_completes_with_all_its_rows(client, gladius, tmp_path):
    arguments = [word for pair in SMALL for word in ("--set", pair)]
    config = REPOSITORY / "configs" / "moe_chitchat.yaml"
    done = gladius("--home", client.home.root, "submit", config, *arguments,
                   "--set", "training.max_steps=12", "--wait", "--json")  # fmt: skip
    assert done.rc == 0, done.stderr
    state = done.json
    assert (state["status"], state["step"], state["total_steps"]) == ("completed", 12, 12)
    assert state["error"] is None
    run = client.run(state["id"])
    out = tmp_path / "train.parquet"
    gladius("--home", client.home.root, "export", state["id"], "--format", "parquet", "--out", out)
    assert pq.read_table(out)["step"].to_pylist() == list(range(1, 13))
    assert run.checkpoint(12).is_dir()
    assert b"Training completed at step 12" in run.log.read_bytes()
    nothing_left(client, run.id, 1)


def the_preview_is_what_set_does(client, job_id):
    change = {"learning_rate": 5e-5}
    promised = client.preview(job_id, change, points=10**6)
    with pytest.raises(GladiusError, match="learning_rate must be between"):
        client.preview(job_id, {"learning_rate": 50.0})
    answer = client.set(job_id, change, wait_s=20)
    assert answer.new["learning_rate"] == pytest.approx(5e-5)
    wait_until(lambda: steps(client, job_id)[-1] > answer.step + 1, 30, "a step after it")
    rows = MetricReader(client.run(job_id).table("train")).read().to_pylist()
    rate = next(row["learning_rate"] for row in rows if row["step"] == answer.step + 1)
    assert rate == pytest.approx(5e-5)
    # Asked for a few steps earlier, so the curve is a little shifted, but it is the same curve.
    assert promised[0][1] == pytest.approx(5e-5)
    assert [step for step, _ in promised[:3]] == list(range(promised[0][0], promised[0][0] + 3))
    assert promised[-1][0] == client.job(job_id).total_steps


def test_pause_holds_the_steps_and_a_killed_trainer_is_told_and_resumes(client):
    job_id = submit(client, "training.max_steps=100000")
    wait(client, job_id, JobStatus.TRAINING)
    wait_until(lambda: client.job(job_id).step > 2, 30, "steps")
    assert client.pause(job_id, wait_s=20).outcome == "applied"
    assert client.job(job_id).status == JobStatus.PAUSED
    held = steps(client, job_id)[-1]
    assert client.resume(job_id, wait_s=20).outcome == "applied"
    wait_until(lambda: steps(client, job_id)[-1] > held + 2, 30, "more steps")
    the_preview_is_what_set_does(client, job_id)
    seen = steps(client, job_id)
    os.kill(client.state(job_id)["pids"]["ranks"][0], signal.SIGKILL)
    wait_until(lambda: client.job(job_id).status == JobStatus.FAILED, 5, "the truth within 5 s")
    assert client.job(job_id).error["type"] == "SIGKILL"
    nothing_left(client, job_id, 1)
    assert steps(client, job_id)[: len(seen)] == seen  # no row is lost
    assert not list(client.run(job_id).table("train").glob("*.arrows"))  # all of it is Parquet
    client.resume(job_id)
    wait(client, job_id, JobStatus.TRAINING)
    assert client.job(job_id).attempt == 2
    answer = client.cancel(job_id, "seen enough", wait_s=30)
    assert (answer.outcome, answer.latency_s < 25) == ("applied", True)
    wait(client, job_id, JobStatus.CANCELLED, 10)
    nothing_left(client, job_id, 2)
    assert steps(client, job_id)[: len(seen)] == seen


def test_a_resume_with_changes_trains_on_with_them(client, gladius):
    """The new attempt starts with them; the samples a step, and so the plan, stay the same."""
    job_id = submit(client, "training.max_steps=100000", "training.gradient_accumulation=1")
    wait(client, job_id, JobStatus.TRAINING)
    saved = client.checkpoint(job_id, wait_s=30).new["step"]
    os.kill(client.state(job_id)["pids"]["ranks"][0], signal.SIGKILL)
    wait_until(lambda: client.job(job_id).status == JobStatus.FAILED, 10, "the end")
    changes = ["--set", "training.micro_batch_size=2", "--set", "gradient_accumulation=2"]
    done = gladius("--home", client.home.root, "resume", job_id, *changes)
    assert done.rc == 0, done.stderr
    wait(client, job_id, JobStatus.TRAINING)
    wait_until(lambda: steps(client, job_id)[-1] > saved + 1, 60, "a step of the new attempt")
    change = [entry for entry in client.ledger(job_id) if entry["command"] == "set"][-1]
    assert (change["outcome"], change["step"]) == ("applied", saved)
    assert change["old"] == {"micro_batch_size": 4, "gradient_accumulation": 1}
    assert change["new"] == {"micro_batch_size": 2, "gradient_accumulation": 2}
    rows = MetricReader(client.run(job_id).table("train")).read().to_pylist()
    by_attempt = {row["attempt"]: row for row in rows}
    assert by_attempt[2]["samples"] == by_attempt[1]["samples"] == 4
    assert by_attempt[2]["batch"] % 2 == 0, "two micro-batches a step"
    client.cancel(job_id, "seen enough", wait_s=30)


def test_a_released_machine_is_free_when_the_pause_is_answered(client):
    job_id = submit(client, "training.max_steps=100000")
    wait(client, job_id, JobStatus.TRAINING)
    wait_until(lambda: client.job(job_id).step > 2, 30, "steps")
    assert client.pause(job_id, wait_s=20).outcome == "applied"
    with pytest.raises(GladiusError, match="pause with release"):
        client.pause(job_id)
    answer = client.pause(job_id, release=True, wait_s=40)
    assert (answer.outcome, answer.new) == ("applied", JobStatus.PAUSED)
    pids = client.state(job_id)["pids"]
    assert (pids["launcher"], pids["ranks"]) == (None, [])
    with pytest.raises(GladiusError, match=r"has freed its machine.*Possible now: resume, cancel"):
        client.stop(job_id)
    assert client.resume(job_id, wait_s=20).outcome == "applied"
    wait(client, job_id, JobStatus.TRAINING)
    assert client.job(job_id).attempt == 2
    client.cancel(job_id, "seen enough", wait_s=30)


def test_two_ranks_end_with_their_runner(client):
    job_id = submit(client, "training.max_steps=100000", "resources.processes=2")
    wait(client, job_id, JobStatus.TRAINING)
    pids = client.state(job_id)["pids"]
    assert len(pids["ranks"]) == 2
    os.kill(pids["runner"], signal.SIGKILL)
    nothing_left(client, job_id, 1)
    wait_until(lambda: client.job(job_id).status == JobStatus.LOST, 10, "lost")


def test_a_hang_is_told_with_its_stacks_and_ended_as_the_config_says(client):
    """A rank that stands still: the other waits for it inside a collective, as ranks do."""
    job_id = submit(
        client, "training.max_steps=100000", "resources.processes=2",
        "training.hang_timeout_s=3", "training.on_hang=fail", "training.sigterm_grace_s=2",
    )  # fmt: skip
    wait(client, job_id, JobStatus.TRAINING)
    wait_until(lambda: client.job(job_id).step > 2, 60, "steps")
    run = client.run(job_id)
    os.kill(read_processes(run.attempt(1)).ranks[1].pid, signal.SIGSTOP)
    wait_until(lambda: client.job(job_id).status == JobStatus.FAILED, 60, "the end of the hang")
    assert client.job(job_id).error["type"] == "hang"
    alarms = [e for e in EventReader(run).poll() if (e.payload or {}).get("kind") == "hang"]
    assert [(e.type, e.source) for e in alarms] == [("warning", "runner")]
    log = run.log.read_text()
    assert "Current thread" in log
    assert "all_reduce" in log  # where rank 0 stood
    nothing_left(client, job_id, 1)


def test_a_spent_budget_frees_the_machine_and_the_cost_adds_up(client):
    limits = ["cost.hourly_rate=3600", "cost.budget=14", "cost.on_budget=pause"]
    job_id = submit(client, *limits, "training.max_steps=100000")
    wait(client, job_id, JobStatus.PAUSED)
    wait_until(lambda: not client.job(job_id).holds_slot, 30, "the machine")
    while not steps(client, job_id):  # on a slow machine the cap came before the first step
        client.resume(job_id, {"cost.budget": round(client.job(job_id).cost) + 30})
        wait(client, job_id, JobStatus.PAUSED)
        wait_until(lambda: not client.job(job_id).holds_slot, 30, "the machine")
    nothing_left(client, job_id, client.job(job_id).attempt)
    asked = [e for e in client.ledger(job_id) if e["requested_by"] == "budget guard"][-1]
    assert (asked["command"], asked["outcome"]) == ("pause", "applied")
    assert client.run(job_id).checkpoint(asked["step"]).is_dir()
    told, job = client.cost(job_id), client.job(job_id)
    parts = [told.provisioning, told.training, told.paused]
    assert sum(part.cost for part in parts) == pytest.approx(told.total.cost)
    assert told.total.cost == pytest.approx(job.cost)
    assert told.total.cost >= 14
    assert told.provisioning.cost > 0
    client.cancel(job_id, "done with it")
    # What it took tells what others will take.
    unsaid = ["cost.estimate_low=null", "cost.estimate_high=null"]
    overrides = [*SMALL, *unsaid, "training.max_steps=null", "training.epochs=2"]
    estimate = client.estimate(REPOSITORY / "configs" / "moe_chitchat.yaml", overrides)
    assert estimate.basis == "measured"
    assert estimate.steps == -(-2 * 272 // 8)  # 300 rows without 10 and 18, in batches of 8
    assert 0 < estimate.low_s < estimate.high_s
