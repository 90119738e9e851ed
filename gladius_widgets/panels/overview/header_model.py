"""The progress card of the job dashboard: how far, how long, how it ended."""

from dataclasses import dataclass

from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus
from gladius_widgets.core.text.durations import DURATION, ELAPSED
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import alert
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text import job as job_words
from gladius_widgets.panels.text.badges import Badge, job_badge
from gladius_widgets.panels.text.progress import elapsed_s

_S = JobStatus
_CALM_S = 5.0
_TONES = {
    _S.QUEUED: "gray",
    _S.PROVISIONING: "sky",
    _S.PAUSED: "yellow",
    _S.STOPPING: "yellow",
    _S.CANCELLING: "orange",
    _S.COMPLETED: "green",
    _S.STOPPED: "gray",
    _S.FAILED: "red",
    _S.CANCELLED: "orange",
    _S.LOST: "red",
}


@dataclass(frozen=True)
class Fact:
    """One figure under the bar: `before` **`value`** `after`.

    Attributes:
        since: the value is the time since then (unix s) and goes on in the browser.
        title: what it means, on hover.
        flashes: whether a change is shown briefly.
    """

    icon: str
    value: str
    before: str = ""
    after: str = ""
    since: float | None = None
    title: str = ""
    flashes: bool = False


@dataclass(frozen=True)
class Trouble:
    """Why a job ended badly."""

    title: str
    message: str


@dataclass(frozen=True)
class HeaderView:
    """The card's content. `share` is steps done over total steps, None when not known."""

    headline: str
    share: float | None
    tone: str
    badge: Badge
    facts: tuple[Fact, ...]
    name: str
    trouble: Trouble | None = None


def view(job: JobSnapshot, now: float) -> HeaderView:
    """The card's content at `now`."""
    run = job.run or RunStatus(state=job.status)
    share = share_done(job)
    headline = _headline(job, run, share)
    return HeaderView(
        headline=headline,
        share=share,
        tone=_TONES.get(job.status, "blue"),
        badge=job_badge(job.status, error=job.trouble),
        facts=_facts(job, run, now),
        name=f"{headline}, {_steps(run)}",
        trouble=_trouble(job),
    )


def share_done(job: JobSnapshot) -> float | None:
    """Steps done of all steps, 0 to 1; all of them for a completed job."""
    run = job.run
    if job.status == _S.COMPLETED:
        return 1.0
    if run is None or not run.total_steps:
        return None
    return min(1.0, run.step / run.total_steps)


def _headline(job: JobSnapshot, run: RunStatus, share: float | None) -> str:
    percent = fmt.percent(share or 0.0, 0)
    began = bool(run.step)
    elapsed = elapsed_s(job, job.ended_at or job.seen_at)
    match job.status:
        case _S.COMPLETED:
            return f"Completed in {fmt.duration(elapsed)}" if elapsed else "Completed"
        case _S.FAILED:
            return f"Failed at Step {run.step:,}" if began else "Failed before the first step"
        case _S.LOST:
            return f"Lost at Step {run.step:,}" if began else "Lost before the first step"
        case _S.CANCELLED:
            return f"Cancelled at {percent}" if job.started_at else "Cancelled before it started"
        case _S.STOPPED:
            return f"Stopped at {percent}"
        case _S.QUEUED if not began:
            return "Queued"
        case _S.PROVISIONING if not began:
            return "Starting"
    return f"{percent} Complete"


def _facts(job: JobSnapshot, run: RunStatus, now: float) -> tuple[Fact, ...]:
    if job.status == _S.QUEUED:
        return (*_step_facts(run), *_queue_facts(job, now))
    if job.status == _S.PROVISIONING and not run.step:
        since = job.record.running_since if job.record else None
        words = fmt.duration(now - since) if since else fmt.UNKNOWN
        return (
            *_step_facts(run),
            Fact("clock", words, after=" on the machine", since=since),
            *_attempt_fact(job),
        )
    return (*_step_facts(run), *_time_facts(job, run, now), *_attempt_fact(job))


def _steps(run: RunStatus) -> str:
    return f"Step {run.step:,} of {fmt.count(run.total_steps)}"


def _step_facts(run: RunStatus) -> tuple[Fact, ...]:
    if not run.total_steps:
        return ()
    # What changes every second would flash without end.
    is_slow = (run.step_time_s or 0.0) > _CALM_S
    steps = fmt.count(run.total_steps)
    step = Fact("hash", f"Step {run.step:,}", after=f" of {steps}", flashes=is_slow)
    if not run.epoch:
        return (step,)
    epochs = fmt.count(run.total_epochs)
    return step, Fact("repeat", f"Epoch {run.epoch}", after=f" of {epochs}", flashes=True)


def _time_facts(job: JobSnapshot, run: RunStatus, now: float) -> tuple[Fact, ...]:
    if job.status.is_final:
        elapsed = elapsed_s(job, job.ended_at or now)
        billed = fmt.duration(job.record.duration_s(now) if job.record else None)
        title = f"{ELAPSED.help}. {DURATION.label}: {billed}"
        saved = run.checkpoints.last_step
        checkpoint = f"step {saved:,}" if saved is not None else "none"
        return (
            Fact("clock", fmt.duration(elapsed), before=f"{ELAPSED.label} ", title=title),
            Fact("save", checkpoint, before="Last checkpoint: "),
        )
    elapsed = elapsed_s(job, now)
    since = None if elapsed is None or job.status == _S.QUEUED else now - elapsed
    facts = [
        Fact("clock", fmt.duration(elapsed), after=" elapsed", since=since, title=ELAPSED.help)
    ]  # fmt: skip
    if job.status in (_S.TRAINING, _S.PAUSED):
        facts.append(_remaining(job, run))
    return tuple(facts)


def _remaining(job: JobSnapshot, run: RunStatus) -> Fact:
    when = " remaining once resumed" if job.status == _S.PAUSED else " remaining"
    title = "Steps left at the recent step time, with validations and checkpoints still due"
    if run.remaining_s is None:
        return Fact("hour", "estimating", after=" the time left", title=title)
    return Fact("hour", fmt.estimate(run.remaining_s), after=when, title=title)


def _queue_facts(job: JobSnapshot, now: float) -> tuple[Fact, ...]:
    record = job.record
    queued = Fact("clock", fmt.duration(now - (job.created_at or now)), before="Waiting for ",
                  since=job.created_at)  # fmt: skip
    facts = [queued]
    if record is not None and record.held:
        facts.append(Fact("pausec", "Held", after=" until somebody lets it start"))
    elif record is not None and record.not_before and record.not_before > now:
        facts.append(Fact("hour", fmt.planned(record.not_before, now), before="Not before "))
    elif record is not None and record.depends_on:
        others = len(record.depends_on)
        facts.append(Fact("flow", f"{others} other job{'s' if others != 1 else ''}",
                          before="Waits for "))  # fmt: skip
    return (*facts, *_attempt_fact(job))


def _attempt_fact(job: JobSnapshot) -> tuple[Fact, ...]:
    if job.attempt <= 1:
        return ()
    return (Fact("sync", f"Attempt {job.attempt}", title="How often it was started"),)


def _trouble(job: JobSnapshot) -> Trouble | None:
    # A retry in the queue keeps the last attempt's error; it is not what stands now.
    if job.status not in (_S.FAILED, _S.LOST):
        return None
    seen = alert.view(job)
    if seen is None:
        return None
    # What to do about it is told below the tabs; here is room for what it was.
    first = seen.text.split(". ", 1)[0]
    return Trouble(job_words.one_line(seen.title, 120), job_words.one_line(first, 400))
