"""What may be changed while a run goes on: names, bounds and what needs a restart instead.

The client checks with it before it asks, the trainer again before it obeys.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from gladius_widgets.core.config.schema import MAX_MINUTES, MAX_STEPS, TrainingConfig
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.text.suggest import did_you_mean

# Short name of a live setting → where the config has it.
LIVE_KEYS: dict[str, str] = {
    "learning_rate": "optimization.learning_rate",
    "weight_decay": "optimization.weight_decay",
    "max_grad_norm": "optimization.max_grad_norm",
    "micro_batch_size": "training.micro_batch_size",
    "gradient_accumulation": "training.gradient_accumulation",
    "validation_interval_steps": "training.validation_interval_steps",
    "checkpoint_interval_steps": "checkpointing.interval_steps",
    "checkpoint_interval_minutes": "checkpointing.interval_minutes",
}
# Besides `learning_rate`, the rate from now on (it ends a warm-up): two more ways to change it.
FACTOR_KEY = "learning_rate_factor"  # multiplies it
PEAK_KEY = "peak_learning_rate"  # the top of the schedule, as the config file names it
# What a config file may change for the next attempt of a run: nothing that its losses depend on.
_NEXT_ATTEMPT = frozenset(
    {
        "training.log_interval_steps",
        "training.validation_max_batches",
        "training.sample_prompts",
        "training.sample_tokens",
        "training.on_oom",
        "training.max_oom_recoveries",
        "training.max_nonfinite_in_row",
        "training.max_rollbacks",
        "training.hang_timeout_s",
        "training.on_hang",
        "training.sigterm_grace_s",
        "training.tensorboard",
        "moe.stats_interval_steps",
        "moe.dead_load_share",
        "checkpointing.keep_last",
        "checkpointing.keep_best",
    }
)
_NEXT_ATTEMPT_SECTIONS = ("alerts",)
_SHORT_NAMES = {path: name for name, path in LIVE_KEYS.items()}
_OPTIONAL = {
    "validation_interval_steps",
    "checkpoint_interval_steps",
    "checkpoint_interval_minutes",
}
_WHOLE = {
    "micro_batch_size",
    "gradient_accumulation",
    "validation_interval_steps",
    "checkpoint_interval_steps",
}


@dataclass(frozen=True)
class LiveSettings:
    """The settings in force, besides the learning rate, which `Schedule` holds."""

    weight_decay: float
    max_grad_norm: float
    micro_batch_size: int
    gradient_accumulation: int
    validation_interval_steps: int | None
    checkpoint_interval_steps: int | None
    checkpoint_interval_minutes: float | None

    @classmethod
    def of(cls, config: TrainingConfig) -> Self:
        """What the config says."""
        values = config_values(config)
        values.pop("learning_rate")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)


def config_values(config: TrainingConfig) -> dict[str, Any]:
    """Every live setting's value in `config`, by short name."""
    plain = config.model_dump()
    return {name: _at(plain, path) for name, path in LIVE_KEYS.items()}


def in_force(
    config: TrainingConfig, live: Mapping[str, Any], schedule: Mapping[str, Any] | None = None
) -> TrainingConfig:
    """The config with what holds now in place of what live changes and recoveries replaced.

    Args:
        config: as frozen at submit.
        live: settings by short name that differ from it (`RunStatus.live`).
        schedule: the learning rate's schedule in force (`RunStatus.schedule`), if it is known.
    """
    changed: dict[str, dict[str, Any]] = {}
    for name, path in LIVE_KEYS.items():
        if name in live and name != "learning_rate":
            section, key = path.split(".")
            changed.setdefault(section, {})[key] = live[name]
    if schedule is not None and {"peak", "scale", "warmup_steps"} <= schedule.keys():
        changed.setdefault("optimization", {}).update(
            learning_rate=schedule["peak"] * schedule["scale"],
            warmup_steps=schedule["warmup_steps"],
        )
    sections = {
        name: getattr(config, name).model_copy(update=update) for name, update in changed.items()
    }
    return config.model_copy(update=sections)


