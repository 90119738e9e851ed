"""Runs in the middle of their life, by our own writers: nothing trains, and one idle process
stands for whoever holds the machine."""

import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from recorded_runs import RECORDED, change_config

from gladius_widgets.client import Client, Job
from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.paths import Home
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.store.metrics import MetricWriter, schemas
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.registry.reindex import row_of
from gladius_widgets.store.run import events

GIB = 1024**3
TOTAL_STEPS = 2000


@contextmanager
def holder() -> Iterator[ProcessIdentity]:
    """A process that lives until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    try:
        yield ProcessIdentity.of(process.pid)
    finally:
        process.kill()
        process.communicate()


class HeldRun:
    """One run that its test writes.

    Args:
        home: where it is.
        name: of the job, and its id.
        by: who holds its machine.
        config: `section.key` → value changes of its config.
        fields: changes of its job.json, such as `hourly_rate=7.99`.
    """

    def __init__(
        self,
        home: Home,
        name: str,
        by: ProcessIdentity,
        config: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        self.home, self.by, self.run = home, by, home.run(name)
        self.registry = Registry(home)  # before there is a run that it would list by itself
        self.run.create()
        shutil.copy(RECORDED / "completed" / "config.yaml", self.run.config)
        record = json.loads((RECORDED / "completed" / "job.json").read_text())
        record |= {"id": name, "name": name, "created_at": time.time() - 90_000, **fields}
        write_json(self.run.job, record)
        if config:
            change_config(self.run.config, config)
        self.status = RunStatus(state=JobStatus.PROVISIONING, total_steps=TOTAL_STEPS)

    def attempt(
        self, number: int, started_at: float, ended_at: float | None = None, status: str = "paused"
    ) -> None:
        """One attempt; without an end its machine is held."""
        folder = self.run.attempt(number)
        folder.ranks.mkdir(parents=True, exist_ok=True)
        proc = {"runner": self.by.to_dict(), "launcher": None, "started_at": started_at}
        write_json(folder.proc, proc)
        self.status.attempt = number
        if ended_at is not None:
            self.end(number, ended_at, status)

    def end(self, number: int, ended_at: float, status: str = "paused") -> None:
        """The attempt's exit record."""
        write_json(self.run.attempt(number).exit, {"status": status, "ended_at": ended_at})

    def say(self, moment: float, number: int, type_: str = "status", **payload: Any) -> None:
        """An event of the past."""
        with mock.patch.object(events.time, "time", return_value=moment):
            events.append_event(
                self.run, type_, "x", payload or None, source="test", attempt=number
            )

    def beat(self, state: JobStatus = JobStatus.TRAINING, **fields: Any) -> None:
        """Write status.json."""
        for name, value in {"state": state, "heartbeat": time.time(), **fields}.items():
            setattr(self.status, name, value)
        if state == JobStatus.TRAINING and self.status.training_started_at is None:
            self.status.training_started_at = time.time() - 60
            self.status.stages[Stage.TRAINING].started_at = time.time() - 60
        self.status.write(self.run)

    def steps(
        self,
        count: int,
        loss: Callable[[int], float] = lambda step: 2.0 * math.exp(-step / 400),
        *,
        first: int = 1,
        attempt: int = 1,
        step_s: float = 0.5,
        until: float | None = None,
    ) -> None:
        """Rows of the train table, the last one at `until` (unix s), by default now."""
        end = time.time() if until is None else until
        with MetricWriter(self.run.table("train"), schemas.TRAIN, attempt) as writer:
            for i in range(count):
                writer.append(
                    {
                        "step": first + i,
                        "time": end - (count - 1 - i) * step_s,
                        "epoch": (first + i) / 700,
                        "loss": loss(first + i),
                        "learning_rate": 0.000182,
                        "grad_norm": 0.847 + i / 1000,
                        "tokens": 512 + i % 7,
                        "samples": 4,
                        "step_time_s": step_s * (0.9 + 0.2 * (i % 2)),
                    }
                )

    def validate(self, *losses: float, every: int = 50, attempt: int = 1) -> None:
        """Rows of the validation table."""
        with MetricWriter(self.run.table("validation"), schemas.VALIDATION, attempt) as writer:
            for i, loss in enumerate(losses):
                row = {"step": (i + 1) * every, "split": "validation", "loss": loss, "epoch": i}
                writer.append(row | {"time": time.time(), "perplexity": math.exp(loss)})

    def sample(self, *percents: float | None, attempt: int = 1, **fields: Any) -> None:
        """A row of the system table, with as many GPUs as there are percents."""
        count = len(percents)
        row = {
            "time": time.time(),
            "step": self.status.step,
            "gpu_memory_used_bytes": [(20 + i) * GIB for i in range(count)],
            "gpu_memory_total_bytes": [80 * GIB] * count,
            "gpu_utilization_percent": list(percents),
            "gpu_temperature_c": [60.0] * count,
            "cpu_percent": 62.0,
            "ram_used_bytes": 8 * GIB,
            "ram_total_bytes": 16 * GIB,
            "process_rss_bytes": 3 * GIB,
        }
        with MetricWriter(self.run.table("system"), schemas.SYSTEM, attempt) as writer:
            writer.append(row | fields)

    def index(self) -> Job:
        """List it, as it is now."""
        row = row_of(self.run, self.home)
        assert row is not None
        self.registry.insert(**row)
        return Client(self.home).job(self.run.id)

    def change_record(self, **fields: Any) -> None:
        """Change job.json."""
        write_json(self.run.job, (read_json(self.run.job) or {}) | fields)
