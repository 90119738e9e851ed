"""The queue tab: slots, waiting cards and how the queue does, as text, tones and badges."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gladius_widgets.core.queue_plan import Cause, provisioning_s
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.panels.queue.gpus import Gpus, gpus
from gladius_widgets.panels.queue.order import Lift, lifted
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text.badges import Badge, job_badge
from gladius_widgets.store.registry.registry import Job

if TYPE_CHECKING:
    from gladius_widgets.client.waiting import QueuedJob, QueueView

SOON_S = 15 * 60.0
MOST_EMPTY = 9  # boxes; a home may have a thousand slots

_STAGES = {
    Stage.PREPROCESSING: "Preprocessing",
    Stage.MODEL_LOADING: "Loading the model",
    Stage.TRAINING: "Training",
    Stage.FINALIZATION: "Finalizing",
}


@dataclass(frozen=True)
class Slot:
    """A job that holds a slot; `share` of its steps is done, None = not known."""

    id: str
    name: str
    share: float | None
    percent: str
    text: str


@dataclass(frozen=True)
class Item:
    """An entry of a card's menu; `reason` says why it cannot be used."""

    name: str
    label: str
    icon: str
    danger: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Card:
    """A waiting job. `starts_at` (unix s) is what its countdown runs to, None without one.

    `why` is a line of its own: what keeps it besides the queue; `is_stuck` when that will not end
    by itself.
    """

    id: str
    name: str
    place: int
    tone: str
    is_lifted: bool
    config: str
    creator: str
    badges: tuple[tuple[Badge, str], ...]  # with what hovering says
    when: str
    starts_at: float | None
    note: str
    why: str
    is_stuck: bool
    menu: tuple[tuple[Item, ...], ...]  # in groups


@dataclass(frozen=True)
class Fact:
    """A figure about the queue."""

    label: str
    value: str
    title: str


@dataclass(frozen=True)
class Content:
    """All that the tab shows; `waiting` counts all jobs, `cards` may be fewer."""

    title: str
    slots: tuple[Slot, ...]
    empty: tuple[str, ...]
    facts: tuple[Fact, ...]
    waiting: int
    rule: str
    cards: tuple[Card, ...]
    gpus: Gpus | None
    paused: str  # why no job starts; empty while they do
    empty_title: str
    empty_text: str


def content(
    queue: "QueueView",
    user: str,
    now: float,
    *,
    stages: Mapping[str, Stage | None] | None = None,
    lift: Lift | None = None,
    most: int | None = None,
) -> Content:
    """What the tab shows at `now`.

    Args:
        queue: the queue as it is.
        user: whose jobs are "you".
        now: unix s.
        stages: of the active jobs, by id, as far as known.
        lift: a job that somebody is moving; its card stands where it would go.
        most: at most so many cards.
    """
    by_id = {queued.job.id: queued for queued in queue.waiting}
    order = [queued.job.id for queued in queue.waiting]
    if lift is not None and lift.job_id in by_id:
        order = lifted(order, lift)
    else:
        lift = None
    free = max(0, queue.slots - len(queue.active))
    title, text = _empty(queue.slots, free)
    return Content(
        title=f"Active Training Jobs: {len(queue.active)} of {_slots(queue.slots)}",
        slots=tuple(
            _slot(job, (stages or {}).get(job.id))
            for job in sorted(queue.active, key=lambda job: (job.started_at or now, job.id))
        ),
        empty=_boxes(free, has_no_gpu=bool(queue.gpus) and not any(g.is_free for g in queue.gpus)),
        facts=_facts(queue),
        waiting=len(order),
        rule=_rule(queue.waiting),
        cards=tuple(
            _card(by_id[job_id], place, len(order), user, now, lift)
            for place, job_id in enumerate(order[:most], 1)
        ),
        gpus=gpus(queue.gpus, {job.id: job.name for job in queue.active}),
        paused=" ".join(pause.reason for pause in queue.pauses),
        empty_title=title,
        empty_text=text,
    )


# Slots


def _slot(job: Job, stage: Stage | None) -> Slot:
    word = job_badge(job.status).text
    if job.status == JobStatus.TRAINING and stage is not None:
        word = _STAGES[stage]
    shows_rest = job.status in (JobStatus.TRAINING, JobStatus.PAUSED)
    left = job.remaining_s if shows_rest else None
    text = f"{word} · {fmt.estimate(left)} remaining" if left is not None else word
    return Slot(job.id, job.name, job.progress, fmt.percent(job.progress, 0), text)


def _boxes(free: int, *, has_no_gpu: bool) -> tuple[str, ...]:
    if free <= MOST_EMPTY:
        return ("Slot free, no GPU" if has_no_gpu else "Available",) * free
    return (f"{fmt.count(free)} slots available",)


def _slots(count: int) -> str:
    return f"{fmt.count(count)} slot{'s' if count != 1 else ''}"


def _empty(slots: int, free: int) -> tuple[str, str]:
    """What an empty queue says: only a free slot starts a job at once."""
    soon = "Your new training jobs will start immediately."
    if free == slots:
        return "Queue is empty. All training capacity available.", soon
    if free:
        are = "is" if free == 1 else "are"
        return f"Queue is empty. {free} of {_slots(slots)} {are} available.", soon
    return "Queue is empty.", "All slots are in use: a new job waits here until one is free."


# Figures and the rule


