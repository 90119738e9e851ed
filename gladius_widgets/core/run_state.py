"""The snapshot that a run keeps of itself in status.json, and how it reads to the outside."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import JobStatus, Stage

OUT_OF_MEMORY = "OutOfMemoryError"
"""The type of the error of a run that ran out of memory; one that paused for it keeps it."""

# What a table can hold: a damaged file must not stop whoever lists all jobs.
Count = Annotated[int, Field(ge=0, lt=2**63)]


class Snapshot(BaseModel):
    """Base of the parts below. Unknown keys of a newer version are ignored, not refused."""

    model_config = ConfigDict(extra="ignore", validate_assignment=False, allow_inf_nan=False)


class StageState(Snapshot):
    """One stage: `state` is pending, active, done or failed; times in unix s, durations in s."""

    state: str = "pending"
    started_at: float | None = None
    duration_s: float | None = None
    substatus: str = ""


class CheckpointState(Snapshot):
    """What is saved, and when the next save is due (unix s, or a step).

    `count` are kept now; `saves` were ever made, None in snapshots of older versions.
    """

    count: int = 0
    saves: int | None = None
    last_step: int | None = None
    last_at: float | None = None
    next_at: float | None = None
    next_step: int | None = None


class ValidationState(Snapshot):
    """Newest and best figures of a split.

    `best_epoch` and `best_step` are those of the best loss; the best accuracy has its own.
    """

    loss: float | None = None
    accuracy: float | None = None
    perplexity: float | None = None
    step: int | None = None
    at: float | None = None
    best_loss: float | None = None
    best_accuracy: float | None = None
    best_epoch: float | None = None
    best_step: int | None = None
    best_accuracy_epoch: float | None = None
    best_accuracy_step: int | None = None


class RunError(Snapshot):
    """Why a run ended badly: `type` is a class or signal name, `message` one sentence."""

    type: str = "error"
    message: str = ""


class RunStatus(Snapshot):
    """status.json. One writer at a time: the runner before and after, rank 0 in between.

    Totals are over the whole run, also across attempts; `elapsed_s` runs on while paused,
    `active_s` does not. `epoch` counts from 1; `batch` is the micro-batch within the epoch.
    """

    version: int = 1
    state: JobStatus = JobStatus.PROVISIONING
    attempt: Count = 1
    heartbeat: float = 0.0
    stage: Stage | None = None
    stages: dict[Stage, StageState] = Field(
        default_factory=lambda: {stage: StageState() for stage in Stage}
    )
    step: Count = 0
    total_steps: Count | None = None
    epoch: int = 0
    total_epochs: int | None = None
    batch: int = 0
    batches_per_epoch: int | None = None
    samples: int = 0
    total_samples: int | None = None
    samples_per_epoch: int | None = None  # of the training split
    split_rows: dict[str, int] = Field(
        default_factory=dict[str, int]
    )  # rows of data by train, validation, …
    training_started_at: float | None = None
    progressed_at: float | None = None  # last sign of work: a step, a validation batch, a save
    elapsed_s: float = 0.0
    active_s: float = 0.0
    remaining_s: float | None = None
    step_time_s: float | None = None
    world_size: int | None = None
    device: str | None = None
    model: dict[str, Any] = Field(default_factory=dict)
    loss: float | None = None
    expert_loss: list[float | None] = Field(default_factory=list)
    tokens_per_s: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    weight_decay: float | None = None
    checkpoints: CheckpointState = Field(default_factory=CheckpointState)
    validation: dict[str, ValidationState] = Field(default_factory=dict)
    live: dict[str, Any] = Field(default_factory=dict)  # settings now in force, if changed
    schedule: dict[str, Any] | None = None  # fields of the core.config.schedule.Schedule in force
    error: RunError | None = None

    @property
    def epochs_done(self) -> float:
        """Passes over the training split that are behind it; the one it is in counts in part."""
        if not self.batches_per_epoch:
            return float(max(0, self.epoch - 1))
        return max(0, self.epoch - 1) + min(1.0, self.batch / self.batches_per_epoch)

    def write(self, run: RunDirectory) -> None:
        """Replace status.json; not fsynced, as a snapshot may be a second old."""
        write_json(run.status, self.model_dump(mode="json"), durable=False, reserve=run.reserve)


def read_status(run: RunDirectory) -> RunStatus | None:
    """The run's snapshot, or None when there is none (yet) or it is not readable."""
    value = read_json(run.status)
    try:
        return RunStatus.model_validate(value) if isinstance(value, dict) else None
    except ValidationError:
        return None


def pause_reason(status: JobStatus, error: Mapping[str, Any] | None) -> str:
    """Why a job is paused, where it paused by itself: `out of memory`; else empty."""
    is_oom = status == JobStatus.PAUSED and error is not None and error.get("type") == OUT_OF_MEMORY
    return "out of memory" if is_oom else ""


def training_state(
    job: dict[str, Any], status: RunStatus | None, system: dict[str, Any] | None
) -> dict[str, Any]:
    """The state that `gladius show --json` prints (console spec, "Training State").

    Args:
        job: id, name, status, attempt, cost, duration (s on a machine), error and pids.
        status: the run's snapshot, None before the first.
        system: the newest row of the system table, None without one.

    Returns:
        Plain JSON types; times in s, `eta` in ISO 8601 UTC, memory in bytes, throughput in
        tokens/s. What is not known is None.
    """
    status = status or RunStatus(state=JobStatus(job["status"]))
    return {
        "id": job["id"],
        "name": job["name"],
        "status": job["status"],
        "stage": status.stage,
        "step": status.step,
        "total_steps": status.total_steps,
        "attempt": job["attempt"],
        "cost": job["cost"],
        "error": job["error"],
        "pids": job["pids"],
        "epoch": _progress(status.epoch, status.total_epochs, status.epochs_done),
        "batch": _progress(status.batch, status.batches_per_epoch, status.batch),
        "metrics": {
            "loss": status.loss,
            "experts": status.expert_loss,
            "throughput": status.tokens_per_s,
            "learning_rate": status.learning_rate,
            "gradient_norm": status.grad_norm,
        },
        "system": _system(system),
        "timing": {
            "elapsed": status.elapsed_s,
            "active": status.active_s,
            "duration": job["duration"],
            "remaining": status.remaining_s,
            "eta": _eta(status),
        },
    }


def _progress(current: int, total: int | None, done: float) -> dict[str, float | int | None]:
    """`current` counts from 1 and is under way; `progress` is the share that is `done`."""
    return {
        "current": current,
        "total": total,
        "progress": min(1.0, done / total) if total else None,
    }


def _eta(status: RunStatus) -> str | None:
    if status.state != JobStatus.TRAINING or status.remaining_s is None:
        return None
    try:
        moment = datetime.fromtimestamp(status.heartbeat + status.remaining_s, UTC)
    except (OverflowError, OSError, ValueError):  # beyond the calendar
        return None
    return moment.isoformat(timespec="seconds")


def _system(row: dict[str, Any] | None) -> dict[str, Any]:
    row = row or {}
    used, total = row.get("gpu_memory_used_bytes") or [], row.get("gpu_memory_total_bytes") or []
    temperatures = row.get("gpu_temperature_c") or [None] * len(used)
    return {
        "gpus": [
            {"id": i, "temp": temperatures[i], "memory": {"used": used[i], "total": total[i]}}
            for i in range(len(used))
        ],
        "cpu": row.get("cpu_percent"),
        "ram": {"used": row.get("ram_used_bytes"), "total": row.get("ram_total_bytes")},
    }
