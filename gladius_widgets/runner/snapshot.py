"""status.json before the trainer has taken it over and after it has let go."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from gladius_widgets.core.run_state import RunError, RunStatus
from gladius_widgets.core.states import JobStatus

TOLD = ("step", "batch", "loss", "learning_rate", "grad_norm", "samples")
"""Columns of the train table that a snapshot tells of too."""


def first_snapshot(before: RunStatus | None, attempt: int) -> RunStatus:
    """What is known before the trainer speaks: the progress of earlier attempts stays in view."""
    fresh = RunStatus()
    return (before or fresh).model_copy(
        update={
            "state": JobStatus.PROVISIONING,
            "attempt": attempt,
            "heartbeat": time.time(),
            "stage": None,
            "stages": fresh.stages,
            "remaining_s": None,
            "error": None,
        }
    )


def caught_up(snapshot: RunStatus, rows: Sequence[Mapping[str, Any]]) -> RunStatus:
    """The snapshot with what the metric rows know better.

    A snapshot may be a second old when the trainer is killed; the rows are not.

    Args:
        snapshot: the trainer's last one.
        rows: those of its attempt's train table, in order.
    """
    later = [row for row in rows if row["step"] > snapshot.step]
    if not later:
        return snapshot
    last = later[-1]
    known = {name: last[name] for name in TOLD if last[name] is not None}
    samples = snapshot.samples + sum(row["samples"] or 0 for row in later)
    return snapshot.model_copy(update=known | {"samples": samples})


def last_snapshot(
    before: RunStatus | None, attempt: int, ending: JobStatus, error: RunError | None
) -> RunStatus:
    """The trainer's last snapshot, with how the run really ended."""
    now = time.time()
    snapshot = (before or RunStatus(attempt=attempt)).model_copy(deep=True)
    outcome = "done" if error is None and ending != JobStatus.CANCELLED else "failed"
    for stage in snapshot.stages.values():
        if stage.state == "active":
            stage.state = outcome
            stage.duration_s = now - (stage.started_at or now)
    return snapshot.model_copy(
        update={"state": ending, "heartbeat": now, "remaining_s": None, "error": error}
    )
