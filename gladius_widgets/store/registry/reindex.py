"""Registry rows from run directories alone."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.money.cost import spent
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.registry.job_record import JobRecord, read_record
from gladius_widgets.store.registry.schema import SCHEMA_VERSION
from gladius_widgets.store.run.last_known import last_known
from gladius_widgets.store.run.records import billable_spans, observe, ran_s, read_proc
from gladius_widgets.store.run.requests import cancel_applied


@dataclass(frozen=True)
class Found:
    """What a look at all run directories came to.

    Attributes:
        rows: one a job.
        problems: one sentence for each folder that is left out, and why.
    """

    rows: list[dict[str, Any]]
    problems: list[str]


def rows_from_runs(home: Home, known: Mapping[str, Mapping[str, Any]] | None = None) -> Found:
    """One row a run directory with a readable job.json; the others are named.

    Args:
        home: whose runs.
        known: rows by id, as they were: they stand in for a job.json that is damaged or gone.

    Raises:
        GladiusError: one of the runs was made by a newer version.
    """
    known = known or {}
    kept = [run for run in map(home.run, known) if run.root.is_dir()]
    runs = {run.id: run for run in (*home.all_runs(), *kept)}
    strays = [path for path in home.strays() if path.name not in runs]
    found = Found([], [f"{path} is no run directory." for path in strays])
    for run in sorted(runs.values(), key=lambda one: one.id):
        row = row_of(run, home)
        if row is None and run.id in known:
            row = _row_of_record(run, _as_record(known[run.id]))
            found.problems.append(f"{run.job} cannot be read; the list knew what it said.")
        if row is None:
            found.problems.append(f"{run.job} cannot be read, so this job is left out.")
        else:
            found.rows.append(row)
    return found


def row_of(run: RunDirectory, home: Home) -> dict[str, Any] | None:
    """The registry row of one run, from its directory alone; None without a readable job.json.

    Raises:
        GladiusError: it was made by a newer version.
    """
    known = read_record(run)
    if known is None:
        return None
    whole, record = known
    made_by = whole.get("home_version")
    if isinstance(made_by, int) and made_by > SCHEMA_VERSION:
        raise GladiusError(
            f"The home {home.root} was made by a newer version of gladius.",
            "Upgrade gladius-widgets, or name another home with --home.",
        )
    return _row_of_record(run, record)


def _as_record(row: Mapping[str, Any]) -> JobRecord:
    return JobRecord.model_validate({name: row[name] for name in JobRecord.model_fields})


def _row_of_record(run: RunDirectory, record: JobRecord) -> dict[str, Any]:
    now, snapshot = time.time(), last_known(run).status
    attempt = max([*run.attempt_numbers(), snapshot.attempt if snapshot else 1])
    spans = billable_spans(run)
    status, released, error, ended_at = _standing(run, snapshot, attempt)
    return record.model_dump() | {
        "id": run.id,
        "status": status,
        "position": _queued_at(record, snapshot) if record.position is None else record.position,
        "attempt": attempt,
        "holds_slot": not released,
        "claimed_at": None if released else now,
        "started_at": spans[0].started_at if spans else None,
        "ended_at": ended_at,
        "step": snapshot.step if snapshot else 0,
        "total_steps": snapshot.total_steps if snapshot else None,
        "remaining_s": snapshot.remaining_s if snapshot and not released else None,
        "ran_s": ran_s(spans),
        "gpu_uuids": _gpu_uuids(run, attempt),
        "running_since": None if released or not spans else spans[-1].started_at,
        "cost": spent(spans, record.hourly_rate, record.gpus, now) if spans else None,
        "error": error,
        "updated_at": now,
    }


def _standing(
    run: RunDirectory, snapshot: RunStatus | None, attempt: int
) -> tuple[JobStatus, bool, dict[str, Any] | None, float | None]:
    """Status, whether no slot is held, error and end of the newest attempt."""
    answer = cancel_applied(run)
    cancelled = answer.acked_at if answer is not None else None
    if cancelled is not None or (snapshot and snapshot.state == JobStatus.CANCELLED):
        return JobStatus.CANCELLED, True, None, cancelled or (snapshot and snapshot.heartbeat)
    if not run.attempt(attempt).proc.exists() and not run.attempt(attempt).exit.exists():
        return JobStatus.QUEUED, True, None, None
    seen = observe(run, attempt)
    return seen.status, seen.released, seen.error, seen.ended_at


def _gpu_uuids(run: RunDirectory, attempt: int) -> list[str]:
    """What the runner says it was given."""
    given = (read_proc(run.attempt(attempt)) or {}).get("gpus")
    return [str(uuid) for uuid in given] if isinstance(given, list) else []


def _queued_at(record: JobRecord, snapshot: RunStatus | None) -> float:
    """When it was queued; records of version 1 know no place in the queue."""
    if snapshot is not None and snapshot.state == JobStatus.QUEUED and snapshot.heartbeat:
        return snapshot.heartbeat
    return record.created_at
