"""Run directories of any length, made from a recorded run by our own writers."""

import random
import shutil
import time
from pathlib import Path
from typing import Any, Self

from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.metrics import MetricReader, MetricWriter, schemas
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.registry.reindex import row_of
from gladius_widgets.store.run.events import append_event

RECORDED = Path(__file__).resolve().parents[1] / "tests" / "recorded" / "completed"
VALIDATION_EVERY, SAVED_EVERY, SYSTEM_EVERY, BLOCK = 100, 500, 10, 4096  # steps
CHANCE = random.Random(0)  # noqa: S311  noise, no secret


def rows_of(table: str) -> list[dict[str, Any]]:
    """The recorded rows of a table."""
    reader = MetricReader(RunDirectory(RECORDED).table(table), schemas.TABLES[table])
    return reader.read().to_pylist()


def writer_of(run: RunDirectory, table: str) -> MetricWriter:
    """A writer of a table of the run's first attempt."""
    return MetricWriter(run.table(table), schemas.TABLES[table], 1)


def at_step(row: dict[str, Any], step: int, when: float) -> dict[str, Any]:
    """A recorded row as another step, no two of them alike."""
    changes = {"step": step, "time": when}
    noisy = ("loss", "grad_norm", "step_time_s", "tokens_per_s")
    return row | changes | {name: row[name] * CHANCE.uniform(0.95, 1.05) for name in noisy}


def completed_at(step: int) -> RunStatus:
    """The recorded snapshot as it would be had the run been this long."""
    return recorded_status().model_copy(update={"step": step, "total_steps": step})


def training_at(step: int, total: int) -> RunStatus:
    """The recorded snapshot as it would be at this step, two steps a second."""
    known = recorded_status().model_dump()
    now = time.time()
    started_at = now - step / 2
    training = {"state": "active", "started_at": started_at, "duration_s": None, "substatus": ""}
    stages = known["stages"] | {"training": training, "finalization": {"state": "pending"}}
    changes = {"state": JobStatus.TRAINING, "stage": "training", "stages": stages, "step": step}
    changes |= {"total_steps": total, "heartbeat": now, "progressed_at": now}
    changes |= {"training_started_at": started_at, "elapsed_s": step / 2, "active_s": step / 2}
    changes |= {"remaining_s": (total - step) / 2}
    return RunStatus.model_validate(known | changes)


def recorded_status() -> RunStatus:
    """The last snapshot of the recorded run."""
    status = read_status(RunDirectory(RECORDED))
    assert status is not None
    return status


def copied(home: Home, name: str) -> RunDirectory:
    """The recorded run under another name, without its rows."""
    Registry(home)  # a new one, later, would list what it finds
    run = home.run(name)
    shutil.copytree(RECORDED, run.root)
    run.create()
    for table in ("train", "validation", "system"):
        shutil.rmtree(run.table(table))
    for path in (run.job, *run.attempts.rglob("*.json")):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"id": "completed"', f'"id": "{name}"'), encoding="utf-8")
    record: dict[str, Any] = read_json(run.job) or {}
    write_json(run.job, record | {"id": name, "name": name})
    return run


def completed(home: Home, name: str, steps: int) -> RunDirectory:
    """A job that is over after so many steps, two a second."""
    run, rows, checks = copied(home, name), rows_of("train"), rows_of("validation")
    ended_at = rows[-1]["time"]

    def when(step: int) -> float:
        return ended_at - (steps - step) / 2

    with writer_of(run, "train") as writer:
        for first in range(1, steps + 1, BLOCK):
            block = range(first, min(first + BLOCK, steps + 1))
            writer.extend([at_step(rows[s % len(rows)], s, when(s)) for s in block])
    every = max(VALIDATION_EVERY, steps // 1000)
    with writer_of(run, "validation") as writer:
        for step in range(every, steps + 1, every):
            check = checks[step // every % len(checks)]
            writer.append(check | {"step": step, "time": when(step)})
    completed_at(steps).write(run)
    listed(home, run)
    return run


def in_training(home: Home, name: str) -> RunDirectory:
    """A job that this process trains, as far as anybody can tell; no step is made yet."""
    run = copied(home, name)
    run.attempt(1).exit.unlink()
    run.events.write_text("")
    run.log.write_text("")
    me = {"runner": ProcessIdentity.of().to_dict(), "started_at": time.time(), "host": "here"}
    write_json(run.attempt(1).proc, me)
    training_at(0, 1).write(run)
    listed(home, run)
    return run


def listed(home: Home, run: RunDirectory) -> None:
    """Enter a run into the list of jobs."""
    row = row_of(run, home)
    assert row is not None
    Registry(home).insert(**row)


class Trainer:
    """Writes what a trainer and its runner write, a step at a time."""

    def __init__(self, run: RunDirectory, total: int) -> None:
        self._run, self._total = run, total
        self._rows = {name: rows_of(name) for name in ("train", "validation", "system")}
        self._writers = {name: writer_of(run, name) for name in self._rows}
        self._log = run.log.open("ab", buffering=0)

    def step(self, step: int) -> None:
        """What this step leaves: a row, a line, at times a snapshot, figures, events."""
        now = time.time()
        row = at_step(self._pick("train", step), step, now)
        self._writers["train"].append(row)
        self._log.write(f"[INFO] step {step} loss {row['loss']:.4f}\n".encode())
        if step % 2 == 0:
            training_at(step, self._total).write(self._run)
        if step % SYSTEM_EVERY == 0:
            self._writers["system"].append(self._pick("system", step) | {"step": step, "time": now})
        if step % VALIDATION_EVERY == 0:
            check = self._pick("validation", step // VALIDATION_EVERY)
            self._writers["validation"].append(check | {"step": step, "time": now})
            self._tell("metrics", f"Validation at step {step}", step)
        if step % SAVED_EVERY == 0:
            self._tell("checkpoint", f"Checkpoint saved: checkpoints/step-{step:08}", step)

    def _pick(self, table: str, number: int) -> dict[str, Any]:
        rows = self._rows[table]
        return rows[number % len(rows)]

    def _tell(self, type_: Any, message: str, step: int) -> None:
        append_event(self._run, type_, message, {"step": step}, source="trainer", attempt=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()
        self._log.close()
