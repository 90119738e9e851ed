"""One job as the registry knows it."""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from gladius_widgets.core.states import JobStatus


@dataclass(frozen=True)
class Job:
    """One row of the registry. Times in unix s, cost in `currency`; unknown is None.

    Attributes:
        started_at: when it first got a slot.
        position: place in the queue among the queued ones; lower goes first.
        held: not to start until somebody lets it.
        not_before: not to start before (scheduled, or the end of a retry's back-off).
        depends_on: ids of jobs that have to be completed first.
        remaining_s: the trainer's own forecast; None when it trains not (yet).
        estimate_low_s: how long it will train, at least, as estimated at submit.
        estimate_high_s: the same, at most.
        max_attempts: how many attempts the queue makes by itself; 1 = no retry.
        retry_backoff_s: before the first retry; doubles each time.
        retries: made by the queue since a person last started it.
        ran_s: time on a machine in the attempts that are over.
        running_since: start of the attempt that runs now; None when none does.
        cost_note: why it has no hourly rate, as told at submit; empty with one, and in jobs from
            before this was kept.
        gpu_uuids: the GPUs that its newest attempt was given; its own while it holds its slot.
    """

    id: str
    name: str
    status: JobStatus
    created_by: str
    created_at: float
    started_at: float | None
    ended_at: float | None
    position: float
    attempt: int
    claimed_at: float | None
    holds_slot: bool
    step: int
    total_steps: int | None
    cost: float | None
    currency: str
    hourly_rate: float | None
    gpus: int
    config_line: str
    engine: str
    error: dict[str, Any] | None
    updated_at: float
    held: bool = False
    not_before: float | None = None
    depends_on: tuple[str, ...] = ()
    remaining_s: float | None = None
    estimate_low_s: float | None = None
    estimate_high_s: float | None = None
    max_attempts: int = 1
    retry_backoff_s: float = 60.0
    retries: int = 0
    ran_s: float = 0.0
    running_since: float | None = None
    cost_note: str = ""
    gpu_uuids: tuple[str, ...] = ()

    @property
    def is_unattended(self) -> bool:
        """Whether it waits without a process: queued, or in a pause that freed its machine."""
        is_released = self.status == JobStatus.PAUSED and not self.holds_slot
        return self.status == JobStatus.QUEUED or is_released

    @property
    def progress(self) -> float | None:
        """Steps done of all steps, 0 to 1; None when the total is not known yet."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else None

    @property
    def counts_from(self) -> float | None:
        """What the duration of a running job counts from: its start without the gaps (unix s).

        None when it does not run.
        """
        return None if self.running_since is None else self.running_since - self.ran_s

    def duration_s(self, now: float) -> float | None:
        """Seconds on a machine, without those between attempts; None before the first."""
        if self.started_at is None:
            return None
        if self.counts_from is None:
            return self.ran_s
        return max(0.0, now - self.counts_from)


class Timing(NamedTuple):
    """When a job came, got its first slot, and ended (unix s)."""

    status: JobStatus
    created_at: float
    started_at: float | None
    ended_at: float | None


_FIELDS = tuple(field.name for field in fields(Job))


def job_from_row(row: Any) -> Job:
    """The job in a row of the jobs table."""
    values = {name: getattr(row, name) for name in _FIELDS}
    values["status"] = JobStatus(values["status"])
    for name in ("depends_on", "gpu_uuids"):
        values[name] = tuple(values[name] or ())
    return Job(**values)
