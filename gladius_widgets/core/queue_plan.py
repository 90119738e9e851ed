"""When queued jobs will start: the slots simulated ahead, and how the queue has done so far."""

import heapq
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gladius_widgets.core.machine.placement import GpuTable
from gladius_widgets.core.states import JobStatus

# Machines that have to be provisioned first; a local one is there already.
PROVISIONING_S = 300.0
DAY_S = 86_400.0
# "Recent" for the queue's statistics.
STATISTICS_S = 7 * DAY_S

ENDED = {
    JobStatus.FAILED: "failed",
    JobStatus.LOST: "was lost",
    JobStatus.STOPPED: "was stopped",
    JobStatus.CANCELLED: "was cancelled",
}
UNKNOWN = "Behind jobs of unknown length"
BEHIND_GPUS = "A job before it waits for GPUs"
FINISHING = "The job before it is finishing"


@dataclass(frozen=True)
class Running:
    """A job that holds a slot; `remaining_s` None = nobody knows how long."""

    id: str
    remaining_s: float | None
    gpus: int = 0


@dataclass(frozen=True)
class Waiting:
    """A queued job.

    Attributes:
        id: the job's.
        expected_s: how long it will train, None = unknown.
        held: not to start until somebody lets it.
        not_before: unix s, or None.
        depends_on: ids of jobs that have to be completed first.
        provisioning_s: from getting a slot until training can begin.
        gpus: GPUs of this machine that it gets to itself.
        paused: why its engine starts no job now; empty while it does.
    """

    id: str
    expected_s: float | None = None
    held: bool = False
    not_before: float | None = None
    depends_on: tuple[str, ...] = ()
    provisioning_s: float = 0.0
    gpus: int = 0
    paused: str = ""


@dataclass(frozen=True)
class Dependency:
    """A job that others wait for: its name and where it is in its life; None = deleted."""

    name: str
    status: JobStatus | None


class Cause(StrEnum):
    """What keeps a queued job until it starts."""

    NONE = ""  # the queue alone
    HELD = "held"
    SCHEDULED = "scheduled"
    JOBS = "jobs"  # that it needs, and that may complete yet
    BLOCKED = "blocked"  # one that it needs is over and did not complete, or is gone
    PAUSED = "paused"  # the queue of its engine is
    GPUS = "gpus"  # that are in use, or that this machine does not have
    FINISHING = "finishing"  # nothing is left of the job whose slot it gets, but it is there yet
    UNKNOWN = "unknown"  # jobs before it of unknown length


@dataclass(frozen=True)
class Start:
    """When a job will start (unix s, None = unknown or never), and what keeps it until then.

    `reason` says the cause in words.
    """

    at: float | None
    reason: str = ""
    cause: Cause = Cause.NONE


class Timed(Protocol):
    """What the statistics look at; a registry row has it."""

    @property
    def status(self) -> JobStatus:
        """Where it is in its life."""
        ...

    @property
    def created_at(self) -> float:
        """Submitted (unix s)."""
        ...

    @property
    def started_at(self) -> float | None:
        """First given a slot (unix s)."""
        ...

    @property
    def ended_at(self) -> float | None:
        """Over (unix s)."""
        ...


@dataclass(frozen=True)
class QueueStats:
    """How the queue has done lately; None = no job to tell by."""

    average_wait_s: float | None
    jobs_per_day: float | None


def provisioning_s(engine: str) -> float:
    """How long the engine takes to get a machine ready."""
    return 0.0 if engine == "local" else PROVISIONING_S


def plan(
    slots: int,
    running: Iterable[Running],
    waiting: Sequence[Waiting],
    now: float,
    jobs: Mapping[str, Dependency] | None = None,
    gpus: GpuTable | None = None,
) -> dict[str, Start]:
    """Start times by simulating slots and GPUs: first in, first out among those that may start.

    A job that takes unknown time is taken to keep its slot for ever, so a known start is the
    latest, not a guess; so is whoever else holds a GPU.

    Args:
        slots: jobs that may run at once.
        running: who holds a slot now.
        waiting: the queue, in its order.
        now: unix s.
        jobs: the jobs that are depended on, by id; one that is missing here, and is neither
            running nor waiting, counts as deleted.
        gpus: the GPUs of this machine; None = jobs need none.

    Returns:
        A start for each waiting job, by id.
    """
    return _Simulation(slots, list(running), waiting, now, jobs or {}, gpus or GpuTable()).run()


