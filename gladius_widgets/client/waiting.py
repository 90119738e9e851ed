"""The queue as people see it: who runs, who waits, when each will start, why not sooner."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gladius_widgets.core.machine.placement import GpuStanding
from gladius_widgets.core.paths import Home
from gladius_widgets.core.queue_plan import (
    STATISTICS_S,
    Cause,
    Dependency,
    Running,
    Start,
    Waiting,
    plan,
    provisioning_s,
    queue_stats,
)
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.cancelling import cancelled_at
from gladius_widgets.store.queue_pause import QueuePause, queue_pauses
from gladius_widgets.store.registry.dependents import Blocker
from gladius_widgets.store.registry.home_errors import full_error, is_full
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.registry.job_record import read_record
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.supervisor import LOCAL, Settings, local_gpus, stuck_supervisor

# On their way out: within the minute.
_ENDING = (JobStatus.STOPPING, JobStatus.CANCELLING)


_SILENT = "The supervisor does not answer"
_FULL = "The disk is full"


@dataclass(frozen=True)
class QueuedJob:
    """A waiting job.

    Attributes:
        job: its registry row.
        place: 1 = next in line.
        starts_at: unix s, None when nobody can say.
        reason: what keeps it besides the slots, such as `Held` or `Waits for first`; else empty.
        cause: the same for programs.
        blocker: the job that it waits for and that will not complete by itself, if there is one.
    """

    job: Job
    place: int
    starts_at: float | None
    reason: str
    cause: Cause
    blocker: Blocker | None = None


@dataclass(frozen=True)
class QueueView:
    """Slots, their jobs, the waiting ones in order, and how the queue did in the last 7 days.

    `gpus` are those of this machine that jobs may use, with who holds them; `pauses` are of
    engines that start no job now. `trouble` says why nothing at all is started, and what to do;
    empty while all is well.
    """

    slots: int
    active: tuple[Job, ...]
    waiting: tuple[QueuedJob, ...]
    average_wait_s: float | None
    jobs_per_day: float | None
    gpus: tuple[GpuStanding, ...] = ()
    pauses: tuple[QueuePause, ...] = ()
    trouble: str = ""


def queue_view(registry: Registry, settings: Settings, running: list[Job]) -> QueueView:
    """The queue now.

    Args:
        registry: where the queued jobs are.
        settings: the home's.
        running: the jobs that hold a slot, as they truly are.
    """
    now, waiting = time.time(), list(filter(_still_waits(registry.home), registry.queue()))
    pauses = {pause.engine: pause for pause in queue_pauses(registry.home)}
    blockers = {job.id: blocker for job, blocker in reversed(registry.blocked())}
    trouble, why = _trouble(registry.home)
    slots, gpus = settings.slots, local_gpus(settings, running)
    starts = plan(
        slots,
        [Running(job.id, _remaining_s(job), _gpus(job)) for job in running],
        [_waiting(job, pauses, why) for job in waiting],
        now,
        _dependencies(registry, waiting),
        gpus,
    )
    stats = queue_stats(registry.timings(now - STATISTICS_S), now)
    return QueueView(
        slots=slots,
        active=tuple(running),
        waiting=tuple(
            _queued(job, place, starts[job.id], blockers.get(job.id))
            for place, job in enumerate(waiting, start=1)
        ),
        average_wait_s=stats.average_wait_s,
        jobs_per_day=stats.jobs_per_day,
        gpus=gpus.gpus,
        pauses=tuple(pauses.values()),
        trouble=trouble,
    )


def _still_waits(home: Home) -> Callable[[Job], bool]:
    """Whether nobody has cancelled a job of the queue; the registry may not know it yet."""
    return lambda job: cancelled_at(home.run(job.id), job) is None


def expected_s(job: Job) -> float | None:
    """What is left of the estimate made at submit, its middle; None without one."""
    if job.estimate_low_s is None or job.estimate_high_s is None:
        return None
    return (job.estimate_low_s + job.estimate_high_s) / 2 * (1 - (job.progress or 0.0))


def _remaining_s(job: Job) -> float | None:
    """Of a job that holds a slot; nobody knows how long a paused one will keep it."""
    if job.status == JobStatus.PAUSED:
        return None
    if job.status in _ENDING:
        return 0.0
    return expected_s(job) if job.remaining_s is None else job.remaining_s


def _queued(job: Job, place: int, start: Start, blocker: Blocker | None) -> QueuedJob:
    is_blocked = start.cause == Cause.BLOCKED
    return QueuedJob(
        job, place, start.at, start.reason, start.cause, blocker if is_blocked else None
    )


def _trouble(home: Home) -> tuple[str, str]:
    """Why nothing is started now: for people, with what to do; and as the reason of each job."""
    if (stuck := stuck_supervisor(home)) is not None:
        return str(stuck), _SILENT
    return (str(full_error(home)), _FULL) if is_full(home) else ("", "")


def _waiting(job: Job, pauses: Mapping[str, QueuePause], trouble: str) -> Waiting:
    return Waiting(
        job.id,
        expected_s=expected_s(job),
        held=job.held,
        not_before=job.not_before,
        depends_on=job.depends_on if job.attempt == 1 else (),  # as in the claim
        provisioning_s=provisioning_s(job.engine),
        gpus=_gpus(job),
        paused=trouble or ("The queue is paused" if job.engine in pauses else ""),
    )


def _gpus(job: Job) -> int:
    """Of this machine."""
    return job.gpus if job.engine == LOCAL else 0


def _dependencies(registry: Registry, waiting: list[Job]) -> dict[str, Dependency]:
    wanted = {one for job in waiting for one in job.depends_on}
    known = {one: _dependency(registry, one) for one in wanted}
    return {one: dependency for one, dependency in known.items() if dependency is not None}


def _dependency(registry: Registry, job_id: str) -> Dependency | None:
    """By its row, or by what lies in the trash; None when it is gone for good."""
    job = registry.get(job_id)
    if job is not None:
        return Dependency(job.name, job.status)
    try:
        deleted = read_record(registry.home.trashed(job_id))
    except ValueError:  # no id that a job could have
        return None
    return Dependency(deleted[1].name, None) if deleted else None
