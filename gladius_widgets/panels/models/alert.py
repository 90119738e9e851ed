"""What went wrong with a run, and what may help."""

from dataclasses import dataclass

from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.models.snapshot import JobSnapshot

_OOM_WORDS = ("outofmemory", "out of memory", "memoryerror", "cublas_alloc_failed")
_TROUBLED = {JobStatus.FAILED, JobStatus.LOST, JobStatus.PAUSED}


@dataclass(frozen=True)
class Suggestion:
    """One thing to try, and how it stands now."""

    text: str
    now: str


@dataclass(frozen=True)
class AlertView:
    """A run's error in words. `kept` says what is safe."""

    title: str
    text: str
    kept: str
    suggestions: tuple[Suggestion, ...] = ()


def view(job: JobSnapshot) -> AlertView | None:
    """The error of a job that failed, was lost, or paused because of one; None without."""
    error = job.error or (job.run.error.model_dump() if job.run and job.run.error else None)
    if job.status not in _TROUBLED:
        return None
    if error is None:
        if job.status == JobStatus.PAUSED:
            return None
        error = {"type": str(job.status), "message": "It left no reason."}
    kind, message = str(error.get("type") or "error"), str(error.get("message") or "")
    oom = any(word in f"{kind} {message}".lower() for word in _OOM_WORDS)
    return AlertView(
        title="Out of Memory (OOM)" if oom else _title(job.status, kind),
        text=message or kind,
        kept=_kept(job),
        suggestions=_after_oom(job) if oom else (),
    )


def _title(status: JobStatus, kind: str) -> str:
    if status == JobStatus.LOST:
        return "The training process is gone"
    if kind.startswith("SIG"):
        return f"The training process was ended by {kind}"
    return f"Training failed: {kind}"


def _kept(job: JobSnapshot) -> str:
    """What is saved; the words of the design's alert."""
    run = job.run
    if run is None or run.checkpoints.last_step is None:
        return "No checkpoint was saved. Log and metrics are kept."
    return f"Checkpoint saved at step {run.checkpoints.last_step:,}. Log and metrics are kept."


def _after_oom(job: JobSnapshot) -> tuple[Suggestion, ...]:
    if job.config is None:
        return ()
    training = job.config.training
    checks = "on" if training.gradient_checkpointing else "off"
    return (
        Suggestion("Reduce batch size", f"current: {training.micro_batch_size}"),
        Suggestion("Enable gradient checkpointing", f"currently {checks}"),
        Suggestion("Reduce max sequence length", f"current: {job.config.data.max_length:,}"),
    )
