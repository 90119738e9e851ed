"""A home is its owner's: modes of what is made in it; and who did what in it."""

import os
import pwd
import stat
from pathlib import Path

import pytest

from gladius_widgets.client import Client
from gladius_widgets.core import private
from gladius_widgets.core.machine.identity import login_name
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import Command
from gladius_widgets.serve.token import token_of
from gladius_widgets.store.metrics import MetricWriter
from gladius_widgets.store.metrics.schemas import SYSTEM
from gladius_widgets.store.run import requests
from gladius_widgets.store.run.events import append_event


@pytest.fixture(autouse=True)
def usual_umask():
    """The umask of most systems, whatever the tests run under."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text("model:\n  name: org/model\ndata:\n  path: org/data\n")
    return path


def fill(home: Home, config: Path) -> None:
    """What commands, pages and processes write."""
    client = Client(home)
    job = client.submit(config)
    run = client.run(job.id)
    requests.request(run, Command.CHECKPOINT)
    append_event(run, "status", "hello", {}, source="client")
    private.take_after(home.root)  # as runner and trainer, who write metrics
    with MetricWriter(run.table("system"), SYSTEM, 1) as writer:
        writer.append({"time": 1.0, "attempt": 1})
    os.umask(0o022)
    token_of(home.serve_token)


def modes(root: Path) -> dict[str, str]:
    """The mode of everything under a folder, itself too."""
    found = [root, *root.rglob("*")]
    return {str(p.relative_to(root.parent)): oct(stat.S_IMODE(p.stat().st_mode)) for p in found}


def test_a_new_home_is_its_owners_alone(home: Home, config: Path, monkeypatch) -> None:
    monkeypatch.setattr("gladius_widgets.client.client.ensure_supervisor", lambda _home: None)
    fill(home, config)
    found = modes(home.root)
    assert len(found) > 15
    files = {name for name in found if (home.root.parent / name).is_file()}
    assert {found[name] for name in files} == {"0o600"}, found
    assert {mode for name, mode in found.items() if name not in files} == {"0o700"}, found


def test_a_home_that_was_opened_stays_open(home: Home, config: Path, monkeypatch) -> None:
    monkeypatch.setattr("gladius_widgets.client.client.ensure_supervisor", lambda _home: None)
    home.root.mkdir(parents=True)
    home.root.chmod(0o750)
    fill(home, config)
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o750
    found = modes(home.root)
    assert found.pop("home/serve-token") == "0o600"  # a secret, however open the home is
    assert set(found.values()) == {"0o750", "0o640"}, found


def test_our_processes_make_nothing_more_open_than_the_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    private.make_folder(home, home)
    private.take_after(home)
    (tmp_path / "file").touch()
    assert private.wider_than_owner(tmp_path / "file") == 0
    home.chmod(0o750)
    os.umask(0o022)
    private.take_after(home)
    (tmp_path / "shared").touch()
    assert private.wider_than_owner(tmp_path / "shared") == 0o040


def test_doctor_says_who_else_can_look(home: Home, in_process) -> None:
    home.root.mkdir(parents=True)
    home.root.chmod(0o700)
    home.settings.write_text("notify: {webhook: 'https://hooks.example.com/secret'}\n")
    assert "open to its owner alone" in in_process("doctor")[1]
    home.root.chmod(0o750)
    home.settings.chmod(0o600)
    assert "– privacy     the group can look into" in in_process("doctor")[1]
    home.settings.chmod(0o644)
    code, out, _ = in_process("doctor")
    assert code == 1
    assert "✗ privacy     others can read settings.yaml, with secrets in it" in out
    assert f"chmod go-rwx {home.settings}" in out


def test_who_is_what_the_system_knows(home: Home, config: Path, monkeypatch) -> None:
    monkeypatch.setattr("gladius_widgets.client.client.ensure_supervisor", lambda _home: None)
    for name in ("JUPYTERHUB_USER", "LOGNAME", "USER"):
        monkeypatch.delenv(name, raising=False)
    me = pwd.getpwuid(os.getuid()).pw_name
    assert login_name() == me
    monkeypatch.setenv("LOGNAME", me)
    assert login_name() == me
    monkeypatch.setenv("LOGNAME", "somebody-else\x1b[31m")
    assert login_name() == f"{me} (says somebody-else�[31m)"
    assert Client(home).submit(config).created_by == login_name()
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    assert login_name() == f"{me} (says ada)"
