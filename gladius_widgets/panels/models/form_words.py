"""What the form says beside its fields: the estimate, the slots, the data's figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gladius_widgets.client import Job
from gladius_widgets.core.estimate import Estimate
from gladius_widgets.panels import format as fmt

# Keys that stand apart at the top, in this order; all others fold away by section.
DATA_KEYS = (
    "model.name", "data.path", "data.format", "data.max_length", "data.max_samples",
    "data.packing", "data.validation_share", "data.test_share",
)  # fmt: skip
TRAINING_KEYS = (
    "training.max_steps", "training.epochs", "training.micro_batch_size",
    "training.gradient_accumulation", "optimization.learning_rate", "optimization.schedule",
    "optimization.warmup_steps", "optimization.weight_decay", "training.precision",
    "training.validation_interval_steps", "lora.enabled", "lora.r",
)  # fmt: skip
MACHINE_KEYS = (
    "resources.engine", "resources.device", "resources.gpu_type", "resources.processes",
    "resources.spot", "cost.budget",
)  # fmt: skip

_LENGTHS_HEAD = ("Length of a row", "Min", "Median", "95%", "Max")
_LENGTHS = ("min", "p50", "p95", "max")
_BASES = {"config": "From the config", "measured": "Measured"}


@dataclass(frozen=True)
class EstimateWords:
    """Steps, time and cost as they read, and where they come from."""

    steps: str = fmt.UNKNOWN
    time: str = fmt.UNKNOWN
    cost: str = fmt.UNKNOWN
    rate: str = fmt.UNKNOWN
    basis: str = ""
    note: str = ""


@dataclass(frozen=True)
class Slots:
    """How busy the machine is: slots in use, slots, and who is not over yet.

    `warning` is for the job that the new one waits for, if it cannot complete as it stands.
    """

    busy: int = 0
    slots: int = 0
    unfinished: tuple[Job, ...] = ()
    warning: str = ""


@dataclass(frozen=True)
class DataFigures:
    """What a preview counted: facts (label, value), a table of lengths, and remarks."""

    facts: tuple[tuple[str, str], ...]
    lengths: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...]


def estimate_words(found: Estimate) -> EstimateWords:
    """An estimate in words; what is unknown reads as `–`, and the note says why."""
    gpus = f" × {found.gpus}" if found.gpus > 1 else ""
    rate = fmt.money(found.hourly_rate, found.currency)
    return EstimateWords(
        steps=fmt.count(found.steps),
        time=_range(found.low_s, found.high_s, fmt.duration),
        cost=_range(found.cost_low, found.cost_high, lambda x: fmt.money(x, found.currency)),
        rate=f"{rate}/hr{gpus}" if found.hourly_rate is not None else fmt.UNKNOWN,
        basis=_BASES.get(found.basis, ""),
        note=found.note,
    )


def slots_words(slots: Slots, *, waits: bool) -> str:
    """Whether the job would start at once.

    Args:
        slots: how busy it is now.
        waits: the job is told to wait, whatever the slots say.
    """
    if not slots.slots:
        return ""
    queued = len(slots.unfinished) - slots.busy
    words = f"{slots.busy} of {slots.slots} slots busy"
    if queued > 0:
        words += f", {queued} job{'s' if queued > 1 else ''} waiting"
    if waits:
        return f"{words}."
    free = slots.busy < slots.slots and queued <= 0
    return f"{words}. {'The job starts at once.' if free else 'The job waits for its turn.'}"


def data_figures(seen: Mapping[str, Any]) -> DataFigures:
    """The figures of a preview; see `training/preview.py`."""
    rows = fmt.count(seen["scanned"]) + ("" if seen["complete"] else " looked at")
    facts = [("Rows", rows), ("Usable", fmt.count(seen["usable"])), ("Bad", fmt.count(seen["bad"]))]
    if seen["over_length"] is not None:
        facts.append(("Cut at max length", fmt.percent(seen["over_length"], 0)))
    lengths = tuple(
        (name.title(), *(fmt.count(seen[name][key]) for key in _LENGTHS))
        for name in ("characters", "tokens")
        if seen[name] is not None
    )
    return DataFigures(tuple(facts), (_LENGTHS_HEAD, *lengths), tuple(_remarks(seen)))


def _remarks(seen: Mapping[str, Any]) -> Sequence[str]:
    remarks = []
    if seen["bad"]:
        remarks.append(f"Bad rows: {_reasons(seen['bad_reasons'])}.")
    if seen["unlearnable"]:
        remarks.append(f"Nothing to learn from: {_reasons(seen['unlearnable'])}.")
    if not seen["complete"]:
        remarks.append("The source has more rows; the figures are of those looked at.")
    if seen["token_note"]:
        remarks.append(seen["token_note"])
    return remarks


def _reasons(counted: Mapping[str, int]) -> str:
    return "; ".join(f"{why} ({fmt.count(times)})" for why, times in counted.items())


def _range(low: float | None, high: float | None, words: Any) -> str:
    first, last = words(low), words(high)
    return first if first == last else f"{first} – {last}"