def check_changes(
    config: TrainingConfig, changes: Mapping[str, Any], learning_rate: float | None = None
) -> dict[str, Any]:
    """The changes by short name, each within its bounds.

    Args:
        config: the run's config, which holds the bounds.
        changes: short names, dotted config names, or `learning_rate_factor`, to values.
        learning_rate: the highest rate still to come, to check a factor's result; None leaves
            that to the trainer.

    Raises:
        GladiusError: nothing to change, an unknown name, a value out of bounds (the bounds are
            named), or a setting that needs a restart.
    """
    if not changes:
        raise GladiusError("There is nothing to change.", f"Give one of: {', '.join(LIVE_KEYS)}.")
    checked = {}
    for given, value in changes.items():
        name = _SHORT_NAMES.get(given, given)
        if name == FACTOR_KEY:
            checked[name] = _number(name, value, 1e-6, 1e6)
            if learning_rate is not None:
                _bounded(config, "learning_rate", learning_rate * checked[name])
        elif name == PEAK_KEY:
            low, high = config.optimization.learning_rate_bounds
            checked[name] = _number(name, value, low, high)
        elif name in LIVE_KEYS:
            checked[name] = _bounded(config, name, value)
        else:
            raise _not_live(config, given)
    if len({"learning_rate", FACTOR_KEY, PEAK_KEY} & checked.keys()) > 1:
        raise GladiusError("The learning rate is given in two ways.", "Give one of them.")
    return checked


def diff(old: TrainingConfig, new: TrainingConfig) -> dict[str, tuple[Any, Any]]:
    """Config keys that differ, dotted, each with its old and new value."""
    before, after = _flat(old.to_plain()), _flat(new.to_plain())
    return {
        key: (before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    }


def is_live(key: str) -> bool:
    """Whether a dotted config name can change while the run goes on."""
    return key in _SHORT_NAMES


def is_for_next_attempt(key: str) -> bool:
    """Whether a dotted config name can change between two attempts of one run."""
    return key in _NEXT_ATTEMPT or key.partition(".")[0] in _NEXT_ATTEMPT_SECTIONS


def _bounded(config: TrainingConfig, name: str, value: Any) -> float | int | None:
    if value is None and name in _OPTIONAL:
        return None
    low, high = _bounds(config, name)
    number = _number(name, value, low, high)
    if name in _WHOLE:
        if number != int(number):
            raise GladiusError(f"{name} must be a whole number, but is {value}.", "Change it.")
        return int(number)
    return number


def _bounds(config: TrainingConfig, name: str) -> tuple[float, float]:
    optimization = config.optimization
    return {
        "learning_rate": optimization.learning_rate_bounds,
        "weight_decay": optimization.weight_decay_bounds,
        "max_grad_norm": optimization.max_grad_norm_bounds,
        "micro_batch_size": (1, 4096),
        "gradient_accumulation": (1, 4096),
        "checkpoint_interval_minutes": (0.01, MAX_MINUTES),
    }.get(name, (1, MAX_STEPS))


def _number(name: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise GladiusError(f"{name} must be a number, but is {value!r}.", "Change it.")
    if not low <= value <= high:  # also refuses NaN
        raise GladiusError(
            f"{name} must be between {low:g} and {high:g}, but is {value:g}.",
            "Choose a value in that range.",
        )
    return float(value)


def _not_live(config: TrainingConfig, name: str) -> GladiusError:
    flat = _flat(config.to_plain())
    paths = [path for path in flat if path == name or path.split(".", 1)[-1] == name]
    if paths:
        return GladiusError(
            f"{paths[0]} holds for a run from its first step to its last, so it cannot change.",
            f"Start a new run with it: gladius clone JOB --set {paths[0]}=…",
        )
    return GladiusError(
        f"There is no live setting '{name}'.",
        did_you_mean(name, [*LIVE_KEYS, FACTOR_KEY, PEAK_KEY]),
    )


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """`section.key` → value, one level deep, as sections are."""
    return {
        f"{section}.{key}": value
        for section, fields in values.items()
        for key, value in fields.items()
    }


def _at(values: Mapping[str, Any], path: str) -> Any:
    section, key = path.split(".")
    return values[section][key]
