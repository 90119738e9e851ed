"""Everything about a run, besides tensors, that a resume has to know."""

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from gladius_widgets.core.config.live import LiveSettings
from gladius_widgets.core.config.schedule import Schedule
from gladius_widgets.core.config.schema import TrainingConfig


@dataclass
class TrainState:
    """Progress and settings in force; goes into every checkpoint as JSON.

    Attributes:
        step: optimizer steps done.
        samples: samples seen over all epochs, which is the sampler's cursor.
        total_steps: where the run ends.
        schedule, live: settings in force.
        undo: settings before each live change, newest last.
        file: live settings as the config file had them when it was last read again.
        handled: ids of requests whose effect is in here.
        validation: newest and best figures of each split, as in status.json.
        validated_steps: the last step at which each split was validated.
        loss: of the last step.
        saves: checkpoints ever written.
        worked: micro-batch size and accumulation of the last step for which memory sufficed.
        oom_in_row: recoveries from too little memory since that step; `oom_recoveries` are all.
    """

    schedule: Schedule
    live: LiveSettings
    total_steps: int
    step: int = 0
    samples: int = 0
    tokens: int = 0
    undo: list[dict[str, Any]] = field(default_factory=list)
    file: dict[str, Any] | None = None
    handled: list[str] = field(default_factory=list)
    nonfinite_in_row: int = 0
    skipped_steps: int = 0
    rollbacks: int = 0
    oom_recoveries: int = 0
    oom_in_row: int = 0
    worked: list[int] | None = None
    validation: dict[str, dict[str, Any]] = field(default_factory=dict)
    validated_steps: dict[str, int] = field(default_factory=dict)
    loss: float | None = None
    elapsed_s: float = 0.0
    active_s: float = 0.0
    started_at: float | None = None
    saves: int = 0

    @classmethod
    def start(cls, config: TrainingConfig, dataset_size: int) -> Self:
        """The state before the first step."""
        live = LiveSettings.of(config)
        total = planned_steps(config, live, dataset_size, step=0, samples=0)
        schedule = Schedule.of(config.optimization, total)
        return cls(schedule=schedule, live=live, total_steps=total)

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        return self.schedule.learning_rate(self.step)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Self:
        """Read back what `to_dict` gave."""
        value = dict(value)
        value["schedule"] = Schedule(**value["schedule"])
        value["live"] = LiveSettings(**value["live"])
        return cls(**value)


def planned_steps(
    config: TrainingConfig, live: LiveSettings, dataset_size: int, *, step: int, samples: int
) -> int:
    """The step at which the run ends, from where it stands now.

    `max_steps` if the config has it, else as many as the remaining samples of all epochs take.
    """
    if config.training.max_steps is not None:
        return config.training.max_steps
    remaining = max(0, config.training.epochs * dataset_size - samples)
    return step + -(-remaining // samples_per_step(config, live))


def planned_samples(config: TrainingConfig, state: TrainState, dataset_size: int) -> int:
    """Samples seen by the end of the run: those of all epochs, or as many as `max_steps` take."""
    if config.training.max_steps is None:
        return config.training.epochs * dataset_size
    steps = max(0, state.total_steps - state.step)
    return state.samples + steps * samples_per_step(config, state.live)


def planned_totals(config: TrainingConfig, state: TrainState, dataset_size: int) -> dict[str, int]:
    """Steps, samples and epochs (a begun one counts) of the whole run, for status.json."""
    samples = planned_samples(config, state, dataset_size)
    return {
        "total_steps": state.total_steps,
        "total_samples": samples,
        "total_epochs": max(1, -(-samples // dataset_size)),
    }


def next_samples(config: TrainingConfig, state: TrainState, dataset_size: int) -> int:
    """Samples of the next step: a full one, or what is left of all epochs in the last."""
    full = samples_per_step(config, state.live)
    return min(full, planned_samples(config, state, dataset_size) - state.samples)


def samples_per_step(config: TrainingConfig, live: LiveSettings) -> int:
    """Samples that a full optimizer step sees, over all processes."""
    return live.micro_batch_size * live.gradient_accumulation * config.resources.processes
