import json
import os
import shutil
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from gladius_widgets.client import Client
from gladius_widgets.client import client as client_module
from gladius_widgets.client.commands import check_legal
from gladius_widgets.client.submission import check_name, config_line, copy_name, make_id
from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.config.load import parse_config
from gladius_widgets.core.errors import ConfigError, GladiusError, IllegalMoveError
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.panels.live.reader import RunReader
from gladius_widgets.panels.live.topics import ALL
from gladius_widgets.store.metrics import MetricWriter, schemas
from gladius_widgets.store.registry import job_record
from gladius_widgets.store.run import requests

CONFIG = """\
model:
  name: org/model
data:
  path: rows.jsonl
cost:
  hourly_rate: 3600.0
"""


@pytest.fixture
def client(home, monkeypatch):
    """A client whose jobs stay where they are put: no supervisor comes up."""
    monkeypatch.setattr(client_module, "ensure_supervisor", lambda _home: None)
    return Client(home, user="ada")


@pytest.fixture
def config(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"text": "hello"}\n')
    path = tmp_path / "tiny.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def training(client, config):
    """A job in training, its processes played by this one."""
    job = client.submit(config)
    run = client.run(job.id)
    client._registry.claim(3)
    attempt = run.attempt(1)
    attempt.ranks.mkdir(parents=True)
    me = ProcessIdentity.of().to_dict()
    write_json(attempt.proc, {"runner": me, "launcher": None, "started_at": time.time() - 2})
    write_json(attempt.rank(0), me)
    status = RunStatus(state=JobStatus.TRAINING, step=7, total_steps=10, heartbeat=time.time())
    status.write(run)
    return job


def finish(client, job, status, **record):
    run = client.run(job.id)
    attempt = run.attempt(client._registry.get(job.id).attempt)
    attempt.root.mkdir(parents=True, exist_ok=True)
    write_json(attempt.exit, {"status": status, "error": None, "ended_at": time.time(), **record})


# Submit


def test_submit_freezes_the_config_and_the_overrides(client, config, tmp_path):
    job = client.submit(config, overrides=["training.max_steps=20", "lora.enabled=true"])
    run = client.run(job.id)
    assert (job.status, job.name, job.created_by) == (JobStatus.QUEUED, "tiny", "ada")
    config.write_text("nonsense: [")
    frozen = client.config(job.id)
    assert frozen.training.max_steps == 20
    assert frozen.lora.enabled
    assert frozen.data.path == str(tmp_path / "rows.jsonl")
    record = read_json(run.job)
    assert record["config_file"] == str(config)
    assert record["overrides"] == ["training.max_steps=20", "lora.enabled=true"]
    assert job.config_line.startswith("LoRA r=16 · ")
    assert read_status(run).state == JobStatus.QUEUED


def test_a_config_object_can_be_submitted(client, config, monkeypatch):
    from gladius_widgets.core.config.load import load_config

    parsed = load_config(config)
    with pytest.raises(ConfigError, match=r"no file or folder rows\.jsonl"):
        client.submit(parsed, "x")  # relative to nothing
    monkeypatch.chdir(config.parent)
    assert client.submit(parsed, "from python").name == "from python"
    with pytest.raises(TypeError, match="overrides"):
        client.submit(parsed, "x", ["training.max_steps=1"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "./missing.jsonl"}, r"data\.path: there is no file or folder \./missing\.jsonl"),
        ({"data": "missing.parquet"}, r"data\.path: there is no"),
        ({"data": "a/b/c"}, r"data\.path: there is no"),
        ({"model": "/no/such/model"}, r"model\.name: there is no"),
    ],
)
def test_a_file_that_is_not_there_is_a_sentence_and_queues_nothing(client, config, change, message):
    text = CONFIG.replace("rows.jsonl", change.get("data", "rows.jsonl"))
    config.write_text(text.replace("org/model", change.get("model", "org/model")))
    with pytest.raises(ConfigError, match=message) as caught:
        client.submit(config)
    assert caught.value.hint
    assert client.jobs() == []
    assert list(client.home.runs.iterdir()) == []


