"""Telling jobs that wait for others which will not complete by themselves.

Such a job would wait for ever, and nobody would know why. It is told in its events, which are
sent to whoever gets news, once for each attempt of the other job that ended without success.
"""

import time
from collections.abc import Callable

from gladius_widgets.store.registry.dependents import Blocker, way_out, why_blocked
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run.events import EventReader, append_event

LOOK_S = 1.0
KIND = "blocked"


class Blocked:
    """Finds them.

    Args:
        registry: where the jobs are.
        about_to_tell: called with a job in whose events something is about to be told.
    """

    def __init__(self, registry: Registry, about_to_tell: Callable[[Job], None]) -> None:
        self._registry, self._about_to_tell = registry, about_to_tell
        self._told: dict[str, set[tuple[str, int]]] = {}  # job → (other job, its attempt)
        self._looked_at = -LOOK_S

    def step(self) -> None:
        """One look at all queued jobs, once a second."""
        if time.monotonic() - self._looked_at < LOOK_S:
            return
        self._looked_at = time.monotonic()
        found = self._registry.blocked()
        self._told = {job.id: self._told[job.id] for job, _ in found if job.id in self._told}
        for job, blocker in found:
            told = self._told.setdefault(job.id, set()) or self._told_before(job)
            self._told[job.id] = told
            if (blocker.id, blocker.attempt) not in told:
                told.add((blocker.id, blocker.attempt))
                self._tell(job, blocker)

    def _tell(self, job: Job, blocker: Blocker) -> None:
        self._about_to_tell(job)
        append_event(
            self._registry.home.run(job.id),
            "warning",
            f"{why_blocked(blocker)}. {way_out(job, blocker)}",
            {"kind": KIND, "job": blocker.id, "attempt": blocker.attempt},
            source="supervisor",
            attempt=job.attempt,
        )

    def _told_before(self, job: Job) -> set[tuple[str, int]]:
        """By a supervisor before us."""
        events = EventReader(self._registry.home.run(job.id)).poll()
        payloads = [event.payload or {} for event in events]
        return {
            (str(told.get("job")), int(told.get("attempt") or 0))
            for told in payloads
            if told.get("kind") == KIND
        }