def _facts(queue: "QueueView") -> tuple[Fact, ...]:
    days = "Of the last 7 days"
    return (
        Fact(
            "Average wait",
            fmt.duration(queue.average_wait_s),
            f"{days}: from submit until the first slot",
        ),
        Fact(
            "Throughput",
            f"{fmt.plain(queue.jobs_per_day, 1)} jobs/day"
            if queue.jobs_per_day is not None
            else fmt.UNKNOWN,
            f"{days}: completed jobs",
        ),
    )


def _rule(waiting: "Sequence[QueuedJob]") -> str:
    get_ready_s = max((provisioning_s(queued.job.engine) for queued in waiting), default=0.0)
    include = (
        f"include {get_ready_s / 60:.0f} min to provision a machine and " if get_ready_s else ""
    )
    gpus = (
        " A job that waits for GPUs lets no other that needs some pass."
        if any(queued.job.gpus for queued in waiting)
        else ""
    )
    times = f"Start times {include}follow the running jobs."
    return f"First in, first out, unless moved.{gpus} {times}"


# Cards


def _card(
    queued: "QueuedJob", place: int, total: int, user: str, now: float, lift: Lift | None
) -> Card:
    job = queued.job
    when, note = _when(queued, now)
    by = "you" if job.created_by == user and user else job.created_by or fmt.UNKNOWN
    return Card(
        id=job.id,
        name=job.name,
        place=place,
        tone="green" if place <= 3 else "yellow" if place <= 7 else "orange",
        is_lifted=lift is not None and lift.job_id == job.id,
        config=job.config_line,
        creator=f"Created by: {by}",
        badges=tuple(_badges(queued, now)),
        when=when,
        starts_at=None if _is_soon(queued, now) else queued.starts_at,
        note=note,
        why=_why(queued),
        is_stuck=queued.cause in (Cause.BLOCKED, Cause.GPUS) and queued.starts_at is None,
        menu=_menu(queued, place, total),
    )


def _when(queued: "QueuedJob", now: float) -> tuple[str, str]:
    """When it starts; if nobody can say, why (the countdown says the rest otherwise)."""
    if _is_soon(queued, now):
        return "Starting soon", queued.reason if queued.cause == Cause.FINISHING else ""
    if queued.starts_at is not None:
        if queued.starts_at - now < SOON_S:
            return "Starting within 15 minutes", ""
        return fmt.planned(queued.starts_at, now), ""
    if queued.job.held:
        return "On hold", "Waits until it is released"
    if queued.cause == Cause.BLOCKED:
        return "Cannot start", "What it waits for did not complete"
    if queued.cause == Cause.PAUSED:
        return "Queue paused", "Starts no job until it is resumed"
    if queued.cause == Cause.GPUS:
        return "Start time unknown", "Waits for GPUs"
    if queued.cause == Cause.JOBS:
        return "Start time unknown", "Nobody knows how long that takes"
    return "Start time unknown", queued.reason


def _is_soon(queued: "QueuedJob", now: float) -> bool:
    """Whether it is due: a countdown would stand at its end for as long as that takes."""
    at = queued.starts_at
    return at is not None and (queued.cause == Cause.FINISHING or at <= now)


def _badges(queued: "QueuedJob", now: float) -> Iterable[tuple[Badge, str]]:
    job = queued.job
    if job.held:
        yield Badge("Held", "yellow", "pausec"), "Not to start until somebody releases it"
    later = job.not_before is not None and job.not_before > now
    moment = fmt.planned(job.not_before, now)
    if job.retries:
        badge = Badge(f"Retry {job.retries} of {job.max_attempts - 1}", "orange", "repeat")
        yield badge, f"It failed; tries again {moment}" if later else "It failed; tries again"
    elif job.attempt > 1:
        yield Badge(f"Attempt {job.attempt}", "gray", "repeat"), "Goes on from its checkpoint"
    if later and not job.retries:
        yield Badge("Scheduled", "sky", "clock"), f"Not before {moment}"
    if queued.cause in (Cause.JOBS, Cause.BLOCKED):
        tone, icon = ("red", "warn") if queued.cause == Cause.BLOCKED else ("gray", "hour")
        yield Badge(queued.reason, tone, icon), queued.reason


def _why(queued: "QueuedJob") -> str:
    """What stands below the card's words; the badges say the rest."""
    if queued.cause == Cause.GPUS:
        return f"{queued.reason}."
    if queued.blocker is not None:
        resume = "Resume that job, or let" if queued.blocker.can_be_resumed else "Let"
        return f"It never starts by itself. {resume} this one start without it."
    return ""


def _menu(queued: "QueuedJob", place: int, total: int) -> tuple[tuple[Item, ...], ...]:
    job, blocker = queued.job, queued.blocker
    waits: tuple[Item, ...] = ()
    if queued.cause in (Cause.JOBS, Cause.BLOCKED):
        waits = (Item("alone", "Start without waiting", "play"),)
    if blocker is not None and blocker.can_be_resumed:
        waits = (Item("resume", f"Resume {blocker.name}", "repeat"), *waits)
    first = "It is the first" if place == 1 else ""
    last = "It is the last" if place == total else ""
    hold = Item("unhold", "Release", "play") if job.held else Item("hold", "Hold", "pausec")
    return (
        (Item("view", "View Configuration", "eye"),),
        (
            Item("up", "Move up", "arr-u", reason=first),
            Item("down", "Move down", "arr-d", reason=last),
            Item("top", "Move to top", "top", reason=first),
            Item("bottom", "Move to bottom", "bottom", reason=last),
        ),
        (*waits, hold),
        (Item("remove", "Remove from Queue…", "trash", danger=True),),
    )
