"""Several jobs side by side: which ones were asked for, and their final figures."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.jobs.menu import MOST_COMPARED
from gladius_widgets.panels.live.history import History
from gladius_widgets.panels.live.series import Floats
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text.csv import cell

MOST = MOST_COMPARED  # so many colours can be told apart
_TAIL = 4  # characters of an id that tell jobs of one name apart
PER_TOKENS = 1_000_000


def references(text: str | None) -> tuple[str, ...]:
    """The jobs that an address names: `A,B,C`, each once, in their order."""
    return tuple(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))


def labels(names: Mapping[str, str]) -> dict[str, str]:
    """What to call each job, by id: its name, and the end of its id where another has it too."""
    taken = list(names.values())
    return {
        job_id: f"{name} ({job_id[-_TAIL:]})" if taken.count(name) > 1 else name
        for job_id, name in names.items()
    }


def free_slot(taken: Iterable[int]) -> int:
    """The lowest colour that no job has; jobs keep theirs when another one goes."""
    used = set(taken)
    return next(slot for slot in range(len(used) + 1) if slot not in used)


@dataclass(frozen=True)
class Figures:
    """What a job came to, or has come to so far. What is not known is None.

    Attributes:
        final_loss: of the newest validation; perplexity and accuracy are of the same one.
        best_loss: the lowest validation loss.
        tokens: trained on, in the branch of the run that counts.
        tokens_per_s: over the whole run, pauses left out.
        duration_s: time on a machine.
        cost_per_million: what a million of those tokens cost.
        validated_tokens: tokens that the newest validation counted.
        validated_on: which rows it was made on, as the config names them.
    """

    id: str
    name: str
    status: JobStatus
    step: int
    total_steps: int | None
    final_loss: float | None
    best_loss: float | None
    perplexity: float | None
    accuracy: float | None
    tokens: float | None
    tokens_per_s: float | None
    duration_s: float | None
    cost: float | None
    currency: str
    cost_per_million: float | None
    validated_tokens: int | None = None
    validated_on: str = ""


def figures(job: JobSnapshot, history: History, now: float) -> Figures:
    """The figures of one job from its newest snapshot and its rows; `now` in unix s."""
    run, validation = job.run, history.validation
    tokens = float(history.train["tokens"][-1]) if len(history.train) else None
    losses = validation["loss"][np.isfinite(validation["loss"])]
    return Figures(
        id=job.id,
        name=job.name,
        status=job.status,
        step=run.step if run else 0,
        total_steps=run.total_steps if run else None,
        final_loss=_last(validation["loss"]),
        best_loss=float(losses.min()) if len(losses) else None,
        perplexity=_last(validation["perplexity"]),
        accuracy=_last(validation["accuracy"]),
        tokens=tokens,
        tokens_per_s=_ratio(tokens, run.active_s if run else None),
        duration_s=job.record.duration_s(now) if job.record else None,
        cost=job.cost,
        currency=job.currency,
        cost_per_million=_ratio(job.cost, tokens and tokens / PER_TOKENS),
        validated_tokens=_whole(validation["tokens"]),
        validated_on=_validation_set(job.config),
    )


def why_not_comparable(rows: Sequence[Figures]) -> str:
    """Why the validation losses of these jobs cannot be compared; empty where they can."""
    validated = [row for row in rows if row.final_loss is not None]
    if len(validated) < 2:
        return ""
    counts = {row.validated_tokens for row in validated if row.validated_tokens is not None}
    if len(counts) > 1:
        each = " and ".join(f"{count:,}" for count in sorted(counts))
        return f"validated on different tokens ({each})"
    if len({row.validated_on for row in validated} - {""}) > 1:
        return "validated on different data"
    return ""


def _validation_set(config: TrainingConfig | None) -> str:
    """Everything that decides which rows are validated on, and how they become tokens."""
    if config is None:
        return ""
    read = config.data.model_dump(mode="json", exclude={"packing", "max_bad_share"})
    model = [config.model.tokenizer or config.model.name, config.model.train_tokenizer_vocab]
    return json.dumps([read, model, config.training.validation_max_batches], sort_keys=True)


def best(rows: Sequence[Figures], name: str) -> frozenset[str]:
    """Ids of the jobs with the lowest value of `name`.

    None unless two jobs have one, and their validation losses can be compared.
    """
    if why_not_comparable(rows):
        return frozenset()
    known = {row.id: value for row in rows if (value := getattr(row, name)) is not None}
    if len(known) < 2:
        return frozenset()
    lowest = min(known.values())
    return frozenset(job_id for job_id, value in known.items() if value == lowest)


def in_order(rows: Sequence[Figures], by: str, descending: bool) -> list[Figures]:
    """The rows sorted by one of their fields, those that have none last; "" leaves them."""
    if not by:
        return list(rows)
    known = [row for row in rows if getattr(row, by) is not None]
    rest = [row for row in rows if getattr(row, by) is None]
    key: Callable[[Figures], object] = lambda row: (  # noqa: E731  # text and numbers, each its way
        getattr(row, by).casefold() if isinstance(getattr(row, by), str) else getattr(row, by)
    )
    return [*sorted(known, key=key, reverse=descending), *rest]  # pyright: ignore[reportArgumentType]  # one field holds one type


_CSV = {
    "final_loss": "final_validation_loss",
    "best_loss": "best_validation_loss",
    "cost_per_million": "cost_per_million_tokens",
}


def to_csv(rows: Iterable[Figures]) -> bytes:
    """One line a job, UTF-8 with a mark that spreadsheets need; numbers in full."""
    names = [field.name for field in fields(Figures) if field.name != "validated_on"]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_CSV.get(name, name) for name in names])
    for row in rows:
        values = [getattr(row, name) for name in names]
        writer.writerow([cell(str(v) if isinstance(v, JobStatus) else v) for v in values])
    return out.getvalue().encode("utf-8-sig")


def _last(values: Floats) -> float | None:
    """The newest value; None when it is none, as after a validation that overflowed."""
    return float(values[-1]) if len(values) and math.isfinite(values[-1]) else None


def _whole(values: Floats) -> int | None:
    return int(values[-1]) if len(values) and math.isfinite(values[-1]) else None


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
