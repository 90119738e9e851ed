import json
import os
import sys
import time
from pathlib import Path

import pytest

import gladius_widgets.client.client as client_module
from gladius_widgets.cli import pages
from gladius_widgets.client import Client
from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.run import requests

CONFIG = "model:\n  name: org/model\ndata:\n  path: org/data\n"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def run(in_process):
    return in_process


@pytest.fixture
def training(run, config, home):
    """A job in training, its processes played by this one."""
    client = Client(home, user="ada")
    job = client.submit(config)
    client._registry.claim(3)
    attempt = client.run(job.id).attempt(1)
    attempt.ranks.mkdir(parents=True)
    me = ProcessIdentity.of().to_dict()
    write_json(attempt.proc, {"runner": me, "launcher": None, "started_at": time.time()})
    status = RunStatus(state=JobStatus.TRAINING, step=3, total_steps=6, loss=5.25)
    status.write(client.run(job.id))
    return job.id


def test_a_job_from_submit_to_the_list(run, config):
    code, out, _ = run("submit", config, "--name", "first", "--set", "training.max_steps=6")
    assert code == 0
    job_id = out.split()[1]
    code, out, _ = run("jobs")
    assert (code, out.splitlines()[1].split()[:3]) == (0, [job_id, "first", "queued"])
    assert Client().config(job_id).training.max_steps == 6


def test_json_and_home_go_before_or_after_the_command(run, config, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    code, out, _ = run("--home", elsewhere, "--json", "submit", config)
    state = json.loads(out)
    assert (code, state["status"], state["name"]) == (0, "queued", "tiny")
    _, out, _ = run("jobs", "--json", "--home", elsewhere)
    assert [job["id"] for job in json.loads(out)] == [state["id"]]
    assert json.loads(run("jobs", "--json")[1]) == []
    shown = json.loads(run("show", state["id"][:8], "--home", elsewhere, "--json")[1])
    for one in (shown, state):
        one.pop("waiting")  # a queued job starts "now", which is another moment each time
    assert shown == state


def test_show_for_people_and_for_programs(run, training):
    code, out, _ = run("show", training)
    assert code == 0
    assert "training" in out
    assert "3/6 (50%)" in out
    assert "5.2500" in out
    state = json.loads(run("show", training, "--json")[1])
    assert list(state["pids"]) == ["runner", "launcher", "ranks"]
    assert state["metrics"]["loss"] == 5.25


@pytest.mark.parametrize(
    "arguments",
    [["show"], ["shw"], ["submit"], ["cancel", "x"], ["export", "x", "--out", "y"],
     ["export", "x", "--format", "xml", "--out", "y"], ["jobs", "--limit", "0"], ["set", "x"],
     ["export", "x", "--format", "csv", "--step", "3", "--out", "y"]],
)  # fmt: skip
def test_wrong_usage_exits_2(run, arguments):
    code, _, err = run(*arguments)
    assert code == 2
    assert "Traceback" not in err


def _bad_yaml(path):
    path.write_text("model: [")


def _unknown_key(path):
    path.write_text(CONFIG + "trainning:\n  max_steps: 3\n")


def _missing_file(path):
    path.write_text(CONFIG.replace("org/data", "./rows.jsonl"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "tiny.yaml"),
        (_bad_yaml, "tiny.yaml"),
        (_unknown_key, "Did you mean 'training'?"),
        (_missing_file, "no file or folder ./rows.jsonl"),
    ],
)
def test_a_bad_config_is_one_sentence_and_exit_1(run, config, spoil, message):
    spoil(config)
    code, out, err = run("submit", config)
    assert code == 1
    assert message in err
    assert err.startswith("gladius: ")
    assert len(err.strip().splitlines()) <= 2
    assert "Traceback" not in out + err
    assert run("jobs", "--json")[1] == "[]\n"


def test_an_error_is_json_too(run):
    code, out, err = run("show", "nope", "--json")
    assert code == 1
    assert json.loads(out)["error"] == "There is no job 'nope'."
    assert "no job 'nope'" in err


def test_the_unexpected_is_a_sentence_as_well(run, monkeypatch):
    def burst(*_args, **_kwargs):
        raise RuntimeError("pipes")

    monkeypatch.setattr(Client, "jobs", burst)
    code, _, err = run("jobs")
    assert (code, "RuntimeError: pipes" in err, "Traceback" in err) == (1, True, False)


def test_an_illegal_command_names_the_state(run, config):
    job_id = run("submit", config)[1].split()[1]
    code, _, err = run("pause", job_id)
    assert code == 1
    assert "'tiny' is queued, so it cannot be paused. Possible now: hold," in err


