"""What a job that is over leaves behind: figures, checkpoints, how to load them, samples."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gladius_widgets.core.run_state import ValidationState
from gladius_widgets.core.states import FINAL, JobStatus
from gladius_widgets.core.text.durations import DURATION, ELAPSED
from gladius_widgets.core.text.perplexity import perplexity
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import alert
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text.event import clean
from gladius_widgets.panels.text.job import on_day
from gladius_widgets.store.run.checkpoints import KeptCheckpoint
from gladius_widgets.store.run.events import Event

SAMPLES = "samples"  # payload.kind of the events that hold them
MAX_SETS = 12
_TEXT_CHARS = 2000
_S = JobStatus


@dataclass(frozen=True)
class Facts:
    """What the run directory holds beside the snapshot.

    Attributes:
        summary: summary.json, empty without one.
        checkpoints: newest first.
        base: what adapters go on, a folder or a hub name; empty for a whole model.
        cancel: the ledger's entry of the cancel that was obeyed.
        log: the last lines that say something.
    """

    summary: Mapping[str, Any]
    checkpoints: tuple[KeptCheckpoint, ...] = ()
    base: str = ""
    cancel: Mapping[str, Any] | None = None
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A number with its name; `aside` says where or of what, `title` explains it on hover."""

    label: str
    value: str
    aside: str = ""
    title: str = ""


@dataclass(frozen=True)
class Cancelled:
    """Who ended it, when, why."""

    who: str
    moment: str
    reason: str
    note: str


@dataclass(frozen=True)
class Checkpoint:
    """One that is kept, in words."""

    title: str
    path: str
    size: str
    state: str
    is_whole: bool
    reason: str
    loss: str


@dataclass(frozen=True)
class Sample:
    """What the model wrote after a prompt."""

    prompt: str
    text: str


@dataclass(frozen=True)
class SampleSet:
    """The samples of one validation."""

    title: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class ResultsView:
    """The card's content; what does not apply is empty or None."""

    title: str
    subtitle: str
    icon: str
    tone: str
    figures: tuple[Figure, ...]
    checkpoints: tuple[Checkpoint, ...] = ()
    snippet: str = ""
    command: str = ""
    has_adapters: bool = False
    cancelled: Cancelled | None = None
    trouble: alert.AlertView | None = None
    log: tuple[str, ...] = ()
    samples: tuple[SampleSet, ...] = ()


def view(job: JobSnapshot, facts: Facts, events: Sequence[Event], now: float) -> ResultsView | None:
    """The content for a job that is over; None before."""
    if job.status not in FINAL:
        return None
    trouble = alert.view(job, events) if job.status in (_S.FAILED, _S.LOST) else None
    cancelled = _cancelled(facts.cancel, now) if job.status == _S.CANCELLED else None
    title, icon, tone = _HEADS[job.status]
    newest = facts.checkpoints[0] if facts.checkpoints else None
    usable = newest if newest is not None and not newest.problem else None
    validated = job.run.validation.get("validation") if job.run else None
    best_step = validated.best_step if validated else None
    return ResultsView(
        title=trouble.title if trouble else title,
        subtitle=_subtitle(job, now),
        icon=icon,
        tone=tone,
        figures=tuple(_figures(job, facts, now)),
        checkpoints=tuple(
            _checkpoint(
                one,
                is_final=not n and job.status in (_S.COMPLETED, _S.STOPPED),
                is_best=one.step == best_step,
            )
            for n, one in enumerate(facts.checkpoints)
        ),
        snippet=load_snippet(str(usable.folder), facts.base) if usable else "",
        command=merge_command(job.id) if usable else "",
        has_adapters=bool(facts.base),
        cancelled=cancelled,
        trouble=trouble,
        log=facts.log if trouble else (),
        samples=sample_sets(events),
    )


# Why a checkpoint was taken, in plain words. Only one is the best: the others were, until then.
_REASONS = {
    "SIGTERM": "when it was told to end",
    "lowest validation loss so far": "lowest validation loss until then",
    "best validation loss": "lowest validation loss until then",  # of earlier versions
}
_HEADS = {
    _S.COMPLETED: ("Training results", "ok", "green"),
    _S.STOPPED: ("Results until it was stopped", "stopc", "gray"),
    _S.CANCELLED: ("Partial results", "stopc", "orange"),
    _S.FAILED: ("Training failed", "fail", "red"),
    _S.LOST: ("Process lost", "warn", "red"),
}


def load_snippet(path: str, base: str) -> str:
    """Python that loads a checkpoint: a whole model, or adapters on `base`."""
    where = json.dumps(path, ensure_ascii=False)
    if not base:
        return (
            "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            f"path = {where}\n"
            "model = AutoModelForCausalLM.from_pretrained(path)\n"
            "tokenizer = AutoTokenizer.from_pretrained(path)\n"
        )
    return (
        "from peft import PeftModel\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f"path = {where}\n"
        f"base = AutoModelForCausalLM.from_pretrained({json.dumps(base, ensure_ascii=False)})\n"
        "model = PeftModel.from_pretrained(base, path)\n"
        "tokenizer = AutoTokenizer.from_pretrained(path)\n"
    )


def merge_command(job_id: str) -> str:
    """The shell command for a folder of its own, adapters merged."""
    return f"gladius export {shlex.quote(job_id)} --format merged --out my-model"


