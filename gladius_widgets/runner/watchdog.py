"""Noticing that a run has stopped moving."""

import time

from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus

_SHOULD_MOVE = (JobStatus.TRAINING, JobStatus.STOPPING)


class Watchdog:
    """Tells once each time that a run in training shows no progress for `timeout_s`.

    Progress is a step, a validation batch or a save (`progressed_at`), so long validations are
    no hang. A frozen process stops its heartbeat as well and is noticed in the same way.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._moving_since: float | None = None  # when it last came into a state that moves
        self._told = False

    def check(self, status: RunStatus | None) -> str | None:
        """A sentence at the moment that a hang becomes certain, else None."""
        now = time.time()
        if status is None or status.state not in _SHOULD_MOVE:
            self._moving_since, self._told = None, False
            return None
        if self._moving_since is None:
            self._moving_since = now
        still_s = now - max(self._moving_since, status.progressed_at or 0.0)
        if still_s < self._timeout_s:
            self._told = False
            return None
        if self._told:
            return None
        self._told = True
        return f"No progress for {still_s:.0f} s at step {status.step}: the run seems to hang."