@pytest.mark.parametrize(
    ("arguments", "command", "args"),
    [
        (["pause", "JOB"], "pause", {"release": False}),
        (["pause", "JOB", "--release"], "pause", {"release": True}),
        (["stop", "JOB"], "stop", {}),
        (["checkpoint", "JOB"], "checkpoint", {}),
        (["validate", "JOB", "--split", "test"], "validate", {"split": "test"}),
        (["set", "JOB", "learning_rate=1e-4", "micro_batch_size=4"], "set",
         {"learning_rate": 1e-4, "micro_batch_size": 4}),
        (["revert", "JOB"], "revert", {}),
        (["reload", "JOB"], "reload", {}),
        (["cancel", "JOB", "--reason", "no need"], "cancel", {"reason": "no need"}),
    ],
)  # fmt: skip
def test_each_command_is_asked_for(run, training, arguments, command, args):
    code, out, _ = run(*[training if a == "JOB" else a for a in arguments])
    assert (code, out) == (0, f"{command} requested\n")
    (entry,) = json.loads(run("ledger", training, "--json")[1])
    assert (entry["command"], entry["args"], entry["outcome"]) == (command, args, "pending")


def test_waiting_tells_the_outcome(run, training, home, monkeypatch):
    def answering(outcome, reason=None):
        asked = requests.request

        def answer_at_once(run_directory, *args):
            request = asked(run_directory, *args)
            requests.acknowledge(run_directory, request, outcome, step=4, reason=reason)
            return request

        return answer_at_once

    real = requests.request
    monkeypatch.setattr(client_module.requests, "request", answering("applied"))
    assert run("pause", training, "--wait")[:2] == (0, "pause applied at step 4\n")
    monkeypatch.setattr(client_module.requests, "request", real)
    monkeypatch.setattr(client_module.requests, "request", answering("rejected", "not now"))
    code, _, err = run("checkpoint", training, "--wait")
    assert (code, "checkpoint was refused: not now" in err) == (1, True)


def test_the_ledger_says_what_was_changed(run, training, home):
    directory = home.run(training)
    made = requests.request(directory, "set", {"learning_rate": 5e-4}, "ada")
    old, new = {"learning_rate": 1e-3}, {"learning_rate": 5e-4}
    requests.acknowledge(directory, made, "applied", step=4, old=old, new=new)
    made = requests.request(directory, "set", {"learning_rate": 50}, "ada")
    requests.acknowledge(directory, made, "rejected", step=4, reason="out of bounds")
    requests.request(directory, "validate", {"split": "test"}, "ada")
    _, *lines = run("ledger", training)[1].splitlines()
    assert "set" in lines[0]
    assert "learning_rate 0.001 → 0.0005" in lines[0]
    assert "learning_rate=50" in lines[1]
    assert "split=test" in lines[2]


def test_no_answer_in_time_exits_1(run, training):
    code, _, err = run("stop", training, "--wait", "--timeout", "0.05")
    assert (code, "not answered within 0.05 s" in err) == (1, True)


def test_logs_whole_and_their_end(run, training, home):
    home.run(training).log.write_text("one\ntwo\nthree\n")
    assert run("logs", training)[1] == "one\ntwo\nthree\n"
    assert run("logs", training, "-n", "1")[1] == "three\n"


def test_control_characters_in_a_name_do_not_reach_the_terminal(run, config, home):
    client = Client(home)
    job = client.submit(config)
    client._registry.update(job.id, name="a\x1b]0;evil\x07b")
    assert "\x1b" not in run("jobs")[1] + run("show", job.id)[1]


@pytest.mark.parametrize("file_format", ["csv", "json", "parquet"])
def test_export_writes_the_train_table(run, training, home, tmp_path, file_format):
    import duckdb

    from gladius_widgets.store.metrics import MetricWriter
    from gladius_widgets.store.metrics.schemas import TRAIN

    with MetricWriter(home.run(training).table("train"), TRAIN, 1) as writer:
        for step in range(1, 4):
            writer.append({"step": step, "loss": 6.0 - step})
    out = tmp_path / f"metrics.{file_format}"
    code, text, _ = run("export", training, "--format", file_format, "--out", out, "--json")
    assert (code, json.loads(text)["rows"]) == (0, 3)
    table = duckdb.sql(f"select step, attempt, loss from '{out}'").fetchall()
    assert table == [(1, 1, 5.0), (2, 1, 4.0), (3, 1, 3.0)]


