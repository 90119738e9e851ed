"""A home that cannot be written can be read: on a full disk, a read-only mount, of another user."""

import errno
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support import Disk, small_disk

import gladius_widgets.client.client as client_module
from gladius_widgets.client import Client
from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.errors import GladiusError, HomeError
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.paths import Home
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus
from gladius_widgets.engines.detach import spawn_detached
from gladius_widgets.serve.token import token_of
from gladius_widgets.store.metrics import MetricWriter, schemas
from gladius_widgets.store.registry import file as registry_file
from gladius_widgets.store.registry.home_errors import home_error
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run.events import append_event

CONFIG = "model:\n  name: org/model\ndata:\n  path: org/data\n"
NOBODY = 65534
READING = [
    ["jobs"], ["show", "one"], ["logs", "one"], ["events", "one"], ["ledger", "one"], ["queue"],
    ["trash"], ["cost", "one"],
]  # fmt: skip
CHANGING = [
    ["pause", "one"], ["stop", "one"], ["cancel", "one", "--reason", "x"], ["checkpoint", "one"],
    ["hold", "two"], ["delete", "three"], ["clone", "one"], ["reindex"], ["resume", "three"],
    ["trash", "--empty"], ["queue", "--pause", "x"], ["queue", "--resume"],
]  # fmt: skip


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch):
    monkeypatch.setattr(client_module, "ensure_supervisor", lambda _home: None)


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk of 16 MiB, mounted where every user can look."""
    with small_disk(16) as disk:
        yield disk


def furnish(home: Home) -> None:
    """One job in training, one that waits, one that was stopped."""
    config = home.root.parent / "tiny.yaml"
    config.write_text(CONFIG)
    client = Client(home, user="ada")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client_module, "MIN_FREE_BYTES", 0)
        jobs = [client.submit(config, name) for name in ("three", "one", "two")]
    over, training, _waiting = jobs
    for job in (over, training):
        client._registry.claim(3)
        run, attempt = client.run(job.id), client.run(job.id).attempt(1)
        attempt.ranks.mkdir(parents=True)
        me = ProcessIdentity.of().to_dict()
        write_json(attempt.proc, {"runner": me, "launcher": None, "started_at": time.time() - 2})
        RunStatus(state=JobStatus.TRAINING, step=7, total_steps=10).write(run)
        run.log.write_text("a line\n")
        append_event(run, "status", "Training", source="trainer")
        with MetricWriter(run.table("train"), schemas.TRAIN, 1) as writer:
            writer.extend({"step": step, "loss": 1.0} for step in range(20))
    ended = {"status": "stopped", "error": None, "ended_at": time.time()}
    write_json(client.run(over.id).attempt(1).exit, ended)
    client.jobs()
    for path in (home.root, *home.root.rglob("*")):  # the owner lets others look
        path.chmod(0o755 if path.is_dir() else 0o644)


def lock_away(home: Home, disk: Disk, how: str) -> None:
    """Make the home one that cannot be written."""
    if how == "full":
        disk.fill()
    elif how == "read-only":
        disk.remount("ro")
    elif how == "damaged too":
        home.registry.write_bytes(b"no database" * 1000)
        disk.remount("ro")
    elif how == "no registry":
        home.registry.unlink()
        disk.remount("ro")
    elif how == "old log":  # a process died: rows are in the write-ahead log alone
        _leave_a_log(home)
        disk.remount("ro")


def _leave_a_log(home: Home) -> None:
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        'c.execute("UPDATE jobs SET cost = 12.5"); os._exit(0)'
    )
    subprocess.run([sys.executable, "-c", script, str(home.registry)], check=True)
    for path in home.root.glob("registry.sqlite-*"):
        path.chmod(0o644)
    (home.root / "registry.sqlite-shm").unlink()
    assert (home.root / "registry.sqlite-wal").stat().st_size


@pytest.mark.parametrize("how", ["full", "read-only", "damaged too", "no registry", "old log"])
def test_all_that_reads_works(disk, in_process, monkeypatch, tmp_path, how):
    home = Home(disk.path / "home")
    monkeypatch.setenv("GLADIUS_HOME", str(home.root))
    furnish(home)
    lock_away(home, disk, how)
    before = sorted(home.root.rglob("*"))
    for arguments in READING:
        code, out, err = in_process(*arguments)
        assert code == 0, (arguments, err)
        assert err.count("gladius:") == 1, err
    assert in_process("logs", "one")[1] == "a line\n"
    listed = json.loads(in_process("jobs", "--json")[1])
    assert {job["name"]: job["status"] for job in listed} == {
        "one": "training", "two": "queued", "three": "stopped",
    }  # fmt: skip
    assert json.loads(in_process("show", "one", "--json")[1])["step"] == 7
    out = tmp_path / "out.csv"
    assert in_process("export", "one", "--format", "csv", "--out", out)[0] == 0
    assert len(out.read_text().splitlines()) == 21
    if how != "full":  # there SQLite leaves an empty file
        assert sorted(home.root.rglob("*")) == before
    assert len(token_of(home.serve_token)) > 40


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_change_of_state_is_shown_though_it_cannot_be_noted(disk, how):
    home = Home(disk.path / "home")
    furnish(home)
    client = Client(home)
    job = client.job("one")
    ended = {"status": "failed", "error": {"type": "x", "message": "y"}, "ended_at": time.time()}
    write_json(client.run(job.id).attempt(1).exit, ended)
    lock_away(home, disk, how)
    assert client.job("one").status == Client(home).job("one").status == JobStatus.FAILED
    assert [j.name for j in client.jobs() if j.status == JobStatus.FAILED] == ["one"]


def test_a_read_only_home_refuses_each_command_with_one_sentence(disk, in_process, monkeypatch):
    home = Home(disk.path / "home")
    monkeypatch.setenv("GLADIUS_HOME", str(home.root))
    furnish(home)
    disk.remount("ro")
    sentence = f"You can look at the home {home.root}, but not change it: it is on a disk that is"
    config = disk.path / "tiny.yaml"
    for arguments in [*CHANGING, ["submit", config]]:
        code, out, err = in_process(*arguments)
        assert (code, out) == (1, ""), arguments
        assert err.count(sentence) == 1, (arguments, err)
        assert len(err.splitlines()) == 1, err
        assert err.startswith(f"gladius: Refused: {sentence}")


def test_a_full_disk_says_what_is_full_and_goes_on_when_it_is_not(disk, in_process, monkeypatch):
    home = Home(disk.path / "home")
    monkeypatch.setenv("GLADIUS_HOME", str(home.root))
    furnish(home)
    registry = Registry(home)
    disk.fill()
    assert len(registry.find()) == 3
    assert "no space left" in str(registry.trouble)
    with pytest.raises(HomeError, match="no space left"):
        registry.update(registry.find()[0].id, step=3)
    code, _, err = in_process("hold", "two")
    assert code == 1
    assert err.startswith("gladius: Refused: There is no space left on the disk")
    assert len(err.splitlines()) == 1, err
    out, err = in_process("queue")[1:]
    assert f"{out}{err}".count("There is no space left on the disk") == 1
    disk.free()
    registry._quiet_until = 0.0
    assert len(registry.find()) == 3
    assert registry.trouble is None
    assert in_process("hold", "two")[0] == 0


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_queue_that_cannot_be_paused_or_resumed_says_why(disk, how):
    home = Home(disk.path / "home")
    furnish(home)
    client = Client(home)
    if how == "read-only":
        client.pause_queue("x")
    lock_away(home, disk, how)
    with pytest.raises(HomeError, match="no space left" if how == "full" else "mounted read-only"):
        client.pause_queue("y")
    if how == "full":
        assert client.resume_queue() == []
    else:
        with pytest.raises(HomeError, match="mounted read-only"):
            client.resume_queue()


def test_a_locked_registry_is_read_from_the_run_directories(home, monkeypatch):
    home.root.mkdir()
    furnish(home)
    monkeypatch.setattr(registry_file, "BUSY_TIMEOUT_MS", 50)
    blocker = sqlite3.connect(home.registry, isolation_level=None)
    blocker.execute("PRAGMA locking_mode = EXCLUSIVE")
    blocker.execute("BEGIN EXCLUSIVE")
    try:
        client = Client(home)
        assert {job.name for job in client.jobs()} == {"one", "two", "three"}
        assert "locked by another program" in str(client.trouble())
        with pytest.raises(GladiusError, match="locked by another program"):
            client.hold("two")
    finally:
        blocker.close()


# Another user


@contextmanager
def _as_nobody() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Runs `gladius` as a user who owns nothing here."""
    with tempfile.TemporaryDirectory(prefix="gladius-nobody-") as own:
        os.chown(own, NOBODY, NOBODY)
        program = Path(sys.executable).with_name("gladius")
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

        def call(*arguments: object, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*user, program, *map(str, arguments)], cwd=own, timeout=timeout_s, text=True,
                capture_output=True, check=False, env=os.environ | {"HOME": own, "TMPDIR": own},
            )  # fmt: skip

        yield call