def test_hub_and_package_names_are_no_paths(client, config):
    config.write_text(CONFIG.replace("rows.jsonl", "org/data"))
    assert client.config(client.submit(config).id).data.path == "org/data"
    config.write_text(CONFIG.replace("rows.jsonl", "pypi:chitchat-dataset"))
    assert client.config(client.submit(config).id).data.path == "pypi:chitchat-dataset"


@pytest.mark.parametrize(
    ("name", "message"),
    [("", "empty"), ("   ", "empty"), ("x" * 201, "201 characters"), ("a\nb", "control"),
     ("a\x1b[2Jb", "control"), ("evil\u202etxt", "control")],
)  # fmt: skip
def test_names_that_cannot_be_shown_are_refused(client, config, name, message):
    with pytest.raises(GladiusError, match=message):
        client.submit(config, name)
    assert client.jobs() == []


@pytest.mark.parametrize(
    "code",
    [0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x00AD, 0x061C, 0x2028, 0x2029, 0x2060, 0xFEFF,
     0xE0041, 0x3164],
)  # fmt: skip
def test_what_nobody_sees_makes_no_other_name(code):
    with pytest.raises(GladiusError, match=f"invisible character .U.{code:04X}."):
        check_name(f"pay{chr(code)}roll")


@pytest.mark.parametrize("name", ["\ufe0f", "\u0301", "\ufe0f\u0301"])
def test_a_name_has_something_to_see(name):
    with pytest.raises(GladiusError, match="nothing that can be seen"):
        check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian: I want
        "\u0915\u094d\u200d\u0937",  # Devanagari, half a letter
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # family
        "\u2764\ufe0f\u200d\U0001f525",  # heart on fire
        "\U0001f9d1\U0001f3fd\u200d\U0001f4bb run",  # technologist, medium skin tone
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # Scotland
    ],
)
def test_emoji_keep_what_joins_them(name):
    assert check_name(name) == name
    for padding in range(185, 200 - len(name) + 1):
        check_name(copy_name("x" * padding + name))


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "<script>alert(1)</script>", "$(rm -rf ~); `x`", "Zoë 🚀", "名前"]
)
def test_odd_names_are_kept_and_make_harmless_ids(client, config, name):
    job = client.submit(config, name)
    assert job.name == check_name(name)
    assert client.run(job.id).root.parent == client.home.runs
    assert client.job(name).id == job.id


@pytest.mark.parametrize("name", [None, "a name"])
def test_a_path_that_is_no_text_is_a_sentence(client, config, name):
    odd = config.with_name(os.fsdecode(b"caf\xe9.yaml"))
    config.rename(odd)
    with pytest.raises(ConfigError, match=r"caf\\xe9\.yaml is not UTF-8 text"):
        client.submit(odd, name)
    assert client.count() == 0


def test_ids_begin_like_the_name_and_differ():
    first, second = make_id("MoE Chitchat!"), make_id("MoE Chitchat!")
    assert first != second
    assert first.startswith("moe-chitchat-")


def test_a_full_disk_is_a_sentence(client, config, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1024))
    with pytest.raises(GladiusError, match="Only 0 MiB are free"):
        client.submit(config)
    assert list(client.home.runs.iterdir()) == []


def test_a_disk_that_fills_while_submitting_leaves_nothing_behind(client, config, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(job_record, "write_json", full)
    with pytest.raises(GladiusError, match="no space left"):
        client.submit(config)
    assert list(client.home.runs.iterdir()) == []
    assert client.jobs() == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("resources: {device: cpu}", "Full · Local CPU"),
        (
            "resources: {device: gpu, processes: 2, gpu_type: H100, spot: true}",
            "Full · 2× Spot H100",
        ),
        ("lora: {enabled: true, r: 8}\nresources: {device: gpu}", "LoRA r=8 · Local GPU"),
    ],
)
def test_the_line_about_a_config(text, line):
    config = parse_config(f"model: {{name: m}}\ndata: {{path: d}}\n{text}\n")
    assert config_line(config) == line


# Query


