"""Configuration snapshot: the settings that matter, in words."""

from dataclasses import dataclass, replace

from gladius_widgets.core.config.live import in_force
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.text.terminal_text import visible
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text.progress import interval_words

_OPTIMIZERS = {"adamw": "AdamW"}
_PRECISIONS = {"fp32": "FP32", "bf16": "Mixed BF16", "fp16": "Mixed FP16"}


@dataclass(frozen=True)
class Setting:
    """A label and a value; `wide` takes two columns. `was` is the value at submit, if changed."""

    label: str
    value: str
    wide: bool = False
    was: str = ""


def settings(config: TrainingConfig, run: RunStatus | None = None) -> tuple[Setting, ...]:
    """The grid of the panel, in the order of the design: the values in force.

    Args:
        config: the run's config as frozen at submit.
        run: the run's snapshot: what was changed live, and facts about the model.
    """
    if run is None:
        return _settings(config, {})
    before = _settings(config, run.model)
    now = _settings(in_force(config, run.live, run.schedule), run.model)
    return tuple(
        new if new == old else replace(new, was=old.value)
        for old, new in zip(before, now, strict=True)
    )


def _settings(config: TrainingConfig, model: dict[str, object]) -> tuple[Setting, ...]:
    training, optimization = config.training, config.optimization
    on_gpu = config.resources.device != "cpu"
    every = training.validation_interval_steps
    return (
        Setting("Model", visible(config.model.name), wide=True),
        Setting("Experts", experts_words(config, model)),
        Setting(
            "Batch size", f"{training.micro_batch_size} per {'device' if on_gpu else 'process'}"
        ),
        Setting(
            "Gradient accum",
            f"{training.gradient_accumulation} (effective {config.samples_per_step:,})",
        ),
        Setting("Learning rate", f"{fmt.rate(optimization.learning_rate)} at peak"),
        Setting("Schedule", optimization.schedule.capitalize()),
        Setting("Warmup", f"{optimization.warmup_steps:,} steps"),
        Setting("Optimizer", _OPTIMIZERS.get(optimization.optimizer, optimization.optimizer)),
        Setting("Betas", ", ".join(fmt.plain(beta, 6) for beta in optimization.betas)),
        Setting("Epsilon", fmt.rate(optimization.epsilon)),
        Setting("Max length", f"{config.data.max_length:,} tokens"),
        Setting("Precision", _PRECISIONS[training.precision]),
        Setting("Seed", str(training.seed)),
        Setting("Checkpoint", interval_words(config).capitalize()),
        Setting("Validation", f"Every {every:,} steps" if every else "Off"),
        *_lora(config),
    )


def experts_words(config: TrainingConfig, model: dict[str, object]) -> str:
    """`8, 2 active per token`, or `None` for a dense model."""
    scratch = config.model.from_scratch or {}
    number = model.get("experts") or scratch.get("num_experts") or scratch.get("num_local_experts")
    active = model.get("active_experts") or scratch.get("num_experts_per_tok")
    if not number:
        return "None" if model or config.model.from_scratch else fmt.UNKNOWN
    return f"{number}, {active} active per token" if active else f"{number}"


def source_words(job: JobSnapshot, now: float) -> str:
    """`Last modified 3 days ago · unchanged since start`."""
    if not job.config_file:
        return "Written in the form, or copied from another job; kept with the run"
    if job.config_changed is None:
        return "The file it was made from is gone; this is the copy kept with the run"
    changed = "changed since start" if job.config_changed else "unchanged since start"
    return f"Last modified {fmt.age(job.config_modified_at, now)} · {changed}"


def _lora(config: TrainingConfig) -> tuple[Setting, ...]:
    if not config.lora.enabled:
        return ()
    targets = config.lora.targets
    named = targets if isinstance(targets, str) else ", ".join(targets)
    return (
        Setting("LoRA", f"r {config.lora.r}, alpha {fmt.plain(config.lora.alpha)}"),
        Setting("Targets", visible(named)),
    )
