"""Registry rows from run directories alone."""

import time
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.cost import spent
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.records import billable_spans, observe
from gladius_widgets.store.registry_schema import SCHEMA_VERSION


class JobRecord(BaseModel):
    """What submit writes into job.json for this purpose, and what stands for it when missing."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    name: str
    created_by: str = ""
    created_at: float = 0.0
    config_line: str = ""
    engine: str = "local"
    hourly_rate: float | None = None
    currency: str = "USD"
    gpus: int = Field(default=0, ge=0, lt=2**31)


def rows_from_runs(home: Home) -> list[dict[str, Any]]:
    """One row a run directory with a readable job.json, in the order of their queueing.

    Raises:
        GladiusError: one of them was made by a newer version.
    """
    rows = [row for run in home.all_runs() if (row := _row(run, home)) is not None]
    rows.sort(key=lambda row: row.pop("queued_at"))
    for place, row in enumerate(rows, start=1):
        row["position"] = float(place)
    return rows


def _row(run: RunDirectory, home: Home) -> dict[str, Any] | None:
    job = read_json(run.job)
    if not isinstance(job, dict):
        return None
    made_by = job.get("home_version")
    if isinstance(made_by, int) and made_by > SCHEMA_VERSION:
        raise GladiusError(
            f"The home {home.root} was made by a newer version of gladius.",
            "Upgrade gladius-widgets, or name another home with --home.",
        )
    try:
        row = JobRecord.model_validate(job).model_dump()
    except ValidationError:
        return None
    snapshot = read_status(run)
    attempt = max([*run.attempt_numbers(), snapshot.attempt if snapshot else 1])
    spans = billable_spans(run)
    status, released, error, ended_at = _standing(run, snapshot, attempt)
    return row | {
        "id": run.id,
        "status": status,
        "attempt": attempt,
        "holds_slot": not released,
        "claimed_at": None if released else time.time(),
        "started_at": spans[0].started_at if spans else None,
        "ended_at": ended_at,
        "step": snapshot.step if snapshot else 0,
        "total_steps": snapshot.total_steps if snapshot else None,
        "cost": spent(spans, row["hourly_rate"], row["gpus"], time.time()),
        "error": error,
        "updated_at": time.time(),
        "queued_at": _queued_at(row, snapshot),
    }


def _standing(
    run: RunDirectory, snapshot: RunStatus | None, attempt: int
) -> tuple[JobStatus, bool, dict[str, Any] | None, float | None]:
    """Status, whether no slot is held, error and end of the newest attempt."""
    if snapshot is not None and snapshot.state == JobStatus.CANCELLED:
        return JobStatus.CANCELLED, True, None, snapshot.heartbeat
    if not run.attempt(attempt).proc.exists() and not run.attempt(attempt).exit.exists():
        return JobStatus.QUEUED, True, None, None
    seen = observe(run, attempt)
    return seen.status, seen.released, seen.error, seen.ended_at


def _queued_at(row: dict[str, Any], snapshot: RunStatus | None) -> float:
    if snapshot is not None and snapshot.state == JobStatus.QUEUED and snapshot.heartbeat:
        return snapshot.heartbeat
    return float(row["created_at"])