def test_what_a_run_says_is_true_whatever_the_registry_says(client, training):
    job = client.job(training.id)
    assert (job.status, job.step, job.total_steps) == (JobStatus.TRAINING, 7, 10)
    assert job.cost == pytest.approx(2.0, abs=0.5)
    assert client.jobs()[0].status == JobStatus.TRAINING
    finish(client, training, "failed", error={"type": "SIGKILL", "message": "killed"})
    assert [j.status for j in client.jobs()] == [JobStatus.FAILED]
    assert client._registry.get(training.id).error == {"type": "SIGKILL", "message": "killed"}
    assert not client._registry.get(training.id).holds_slot


def test_a_run_without_processes_and_exit_record_is_lost(client, training):
    attempt = client.run(training.id).attempt(1)
    gone = ProcessIdentity(os.getpid(), 1.0, "another boot").to_dict()
    write_json(attempt.proc, {"runner": gone, "started_at": time.time()})
    attempt.rank(0).unlink()
    job = client.job(training.id)
    assert job.status == JobStatus.LOST
    assert job.error["type"] == "lost"


def test_the_state_has_the_keys_that_show_prints(client, training):
    state = client.state(training.id)
    assert list(state)[:10] == [
        "id", "name", "status", "stage", "step", "total_steps", "attempt", "cost", "error", "pids",
    ]  # fmt: skip
    assert state["pids"] == {"runner": os.getpid(), "launcher": None, "ranks": [os.getpid()]}
    assert state["system"]["gpus"] == []
    json.dumps(state)


@pytest.mark.parametrize("damage", [b"", b"\x00\xff", None])
def test_a_damaged_snapshot_shows_the_best_that_is_known_and_says_so(client, training, damage):
    run = client.run(training.id)
    with MetricWriter(run.table("train"), schemas.TRAIN, 1) as writer:
        writer.extend(
            {"step": step, "loss": 5.0 - step / 10, "learning_rate": 1e-3, "tokens_per_s": 100.0}
            for step in range(1, 10)
        )
    run.status.unlink() if damage is None else run.status.write_bytes(damage)
    finish(client, training, "failed", error={"type": "SIGKILL", "message": "killed"})
    client._registry.update(training.id, total_steps=10)
    state = client.state(training.id)
    assert (state["status"], state["step"], state["total_steps"]) == (JobStatus.FAILED, 9, 10)
    assert state["metrics"]["loss"] == pytest.approx(4.1)
    assert state["metrics"]["throughput"] == 100.0
    assert len(state["problems"]) == 1
    assert state["problems"][0].startswith("status.json ")
    news = RunReader(run, client).read(ALL)
    assert news.snapshot.run.step == 9
    assert [problem for problem in news.problems if "status.json" in problem]


def test_show_tells_of_a_table_with_a_hole(client, training):
    run = client.run(training.id)
    with MetricWriter(run.table("train"), schemas.TRAIN, 1) as writer:
        writer.append({"step": 1, "loss": 5.0})
    (run.table("train") / "seg-1-0.parquet").unlink()
    (run.table("train") / "seg-1-0.parquet").symlink_to("/nowhere/on/earth")
    assert client.state(training.id)["problems"] == [
        "train: seg-1-0.parquet is a link to nothing, its rows are not shown."
    ]


DAMAGE = [
    b"",
    b"\x00\xff",
    b"[1]",
    b"7",
    b"[" * 100_000,
    b'{"status": [], "state": {}, "name": [], "runner": [], "pid": {}}',
    b'{"status": "failed", "error": "boom", "ended_at": "x"}',
    b'{"status": "failed", "error": {"type": 5}, "ended_at": [1]}',
    b'{"status": "failed", "ended_at": 1e999}',
    b'{"state": "training", "step": 1%s, "total_steps": 1%s}' % (b"0" * 30, b"0" * 30),
    b'{"state": "training", "heartbeat": 1e18, "remaining_s": 1e18}',
    b'{"started_at": "x", "runner": {"pid": "x"}}',
    b'{"started_at": {}, "runner": {"pid": -1, "create_time": 0, "boot_id": ""}}',
    b'{"name": 5, "created_at": "y", "home_version": "z", "gpus": "x"}',
    b'{"name": "x", "hourly_rate": {}, "gpus": 1%s}' % (b"0" * 30),
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage[:24])
@pytest.mark.parametrize("file", ["status", "proc", "exit", "rank", "job", "request", "ack"])
def test_damaged_files_of_one_job_hold_up_nobody(client, config, training, file, damage):
    other, run = client.submit(config, "other"), client.run(training.id)
    attempt, name = run.attempt(1), f"{'a' * 32}.json"
    path = {
        "status": run.status,
        "proc": attempt.proc,
        "exit": attempt.exit,
        "rank": attempt.rank(0),
        "job": run.job,
        "request": run.requests / f"00000001-{name}",
        "ack": run.acks / name,
    }[file]
    path.write_bytes(damage)
    assert {job.id for job in client.jobs()} == {training.id, other.id}
    json.dumps(client.state(training.id), allow_nan=False)
    client.ledger(training.id)
    client.reindex()
    assert other.id in {job.id for job in client.jobs()}