def queue_stats(jobs: Iterable[Timed], now: float) -> QueueStats:
    """Mean time from submit to the first slot, and completed jobs a day, of the last 7 days.

    In a home that is younger than that, the days since its first job; at least one.
    """
    since = now - STATISTICS_S
    rows = list(jobs)
    waits = [
        max(0.0, job.started_at - job.created_at)
        for job in rows
        if job.started_at is not None and job.started_at >= since
    ]
    done = [
        job
        for job in rows
        if job.status == JobStatus.COMPLETED and job.ended_at is not None and job.ended_at >= since
    ]
    if not rows:
        return QueueStats(None, None)
    first = max(since, min(job.created_at for job in rows))
    days = max(1.0, (now - first) / DAY_S)
    average = sum(waits) / len(waits) if waits else None
    return QueueStats(average, len(done) / days if waits or done else None)


class _Simulation:
    """Time goes from end to end of a job; at each, the first of the ready ones get the slots."""

    def __init__(
        self,
        slots: int,
        running: list[Running],
        waiting: Sequence[Waiting],
        now: float,
        jobs: Mapping[str, Dependency],
        gpus: GpuTable,
    ) -> None:
        self._slots, self._waiting, self._now, self._jobs = slots, waiting, now, jobs
        self._ends = [(now + _seconds(job.remaining_s), job.id) for job in running]
        heapq.heapify(self._ends)
        self._free = slots - len(running)  # less those that were given away
        self._open = {job.id for job in running} | {job.id for job in waiting}
        self._later: list[tuple[float, int]] = []  # (may start at, place in the queue)
        self._ready: list[int] = []  # places of jobs that need a slot only
        self._ready_gpus: list[int] = []  # and of those that need GPUs besides
        self._gpus, self._free_gpus = gpus, gpus.free_count()
        self._in_use = {job.id: job.gpus for job in running}
        self._short: dict[str, str] = {}  # id → why it has no GPUs, of jobs that have a slot
        self._dependents: dict[str, list[int]] = {}
        self._missing: dict[int, set[str]] = {}
        self._starts: dict[str, Start] = {}

    def run(self) -> dict[str, Start]:
        for place, job in enumerate(self._waiting):
            self._line_up(place, job)
        moment = self._now
        while not math.isinf(moment):
            self._end_jobs(moment)
            while self._later and self._later[0][0] <= moment:
                place = heapq.heappop(self._later)[1]
                heapq.heappush(self._ready_of(place), place)
            while (place := self._next()) is not None:
                heapq.heappop(self._ready_of(place))
                self._start(self._waiting[place], moment)
            if moment == self._now:
                self._note_shortage()
            moment = min(
                self._ends[0][0] if self._ends else math.inf,
                self._later[0][0] if self._later else math.inf,
            )
        return {job.id: self._starts.get(job.id) or self._never(job) for job in self._waiting}

    def _line_up(self, place: int, job: Waiting) -> None:
        missing = {one for one in job.depends_on if not self._is_completed(one)}
        if job.held or job.paused or not self._can_have_gpus(job):
            return
        if missing:
            self._missing[place] = missing
            for one in missing:
                self._dependents.setdefault(one, []).append(place)
        else:
            heapq.heappush(self._later, (self._earliest(job), place))

    def _can_have_gpus(self, job: Waiting) -> bool:
        return job.gpus == 0 or (self._gpus.is_known and self._gpus.can_ever_place(job.gpus))

    def _ready_of(self, place: int) -> list[int]:
        return self._ready_gpus if self._waiting[place].gpus else self._ready

    def _next(self) -> int | None:
        """The place of the job that starts now, by the rule of `claiming.claim_next`."""
        free = self._slots - len(self._ends)
        if free <= 0 or not (self._ready or self._ready_gpus):
            return None
        if self._ready_gpus and (not self._ready or self._ready_gpus[0] < self._ready[0]):
            if self._waiting[self._ready_gpus[0]].gpus <= self._free_gpus:
                return self._ready_gpus[0]
            if free == 1:  # kept for the one that waits
                return None
        return self._ready[0] if self._ready else None

    def _note_shortage(self) -> None:
        """Who would start now if there were GPUs."""
        if not self._ready_gpus or len(self._ends) >= self._slots:
            return
        first, *others = (self._waiting[place] for place in sorted(self._ready_gpus))
        self._short[first.id] = self._gpus.why_not(first.gpus)
        self._short |= dict.fromkeys((job.id for job in others), BEHIND_GPUS)

    def _end_jobs(self, moment: float) -> None:
        while self._ends and self._ends[0][0] <= moment:
            _, ended = heapq.heappop(self._ends)
            self._free_gpus += self._in_use.pop(ended, 0)
            for place in self._dependents.pop(ended, ()):
                self._missing[place].discard(ended)
                if not self._missing[place]:
                    heapq.heappush(self._later, (self._earliest(self._waiting[place]), place))

    def _start(self, job: Waiting, moment: float) -> None:
        at = moment + job.provisioning_s
        heapq.heappush(self._ends, (at + _seconds(job.expected_s), job.id))
        self._free -= 1
        self._free_gpus -= job.gpus
        self._in_use[job.id] = job.gpus
        reason, cause = self._held_up_by(job)
        if not reason and moment <= self._now and self._free < 0:
            reason, cause = FINISHING, Cause.FINISHING
        self._starts[job.id] = Start(at, reason, cause)

    def _held_up_by(self, job: Waiting) -> tuple[str, Cause]:
        """What, besides the queue, keeps a job that will start."""
        waits_for = [one for one in job.depends_on if not self._is_completed(one)]
        if waits_for:
            return f"Waits for {self._names(waits_for)}", Cause.JOBS
        if job.not_before is not None and job.not_before > self._now:
            return _not_before(job.not_before), Cause.SCHEDULED
        if job.id in self._short:
            return self._short[job.id], Cause.GPUS
        return "", Cause.NONE

    def _never(self, job: Waiting) -> Start:
        """Why a job has no start time."""
        if job.held:
            return Start(None, "Held", Cause.HELD)
        if job.paused:
            return Start(None, job.paused, Cause.PAUSED)
        for one in job.depends_on:
            if one not in self._open and not self._is_completed(one):
                reason = f"Waits for {self._names([one])}, {self._standing(one)}"
                return Start(None, reason, Cause.BLOCKED)
        if not self._can_have_gpus(job):
            return Start(None, self._gpus.why_not(job.gpus), Cause.GPUS)
        reason, cause = self._held_up_by(job)
        return Start(None, reason, cause) if reason else Start(None, UNKNOWN, Cause.UNKNOWN)

    def _is_completed(self, job_id: str) -> bool:
        known = self._jobs.get(job_id)
        return known is not None and known.status == JobStatus.COMPLETED

    def _standing(self, job_id: str) -> str:
        known = self._jobs.get(job_id)
        if known is None or known.status is None:
            return "which is deleted"
        return (
            f"which {ENDED[known.status]}" if known.status in ENDED else f"which is {known.status}"
        )

    def _names(self, ids: Iterable[str]) -> str:
        return ", ".join(self._jobs[one].name if one in self._jobs else one for one in ids)

    def _earliest(self, job: Waiting) -> float:
        return max(self._now, job.not_before or self._now)


def _seconds(duration_s: float | None) -> float:
    return math.inf if duration_s is None else max(0.0, duration_s)


def _not_before(moment: float) -> str:
    when = time.localtime(moment)
    clock = time.strftime("%I:%M %p", when).lstrip("0")
    return f"Not before {time.strftime('%a, %b', when)} {when.tm_mday} at {clock}"
