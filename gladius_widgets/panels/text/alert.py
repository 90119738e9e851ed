"""What went wrong with a run, what may help, and the resume that tries it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gladius_widgets.core.config.live import PEAK_KEY
from gladius_widgets.core.states import Command, JobStatus, is_legal_command
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text.event import clean
from gladius_widgets.store.run.events import Event

_OOM_WORDS = ("outofmemory", "out of memory", "memoryerror", "cublas_alloc_failed")
_DISK_WORDS = ("no space left", "disk is full", "disk quota")
_TROUBLED = {JobStatus.FAILED, JobStatus.LOST, JobStatus.PAUSED}
_TEXT_CHARS = 2000
_SAMPLES = 5


@dataclass(frozen=True)
class Suggestion:
    """One thing to try, and how it stands now."""

    text: str
    now: str


@dataclass(frozen=True)
class Offer:
    """A resume, one click away.

    Attributes:
        label: of its button.
        changes: settings that the new attempt starts with, as `client.resume` takes them.
        why: what makes it likely to help; a sentence.
    """

    label: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True)
class Autopsy:
    """What the trainer noted as memory ran out.

    Attributes:
        message: the allocator's.
        batch_shape: (samples, tokens) of the largest micro-batch; None when not told.
        used_bytes, total_bytes: of the device; None when it does not tell.
        samples: (time, used bytes) that the runner measured last, oldest first.
    """

    message: str
    step: int | None
    micro_batch_size: int | None
    gradient_accumulation: int | None
    batch_shape: tuple[int, int] | None
    used_bytes: float | None
    total_bytes: float | None
    samples: tuple[tuple[float, float], ...]
    suggestions: tuple[str, ...]


@dataclass(frozen=True)
class AlertView:
    """A run's error in words. `kept` says what is safe."""

    title: str
    text: str
    kept: str
    suggestions: tuple[Suggestion, ...] = ()
    offer: Offer | None = None
    autopsy: Autopsy | None = None


def view(job: JobSnapshot, events: Sequence[Event] = ()) -> AlertView | None:
    """The error of a job that failed, was lost, or paused because of one; None without."""
    error = job.trouble
    if job.status not in _TROUBLED:
        return None
    if error is None:
        if job.status == JobStatus.PAUSED:
            return None
        error = {"type": str(job.status), "message": "It left no reason."}
    kind, message = str(error.get("type") or "error"), str(error.get("message") or "")
    said = f"{kind} {message}".lower()
    oom = any(word in said for word in _OOM_WORDS)
    autopsy = find_autopsy(events, job.attempt) if oom else None
    text = clean(message or kind)[:_TEXT_CHARS]
    if autopsy and autopsy.suggestions:  # they are listed below
        text = text.partition(autopsy.suggestions[0])[0].strip() or text
    return AlertView(
        title="Out of Memory (OOM)" if oom else _title(job.status, kind),
        text=text,
        kept=_kept(job),
        suggestions=_after_oom(job, autopsy) if oom else _after(kind, said),
        offer=_offer(job, said, autopsy, oom=oom),
        autopsy=autopsy,
    )


def find_autopsy(events: Sequence[Event], attempt: int) -> Autopsy | None:
    """The last one of the attempt."""
    for event in reversed(events):
        payload = event.payload or {}
        if event.attempt == attempt and payload.get("kind") == "out_of_memory":
            return _autopsy(event, payload)
    return None


# What may help


def _offer(job: JobSnapshot, said: str, autopsy: Autopsy | None, *, oom: bool) -> Offer | None:
    if not is_legal_command(job.status, Command.RESUME):
        return None
    offer = _smaller_batch(job, autopsy) if oom else None
    if "not finite" in said:
        offer = _lower_rate(job)
    if offer is not None:
        return offer
    if job.status == JobStatus.PAUSED:
        return Offer("Resume")
    step = _checkpoint_step(job)
    if step is None:
        return Offer("Start Again", why="No checkpoint was saved, so it begins at step 0.")
    return Offer(f"Resume from step {step:,}", why=_why_plain(said))


def _why_plain(said: str) -> str:
    if any(word in said for word in _DISK_WORDS):
        return "Free some disk space first."
    if said.startswith("sigterm"):
        return "The machine was taken away; a checkpoint was saved on the way."
    if said.startswith("hang"):
        return "The log holds every thread's stack at the moment it was ended."
    return ""


