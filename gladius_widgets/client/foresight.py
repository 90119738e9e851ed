"""What is likely to go wrong with a run, said before it starts; nothing is refused for it."""

from dataclasses import dataclass

from gladius_widgets.core.config.schedule import Schedule
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.machine.gpus import look_at_gpus
from gladius_widgets.core.machine.host import host_memory
from gladius_widgets.core.model.memory import memory_forecast

_GIB = 2**30
_MIB = 2**20


@dataclass(frozen=True)
class Warned:
    """A sentence for people, and the kind of the event that says it."""

    kind: str
    sentence: str


@dataclass(frozen=True)
class Memory:
    """What a run needs on each device and what that has, in bytes.

    Attributes:
        needed_bytes: the forecast.
        total_bytes: of the device; None = not known.
        largest: the part that needs most of it.
        device: what it is, such as `GPU` or `machine`.
    """

    needed_bytes: int
    total_bytes: int | None
    largest: str
    device: str

    @property
    def words(self) -> str:
        """Such as `about 3.2 GiB of 15.6 GiB`."""
        of = "" if self.total_bytes is None else f" of {_size(self.total_bytes)}"
        return f"about {_size(self.needed_bytes)}{of}"

    @property
    def warning(self) -> str:
        """Empty where it fits, or nobody knows."""
        if self.total_bytes is None or self.needed_bytes <= self.total_bytes:
            return ""
        return (
            f"The run needs about {_size(self.needed_bytes)} of memory and the {self.device} has "
            f"{_size(self.total_bytes)}; most of it is for the {self.largest}. "
            f"{_ADVICE[self.largest]}"
        )


_LESS_AT_ONCE = "Lower training.micro_batch_size or data.max_length"
_SMALLER = "Take a smaller model, or train adapters with lora.enabled."
_ADVICE = {
    "weights": "Take a smaller model, or a lower training.precision with lora.enabled.",
    "gradients": _SMALLER,
    "optimizer": _SMALLER,
    "logits": f"{_LESS_AT_ONCE}.",
    "activations": f"{_LESS_AT_ONCE}, or turn training.gradient_checkpointing on.",
}


def memory_of(config: TrainingConfig, gpus: int) -> Memory | None:
    """What a run needs and has; None where its model's shape is not known.

    Args:
        config: with absolute paths.
        gpus: that it gets; 0 = it runs on the CPU, where its processes share the memory.
    """
    needed = memory_forecast(config)
    if needed is None:
        return None
    if not gpus:
        together = needed.total_bytes * config.resources.processes
        return Memory(together, host_memory().ram_total_bytes, needed.largest, "machine")
    sizes = [gpu.memory_total_bytes for gpu in look_at_gpus().gpus if gpu.memory_total_bytes]
    return Memory(needed.total_bytes, max(sizes, default=None), needed.largest, "GPU")


def warnings_of(
    config: TrainingConfig, steps: int | None, memory: Memory | None
) -> tuple[Warned, ...]:
    """What somebody who submits the run should hear.

    Args:
        config: of the run.
        steps: that it takes; None = not known.
        memory: its `memory_of`.
    """
    warmup = "" if steps is None else Schedule.of(config.optimization, steps).warning
    told = (Warned("forecast", memory.warning if memory else ""), Warned("warmup", warmup))
    return tuple(one for one in told if one.sentence)


def _size(size_bytes: int) -> str:
    if size_bytes < _GIB:
        return f"{max(1, round(size_bytes / _MIB)):,} MiB"
    return f"{size_bytes / _GIB:,.1f} GiB"