@pytest.mark.parametrize("readable", ["all", "no registry"])
def test_another_user_can_look_and_change_nothing(disk, monkeypatch, tmp_path, readable):
    home = Home(disk.path / "home")
    monkeypatch.setenv("GLADIUS_HOME", str(home.root))
    furnish(home)
    if readable == "no registry":
        home.registry.chmod(0o600)
    sentence = f"You can look at the home {home.root}, but not change it: it belongs to root."
    with _as_nobody() as gladius:
        for arguments in (["jobs"], ["show", "one"], ["logs", "one"], ["events", "one"]):
            done = gladius(*arguments)
            assert done.returncode == 0, done.stderr
            assert done.stderr.count(sentence) == 1
        listed = json.loads(gladius("jobs", "--json").stdout)
        assert {job["name"]: job["status"] for job in listed} == {
            "one": "training", "two": "queued", "three": "stopped",
        }  # fmt: skip
        done = gladius("export", "one", "--format", "csv", "--out", "here.csv")
        assert done.returncode == 0, done.stderr
        for arguments in (["pause", "one"], ["cancel", "one", "--reason", "x"], ["reindex"]):
            done = gladius(*arguments)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr.count(sentence) == 1
    assert not home.supervisor_log.exists()


@pytest.mark.parametrize("name", ["supervisor.log", "supervisor.lock", "registry.sqlite"])
def test_a_file_that_another_user_left_in_the_home_is_named(disk, name):
    home = Home(disk.path / "home")
    furnish(home)
    for path in (home.root, *home.root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    foreign = home.root / name
    foreign.touch()
    os.chown(foreign, 0, 0)
    foreign.chmod(0o600)
    sentence = f"but not change it: {foreign} belongs to root."
    with _as_nobody() as gladius:
        for arguments in (["jobs"], ["show", "one"], ["queue"]):
            done = gladius(*arguments, "--home", home.root)
            assert done.returncode == 0, done.stderr
            assert done.stderr.count(sentence) == 1, done.stderr
        for arguments in (["hold", "two"], ["cancel", "two", "--reason", "x"], ["delete", "three"]):
            done = gladius(*arguments, "--home", home.root)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr.count(sentence) == 1, done.stderr
            assert f"sudo chown -R {NOBODY} {home.root}" in done.stderr


def test_looking_works_where_no_supervisor_can_be_started(home, monkeypatch):
    home.root.mkdir()
    furnish(home)

    def refuse(_home: Home) -> None:
        raise GladiusError("A background process could not be started: Out of memory.")

    monkeypatch.setattr(client_module, "ensure_supervisor", refuse)
    client = Client(home)
    assert len(client.jobs()) == 3
    assert client.job("two").status == JobStatus.QUEUED
    assert client.queue().waiting


def test_a_write_that_permissions_refuse_names_the_file_and_its_owner(home):
    foreign = home.root / "runs" / "one"
    foreign.mkdir(parents=True)
    os.chown(foreign, NOBODY, NOBODY)
    error = home_error(PermissionError(errno.EACCES, "denied", str(foreign / "job.json")), home)
    assert error.message == f"The home {home.root} cannot be written: {foreign} belongs to nobody."


def test_a_log_that_cannot_be_opened_is_no_lack_of_memory(tmp_path):
    with pytest.raises(GladiusError) as caught:
        spawn_detached([], log=tmp_path, folder=tmp_path, environment={})
    assert f"its log {tmp_path} cannot be written: Is a directory" in str(caught.value)
    assert "memory" not in str(caught.value)


def _command_of_the_docs(home: Home) -> str:
    text = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
    return text.split("```bash\n")[1].split("\n```")[0].replace("~/.gladius", str(home.root))


@pytest.mark.parametrize("has_trash", [True, False])
def test_what_the_docs_open_is_enough_to_look_and_leaves_the_secrets_closed(disk, has_trash):
    home = Home(disk.path / "home")
    furnish(home)
    token_of(home.serve_token)
    home.settings.write_text("slots: 3\n")
    if has_trash:
        Client(home).delete("three")
    for path in (home.root, *home.root.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    subprocess.run(["bash", "-c", _command_of_the_docs(home)], check=True)
    with _as_nobody() as gladius:
        for arguments in READING:
            done = gladius(*arguments, "--home", home.root)
            assert done.returncode == 0, (arguments, done.stderr)
    for secret in (home.serve_token, home.settings):
        assert secret.stat().st_mode & 0o077 == 0


def test_a_home_that_cannot_even_be_read_is_a_sentence(disk):
    home = Home(disk.path / "home")
    furnish(home)
    home.root.chmod(0o700)
    with _as_nobody() as gladius:
        done = gladius("jobs", "--home", home.root)
    assert done.returncode == 1
    assert done.stdout == ""
    said = f"gladius: The home {home.root} cannot be read: it belongs to root. Ask for permission"
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1
    with suppress(FileNotFoundError):
        home.supervisor_log.unlink()
