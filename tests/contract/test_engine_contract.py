"""What every engine promises, asked of each of them. The runner they start is the real one."""

import os
import signal
import sys

import pytest
from support import wait_until

from gladius_widgets.core.atomic import read_json, write_bytes, write_json
from gladius_widgets.core.config.load import parse_config
from gladius_widgets.core.config.yaml_io import dump_yaml
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.machine.processes import processes_of
from gladius_widgets.engines import ENGINES, EngineState, make_engine
from gladius_widgets.store.run.records import read_exit, read_processes

CONFIG = "model: {name: m}\ndata: {path: d}\nresources: {device: cpu}\n"


@pytest.fixture(params=sorted(ENGINES))
def engine(request, home, tmp_path, monkeypatch):
    """The engine; its launcher stands for `accelerate` and sleeps until it is told to end."""
    launcher = tmp_path / "accelerate"
    launcher.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'import time; time.sleep(600)'\n")
    launcher.chmod(0o755)
    monkeypatch.setenv("GLADIUS_ACCELERATE", str(launcher))
    return make_engine(request.param, home)


@pytest.fixture
def new_run(home):
    def make(job_id):
        run = home.run(job_id)
        run.create()
        write_bytes(run.config, dump_yaml(parse_config(CONFIG).to_plain()).encode())
        write_json(run.job, {"id": job_id, "name": job_id})
        return run

    return make


def started(engine, run, number=1):
    attempt = run.attempt(number)
    engine.submit(run, number)
    wait_until(lambda: read_processes(attempt).launcher, what="a launcher")
    return attempt


def test_an_attempt_is_pending_then_running_then_gone(engine, new_run):
    run = new_run("one-000001")
    attempt = run.attempt(1)
    assert engine.poll([attempt]) == {attempt: EngineState.PENDING}
    started(engine, run)
    assert engine.poll([attempt]) == {attempt: EngineState.RUNNING}
    os.kill(read_processes(attempt).launcher.pid, signal.SIGTERM)
    wait_until(lambda: engine.poll([attempt]) == {attempt: EngineState.GONE}, what="its end")
    assert read_exit(attempt)["status"] == "failed"


def test_all_attempts_are_polled_in_one_call(engine, new_run):
    running, waiting = started(engine, new_run("one-000001")), new_run("two-000002").attempt(1)
    assert engine.poll([running, waiting]) == {
        running: EngineState.RUNNING, waiting: EngineState.PENDING,
    }  # fmt: skip
    assert engine.poll([]) == {}


def test_a_second_submit_of_an_attempt_starts_no_second_one(engine, new_run):
    run = new_run("one-000001")
    attempt = run.attempt(1)
    engine.submit(run, 1)
    engine.submit(run, 1)
    wait_until(lambda: read_processes(attempt).launcher, what="a launcher")
    wait_until(lambda: len(processes_of(attempt)) == 2, what="one runner and one launcher")
    assert {p.pid for p in processes_of(attempt)} == {
        read_processes(attempt).runner.pid, read_processes(attempt).launcher.pid,
    }  # fmt: skip


def test_another_engine_object_knows_the_same(engine, new_run, home):
    attempt = started(engine, new_run("one-000001"))
    assert make_engine(engine.name, home).poll([attempt]) == {attempt: EngineState.RUNNING}


def test_kill_returns_when_nothing_is_left(engine, new_run):
    attempt = started(engine, new_run("one-000001"))
    engine.kill(attempt)
    assert processes_of(attempt) == []
    assert engine.poll([attempt]) == {attempt: EngineState.GONE}
    assert read_exit(attempt) is None  # nobody was left to write it: the run is lost
    engine.kill(attempt)  # harmless


def test_a_dead_runner_with_live_processes_is_orphaned(engine, new_run):
    run = new_run("one-000001")
    attempt = started(engine, run)
    record = read_json(attempt.proc)
    dead = record["runner"] | {"create_time": 1.0}
    me = read_processes(attempt).launcher.to_dict()
    other = run.attempt(2)
    other.ranks.mkdir(parents=True)
    write_json(other.proc, {"runner": dead, "launcher": me})
    assert engine.poll([other]) == {other: EngineState.ORPHANED}


def test_two_attempts_of_a_run_are_told_apart(engine, new_run):
    run = new_run("one-000001")
    first = started(engine, run, 1)
    engine.kill(first)
    second = started(engine, run, 2)
    assert engine.poll([first, second]) == {first: EngineState.GONE, second: EngineState.RUNNING}


def test_an_unknown_engine_is_a_sentence(home):
    with pytest.raises(GladiusError, match=r"no engine 'locl'. Did you mean 'local'"):
        make_engine("locl", home)
