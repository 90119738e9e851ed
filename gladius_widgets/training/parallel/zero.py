"""DeepSpeed ZeRO stages 1 and 2: whole weights on every rank, optimizer in shards.

A checkpoint holds the weights as ever, and each rank's shard of moments and float32 weights,
which fit only as many processes as made them.

Tested on CPU processes in fp32 and bf16. Untested here, as it needs a GPU: GPUs, fp16.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType

from gladius_widgets.core.config.schema import OptimizationSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.checkpoint.contents import load_weights, save_weights
from gladius_widgets.training.model.optimizer import build_optimizer
from gladius_widgets.training.parallel.base import OUT_OF_MEMORY_IS_FATAL, Write
from gladius_widgets.training.parallel.ranks import Ranks

_STAGES = (1, 2)


def is_asked_for() -> bool:
    """Whether the accelerate config says DeepSpeed."""
    return os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true"


def check_installed() -> None:
    """Before accelerate asks for it in its own words.

    Raises:
        GladiusError: the package is missing.
    """
    if find_spec("deepspeed") is None:
        raise GladiusError(
            "The accelerate config asks for DeepSpeed, which is not installed here.",
            "pip install deepspeed, or use FSDP 2, which comes with torch.",
        )


def settle(accelerator: Accelerator, precision: str) -> None:
    """Make an accelerator use DeepSpeed, on CPUs too, where accelerate ignores its config.

    Raises:
        GladiusError: the config asks for what this trainer does not know of DeepSpeed.
    """
    from deepspeed.utils import logger  # type: ignore[import-not-found]  # not in the extras

    logger.setLevel("WARNING")
    if not torch.distributed.is_initialized():
        raise GladiusError(
            "DeepSpeed needs several processes, and one was started.", "Raise resources.processes."
        )
    if accelerator.distributed_type != DistributedType.DEEPSPEED:
        _settle_on_cpu(accelerator, precision)
    plugin: Any = accelerator.state.deepspeed_plugin
    config = plugin.deepspeed_config
    zero = config.get("zero_optimization", {})
    offload = (zero.get("offload_optimizer") or {}).get("device", "none")
    if zero.get("stage") not in _STAGES or offload != "none":
        raise GladiusError(
            f"The accelerate config asks for DeepSpeed ZeRO stage {zero.get('stage')}"
            f"{' with offloading' if offload != 'none' else ''}, which this trainer does not know.",
            "Use ZeRO stage 1 or 2, or FSDP 2, which shards the weights too.",
        )
    # What a step is, the trainer's config says, live; DeepSpeed is told when one is complete.
    config |= {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "train_batch_size": "auto",
    }


def _settle_on_cpu(accelerator: Accelerator, precision: str) -> None:
    from accelerate.utils import DeepSpeedPlugin

    plugin = DeepSpeedPlugin()
    plugin.set_mixed_precision("no" if precision == "fp32" else precision)
    plugin.select(_from_accelerator_state=True)
    state: Any = accelerator.state
    state.deepspeed_plugins = plugin
    state.distributed_type = DistributedType.DEEPSPEED
    state._mixed_precision = "no"  # as accelerate does on GPUs: it is DeepSpeed's
    accelerator.native_amp, accelerator.scaler = False, None


class ZeroSharded:
    """A DeepSpeed engine by `accelerator.prepare`; see `Parallel` for what each method does."""

    shards = True
    limits: tuple[str, ...] = (
        OUT_OF_MEMORY_IS_FATAL,
        "A resume needs as many processes and the same ZeRO stage.",
        "With bf16 it sums gradients in that precision, if its config says no other.",
        "Tested on CPU processes in fp32 and bf16; GPUs and fp16 are untested.",
    )

    def __init__(
        self,
        model: torch.nn.Module,
        accelerator: Accelerator,
        ranks: Ranks,
        optimization: OptimizationSection,
    ) -> None:
        try:
            engine, _ = accelerator.prepare(model, build_optimizer(model, optimization))
        except ValueError as error:
            reason = (str(error).splitlines() or ["it gives no reason"])[0].rstrip(".")
            raise GladiusError(
                f"DeepSpeed refuses its config: {reason}.",
                "Check training.precision and the accelerate config.",
            ) from None
        self.model: Any = engine
        self.optimizer: Any = engine.optimizer
        self._ranks = ranks
        self._stage = int(engine.zero_optimization_stage())
        self.name = f"DeepSpeed ZeRO-{self._stage}"
        self.scales_loss = bool(engine.fp16_enabled())
        if not hasattr(self.optimizer, "single_partition_of_fp32_groups"):
            raise GladiusError(
                f"DeepSpeed chose {type(self.optimizer).__name__}, which this trainer cannot "
                "checkpoint exactly.",
                "Leave data_types.grad_accum_dtype out of its config.",
            )
        self.optimizer.check_grad_overflow = True  # else float32 would step on a NaN

    def backward(self, loss: torch.Tensor, *, last: bool) -> None:
        """DeepSpeed averages gradients over the ranks; the loss is already a share of their sum."""
        self.model.set_gradient_accumulation_boundary(last)
        self.model.backward(loss * self._ranks.size, scale_wrt_gas=False)

    def update(self, max_grad_norm: float) -> float | None:
        """DeepSpeed clips and steps; it skips, and lowers fp16's scale, when not finite."""
        self.optimizer.clip_grad = max_grad_norm
        self.model.step()
        return (
            None if self.optimizer.overflow else float(self.optimizer._global_grad_norm)
        )  # the engine's getter gives the same

    def discard(self) -> None:
        """Forget the gradients, as DeepSpeed itself does after an overflow."""
        optimizer = self.optimizer
        optimizer.zero_grad(set_to_none=True)
        for group in optimizer.averaged_gradients:
            optimizer.averaged_gradients[group] = None
            optimizer.all_grad_tensors[group] = None

    def snapshot(self) -> Write:
        """Nothing to gather: rank 0 has whole weights, and each rank keeps its own shard."""

        def write(folder: Path) -> None:
            if self._ranks.is_main:
                save_weights(folder, self.model.module)
            torch.save(self._shard(), folder / _shard_file(self._ranks.index))

        return write

    def load_weights(self, folder: Path) -> None:
        """Every rank reads them; DeepSpeed's flat buffers are views of the same memory."""
        load_weights(folder, self.model.module)

    def load_optimizer(self, folder: Path) -> None:
        """Each rank reads its own shard."""
        path = folder / _shard_file(self._ranks.index)
        saved = torch.load(path, weights_only=True, map_location="cpu") if path.exists() else {}
        if (saved.get("stage"), saved.get("world_size")) != (self._stage, self._ranks.size):
            made_by = (
                f"by {saved['world_size']} processes under DeepSpeed ZeRO-{saved['stage']}"
                if saved
                else "without DeepSpeed, or by fewer processes"
            )
            raise GladiusError(
                f"{folder.name} was made {made_by}; {self.name} on {self._ranks.size} processes "
                "cannot go on from it.",
                "Resume with the accelerate config it was made with.",
            )
        self.optimizer.optimizer.load_state_dict(saved["moments"])
        masters = self.optimizer.single_partition_of_fp32_groups
        for master, weights in zip(masters, saved["weights"], strict=True):
            master.data.copy_(weights)
        vars(self.optimizer.loss_scaler).update(saved["scale"])

    def _shard(self) -> dict[str, Any]:
        scale = vars(self.optimizer.loss_scaler)
        return {
            "stage": self._stage,
            "world_size": self._ranks.size,
            "moments": self.optimizer.optimizer.state_dict(),
            "weights": [w.detach() for w in self.optimizer.single_partition_of_fp32_groups],
            "scale": {k: v for k, v in scale.items() if isinstance(v, bool | int | float)},
        }


def _shard_file(rank: int) -> str:
    return f"zero-{rank}.pt"
