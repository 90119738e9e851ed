"""The jobs list: one row a job, as text, tones and links."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gladius_widgets.core.states import Command, JobStatus, is_legal_command
from gladius_widgets.panels import format as fmt
from gladius_widgets.panels.models.words import Badge, job_badge
from gladius_widgets.store.registry import Job

_CHEAP, _DEAR = 50.0, 100.0


@dataclass(frozen=True)
class Action:
    """An entry of a row's menu; `reason` says why it cannot be used."""

    name: str
    label: str
    icon: str
    danger: bool = False
    reason: str = ""


@dataclass(frozen=True)
class JobRow:
    """One row. `since` is when a running job began: its duration counts on in the browser."""

    id: str
    name: str
    sub: str
    badge: Badge
    creator: str
    started: str
    started_at: float | None
    duration: str
    since: float | None
    cost: str
    cost_tone: str
    cost_is_current: bool
    actions: tuple[Action, ...] = field(default_factory=tuple)


def rows(jobs: Iterable[Job], user: str, now: float) -> tuple[JobRow, ...]:
    """Rows for the jobs, in their order; `user`'s own jobs say `You`."""
    return tuple(_row(job, user, now) for job in jobs)


def _row(job: Job, user: str, now: float) -> JobRow:
    return JobRow(
        id=job.id,
        name=job.name,
        sub=job.config_line,
        badge=job_badge(job.status, job.progress),
        creator="You" if job.created_by == user and user else job.created_by or fmt.UNKNOWN,
        started=fmt.date_time(job.started_at, now) if job.started_at else "Not started",
        started_at=job.started_at,
        duration=_duration(job, now),
        since=job.started_at if job.status.is_active else None,
        cost=fmt.money(job.cost, job.currency),
        cost_tone=_cost_tone(job.cost),
        cost_is_current=job.status.is_active and job.cost is not None,
        actions=_actions(job.status),
    )


def _duration(job: Job, now: float) -> str:
    """`6h 23m`; of a job that did not complete, `Stopped at 6h 23m`."""
    if job.started_at is None:
        return fmt.UNKNOWN
    end = job.ended_at if job.ended_at is not None else now if job.status.is_active else None
    if end is None:
        return fmt.UNKNOWN
    text = fmt.duration(end - job.started_at)
    early = job.status.is_final and job.status != JobStatus.COMPLETED
    return f"Stopped at {text}" if early else text


def _cost_tone(cost: float | None) -> str:
    if cost is None:
        return ""
    return "green" if cost < _CHEAP else "yellow" if cost <= _DEAR else "red"


def _actions(status: JobStatus) -> tuple[Action, ...]:
    """Open Console, Pause or Resume where one is possible, Cancel last."""
    actions = [Action("open", "Open Console", "term")]
    if status == JobStatus.PAUSED:
        actions.append(Action("resume", "Resume", "play"))
    elif is_legal_command(status, Command.PAUSE):
        actions.append(Action("pause", "Pause", "pause"))
    if is_legal_command(status, Command.CANCEL):
        actions.append(Action("cancel", "Cancel Job…", "stopc", danger=True))
    return tuple(actions)
