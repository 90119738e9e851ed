"""Settings that can change while a run goes on: what they are now, and what changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gladius_widgets.core.config.live import LIVE_KEYS, check_changes, config_values
from gladius_widgets.core.config.schedule import schedule_from
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import format as fmt

_LABELS = {
    "learning_rate": "Learning rate",
    "weight_decay": "Weight decay",
    "max_grad_norm": "Gradient clip",
    "micro_batch_size": "Batch size",
    "gradient_accumulation": "Gradient accumulation",
    "validation_interval_steps": "Validate every, steps",
    "checkpoint_interval_steps": "Save every, steps",
    "checkpoint_interval_minutes": "Save every, minutes",
}
_RATES = {"learning_rate"}


@dataclass(frozen=True)
class LiveField:
    """One setting: its present value as text, and the range it may have."""

    name: str
    label: str
    text: str
    hint: str


@dataclass(frozen=True)
class Difference:
    """A config key whose file says something else, and when it holds (in words)."""

    key: str
    old: str
    new: str
    holds: str


def fields(job: JobSnapshot) -> tuple[LiveField, ...]:
    """All live settings of the job; none when its config cannot be read."""
    if job.config is None:
        return ()
    values = config_values(job.config) | (job.run.live if job.run else {})
    if job.run and (rate := _next_rate(job.run)) is not None:
        values["learning_rate"] = rate
    return tuple(
        LiveField(name, _LABELS[name], words(name, values.get(name), ""), _hint(job, name))
        for name in LIVE_KEYS
    )


def _next_rate(run: RunStatus) -> float | None:
    """The learning rate in force: that of the next step, as a change may just have been made."""
    schedule = schedule_from(run.schedule)
    return run.learning_rate if schedule is None else schedule.learning_rate(run.step)


def mistakes(
    job: JobSnapshot, shown: tuple[LiveField, ...], typed: Mapping[str, str]
) -> dict[str, str]:
    """What is wrong with what was typed, by setting; each is checked as the trainer checks it."""
    found: dict[str, str] = {}
    for field in shown:
        try:
            wanted = changes((field,), typed)
            if wanted and job.config is not None:
                check_changes(job.config, wanted)
        except GladiusError as error:
            found[field.name] = error.message
    return found


def changes(shown: tuple[LiveField, ...], typed: Mapping[str, str]) -> dict[str, float | None]:
    """The settings whose text is not the one shown, as numbers; empty text is null.

    Raises:
        GladiusError: a text that is no number.
    """
    changed: dict[str, float | None] = {}
    for field in shown:
        text = typed.get(field.name, field.text)
        try:
            value, before = _number(text), _number(field.text)
        except ValueError:
            raise GladiusError(
                f"{field.label}: '{text.strip()}' is no number.", "Such as 0.0005."
            ) from None
        if value != before:
            changed[field.name] = value
    return changed


def _number(text: str) -> float | None:
    """What a field's text says; empty is None."""
    text = text.strip().replace(",", "")
    return float(text) if text else None


def change_words(old: Any, new: Any) -> str:
    """What an answer says was changed: `learning rate 1e-3 → 5e-4`."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return ""
    pairs = {str(name): (old.get(name), value) for name, value in new.items()}
    return ", ".join(
        f"{_LABELS.get(name, name).lower()} {words(name, before)} → {words(name, after)}"
        for name, (before, after) in pairs.items()
    )


def changed(new: Any) -> bool:
    """Whether the answer to `set` or `reload` says that anything is another now."""
    if isinstance(new, dict) and "diff" in new:
        return bool(new["diff"])
    return bool(new)


def differences(answer: Any) -> tuple[Difference, ...]:
    """What the answer to `reload` says of the file."""
    if not isinstance(answer, dict):
        return ()
    holds = dict.fromkeys(answer.get("needs_restart") or (), "Next attempt")
    holds |= dict.fromkeys(answer.get("needs_new_run") or (), "New run")
    return tuple(
        Difference(key, str(old), str(new), holds.get(key, "Live"))
        for key, (old, new) in (answer.get("diff") or {}).items()
    )


def words(name: str, value: Any, unset: str = fmt.UNKNOWN) -> str:
    """A setting's value; what is not set reads as `unset`."""
    if not isinstance(value, int | float):
        return unset
    return fmt.rate(value) if name in _RATES else fmt.plain(value, 6)


def _hint(job: JobSnapshot, name: str) -> str:
    bounds = getattr(job.config and job.config.optimization, f"{name}_bounds", None)
    return f"{_bound(bounds[0])} to {_bound(bounds[1])}" if bounds else ""


def _bound(value: float) -> str:
    return fmt.plain(value) if value == 0 or value >= 1e-3 else fmt.rate(value)
