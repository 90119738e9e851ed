"""Paths, atomic writes, process identity and the run's snapshot."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gladius_widgets.core import atomic
from gladius_widgets.core.atomic import read_json, write_bytes, write_json
from gladius_widgets.core.errors import ConfigError, GladiusError
from gladius_widgets.core.machine import identity
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status, training_state
from gladius_widgets.core.states import JobStatus, Stage

# Paths


def test_home_comes_from_the_argument_the_environment_or_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("GLADIUS_HOME", str(tmp_path / "env"))
    assert Home().root == tmp_path / "env"
    assert Home(tmp_path).root == tmp_path
    monkeypatch.delenv("GLADIUS_HOME")
    assert Home().root == Path.home() / ".gladius"


@pytest.mark.parametrize(
    "job_id", ["", "../x", "a/b", "A", "-a", ".", "a" * 65, "a\n", "a\0", "é", " a"]
)
def test_id_that_could_name_another_place_is_refused(job_id):
    with pytest.raises(ValueError, match="not a job id"):
        Home("/nowhere").run(job_id)


@given(st.text(max_size=70))
def test_accepted_ids_stay_inside_the_runs_folder(job_id):
    home = Home("/nowhere")
    try:
        run = home.run(job_id)
    except ValueError:
        return
    assert run.root.parent == home.runs
    assert Path(os.path.normpath(run.root)) == run.root


def test_runs_are_folders_with_a_job_file(tmp_path):
    home = Home(tmp_path)
    assert home.all_runs() == []
    for name in ("b", "a", "half-made"):
        home.run(name).create()
    for name in ("b", "a"):
        home.run(name).job.write_text("{}")
    assert [run.id for run in home.all_runs()] == ["a", "b"]


def test_attempts_and_checkpoints_are_found_by_name(tmp_path):
    run = RunDirectory(tmp_path / "job")
    assert run.latest_attempt() is None
    assert run.checkpoint_steps() == []
    run.create()
    run.create()
    for name in ("1", "2", "10", "x"):
        (run.attempts / name).mkdir()
    assert run.attempt_numbers() == [1, 2, 10]
    latest = run.latest_attempt()
    assert latest is not None
    assert (latest.number, latest.root) == (10, run.attempts / "10")
    assert latest.rank(3).parent == latest.fail(0).parent == latest.ranks
    for step in (5, 123_456_789):
        run.checkpoint(step).mkdir()
    (run.checkpoints / ".step-00000007.tmp").mkdir()
    assert run.checkpoint_steps() == [5, 123_456_789]
    assert run.checkpoint(5).name == "step-00000005"


# Atomic writes


@pytest.mark.parametrize("durable", [True, False])
def test_write_replaces_and_leaves_nothing_else(tmp_path, durable):
    path = tmp_path / "status.json"
    write_json(path, {"step": 1, "name": "é"}, durable=durable)
    write_json(path, {"step": 2, "loss": float("nan"), "more": [float("inf"), (1.5,)]})
    assert json.loads(path.read_text()) == {"step": 2, "loss": None, "more": [None, [1.5]]}
    assert [p.name for p in tmp_path.iterdir()] == ["status.json"]


def test_failed_write_leaves_the_old_version(tmp_path, monkeypatch):
    path = tmp_path / "x"
    write_bytes(path, b"old")

    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"


def test_reader_never_sees_half_a_file(tmp_path):
    path = tmp_path / "status.json"
    write_json(path, {"step": 0}, durable=False)
    stop, bad = threading.Event(), []

    def read():
        while not stop.is_set():
            value = read_json(path)
            if not isinstance(value, dict) or "step" not in value:
                bad.append(value)

    reader = threading.Thread(target=read)
    reader.start()
    for step in range(300):
        write_json(path, {"step": step, "fill": "x" * (step * 37 % 5000)}, durable=False)
    stop.set()
    reader.join()
    assert bad == []


def test_threads_that_write_one_file_leave_the_word_of_one_of_them(tmp_path):
    path, errors = tmp_path / "x", []

    def write(letter):
        try:
            for _ in range(100):
                write_bytes(path, letter * 5000, durable=False)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set(path.read_bytes())) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe", b"{}{}"])
def test_json_that_is_not_there_or_not_whole_is_none(tmp_path, content):
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    assert read_json(tmp_path / "x") is None


# Identity


def test_this_process_is_alive_and_knows_itself_again():
    me = ProcessIdentity.of()
    assert me.pid == os.getpid()
    assert me.alive()
    assert ProcessIdentity.from_dict(json.loads(json.dumps(me.to_dict()))) == me


def test_dead_zombie_and_recycled_pids_are_not_alive():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    me = ProcessIdentity.of(child.pid)
    assert me.alive()
    assert not ProcessIdentity(me.pid, me.create_time - 10, me.boot_id).alive()
    assert not ProcessIdentity(me.pid, me.create_time, "another boot").alive()
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
    assert not me.alive()
    child.wait()
    assert not me.alive()
    with pytest.raises(psutil.NoSuchProcess):
        ProcessIdentity.of(child.pid)


@pytest.mark.parametrize(
    "value",
    [None, {}, [], "x", {"pid": 1}, {"pid": "x", "create_time": 1.0, "boot_id": ""}],
)
def test_what_is_no_identity_is_none(value):
    assert ProcessIdentity.from_dict(value) is None


def test_boot_id_without_proc(monkeypatch, tmp_path):
    monkeypatch.setattr(identity, "_BOOT_ID", tmp_path / "none")
    assert identity.boot_id() == str(int(psutil.boot_time()))


# Status


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(tmp_path / "job")
    run.create()
    return run


JOB = {
    "id": "job",
    "name": "Job",
    "status": "training",
    "attempt": 2,
    "cost": None,
    "error": None,
    "pids": {"runner": 1, "launcher": 2, "ranks": [3]},
    "duration": 12.0,
}


def test_status_comes_back_as_it_was(run):
    assert read_status(run) is None
    status = RunStatus(state=JobStatus.TRAINING, step=7, loss=1.5, stage=Stage.TRAINING)
    status.stages[Stage.TRAINING].state = "active"
    status.write(run)
    assert read_status(run) == status


@pytest.mark.parametrize("content", ["", "[]", '{"step": "many"}', '{"state": "dancing"}'])
def test_status_that_cannot_be_read_is_none(run, content):
    run.status.write_text(content)
    assert read_status(run) is None


def test_status_of_a_newer_version_is_read_as_far_as_it_is_known(run):
    run.status.write_text('{"version": 2, "step": 3, "mood": "good", "stages": {}}')
    status = read_status(run)
    assert status is not None
    assert status.step == 3


def test_training_state_before_anything_is_known():
    state = training_state(JOB | {"status": "queued"}, None, None)
    assert state["status"] == "queued"
    assert state["stage"] is None
    assert state["epoch"] == {"current": 0, "total": None, "progress": None}
    assert state["metrics"]["loss"] is None
    assert state["system"] == {"gpus": [], "cpu": None, "ram": {"used": None, "total": None}}
    assert state["timing"]["eta"] is None
    json.dumps(state)


def test_training_state_of_a_run():
    status = RunStatus(
        state=JobStatus.TRAINING,
        heartbeat=0.0,
        step=50,
        total_steps=100,
        epoch=2,
        total_epochs=4,
        batch=30,
        batches_per_epoch=20,
        remaining_s=90,
        tokens_per_s=1000.0,
    )
    system = {
        "gpu_memory_used_bytes": [1, 2],
        "gpu_memory_total_bytes": [10, 20],
        "gpu_temperature_c": [60.0, 61.0],
        "cpu_percent": 12.5,
        "ram_used_bytes": 5,
        "ram_total_bytes": 9,
    }
    state = training_state(JOB, status, system)
    assert state["epoch"]["progress"] == 0.5
    assert state["batch"]["progress"] == 1.0
    assert state["timing"]["eta"] == "1970-01-01T00:01:30+00:00"
    assert state["system"]["gpus"][1] == {
        "id": 1,
        "temp": 61.0,
        "memory": {"used": 2, "total": 20},
    }
    assert state["pids"] == {"runner": 1, "launcher": 2, "ranks": [3]}
    paused = training_state(JOB, status.model_copy(update={"state": JobStatus.PAUSED}), None)
    assert paused["timing"]["eta"] is None


def test_errors_are_a_sentence_and_a_hint():
    assert str(GladiusError("It broke.", "Mend it.")) == "It broke. Mend it."
    assert str(ConfigError("It broke.")) == "It broke."
