"""What the form says beside its fields: the estimate, the slots, the data's figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from gladius_widgets.client import Job
from gladius_widgets.core.machine.placement import GpuStanding
from gladius_widgets.core.money.estimate import Estimate
from gladius_widgets.core.text.terminal_text import visible, visible_lines
from gladius_widgets.panels.text import format as fmt

# Keys that stand apart at the top, in this order; all others fold away by section.
DATA_KEYS = (
    "model.name", "data.path", "data.format", "data.max_length", "data.max_samples",
    "data.packing", "data.validation_share", "data.test_share",
    "data.validation_path", "data.test_path",
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

_FILES_HEAD = ("File", "Split", "Rows")
_MOST_FILES = 12
_LENGTHS_HEAD = ("Length of a sample", "Min", "Median", "95%", "Max")
_LENGTHS = ("min", "p50", "p95", "max")
_BASES = {"config": "From the config", "measured": "Measured"}


@dataclass(frozen=True)
class EstimateWords:
    """Steps, time, cost and memory as they read, where they come from, and what to beware of."""

    steps: str = fmt.UNKNOWN
    time: str = fmt.UNKNOWN
    cost: str = fmt.UNKNOWN
    rate: str = fmt.UNKNOWN
    basis: str = ""
    note: str = ""
    memory: str = fmt.UNKNOWN
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slots:
    """How busy the machine is: slots in use, slots, and who is not over yet.

    `warning` is for the job that the new one waits for, if it cannot complete as it stands.
    """

    busy: int = 0
    slots: int = 0
    unfinished: tuple[Job, ...] = ()
    warning: str = ""
    gpus: tuple[GpuStanding, ...] = ()


@dataclass(frozen=True)
class DataFigures:
    """What a preview counted: facts (label, value), two tables with their heads, and remarks.

    `lengths` are empty where no tokens were counted; `refusal` is why a job would not begin.
    """

    facts: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, ...], ...]
    lengths: tuple[tuple[str, ...], ...]
    refusal: str
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
        memory=found.memory or fmt.UNKNOWN,
        warnings=found.warnings,
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
    words += f". {_gpus_words(slots.gpus)}" if slots.gpus else "."
    if waits:
        return words
    free = slots.busy < slots.slots and queued <= 0
    if free and slots.gpus and not any(one.is_free for one in slots.gpus):
        return f"{words} A job on the CPU starts at once."
    return f"{words} {'The job starts at once.' if free else 'The job waits for its turn.'}"


def _gpus_words(gpus: Sequence[GpuStanding]) -> str:
    """How many are free, and who else holds the others."""
    held = [f"GPU {one.gpu.index}: {one.held}" for one in gpus if one.held]
    free = sum(one.is_free for one in gpus)
    return visible(". ".join([f"{free} of {len(gpus)} GPUs free", *held])) + "."


def data_figures(seen: Mapping[str, Any]) -> DataFigures:
    """The figures of a preview; see `training/preview.py`."""
    rows, tokens = seen["rows"], seen["tokens"]
    facts = [
        ("Training rows", fmt.count(rows["train"])),
        ("Validation", fmt.count(rows["validation"])),
        ("Test", fmt.count(rows["test"])),
        ("Left out", fmt.count(rows["bad"])),
    ]
    if tokens["total"]:
        facts.append(
            ("Tokens learnt", f"{fmt.count(tokens['learnt'])} of {fmt.count(tokens['total'])}")
        )
        facts.append(("Tokens lost", fmt.percent(tokens["lost"] / tokens["total"])))
    files = tuple(
        (visible(_file_name(file["path"])), visible(file["split"]), fmt.count(file["rows"]))
        for file in seen["files"][:_MOST_FILES]
    )
    lengths = tuple(fmt.count(seen["length"].get(key)) for key in _LENGTHS)
    return DataFigures(
        tuple(facts),
        (_FILES_HEAD, *files),
        (_LENGTHS_HEAD, ("Tokens", *lengths)) if tokens["total"] else (),
        visible(f"{seen['refusal']} {seen['refusal_hint']}".strip()),
        tuple(visible(remark) for remark in _remarks(seen)),
    )


def learnt_runs(tokens: Sequence[Sequence[Any]]) -> list[tuple[str, bool]]:
    """Neighbouring tokens that are all learnt, or all not, as one text each."""
    return [
        (visible_lines("".join(str(text) for text, _ in run)), learnt)
        for learnt, run in groupby(tokens, key=lambda piece: bool(piece[1]))
    ]


def _remarks(seen: Mapping[str, Any]) -> Sequence[str]:
    remarks = []
    if seen["bad_reasons"]:
        remarks.append(f"Left out: {_reasons(seen['bad_reasons'])}.")
    if seen["unused_columns"]:
        remarks.append(f"Columns that are not used: {', '.join(seen['unused_columns'])}.")
    if (more := len(seen["files"]) - _MOST_FILES) > 0:
        remarks.append(f"{fmt.count(more)} more files are read.")
    for path, why in seen["passed_over"][:_MOST_FILES]:
        remarks.append(f"Passed over {_file_name(path)}: {why}.")
    if seen["repeated_rows"]:
        remarks.append(
            f"{fmt.count(seen['repeated_rows'])} held-out rows stand in the training rows too, so "
            "that their loss says little."
        )
    if seen["answers"]:
        ended, answers = fmt.count(seen["answers_ended"]), fmt.count(seen["answers"])
        remarks.append(f"{ended} of {answers} answers teach the model to stop.")
    if not seen["complete"]:
        remarks.append("The source has more rows; the figures are of those looked at.")
    if seen["note"]:
        remarks.append(seen["note"])
    return remarks


def _file_name(path: str) -> str:
    """The last folder and the name, which tell files of one source apart."""
    return "/".join(path.split("/")[-2:])


def _reasons(counted: Mapping[str, Mapping[str, int]]) -> str:
    return "; ".join(
        f"{why} ({fmt.count(facts['rows'])}, first at {fmt.count(facts['first'])})"
        for why, facts in counted.items()
    )


def _range(low: float | None, high: float | None, words: Any) -> str:
    first, last = words(low), words(high)
    return first if first == last else f"{first} – {last}"