def test_a_slot_that_changes_hands_while_the_list_is_made_counts_once(
    client, config, training, monkeypatch
):
    waiting = client.submit(config, "waiting")
    look = client._refresh_active

    def look_just_before():
        """Between the two looks one job ends, and the other gets its slot."""
        seen = look()
        assert client._registry.move(training.id, [JobStatus.TRAINING], JobStatus.COMPLETED)
        assert client._registry.claim(1).id == waiting.id
        return seen

    monkeypatch.setattr(client, "_refresh_active", look_just_before)
    assert sum(job.status.is_active for job in client.jobs()) == 1


def test_jobs_can_be_filtered_and_counted(client, config):
    for name in ("one", "two", "three"):
        client.submit(config, name)
    assert [job.name for job in client.jobs(search="t", sort="name")] == ["two", "three"]
    assert client.count(search="t") == 2


# Command


IN_THE_QUEUE = [
    Command.HOLD, Command.UNHOLD, Command.REORDER, Command.AFTER, Command.CANCEL,
]  # fmt: skip


@pytest.mark.parametrize("command", [c for c in Command if c not in IN_THE_QUEUE])
def test_a_queued_job_can_only_be_held_moved_or_cancelled(client, config, command):
    job = client.submit(config)
    with pytest.raises(IllegalMoveError, match="'tiny' is queued") as caught:
        client.command(job.id, command)
    assert caught.value.hint == "Possible now: hold, unhold, reorder, after, cancel."
    assert client.ledger(job.id) == []


def test_a_legal_command_becomes_a_request(client, training):
    request = client.pause(training.id)
    assert isinstance(request, requests.Request)
    assert request.args == {"release": False}
    assert request.requested_by == "ada"
    assert client.pause(training.id, wait_s=0.05).seq == 2  # nobody answers: the request


@pytest.mark.parametrize(
    ("command", "args", "message"),
    [
        (Command.PAUSE, {"relaese": True}, r"no argument 'relaese'. Did you mean 'release'\?"),
        (Command.PAUSE, {"release": "yes"}, "release"),
        (Command.STOP, {"now": True}, "no argument 'now'"),
        (Command.VALIDATE, {"split": "train"}, "split"),
        (Command.CANCEL, {}, "wants a reason"),
        (Command.CANCEL, {"reason": ""}, "wants a reason"),
        (Command.SET, {}, "nothing to change"),
        (Command.SET, {"learning_rate": 5.0}, "between 1e-08 and 1"),
        (Command.SET, {"learnin_rate": 1e-4}, "Did you mean 'learning_rate'"),
    ],
)
def test_arguments_are_checked_before_anything_is_asked(client, training, command, args, message):
    with pytest.raises(GladiusError, match=message):
        client.command(training.id, command, args)
    assert client.ledger(training.id) == []


def test_cancel_shows_at_once_and_twice_is_refused(client, training):
    client.cancel(training.id, "wrong data")
    assert client._registry.get(training.id).status == JobStatus.CANCELLING
    assert client.job(training.id).status == JobStatus.CANCELLING
    with pytest.raises(IllegalMoveError, match="'tiny' is being cancelled already"):
        client.cancel(training.id, "again")


