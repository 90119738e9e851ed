"""What is known of a run whose status.json is damaged or gone: from its other files."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import CheckpointState, RunError, RunStatus, read_status
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.run import requests
from gladius_widgets.store.run.events import EventReader
from gladius_widgets.store.run.records import read_exit, read_proc

# Columns of the train table that a snapshot tells of under the same name
_TOLD = (
    "step", "batch", "loss", "learning_rate", "grad_norm", "weight_decay", "tokens_per_s",
    "step_time_s",
)  # fmt: skip


@dataclass(frozen=True)
class LastKnown:
    """A run's snapshot, and a sentence where other files had to stand in for it."""

    status: RunStatus | None
    problem: str = ""


def last_known(run: RunDirectory) -> LastKnown:
    """status.json, or the best that the other files tell; nothing before the first attempt."""
    status = read_status(run)
    if status is not None:
        return LastKnown(status)
    numbers = run.attempt_numbers()
    is_cancelled = requests.cancel_applied(run) is not None
    if not numbers and not is_cancelled:
        return LastKnown(None)
    status = RunStatus.model_validate(_told(run, max(numbers, default=1)))
    if is_cancelled:
        status.state = JobStatus.CANCELLED
    what = "cannot be read" if run.status.exists() else "is gone"
    return LastKnown(
        status,
        f"{run.status.name} {what}: the state shown is what metrics, events and checkpoints tell.",
    )


def _told(run: RunDirectory, attempt: int) -> dict[str, Any]:
    """Fields of a snapshot."""
    steps = run.checkpoint_steps()
    saved = CheckpointState(count=len(steps), last_step=steps[-1] if steps else None)
    row, samples = _newest_row(run)
    told: dict[str, Any] = {name: row[name] for name in _TOLD if row.get(name) is not None}
    told |= {"attempt": attempt, "checkpoints": saved, "samples": samples}
    told["heartbeat"] = row.get("time") or _began_at(run, attempt)
    if row:
        told["training_started_at"] = _began_at(run, attempt) or row.get("time")
    record = read_exit(run.attempt(attempt))
    told["state"] = record["status"] if record else _said_state(run, attempt)
    if record and record.get("error"):
        told["error"] = RunError.model_validate(record["error"])
    return told


def _newest_row(run: RunDirectory) -> tuple[dict[str, Any], int]:
    """The last row of the train table by attempt and step, and the samples of all steps."""
    from gladius_widgets.store.metrics import MetricReader, newest_attempt

    table = newest_attempt(MetricReader(run.table("train")).read())
    if not table.num_rows or "step" not in table.schema.names:
        return {}, 0
    samples = 0
    if "samples" in table.schema.names:
        samples = sum(value or 0 for value in table.column("samples").to_pylist())
    return table.slice(table.num_rows - 1).to_pylist()[0], samples


def _said_state(run: RunDirectory, attempt: int) -> JobStatus:
    """The state that the newest event of the attempt names."""
    state = JobStatus.PROVISIONING
    for event in EventReader(run).poll():
        if event.type == "status" and event.attempt == attempt:
            with suppress(ValueError):
                state = JobStatus(str((event.payload or {}).get("status")))
    return state


def _began_at(run: RunDirectory, attempt: int) -> float:
    began = (read_proc(run.attempt(attempt)) or {}).get("started_at")
    return began if isinstance(began, int | float) else 0.0
