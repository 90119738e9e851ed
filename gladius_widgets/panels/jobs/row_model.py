"""The jobs list: one row a job, as text, tones and links."""

from collections.abc import Iterable
from dataclasses import dataclass

from gladius_widgets.core.money.cost import amount_tone
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.jobs.menu import Action, actions
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text.badges import Badge, job_badge
from gladius_widgets.store.registry.registry import Job

__all__ = ["Action", "JobRow", "creator_words", "estimate_words", "rows"]

_MINUTE, _HOUR = 60, 3600
_FEW_HOURS = 10  # from here on an estimate is said in whole hours


@dataclass(frozen=True)
class JobRow:
    """One row.

    Attributes:
        counts_from: moment (unix s) that a running job's duration counts on from, in the browser.
        hint: what the hover over the start says.
        cost_hint: why there is no cost, or what the figure is.
    """

    id: str
    name: str
    sub: str
    badge: Badge
    badge_hint: str
    creator: str
    started: str
    started_at: float | None
    started_hint: str
    duration: str
    counts_from: float | None
    ticks: bool
    cost: str
    cost_tone: str
    cost_is_current: bool
    cost_hint: str
    actions: tuple[Action, ...] = ()


def rows(jobs: Iterable[Job], user: str, now: float) -> tuple[JobRow, ...]:
    """Rows for the jobs, in their order; `user`'s own jobs say `You`."""
    return tuple(_row(job, user, now) for job in jobs)


def creator_words(created_by: str, user: str) -> str:
    """`You`, the account, or `–`."""
    return "You" if created_by and created_by == user else created_by or fmt.UNKNOWN


def estimate_words(low_s: float | None, high_s: float | None) -> str:
    """`Est. 12–15h`, `Est. 40–50m`, `Est. 1h 30m–2h`; `–` without one."""
    known = [value for value in (low_s, high_s) if fmt.is_known(value)]
    if not known:
        return fmt.UNKNOWN
    low, high = min(known), max(known)
    if high < _MINUTE:
        return "Est. under 1m"
    if high < _HOUR:
        first, last, unit = max(1, round(low / _MINUTE)), round(high / _MINUTE), "m"
    elif high >= _FEW_HOURS * _HOUR or _whole_hours(low, high):
        first, last, unit = max(1, round(low / _HOUR)), round(high / _HOUR), "h"
    else:
        texts = [_hours(low), _hours(high)]
        return f"Est. {texts[0]}–{texts[1]}" if texts[0] != texts[1] else f"Est. {texts[0]}"
    return f"Est. {first}–{last}{unit}" if first != last else f"Est. {last}{unit}"


def _whole_hours(*times_s: float) -> bool:
    return all(time_s >= _HOUR and time_s % _HOUR < 1 for time_s in times_s)


def _hours(time_s: float) -> str:
    minutes = max(1, round(time_s / _MINUTE))
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes}m"
    return f"{hours}h {minutes:02d}m" if minutes else f"{hours}h"


def _row(job: Job, user: str, now: float) -> JobRow:
    started = job.started_at
    return JobRow(
        id=job.id,
        name=job.name,
        sub=job.config_line,
        badge=_badge(job),
        badge_hint=_badge_hint(job, now),
        creator=creator_words(job.created_by, user),
        started=fmt.date_time(started, now) if started else "Not started",
        started_at=started,
        started_hint=fmt.age(started, now) if started else f"Queued {fmt.age(job.created_at, now)}",
        duration=_duration(job, now),
        counts_from=job.counts_from if job.status.is_active else None,
        ticks=job.status.is_active and job.status != JobStatus.PAUSED,
        cost=fmt.money(job.cost, job.currency),
        cost_tone=amount_tone(job.cost),
        cost_is_current=job.status.is_active and job.cost is not None,
        cost_hint=_cost_hint(job),
        actions=actions(job),
    )


def _badge(job: Job) -> Badge:
    if job.status == JobStatus.QUEUED and job.held:
        return Badge("Queued (held)", "yellow", "pausec")
    return job_badge(job.status, job.progress, job.error)


def _badge_hint(job: Job, now: float) -> str:
    """What stands behind the badge: the error, why it waits, the steps."""
    if job.status in (JobStatus.FAILED, JobStatus.LOST) and job.error:
        return str(job.error.get("message") or job.error.get("type") or "")
    if job.status == JobStatus.QUEUED and job.not_before is not None and job.not_before > now:
        return f"Not before {fmt.planned(job.not_before, now)}"
    if job.total_steps and job.status != JobStatus.QUEUED:
        return f"Step {job.step:,} of {job.total_steps:,}"
    return ""


def _duration(job: Job, now: float) -> str:
    """`6h 23m`; of a job that did not complete, `Stopped at 6h 23m`; queued, its estimate."""
    if job.status == JobStatus.QUEUED:
        return estimate_words(job.estimate_low_s, job.estimate_high_s)
    text = fmt.duration(job.duration_s(now))
    early = job.status.is_final and job.status != JobStatus.COMPLETED
    return f"Stopped at {text}" if early and text != fmt.UNKNOWN else text


def _cost_hint(job: Job) -> str:
    if job.hourly_rate is None:
        return job.cost_note or "No hourly rate is known for this machine"
    rate = f"{fmt.money(job.hourly_rate, job.currency)}/hr"
    return f"{rate} × {job.gpus} GPUs" if job.gpus > 1 else rate
