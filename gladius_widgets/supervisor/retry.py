"""Automatic retries: a job that failed or was lost is queued again, a while later.

Who retries is decided by rows, not by what a supervisor has just seen, so that no death of a
supervisor, and no reader that noticed the end first, makes a retry forgotten.
"""

import logging
import time

from gladius_widgets.core.config.schema import MAX_BACKOFF_S
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import Command
from gladius_widgets.store.idle_jobs import queue_again
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run.records import read_proc
from gladius_widgets.store.run.requests import ledger
from gladius_widgets.supervisor.notify.log_once import Complaints

logger = logging.getLogger(__name__)

WHO = "supervisor"


class Retries:
    """Queues again what may be tried again."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._declined: set[tuple[str, int]] = set()
        self._complaints = Complaints()

    def step(self) -> None:
        """One look at all jobs that ended badly and have attempts left."""
        jobs = self._registry.retriable()
        self._declined &= {(job.id, job.attempt) for job in jobs}
        self._complaints.forget_all_but({job.id for job in jobs})
        for job in jobs:
            if (job.id, job.attempt) not in self._declined:
                with self._complaints.surviving(job.id, f"{job.id} could not be tried again"):
                    self._try_again(job)

    def _try_again(self, job: Job) -> None:
        run = self._registry.home.run(job.id)
        reason = why_not(run, job)
        if reason:
            self._declined.add((job.id, job.attempt))
            logger.info("%s is not tried again: %s", job.id, reason)
            return
        retry = job.retries + 1
        not_before = (job.ended_at or time.time()) + backoff_s(job)
        args = {"retry": retry, "of": job.max_attempts - 1, "not_before": not_before}
        if queue_again(
            self._registry,
            run,
            job,
            WHO,
            not_before=not_before,
            retries=retry,
            args=args,
            source=WHO,
        ):
            logger.info("%s will be tried again: %s", job.id, args)


def backoff_s(job: Job) -> float:
    """How long the next retry waits: doubles each time, an hour at most."""
    return min(MAX_BACKOFF_S, job.retry_backoff_s * 2.0**job.retries)


def why_not(run: RunDirectory, job: Job) -> str:
    """Why the attempt that ended badly is not tried again; empty when it is.

    What people last wanted counts: a run that they were ending, or that they had paused, does not
    go on by itself because it crashed on the way.
    """
    proc = read_proc(run.attempt(job.attempt)) or {}
    began_at = job.claimed_at or proc.get("started_at") or 0.0
    asked = [e for e in ledger(run) if (e.get("requested_at") or 0.0) >= began_at]
    if any(entry["command"] in (Command.STOP, Command.CANCEL) for entry in asked):
        return "somebody wanted it to end"
    moves = [e["command"] for e in asked if e["command"] in (Command.PAUSE, Command.RESUME)]
    return "it was paused" if moves and moves[-1] == Command.PAUSE else ""
