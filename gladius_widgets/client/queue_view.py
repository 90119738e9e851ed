"""The queue as people see it: who runs, who waits, when each will start and why not sooner."""

from dataclasses import dataclass

from gladius_widgets.core.placement import GpuStanding
from gladius_widgets.core.queue_plan import Cause
from gladius_widgets.store.queue_pause import QueuePause
from gladius_widgets.store.registry.dependents import Blocker
from gladius_widgets.store.registry.registry import Job


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
