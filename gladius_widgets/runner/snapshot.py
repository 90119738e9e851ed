"""status.json before the trainer has taken it over and after it has let go."""

import time

from gladius_widgets.core.run_state import RunError, RunStatus
from gladius_widgets.core.states import JobStatus


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