@pytest.mark.parametrize(
    ("command", "status", "holds_slot", "words"),
    [
        ("cancel", "cancelled", False, "has been cancelled already. There is nothing to do."),
        ("stop", "stopped", False, "has been stopped already. Possible now: resume."),
        ("stop", "stopping", True, "is being stopped already. Possible now: cancel."),
        ("resume", "training", True, "is training already. Possible now: pause, stop,"),
        ("pause", "paused", True, "is paused already. Possible now: resume, stop,"),
        ("pause", "paused", False, "is paused already. Possible now: resume, cancel."),
        ("cancel", "completed", False, "is completed, so it cannot be cancelled. Nothing more can"),
    ],
)
def test_a_wish_come_true_is_said_so(client, training, command, status, holds_slot, words):
    job = replace(training, status=JobStatus(status), holds_slot=holds_slot)
    with pytest.raises(IllegalMoveError) as told:
        check_legal(job, Command(command))
    assert str(told.value).startswith(f"'tiny' {words}")


@pytest.mark.parametrize("status", ["stopped", "failed"])
def test_resume_queues_a_new_attempt_at_the_end(client, config, training, status):
    finish(client, training, status)
    run = client.run(training.id)
    for step, is_whole in ((5, True), (6, False)):
        run.checkpoint(step).mkdir(parents=True)
        if is_whole:
            write_json(run.checkpoint(step) / "manifest.json", {})
    other = client.submit(config, "other")
    answer = client.resume(training.id)
    assert (answer.outcome, answer.old, answer.new) == ("applied", status, "queued")
    job = client.job(training.id)
    assert (job.status, job.attempt, job.ended_at, job.error) == (JobStatus.QUEUED, 2, None, None)
    assert job.position > other.position
    snapshot = read_status(client.run(job.id))
    assert (snapshot.state, snapshot.attempt, snapshot.step) == (JobStatus.QUEUED, 2, 5)
    assert job.step == 5


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_what_is_over_for_good_is_not_resumed(client, training, status):
    finish(client, training, status)
    with pytest.raises(IllegalMoveError, match=f"is {status}"):
        client.resume(training.id)


def test_a_pause_that_freed_the_machine_holds_no_slot_and_resumes_as_a_new_attempt(
    client, training
):
    finish(client, training, "paused")
    job = client.job(training.id)
    assert (job.status, job.holds_slot) == (JobStatus.PAUSED, False)
    with pytest.raises(IllegalMoveError, match="has freed its machine"):
        client.checkpoint(training.id)
    client.resume(training.id)
    assert client.job(training.id).attempt == 2


def test_somebody_who_was_first_wins(client, config, monkeypatch):
    job = client.submit(config)
    stale = client.job(job.id)
    Client(client.home, user="bob").cancel(job.id, "mine")
    monkeypatch.setattr(client, "job", lambda _ref: stale)
    with pytest.raises(IllegalMoveError, match="somebody else was first, and it is cancelled now"):
        client.cancel(job.id, "no, mine")
    assert [entry["requested_by"] for entry in client.ledger(job.id)] == ["bob"]


def test_waiting_ends_when_the_run_does(client, training):
    finish(client, training, "failed")
    job = client._registry.get(training.id)
    request = requests.request(client.run(job.id), Command.CHECKPOINT)
    started = time.monotonic()
    assert client._wait(client.run(job.id), job, request, 30.0) == request
    assert time.monotonic() - started < 5


def test_a_job_that_nothing_here_could_start_is_refused_at_submit(client, config, monkeypatch):
    monkeypatch.delenv("GLADIUS_ACCELERATE", raising=False)
    monkeypatch.setattr("sys.executable", "/nowhere/bin/python")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(GladiusError, match="accelerate is not installed here") as error:
        client.submit(config)
    assert "pip install 'gladius-widgets[train]'" in error.value.hint
    assert client.jobs() == []
    assert list(client.home.runs.iterdir()) == []
    monkeypatch.setenv("GLADIUS_ACCELERATE", "/nowhere/accelerate")
    with pytest.raises(GladiusError, match="names /nowhere/accelerate, which is no program"):
        client.submit(config)