def _smaller_batch(job: JobSnapshot, autopsy: Autopsy | None) -> Offer | None:
    """Half the micro-batch and twice the accumulation: the same samples a step.

    A size that the run goes back to by itself, as it was smaller than what failed, is not halved.
    """
    if job.config is None:
        return None
    live = job.run.live if job.run else {}
    size = int(live.get("micro_batch_size", job.config.training.micro_batch_size))
    accumulation = int(live.get("gradient_accumulation", job.config.training.gradient_accumulation))
    if autopsy and autopsy.micro_batch_size and size < autopsy.micro_batch_size:
        why = f"It fitted before; {autopsy.micro_batch_size:,} did not."
        return Offer(f"Resume with micro-batch {size}", why=why)
    if size == 1:
        return None
    half = next(d for d in range(size // 2, 0, -1) if size % d == 0)
    changes = {"micro_batch_size": half, "gradient_accumulation": accumulation * (size // half)}
    total = size * accumulation
    why = f"Accumulation {changes['gradient_accumulation']}: still {total:,} samples a step."
    return Offer(f"Resume with micro-batch {half}", changes, why)


def _lower_rate(job: JobSnapshot) -> Offer | None:
    """Half the learning rate, at every step of the schedule that is left."""
    if job.config is None:
        return None
    schedule = (job.run.schedule if job.run else None) or {}
    peak = float(schedule.get("peak", job.config.optimization.learning_rate))
    half = float(f"{peak * float(schedule.get('scale', 1.0)) / 2:.3g}")
    if half < job.config.optimization.learning_rate_bounds[0]:
        return None
    why = f"Half of what it was ({fmt.rate(half * 2)}), over the rest of the schedule."
    return Offer(f"Resume with learning rate {fmt.rate(half)}", {PEAK_KEY: half}, why)


def _after_oom(job: JobSnapshot, autopsy: Autopsy | None) -> tuple[Suggestion, ...]:
    if autopsy is not None and autopsy.suggestions:
        return tuple(_split(text) for text in autopsy.suggestions)
    if job.config is None:
        return ()
    training = job.config.training
    checks = "on" if training.gradient_checkpointing else "off"
    return (
        Suggestion("Reduce batch size", f"current: {training.micro_batch_size}"),
        Suggestion("Enable gradient checkpointing", f"currently {checks}"),
        Suggestion("Reduce max sequence length", f"current: {job.config.data.max_length:,}"),
    )


def _after(kind: str, said: str) -> tuple[Suggestion, ...]:
    if "not finite" in said:
        return (
            Suggestion("Lower the learning rate", ""),
            Suggestion("Look for broken rows in the data", ""),
            Suggestion("Lower optimization.max_grad_norm", ""),
        )
    if any(word in said for word in _DISK_WORDS):
        return (Suggestion("Free some disk space", ""), Suggestion("Keep fewer checkpoints", ""))
    if kind == "SIGKILL":
        return (Suggestion("Look in the kernel's log whether the machine ran out of memory", ""),)
    return ()


def _split(text: str) -> Suggestion:
    """`Reduce x (now 8)` as its words and `now 8`."""
    words, bracket, now = text.partition(" (")
    return Suggestion(clean(words), clean(now.rstrip(")")) if bracket else "")


# In words


def _title(status: JobStatus, kind: str) -> str:
    if status == JobStatus.LOST:
        return "The training process is gone"
    if kind == "hang":
        return "The run stood still and was ended"
    if kind.startswith("SIG"):
        return f"The training process was ended by {kind}"
    return f"Training failed: {clean(kind)}"


def _checkpoint_step(job: JobSnapshot) -> int | None:
    return job.run.checkpoints.last_step if job.run else None


def _kept(job: JobSnapshot) -> str:
    """What is saved; the words of the design's alert."""
    step = _checkpoint_step(job)
    if step is None:
        return "No checkpoint was saved. Log and metrics are kept."
    return f"Checkpoint saved at step {step:,}. Log and metrics are kept."


def _autopsy(event: Event, payload: Mapping[str, Any]) -> Autopsy:
    shapes = [s for s in payload.get("batch_shapes") or () if isinstance(s, list) and len(s) == 2]
    largest = max(shapes, key=lambda shape: shape[0] * shape[1], default=None)
    texts = payload.get("suggestions")
    return Autopsy(
        message=clean(event.message)[:_TEXT_CHARS],
        step=_whole(payload.get("step")),
        micro_batch_size=_whole(payload.get("micro_batch_size")),
        gradient_accumulation=_whole(payload.get("gradient_accumulation")),
        batch_shape=(int(largest[0]), int(largest[1])) if largest else None,
        used_bytes=_number(payload.get("memory_used_bytes")),
        total_bytes=_number(payload.get("memory_total_bytes")),
        samples=tuple(_samples(payload.get("memory_samples"))[-_SAMPLES:]),
        suggestions=tuple(map(str, texts)) if isinstance(texts, list) else (),
    )


def _samples(rows: Any) -> list[tuple[float, float]]:
    """Bytes used on the fullest GPU, else of the host."""
    found = []
    for row in rows if isinstance(rows, list) else ():
        gpus = [used for used in row.get("gpu_memory_used_bytes") or () if _number(used)]
        used = max(gpus) if gpus else row.get("ram_used_bytes")
        if _number(row.get("time")) and _number(used):
            found.append((float(row["time"]), float(used)))
    return found


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and fmt.is_known(value) else None
