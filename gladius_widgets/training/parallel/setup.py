"""The `Accelerator` and the way to train on all ranks that config and launcher ask for."""

import os
from datetime import timedelta

import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from accelerate.utils import DistributedType

from gladius_widgets.core.config.schema import OptimizationSection, TrainingConfig
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.parallel import fsdp, zero
from gladius_widgets.training.parallel.base import Parallel, Replicated
from gladius_widgets.training.parallel.ranks import Ranks

# Preparing the data of rank 0 may take hours; the others wait in a collective meanwhile.
_PATIENCE = timedelta(hours=12)


def make_accelerator(config: TrainingConfig) -> Accelerator:
    """Join the other ranks.

    Raises:
        GladiusError: the precision cannot be used here, or the accelerate config asks for a way
            of training that this trainer does not know.
    """
    # training.gradient_accumulation says it, and may change while the run goes on.
    os.environ.pop("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", None)
    precision = config.training.precision
    if zero.is_asked_for():
        zero.check_installed()
    try:
        accelerator = Accelerator(
            mixed_precision="no" if precision == "fp32" else precision,
            cpu=_on_cpu(config),
            kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)],
        )
    except ValueError as error:
        raise GladiusError(
            f"training.precision {precision} cannot be used here: {_first_line(error)}",
            "Use fp32, or bf16 where the processor knows it.",
        ) from None
    if fsdp.is_asked_for():
        fsdp.settle(accelerator)
    if zero.is_asked_for():
        zero.settle(accelerator, precision)
    if (
        accelerator.distributed_type == DistributedType.MEGATRON_LM
        or accelerator.parallelism_config
    ):
        raise GladiusError(
            "The accelerate config asks for Megatron-LM, or tensor or context parallelism, which "
            "this trainer does not know.",
            "Use data parallel processes, FSDP 2, or DeepSpeed ZeRO stage 1 or 2.",
        )
    return accelerator


def make_parallel(
    model: torch.nn.Module,
    accelerator: Accelerator,
    ranks: Ranks,
    optimization: OptimizationSection,
) -> Parallel:
    """The model spread over the ranks; it comes on the CPU, its weights loaded."""
    if accelerator.distributed_type == DistributedType.FSDP:
        return fsdp.FullySharded(model, accelerator, ranks, optimization)
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        return zero.ZeroSharded(model, accelerator, ranks, optimization)
    return Replicated(model, accelerator, ranks, optimization)


def _on_cpu(config: TrainingConfig) -> bool:
    """Accelerate connects processes without a GPU only when told that they use the CPU."""
    shards = fsdp.is_asked_for() or zero.is_asked_for()
    no_gpu = shards and not torch.accelerator.is_available()
    return config.resources.device == "cpu" or (config.resources.device == "auto" and no_gpu)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