def test_an_export_that_cannot_be_written_is_a_sentence(run, training):
    code, _, err = run("export", training, "--format", "csv", "--out", "/nowhere/x.csv")
    assert (code, "Traceback" in err, "/nowhere" in err) == (1, False, True)


def test_reindex_counts_the_runs(run, config):
    run("submit", config)
    stray = Path(os.environ["GLADIUS_HOME"]) / "runs" / "copy of a run"
    stray.mkdir()
    code, out, _ = run("reindex", "--json")
    assert (code, json.loads(out)) == (
        0, {"jobs": 1, "problems": [f"{stray} is no run directory."]}
    )  # fmt: skip
    assert run("reindex")[1] == f"1 jobs indexed\n{stray} is no run directory.\n"


def test_doctor_says_what_works_and_how_to_mend_the_rest(run, home):
    findings = {f["name"]: f for f in json.loads(run("doctor", "--json")[1])}
    assert set(findings) == {
        "versions", "home", "privacy", "disk", "host", "slots", "training", "launcher", "demo",
        "gpu", "browser", "inotify",
    }  # fmt: skip
    assert all(f["state"] == "ok" or f["mend"] or f["name"] == "inotify" for f in findings.values())
    assert "3 jobs at once" in findings["slots"]["text"]
    home.settings.write_text("slotts: 4\n")
    code, out, _ = run("doctor")
    assert code == 1
    assert "there is no setting 'slotts'" in out
    assert "Did you mean 'slots'?" in out


# The example


def test_the_demo_submits_one_job_and_shows_it_again(run, home, monkeypatch):
    served = []
    monkeypatch.setattr(pages, "_serve", lambda *arguments: served.append(arguments[2:]))
    run("demo", "--port", "0")
    run("demo", "--port", "0")
    client = Client(home)
    (job,) = client.jobs()
    assert job.name == "moe-chitchat"
    assert served == [(0, f"voila/render/console.ipynb?job={job.id}")] * 2
    client._registry.move(job.id, [JobStatus.QUEUED], JobStatus.COMPLETED, observed=True)
    run("demo")
    assert client.count() == 1
    client._registry.move(job.id, [JobStatus.COMPLETED], JobStatus.FAILED, observed=True)
    run("demo")
    assert client.count() == 2


def test_the_demo_says_which_packages_it_lacks(run, monkeypatch):
    monkeypatch.setitem(pages._DEMO_PACKAGES, "no_such_package", "demo")
    code, _, err = run("demo")
    assert code == 1
    assert "no_such_package" in err
    assert "gladius-widgets[demo]" in err


# In a process of its own


def test_submit_wait_reports_the_failure(gladius, config, tmp_path):
    launcher = tmp_path / "accelerate"
    launcher.write_text("#!/bin/sh\necho 'it rains'\nexit 3\n")
    launcher.chmod(0o755)
    done = gladius("submit", config, "--wait", "--json", GLADIUS_ACCELERATE=str(launcher))
    assert done.rc == 1
    assert done.json["status"] == "failed"
    assert done.json["error"]["message"].endswith("the log's last line: it rains")
    assert "it rains" in gladius("logs", done.json["id"], "-f").stdout


def test_a_reader_that_leaves_early_sees_no_error(gladius, config):
    import subprocess

    for _ in range(2):
        gladius("submit", config, GLADIUS_ACCELERATE="/bin/true")
    program = f"{sys.prefix}/bin/gladius jobs | head -n 1"
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True)
    assert done.stdout.startswith("ID ")
    assert done.stderr == ""


def test_the_command_line_starts_without_tables_and_torch(gladius):
    import subprocess

    code = "import sys, gladius_widgets.cli, gladius_widgets.client; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert not {"torch", "pandas", "pyarrow", "ipywidgets", "voila", "numpy"} & set(loaded.split())


def test_doctor_names_the_gpus_and_who_holds_them(run, home, nvml):
    from nvml import GIB

    def found():
        return next(f for f in json.loads(run("doctor", "--json")[1]) if f["name"] == "gpu")

    assert "Driver Not Loaded" in found()["text"]
    nvml.whole(2, {1: (99_999_999, 18 * GIB)})
    assert found()["text"] == (
        "2 for jobs; 0: Fake A6000; 1: Fake A6000, 18 of 48 GiB held by pid 99999999"
    )
    home.root.mkdir(exist_ok=True)
    home.settings.write_text("gpus: [7]\n")
    assert found()["state"] == "problem"
    assert "`gpus` names 7, which is not here" in found()["text"]
