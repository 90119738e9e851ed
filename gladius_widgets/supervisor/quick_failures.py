"""A queue whose jobs die as soon as they start pauses itself, with the reason.

A broken environment (no disk, no driver, a library of the wrong version) makes every job fail at
once, and a night's queue is gone in minutes. So attempts are counted that end badly within
`quick_failure_s` of their start, one after another on the same engine, whichever job's they are:
a retry of the same job, or the next one. One that completes, lasts longer, or made a step (so that
training works here, whatever ended it) ends the count; one that somebody cancels, stops or pauses
early says nothing. While the queue will try a job again by
itself, the verdict waits: such a job is meant to fail now and then.

The count is in memory: a supervisor that takes over begins anew. The pause itself is a file.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa

from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.metrics import MetricReader
from gladius_widgets.store.metrics.schemas import TRAIN
from gladius_widgets.store.queue_pause import QueuePause, pause_queue
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run.events import append_event
from gladius_widgets.store.run.records import read_exit, read_proc
from gladius_widgets.supervisor.settings import Settings

WHO = "supervisor"
_BAD = (JobStatus.FAILED, JobStatus.LOST)


@dataclass(frozen=True)
class _End:
    """How an attempt ended."""

    status: JobStatus
    lasted_s: float
    made_a_step: bool
    error: str


class QuickFailures:
    """Watches attempts from their start to their end, and pauses the queue of their engine.

    Args:
        registry: where the jobs are.
        settings: what the home's settings say now.
        about_to_tell: called with the job in whose events the pause is told, just before.
    """

    def __init__(
        self,
        registry: Registry,
        settings: Callable[[], Settings],
        about_to_tell: Callable[[Job], None],
    ) -> None:
        self._registry, self._settings, self._about_to_tell = registry, settings, about_to_tell
        self._watched: dict[tuple[str, int], Job] = {}
        self._failed: dict[str, list[str]] = {}  # engine → names of jobs, one for each attempt

    def begin(self, job: Job) -> None:
        """Watch an attempt that is about to start."""
        self._watched[job.id, job.attempt] = job

    def has_news(self, running: Iterable[Job]) -> bool:
        """Whether an attempt has ended that was not judged yet; `running` hold a slot now.

        A reader may have noticed the end, and freed the slot, a moment ago: the next job must not
        get it before we know whether it shall start.
        """
        return not self._watched.keys() <= {(job.id, job.attempt) for job in running}

    def step(self, running: Iterable[Job]) -> None:
        """Judge the attempts that have ended since; `running` held a slot a moment ago."""
        for job in running:
            self.begin(job)
        for key, job in list(self._watched.items()):
            row = self._registry.get(job.id)
            if row is None or row.attempt != job.attempt or not row.holds_slot:
                del self._watched[key]
                end = self._end_of(job, row)
                if end is not None:
                    self._count(job, end)

    def _end_of(self, job: Job, row: Job | None) -> _End | None:
        """None when it is not known, as of a job that was deleted."""
        try:
            attempt = self._registry.home.run(job.id).attempt(job.attempt)
        except ValueError:  # a row that names no folder
            return None
        record = read_exit(attempt)
        started_at = (read_proc(attempt) or {}).get("started_at") or job.claimed_at
        if record is not None:
            status, error, ended_at = record["status"], record["error"], record["ended_at"]
            started_at = record.get("started_at") or started_at
        elif row is not None and row.attempt == job.attempt:
            status, error, ended_at = row.status, row.error, row.ended_at
        else:
            return None
        lasted_s = (ended_at or time.time()) - (started_at or 0.0)
        said = f"{error.get('type')}: {error.get('message')}" if error else ""
        return _End(JobStatus(status), lasted_s, self._made_a_step(job), said)

    def _made_a_step(self, job: Job) -> bool:
        """Whether this attempt trained: the rows of its steps are there, however it ended."""
        columns = pa.schema([TRAIN.field("step"), TRAIN.field("attempt")])
        table = MetricReader(self._registry.home.run(job.id).table("train"), columns).read()
        return job.attempt in set(table["attempt"].to_pylist())

    def _count(self, job: Job, end: _End) -> None:
        settings = self._settings()
        failed = self._failed.setdefault(job.engine, [])
        is_quick = end.lasted_s < settings.quick_failure_s and not end.made_a_step
        if not is_quick or end.status == JobStatus.COMPLETED:
            failed.clear()
        elif end.status in _BAD:
            failed.append(job.name)
            is_tried_again = job.retries + 1 < job.max_attempts
            if len(failed) >= settings.quick_failures and not is_tried_again:
                self._pause(job, failed, end, settings.quick_failure_s)
                failed.clear()

    def _pause(self, job: Job, failed: list[str], end: _End, within_s: float) -> None:
        names = " and ".join(f"'{name}'" for name in dict.fromkeys(failed))
        times = f"{len(failed)} attempts in a row"
        reason = f"{times}, of {names}, died within {within_s:g} s of their start"
        reason += f"; the last one said: {end.error.rstrip('.')}." if end.error else "."
        pause_queue(self._registry.home, QueuePause(job.engine, time.time(), WHO, reason))
        self._about_to_tell(job)
        append_event(
            self._registry.home.run(job.id),
            "warning",
            f"The queue is paused: {reason} Mend it, then `gladius queue --resume`.",
            {"kind": "queue", "state": "paused", "engine": job.engine},
            source=WHO,
            attempt=job.attempt,
        )
