"""How long a run will take and what it will cost, before it starts.

The config's own estimate wins; else it is measured, from earlier runs of the same shape: the same
model, adapters, batch, lengths, processes and kind of machine.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gladius_widgets.core.config.schema import DataSection, TrainingConfig
from gladius_widgets.core.data_files import all_files
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.money.cost import USUAL_SPREAD, Basis, estimated_cost, time_for
from gladius_widgets.core.money.rates import Price
from gladius_widgets.core.text.amounts import amount_text

# With so many earlier runs, their differences tell the spread; with fewer it is the usual one.
_ENOUGH_RUNS = 3

UNKNOWN_DATA = "How many steps it takes is not known before its data has been read once."
UNKNOWN_PACE = (
    "No earlier run had this model, batch and machine, so it will be measured after a warm-up."
)


@dataclass(frozen=True)
class Estimate:
    """What a run will take; None = unknown, and `note` says why.

    Attributes:
        steps: optimizer steps.
        low_s, high_s: seconds on its machine, from provisioning to the end, without pauses.
        cost_low, cost_high: in `currency`.
        basis: `config` when the config says it, `measured` from earlier runs, else empty.
        note: a sentence or two, for people.
        hourly_rate: per GPU or machine, None = unknown.
        gpus: that are paid for; 0 = one machine without any.
        memory: what it needs on a device, such as `about 3.2 GiB of 15.6 GiB`; empty = unknown.
        warnings: what is likely to go wrong, a sentence each.
    """

    steps: int | None
    low_s: float | None
    high_s: float | None
    cost_low: float | None
    cost_high: float | None
    currency: str
    basis: Literal["config", "measured", ""]
    note: str
    hourly_rate: float | None = None
    gpus: int = 0
    memory: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """An earlier run of the same shape.

    Attributes:
        step_time_s: median of its step times.
        per_step_s: time in training divided by its steps, so with validations and saves.
        aside_s: on its machine before and after training.
        same_data: whether it read the same data too.
    """

    step_time_s: float
    per_step_s: float
    aside_s: float
    same_data: bool = False


def estimate(
    config: TrainingConfig,
    gpus: int,
    price: Price,
    samples: int | None,
    measured: Sequence[Measured],
) -> Estimate:
    """Steps, time and cost of a run.

    Args:
        config: the run's config.
        gpus: that are paid for; 0 = one machine without any.
        price: of one of them.
        samples: in the training split (packed ones, with packing); None = not known yet.
        measured: earlier runs of the same shape.
    """
    steps = planned_steps(config, samples)
    low_s, high_s = _measured_range(steps, measured)
    said = (config.cost.estimate_low, config.cost.estimate_high)
    found = estimated_cost((None, None), (low_s, high_s), price.hourly, gpus)
    told = estimated_cost(said, (low_s, high_s), price.hourly, gpus)
    basis: Literal["config", "measured", ""] = "measured" if low_s is not None else ""
    notes = [_note(steps, measured)]
    if told is not None and told.basis is Basis.CONFIG:
        basis, notes = "config", ["As the config says."]
        if found is not None and (found.high < told.low or found.low > told.high):
            words = f"{amount_text(found.low)} to {amount_text(found.high)} {price.currency}"
            notes.append(f"Earlier runs of the same shape make it {words}.")
        if price.hourly:
            low_s, high_s = (time_for(a, price.hourly, gpus) for a in said)
    if price.hourly is None:
        notes.append(price.reason)
    return Estimate(
        steps, low_s, high_s, told and told.low, told and told.high, price.currency, basis,
        " ".join(filter(None, notes)), price.hourly, gpus,
    )  # fmt: skip


def planned_steps(config: TrainingConfig, samples: int | None) -> int | None:
    """Optimizer steps of the run; None when they depend on data of unknown size."""
    if config.training.max_steps is not None:
        return config.training.max_steps
    if not samples:
        return None
    return math.ceil(config.training.epochs * samples / config.samples_per_step)


def _measured_range(
    steps: int | None, measured: Sequence[Measured]
) -> tuple[float | None, float | None]:
    """Shortest and longest time (s) at the pace of the earlier runs; of the same data, if any."""
    runs = [run for run in measured if run.same_data] or list(measured)
    if steps is None or not runs:
        return None, None
    low_s = min(run.aside_s + steps * min(run.step_time_s, run.per_step_s) for run in runs)
    high_s = max(run.aside_s + steps * max(run.step_time_s, run.per_step_s) for run in runs)
    spread = 0.0 if len(runs) >= _ENOUGH_RUNS else USUAL_SPREAD
    return low_s * (1 - spread), high_s * (1 + spread)


def _note(steps: int | None, measured: Sequence[Measured]) -> str:
    if steps is None:
        return UNKNOWN_DATA
    if not measured:
        return UNKNOWN_PACE
    count = sum(run.same_data for run in measured) or len(measured)
    return f"Measured in {count} earlier run{'s' if count > 1 else ''} of the same shape."


# An estimate that was written into a config


def with_estimate_for(config: TrainingConfig, base: TrainingConfig) -> tuple[TrainingConfig, str]:
    """A config that was made from another, with that one's own estimate brought up to date.

    An estimate in a config is of that config. Where only the number of steps was changed since,
    it counts in proportion; where the time of a step or its price may be another, it is left
    out. An estimate that was itself changed is the author's word, and stays.

    Args:
        config: what the run will be.
        base: the preset, file or job that it was made from.

    Returns:
        The config, and a sentence where its estimate is not the one written in it.
    """
    told, written = config.cost, base.cost
    said = (told.estimate_low, told.estimate_high)
    if said[0] is None or said != (written.estimate_low, written.estimate_high):
        return config, ""
    share = _share_of_steps(config, base)
    if share == 1:
        return config, ""
    low, high = said if share is None else (a and a * share for a in said)
    if share is None:
        low = high = None
        note = "The config's own estimate is left out: it was made for other settings."
    else:
        note = f"In proportion to its steps ({share:.3g} times as many)."
    cost = told.model_copy(update={"estimate_low": low, "estimate_high": high})
    return config.model_copy(update={"cost": cost}), note


def _share_of_steps(config: TrainingConfig, base: TrainingConfig) -> float | None:
    """Steps of the config over those of `base`; None where a step is not the same there."""
    if shape_key(config, 0) != shape_key(base, 0):
        return None
    if config.cost.hourly_rate != base.cost.hourly_rate:
        return None
    if config.resources.spot != base.resources.spot:
        return None
    new, old = config.training, base.training
    if new.max_steps is not None and old.max_steps is not None:
        return new.max_steps / old.max_steps
    if new.max_steps is None and old.max_steps is None and rows_key(config) == rows_key(base):
        return new.epochs / old.epochs
    return None


# What makes two runs alike


def shape_key(config: TrainingConfig, gpus: int) -> str:
    """A short hash of everything in the config that the time of a step depends on."""
    model, training, resources = config.model, config.training, config.resources
    return _hash(
        {
            "model": [model.name, model.from_scratch, model.train_tokenizer_vocab],
            "attention": model.attention,
            "length": [config.data.max_length, config.data.packing],
            "batch": [training.micro_batch_size, training.gradient_accumulation],
            "precision": [training.precision, training.gradient_checkpointing],
            "lora": config.lora.model_dump(mode="json") if config.lora.enabled else None,
            "machine": [resources.engine, resources.gpu_type, gpus, resources.processes],
            "launch": [resources.threads_per_process, resources.accelerate_config],
        }
    )


def rows_key(config: TrainingConfig) -> str:
    """A short hash of what the rows of each split depend on: the data section and its files.

    Files are told by name, size and time, so that changed data counts as other data.
    """
    data = config.data.model_dump(mode="json", exclude={"packing"})
    return _hash({"data": data, "files": source_stamp(config.data)})


def samples_key(config: TrainingConfig) -> str:
    """A short hash of what the number of samples depends on: rows, tokens, packing.

    Tokens too without packing, as a long row gives several samples.
    """
    tokens = [config.data.packing, tokenizer_identity(config)]
    return _hash({"rows": rows_key(config), "tokens": tokens})


def tokenizer_identity(config: TrainingConfig) -> list[Any]:
    """What the config says about its tokenizer."""
    model = config.model
    template = [] if model.chat_template is None else [model.chat_template]
    if model.train_tokenizer_vocab is not None:
        return [model.train_tokenizer_vocab, *template]
    return [model.tokenizer or model.name, model.revision, *template]


def source_stamp(data: DataSection) -> list[list[Any]]:
    """Name, split, size and time of every file of the data; empty for hub or package names.

    Also empty where a file is missing or cannot be looked at.
    """
    try:
        stats = [(file, file.path.stat()) for file in all_files(data)]
    except (OSError, GladiusError):
        return []
    return [[str(file.path), file.split, stat.st_size, stat.st_mtime_ns] for file, stat in stats]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
