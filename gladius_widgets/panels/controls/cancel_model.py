"""The question before a job is cancelled: where it stands, what will happen, what is missing."""

from dataclasses import dataclass

from gladius_widgets.core.states import Command, JobStatus, Stage, is_legal_command
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text.badges import job_badge
from gladius_widgets.panels.text.job import one_line
from gladius_widgets.panels.text.progress import elapsed_s

OTHER = "Other"
YOU = "You"
REASONS = ("Loss not decreasing", "Cost too high", "Wrong configuration", "Testing", OTHER)

_STAGES = {
    Stage.PREPROCESSING: "Preprocessing",
    Stage.MODEL_LOADING: "Model Loading",
    Stage.TRAINING: "Training",
    Stage.FINALIZATION: "Finalization",
}
_MEANWHILE = {
    JobStatus.COMPLETED: "It has completed in the meantime",
    JobStatus.STOPPED: "It was stopped in the meantime",
    JobStatus.FAILED: "It failed in the meantime",
    JobStatus.LOST: "Its process was lost in the meantime",
}


@dataclass(frozen=True)
class Answer:
    """Why a job is cancelled: one of `REASONS`, and a note in the reader's own words."""

    reason: str = ""
    note: str = ""
    sure: bool = False

    @property
    def missing(self) -> str:
        """What is still to be given, as the disabled button says it; empty when nothing is."""
        if not self.reason:
            return "Select a reason first"
        if self.reason == OTHER and not self.note.strip():
            return "Say why in the notes first"
        return "" if self.sure else "Tick the box first"

    @property
    def args(self) -> dict[str, str]:
        """The command's arguments, as the ledger keeps them."""
        note = self.note.strip()
        return {"reason": self.reason} | ({"note": note} if note else {})


@dataclass(frozen=True)
class Impact:
    """One consequence: an icon of the sprite, the class of its colour, the words."""

    icon: str
    tone: str
    text: str


@dataclass(frozen=True)
class CancelView:
    """What the dialog says of the job now.

    Attributes:
        where: stage, epoch and time, in one line.
        share: steps done over all, None when that is not known.
        complete: the same in words.
        spent: money until now.
        can_stop: whether the gentler way is open.
        over: why there is nothing left to cancel; empty while there is.
    """

    name: str
    where: str
    share: float | None
    complete: str
    spent: str
    impact: tuple[Impact, ...]
    can_stop: bool
    over: str


def view(job: JobSnapshot, now: float, cancelled_by: str = "") -> CancelView:
    """The content at `now`; `cancelled_by` is who has asked for it elsewhere, or `YOU`."""
    run = job.run
    share = min(1.0, run.step / run.total_steps) if run and run.total_steps else None
    step = f"Step {run.step:,} of {fmt.count(run.total_steps)}" if run else "not started"
    spent = fmt.money(job.cost, job.currency)
    holds_machine = job.status.is_active and (job.record is None or job.record.holds_slot)
    return CancelView(
        name=one_line(job.name),
        where=_where(job, now),
        share=share,
        complete=f"{fmt.percent(share or 0.0, 0)} Complete ({step})",
        spent=spent,
        impact=(*impact(job), Impact("info", "gw-muted", f"Final cost: {spent} {_based_on(job)}")),
        can_stop=holds_machine and is_legal_command(job.status, Command.STOP),
        over=_over(job.status, cancelled_by),
    )


def impact(job: JobSnapshot | None) -> tuple[Impact, ...]:
    """What will happen to the job; to each of several for None."""
    if job is not None and job.status == JobStatus.QUEUED:
        first = Impact("x", "gw-t-red", "The job leaves the queue")
        machine = None
    else:
        first = Impact("x", "gw-t-red", "Training will stop immediately at current step")
        gpus = job.record.gpus if job is not None and job.record is not None else 0
        words = "GPU instance will be terminated" if gpus else "The machine is released"
        machine = Impact("x", "gw-t-red", f"{words} within 60 seconds")
    kept = Impact("check", "gw-t-green", "Partial progress will be saved for review")
    what = "These jobs" if job is None else "This job"
    final = Impact("x", "gw-t-red", f"{what} cannot be resumed")
    return tuple(item for item in (first, machine, kept, final) if item is not None)


def _where(job: JobSnapshot, now: float) -> str:
    run, elapsed = job.run, elapsed_s(job, now)
    stage = _STAGES.get(run.stage) if run and run.stage else None
    if stage is None or job.status != JobStatus.TRAINING:
        stage = job_badge(job.status).text
    epoch = f" - Epoch {run.epoch} of {fmt.count(run.total_epochs)}" if run and run.epoch else ""
    return stage + epoch + (f" · {fmt.duration(elapsed)} elapsed" if elapsed is not None else "")


def _based_on(job: JobSnapshot) -> str:
    return "so far" if job.status == JobStatus.QUEUED else "based on elapsed time"


def _over(status: JobStatus, cancelled_by: str) -> str:
    if status in (JobStatus.CANCELLING, JobStatus.CANCELLED):
        is_going_on = status == JobStatus.CANCELLING
        if cancelled_by == YOU:
            doing = "are cancelling it already" if is_going_on else "have cancelled it"
            return f"You {doing}, from elsewhere."
        doing = "is cancelling it already" if is_going_on else "has cancelled it"
        return f"{cancelled_by or 'Somebody else'} {doing}."
    words = _MEANWHILE.get(status)
    return f"{words}, so there is nothing left to cancel." if words else ""