def sample_sets(events: Sequence[Event]) -> tuple[SampleSet, ...]:
    """What was generated at validations, latest first; of a step made twice the later one."""
    found: dict[int, SampleSet] = {}
    for event in events:
        payload = event.payload or {}
        step, items = payload.get("step"), payload.get("samples")
        if payload.get("kind") != SAMPLES or not isinstance(step, int):
            continue
        if not isinstance(items, list):
            continue
        # An attempt that resumed from before takes back what the one before made after.
        found = {made: one for made, one in found.items() if made < step}
        samples = tuple(_sample(item) for item in items if isinstance(item, dict))
        found[step] = SampleSet(f"Step {step:,}", samples)
    return tuple(reversed(list(found.values())))[:MAX_SETS]


def _sample(item: Mapping[str, Any]) -> Sample:
    prompt, text = str(item.get("prompt") or ""), str(item.get("text") or "")
    ending = " …" if item.get("is_cut") else ""
    return Sample(
        clean(prompt, lines=True)[:_TEXT_CHARS], clean(text, lines=True)[:_TEXT_CHARS] + ending
    )


# Figures


def _figures(job: JobSnapshot, facts: Facts, now: float) -> list[Figure]:
    run, summary = job.run, facts.summary
    cost = Figure("Final cost", fmt.money(job.cost, job.currency), _rate(job))
    if run is None:
        return [cost]
    validation = run.validation.get("validation", ValidationState())
    test = run.validation.get("test", ValidationState())
    found = [Figure("Steps", f"{run.step:,}", f"of {fmt.count(run.total_steps)}")]
    if summary:
        found += [
            Figure("Epochs", _decimals(summary.get("epochs"))),
            Figure("Tokens", fmt.count(summary.get("tokens"))),
        ]
    found.append(Figure(ELAPSED.label, fmt.duration(run.elapsed_s), _pauses(job), ELAPSED.help))
    loss = summary.get("loss") if summary else run.loss
    found.append(Figure("Training loss", fmt.loss(loss), "last step"))
    if validation.loss is not None:
        at = f"at step {validation.step:,}" if validation.step is not None else ""
        found += [
            Figure("Validation loss", fmt.loss(validation.loss), at),
            Figure("Best validation", fmt.loss(validation.best_loss), _best_at(validation)),
            Figure("Perplexity", _perplexity(validation.loss), "validation"),
            Figure("Accuracy", fmt.percent(validation.accuracy), "validation"),
        ]
    if test.loss is not None:
        words = f"loss {fmt.loss(test.loss)}"
        found.append(Figure("Test accuracy", fmt.percent(test.accuracy), words))
    if job.record is not None:
        billed = fmt.duration(job.record.duration_s(now))
        found.append(Figure(DURATION.label, billed, "on a machine", DURATION.help))
    return [*found, cost]


def _perplexity(loss: float | None) -> str:
    return fmt.perplexity(perplexity(loss)) if fmt.is_known(loss) else fmt.UNKNOWN


def _decimals(value: float | None) -> str:
    return f"{value:,.2f}" if fmt.is_known(value) else fmt.UNKNOWN


def _best_at(state: ValidationState) -> str:
    if state.best_step is None:
        return ""
    epoch = f", epoch {fmt.plain(state.best_epoch, 2)}" if state.best_epoch is not None else ""
    return f"step {state.best_step:,}{epoch}"


def _pauses(job: JobSnapshot) -> str:
    paused_s = job.run.elapsed_s - job.run.active_s if job.run else 0.0
    return f"{fmt.duration(paused_s)} paused" if paused_s >= 1 else ""


def _rate(job: JobSnapshot) -> str:
    rate = job.record.hourly_rate if job.record else None
    return f"{fmt.money(rate, job.currency)}/hr" if rate is not None else ""


# Words


def _subtitle(job: JobSnapshot, now: float) -> str:
    at = f" at step {job.run.step:,}" if job.run and job.status != _S.COMPLETED else ""
    words = {
        _S.COMPLETED: "Completed",
        _S.STOPPED: "Stopped",
        _S.CANCELLED: "Cancelled",
        _S.FAILED: "Failed",
        _S.LOST: "Lost",
    }[job.status]
    moment = on_day(job.ended_at, now)
    attempt = f" · attempt {job.attempt}" if job.attempt > 1 else ""
    return words + at + (f" on {moment}" if moment else "") + attempt


def _cancelled(entry: Mapping[str, Any] | None, now: float) -> Cancelled | None:
    if entry is None:
        return None
    args = entry.get("args") or {}
    return Cancelled(
        who=clean(str(entry.get("requested_by") or "Unknown")),
        moment=on_day(entry.get("requested_at"), now),
        reason=clean(str(args.get("reason") or fmt.UNKNOWN))[:_TEXT_CHARS],
        note=clean(str(args.get("note") or ""), lines=True)[:_TEXT_CHARS],
    )


def _checkpoint(kept: KeptCheckpoint, *, is_final: bool, is_best: bool) -> Checkpoint:
    reason = _REASONS.get(kept.reason, clean(kept.reason))
    if kept.problem:
        state = f"Not whole: {kept.problem}"
    else:
        state = "Verified (SHA-256)" if kept.is_hashed else "Complete"
    return Checkpoint(
        title="Final checkpoint" if is_final else f"Step {kept.step:,}",
        path=str(kept.folder),
        size=fmt.size(kept.size_bytes),
        state=state,
        is_whole=not kept.problem,
        reason="best validation loss" if is_best else reason,
        loss=fmt.loss(kept.validation_loss),
    )
