"""FSDP2: every rank holds a shard of each weight, gradient and moment.

Checkpoints are those of the replicated way, whole tensors gathered on rank 0, so a run may be
resumed with another number of processes, or without FSDP.

Tested on CPU processes over gloo. Untested here, as it needs a GPU: GPUs, and offloading.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from torch.distributed.tensor import DTensor, distribute_tensor

from gladius_widgets.core.config.schema import OptimizationSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.checkpoint.contents import (
    live_weights,
    read_optimizer,
    save_optimizer,
    save_weights,
    saved_weights,
)
from gladius_widgets.training.model.build import recompute_activations
from gladius_widgets.training.model.optimizer import build_optimizer
from gladius_widgets.training.parallel.base import OUT_OF_MEMORY_IS_FATAL, Write, clip_and_step
from gladius_widgets.training.parallel.ranks import Ranks

_RAM_EFFICIENT = "FSDP_CPU_RAM_EFFICIENT_LOADING"


def is_asked_for() -> bool:
    """Whether the accelerate config says FSDP."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def settle(accelerator: Accelerator) -> None:
    """Make an accelerator shard that the config asks to, on CPUs too.

    accelerate takes an FSDP config on GPUs only, and on CPUs trains copies without a word;
    torch's own `fully_shard` needs no more than gloo.

    Raises:
        GladiusError: the config asks for FSDP 1, or for one process.
    """
    plugin = getattr(accelerator.state, "fsdp_plugin", None) or FullyShardedDataParallelPlugin()
    if plugin.fsdp_version != 2:
        raise GladiusError(
            "The accelerate config asks for FSDP 1, which torch has given up.",
            "Set fsdp_version: 2 in it (`accelerate to-fsdp2` rewrites the file).",
        )
    if not torch.distributed.is_initialized():
        raise GladiusError(
            "FSDP needs several processes, and one was started.", "Raise resources.processes."
        )
    accelerator.state.fsdp_plugin = plugin
    accelerator.state.distributed_type = DistributedType.FSDP
    if accelerator.mixed_precision != "no":
        plugin.set_mixed_precision(accelerator.mixed_precision)
        # Sums of many small numbers stay in float32, as in the replicated way; accelerate's
        # policy would reduce gradients and return losses in half precision.
        policy: Any = plugin.mixed_precision_policy
        plugin.mixed_precision_policy = replace(
            policy, reduce_dtype=torch.float32, output_dtype=None
        )


class FullySharded:
    """FSDP2 by `accelerator.prepare`; see `Parallel` for what each method does."""

    name = "FSDP"
    shards = True
    limits: tuple[str, ...] = (
        OUT_OF_MEMORY_IS_FATAL,
        "The whole model must fit into host memory, on each rank at the start, on rank 0 always.",
        "With bf16 or fp16 it computes in that precision, shards and sums stay in float32.",
        "Tested on CPU processes; GPUs and fsdp_offload_params are untested.",
    )

    def __init__(
        self,
        model: torch.nn.Module,
        accelerator: Accelerator,
        ranks: Ranks,
        optimization: OptimizationSection,
    ) -> None:
        plugin: Any = accelerator.state.fsdp_plugin
        if plugin.activation_checkpointing:
            # accelerate would recompute with other dropout masks than the forward pass had.
            plugin.activation_checkpointing = False
            recompute_activations(model)
        optimizer = build_optimizer(model, optimization)
        self.model: Any
        self.optimizer: Any
        self.model, self.optimizer = accelerator.prepare(model, optimizer)
        self.scales_loss = accelerator.scaler is not None
        self._accelerator = accelerator
        self._ranks = ranks

    def backward(self, loss: torch.Tensor, *, last: bool) -> None:
        """FSDP averages gradients over the ranks; the loss is already a share of their sum."""
        self._accelerator.backward(loss * self._ranks.size)

    def update(self, max_grad_norm: float) -> float | None:
        """Clip by the norm over all shards, and step."""
        # All parameters: accelerate knows its model by the whole list.
        parameters = self.model.parameters()
        return clip_and_step(self._accelerator, self.optimizer, parameters, max_grad_norm)

    def discard(self) -> None:
        """Forget the gradients."""
        self.optimizer.zero_grad(set_to_none=True)

    def snapshot(self) -> Write:
        """Gather whole tensors on rank 0, one at a time."""
        main = self._ranks.is_main
        weights = _gathered(live_weights(self.model), keep=main)
        optimizer = _gathered(self.optimizer.state_dict(), keep=main)

        def write(folder: Path) -> None:
            if main:
                save_weights(folder, self.model, weights)
                save_optimizer(folder, optimizer, self._accelerator.scaler)

        return write

    def load_weights(self, folder: Path) -> None:
        """Each rank takes its shards out of the whole tensors."""
        efficient = os.environ.pop(_RAM_EFFICIENT, None)  # it would read on rank 0 only
        try:
            saved = saved_weights(folder, self.model)
        finally:
            if efficient is not None:
                os.environ[_RAM_EFFICIENT] = efficient
        for name, live in live_weights(self.model).items():
            _local(live.detach()).copy_(_local(_shard(saved[name], live)))

    def load_optimizer(self, folder: Path) -> None:
        """Each rank takes its shards out of the whole moments."""
        saved = read_optimizer(folder, self._accelerator.scaler)
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        saved["state"] = {
            index: {key: _shard(value, parameters[index]) for key, value in state.items()}
            for index, state in saved["state"].items()
        }
        self.optimizer.load_state_dict(saved)


def _gathered(tree: Any, *, keep: bool, known: dict[int, Any] | None = None) -> Any:
    """A nest of dicts and lists with its DTensors whole and on the CPU; empty unless `keep`.

    Collective, so every rank goes through it in the same order. What is one tensor stays one,
    as tied weights have to.
    """
    known = {} if known is None else known
    if isinstance(tree, dict):
        return {key: _gathered(value, keep=keep, known=known) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_gathered(value, keep=keep, known=known) for value in tree]
    if not isinstance(tree, torch.Tensor):
        return tree
    if id(tree) not in known:
        whole = tree.detach()
        whole = whole.full_tensor() if isinstance(whole, DTensor) else whole
        known[id(tree)] = whole.cpu() if keep else whole.new_empty(0, device="cpu")
    return known[id(tree)]


def _shard(whole: Any, like: torch.Tensor) -> Any:
    """This rank's part of a whole tensor, laid out as `like`; anything else as it is."""
    if not isinstance(like, DTensor) or not torch.is_tensor(whole) or whole.shape != like.shape:
        return whole
    mesh = like.device_mesh
    on_device = whole.to(mesh.device_type)
    return distribute_tensor(on_device, mesh, like.placements, src_data_rank=None)


def _local(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
