"""The four stages of an attempt: which is over, which goes on, which was not reached."""

from dataclasses import dataclass

from gladius_widgets.core.run_state import RunStatus, StageState
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text import job as job_words

_S = JobStatus
NAMES = {
    Stage.PREPROCESSING: "Preprocessing",
    Stage.MODEL_LOADING: "Model Loading",
    Stage.TRAINING: "Training",
    Stage.FINALIZATION: "Finalization",
}
_ICONS = {
    Stage.PREPROCESSING: "gear",
    Stage.MODEL_LOADING: "package",
    Stage.TRAINING: "sync",
    Stage.FINALIZATION: "flag",
}
_ENDED_WORDS = {
    _S.CANCELLED: ("Cancelled", "orange"),
    _S.STOPPED: ("Stopped", "gray"),
    _S.FAILED: ("Failed", "red"),
    _S.LOST: ("Lost", "red"),
}
_ERROR_CHARS = 80


@dataclass(frozen=True)
class Segment:
    """One stage.

    Attributes:
        state: pending, active, done, failed, or ended (given up without an error).
        text: what it does, how long it took, or why it waits.
        badge: word and tone beside its name; empty without.
        motion: a class that moves the icon.
        since: its start (unix s) while it goes on; the time since then goes on in the browser.
        duration_s: how long it took, or has taken so far.
        share: how far it is, 0 to 1; None without a measure.
        name: its name for screen readers.
    """

    stage: Stage
    state: str
    title: str
    icon: str
    text: str
    name: str
    badge: tuple[str, str] = ("", "")
    motion: str = ""
    since: float | None = None
    duration_s: float | None = None
    share: float | None = None


def view(job: JobSnapshot, now: float) -> tuple[Segment, ...]:
    """The four stages at `now`, in their order."""
    run = job.run or RunStatus(state=job.status)
    records = {stage: run.stages.get(stage) or StageState() for stage in Stage}
    states = {stage: state_of(job, record) for stage, record in records.items()}
    if job.status in (_S.FAILED, _S.LOST) and "failed" not in states.values():
        # It never came to a stage, or died between two: the next one is where it failed.
        unreached = [stage for stage, state in states.items() if state == "pending"]
        states |= {unreached[0]: "failed"} if unreached else {}
    return tuple(_segment(job, run, stage, states[stage], records[stage], now) for stage in Stage)


def state_of(job: JobSnapshot, stage: StageState) -> str:
    """What a stage's record means, given how the job stands.

    A queued job's record is that of its last attempt. Of a job that is over no stage goes on;
    the trainer calls any stage that it was torn out of failed, also by a cancel.
    """
    if job.status == _S.QUEUED:
        return "pending"
    if stage.state in ("done", "pending"):
        return stage.state
    if not job.status.is_final:
        return "failed" if stage.state == "failed" else "active"
    return "failed" if job.status in (_S.FAILED, _S.LOST) else "ended"


def _segment(
    job: JobSnapshot, run: RunStatus, stage: Stage, state: str, record: StageState, now: float
) -> Segment:
    took_s = record.duration_s
    if state in ("active", "failed", "ended") and took_s is None and record.started_at:
        end = now if state == "active" else job.ended_at or now
        took_s = max(0.0, end - record.started_at)
    said, text = _words(job, run, stage, state, record, took_s)
    number = list(Stage).index(stage) + 1
    return Segment(
        stage=stage,
        state=state,
        title=NAMES[stage],
        icon=_icon(stage, state),
        text=text,
        name=f"Stage {number} of {len(Stage)}: {NAMES[stage]}, {said}",
        badge=_badge(job, state),
        motion=_motion(job, stage, state),
        since=record.started_at if state == "active" else None,
        duration_s=took_s,
        share=_share(run, stage, state),
    )


def _words(
    job: JobSnapshot,
    run: RunStatus,
    stage: Stage,
    state: str,
    record: StageState,
    took_s: float | None,
) -> tuple[str, str]:
    """How it stands, for screen readers and in sight."""
    if state == "done":
        return f"completed in {job_words.spoken(took_s, to_the_second=True)}", _took(took_s)
    if state == "active":
        doing = "paused" if job.status == _S.PAUSED else "active"
        return f"{doing}, {job_words.spoken(took_s)} elapsed", _substatus(run, stage, record)
    if state == "failed":
        error = _error(job)
        return f"failed, {error}", error
    if state == "ended":
        word = _ENDED_WORDS[job.status][0] if job.status in _ENDED_WORDS else "Ended"
        return (
            f"{word.lower()} after {job_words.spoken(took_s, to_the_second=True)}",
            f"After {_took(took_s)}",
        )
    if job.status.is_final:
        return "not reached", "Not reached"
    return "waiting", "Waiting..."


def _took(seconds: float | None) -> str:
    is_short = seconds is not None and seconds < 1
    return "under 1s" if is_short else fmt.duration(seconds)


def _substatus(run: RunStatus, stage: Stage, record: StageState) -> str:
    """`Epoch 2/3 - Step 850 of 2,000`, or what the trainer says that it does."""
    said = job_words.one_line(record.substatus, 120)
    if stage == Stage.TRAINING:
        epoch = f"Epoch {run.epoch}/{fmt.count(run.total_epochs)} - " if run.epoch else ""
        words = f"{epoch}Step {run.step:,} of {fmt.count(run.total_steps)}"
        return f"{words} - {said}" if said else words
    return f"{said[0].upper()}{said[1:].rstrip('.')}..." if said else "Working..."


def _error(job: JobSnapshot) -> str:
    error = job.error or (job.run.error.model_dump() if job.run and job.run.error else None) or {}
    if "outofmemory" in str(error.get("type", "")).lower().replace(" ", ""):
        return "Out of Memory..."
    message = str(error.get("message") or error.get("type") or "")
    return job_words.one_line(message, _ERROR_CHARS) or "It left no reason"


def _icon(stage: Stage, state: str) -> str:
    return {"done": "check", "failed": "x", "ended": "stop"}.get(state, _ICONS[stage])


def _badge(job: JobSnapshot, state: str) -> tuple[str, str]:
    if state == "active":
        if job.status == _S.PAUSED:
            return "Paused", "yellow"
        if job.status in (_S.STOPPING, _S.CANCELLING):
            return str(job.status).capitalize(), "orange"
        return "Active", "blue"
    if state in ("failed", "ended"):
        return _ENDED_WORDS.get(job.status, ("Failed", "red"))
    return "", ""


def _motion(job: JobSnapshot, stage: Stage, state: str) -> str:
    """Spins while loading, pulses while training, stands still while paused."""
    if state != "active" or job.status == _S.PAUSED:
        return ""
    return "gw-pulse" if stage == Stage.TRAINING else "gw-spin"


def _share(run: RunStatus, stage: Stage, state: str) -> float | None:
    if state == "done":
        return 1.0
    if stage != Stage.TRAINING or state == "pending" or not run.total_steps:
        return None
    return min(1.0, run.step / run.total_steps)
