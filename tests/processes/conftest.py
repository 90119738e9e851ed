"""Runs with an outside command that starts fast and trains nothing."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from support import wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.machine.processes import processes_of
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.states import JobStatus

CONFIG = """\
model:
  name: {mode}
data:
  path: pypi:chitchat-dataset
resources:
  device: cpu
  processes: {processes}
cost:
  hourly_rate: 3600.0
"""


class Lab:
    """A home whose launcher is the fake one, and what tests ask of it."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.client = Client(home, user="ada")

    def config(self, mode: str = "train", processes: int = 1) -> Path:
        path = self.folder / f"{mode}.yaml"
        path.write_text(CONFIG.format(mode=mode, processes=processes))
        return path

    def submit(
        self,
        mode: str = "train",
        processes: int = 1,
        name: str | None = None,
        overrides: Iterable[str] = (),
        **options: Any,
    ) -> str:
        return self.client.submit(self.config(mode, processes), name, overrides, **options).id

    def started(self, mode: str = "train", processes: int = 1, **options: Any) -> str:
        """A job whose ranks all train."""
        job_id = self.submit(mode, processes, **options)
        self.wait(job_id, JobStatus.TRAINING)
        wait_until(
            lambda: len(self.client.state(job_id)["pids"]["ranks"]) == processes, what="ranks"
        )
        return job_id

    def status(self, job_id: str) -> JobStatus:
        return self.client.job(job_id).status

    def wait(self, job_id: str, *statuses: JobStatus, timeout_s: float = 30) -> JobStatus:
        wait_until(
            lambda: self.status(job_id) in statuses,
            timeout_s,
            f"{statuses}, but it is {self.client.job(job_id)}",
        )
        return self.status(job_id)

    def run(self, job_id: str) -> RunDirectory:
        return self.home.run(job_id)

    def exit_record(self, job_id: str, attempt: int = 1) -> dict:
        return read_json(self.run(job_id).attempt(attempt).exit)

    def living(self, job_id: str, attempt: int = 1) -> list[int]:
        return [process.pid for process in processes_of(self.run(job_id).attempt(attempt))]


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that runs the fake accelerate with this Python, whatever its first line says."""
    program = tmp_path / "accelerate"
    script = Path(__file__).with_name("fake_accelerate.py")
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("GLADIUS_ACCELERATE", str(program))
    return program


@pytest.fixture
def lab(home: Home, launcher: Path, tmp_path: Path) -> Lab:
    return Lab(home, tmp_path)
