"""What all tests share: a home of their own, the command line, and no process left behind."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from nvml import FakeNvml, fake_nvml
from support import REPOSITORY, command_line, end_processes_on, processes_on

from gladius_widgets.core.paths import Home


def pytest_configure(config: pytest.Config) -> None:
    # One thread a trainer: two starve each other on a small machine.
    os.environ["OMP_NUM_THREADS"] = "1"
    # Whatever names no home, such as our own notebooks, must not find the developer's.
    home = tempfile.TemporaryDirectory(
        prefix="gladius-home-of-no-test-", ignore_cleanup_errors=True
    )
    config.add_cleanup(home.cleanup)
    os.environ["GLADIUS_HOME"] = home.name
    # A property holds however long a busy machine takes to try it.
    hypothesis.settings.register_profile("gladius", deadline=None)
    hypothesis.settings.load_profile("gladius")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A new home, named by GLADIUS_HOME; what runs on it dies with the test."""
    home = Home(tmp_path / "home")
    monkeypatch.setenv("GLADIUS_HOME", str(home.root))
    yield home
    end_processes_on(home.root)


@dataclass
class Result:
    """What one run of `gladius` came to."""

    rc: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@pytest.fixture
def gladius(home: Home) -> Callable[..., Result]:
    """Runs the command line on the test's home: `gladius("jobs", "--json").json`."""
    program = Path(sys.executable).with_name("gladius")

    def run(*arguments: object, timeout_s: float = 120, **environment: str) -> Result:
        done = subprocess.run(
            [program, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=REPOSITORY,
            env=os.environ | environment,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def nvml(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> FakeNvml:
    """A machine whose GPUs the test makes up; none at first."""
    folder = tmp_path_factory.getbasetemp() / "nvml"
    folder.mkdir(exist_ok=True)
    return fake_nvml(folder, tmp_path / "nvml", monkeypatch)


@pytest.fixture
def two_gpus(nvml: FakeNvml) -> list[str]:
    """A machine with two GPUs that nobody uses; their UUIDs."""
    return nvml.whole(2)


@pytest.fixture(scope="session", autouse=True)
def nothing_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fails the session when a process of one of its tests outlived it."""
    yield
    root = tmp_path_factory.getbasetemp()
    left = [f"{process.pid} {command_line(process)}" for process in processes_on(root)]
    end_processes_on(root)
    assert not left, "processes outlived their tests:\n" + "\n".join(left)
