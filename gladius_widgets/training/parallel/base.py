"""One model and one optimizer over all ranks: copies that sum their gradients, or shards."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator

from gladius_widgets.core.config.schema import OptimizationSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.checkpoint.contents import (
    load_weights,
    read_optimizer,
    save_optimizer,
    save_weights,
)
from gladius_widgets.training.model.optimizer import allocate, build_optimizer
from gladius_widgets.training.output.faults import out_of_memory_message
from gladius_widgets.training.parallel.ranks import Ranks

Write = Callable[[Path], None]
OUT_OF_MEMORY_IS_FATAL = (
    "Out of memory ends the run, whatever training.on_oom says, as a rank inside a collective "
    "cannot tell the others; resume it with a smaller micro-batch."
)


class Parallel(Protocol):
    """A model and its optimizer, spread over the ranks in some way.

    Every rank calls every method at the same step, as each may be a collective.

    Attributes:
        name: of the way, for messages and manifests.
        limits: sentences on what it cannot do; the user reads them at the start.
        shards: whether a forward or backward pass needs all ranks at once. Then ranks must make
            equally many of them, and one that runs out of memory cannot tell the others.
        scales_loss: whether a skipped step may be fp16's loss scale at work, not a fault.
        model: what is called with a batch.
        optimizer: its `param_groups` hold learning rate and weight decay.
    """

    name: str
    limits: tuple[str, ...]
    shards: bool
    scales_loss: bool
    model: Any
    optimizer: Any

    def backward(self, loss: torch.Tensor, *, last: bool) -> None:
        """Add a micro-batch's gradients; a step's gradient is their sum over all ranks."""
        ...

    def update(self, max_grad_norm: float) -> float | None:
        """Clip and step: the L2 norm before clipping, None when that is not finite."""
        ...

    def discard(self) -> None:
        """Forget the gradients of this step."""
        ...

    def snapshot(self) -> Write:
        """Collect weights and optimizer; what comes back writes this rank's part to a folder.

        In two parts, so that a full disk on one rank leaves no other waiting in a collective.
        """
        ...

    def load_weights(self, folder: Path) -> None:
        """Put a checkpoint's weights into the live model."""
        ...

    def load_optimizer(self, folder: Path) -> None:
        """Put back a checkpoint's optimizer.

        Raises:
            GladiusError: it was made in a way that this one cannot read.
        """
        ...


class Replicated:
    """The whole model on every rank; gradients are summed by hand, once a step."""

    name = "replicated"
    limits: tuple[str, ...] = ()
    shards = False

    def __init__(
        self,
        model: torch.nn.Module,
        accelerator: Accelerator,
        ranks: Ranks,
        optimization: OptimizationSection,
    ) -> None:
        self.model: Any = model.to(accelerator.device)
        optimizer = build_optimizer(model, optimization)
        try:
            allocate(optimizer)
        except (RuntimeError, MemoryError) as error:
            raise GladiusError(
                "Out of memory: the optimizer's two moments do not fit beside the weights: "
                f"{out_of_memory_message(error).rstrip('.')}.",
                "Use lora.enabled or a smaller model.",
            ) from None
        self.optimizer: Any = accelerator.prepare_optimizer(optimizer)
        self.scales_loss = accelerator.scaler is not None
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._accelerator = accelerator
        self._ranks = ranks

    def backward(self, loss: torch.Tensor, *, last: bool) -> None:
        """Each rank adds to its own gradients."""
        self._accelerator.backward(loss)

    def update(self, max_grad_norm: float) -> float | None:
        """Sum the gradients, clip and step."""
        self._ranks.sum_gradients(self._parameters)
        return clip_and_step(self._accelerator, self.optimizer, self._parameters, max_grad_norm)

    def discard(self) -> None:
        """Forget the gradients."""
        self.optimizer.zero_grad(set_to_none=True)

    def snapshot(self) -> Write:
        """Rank 0 alone writes; its copy is as good as any."""

        def write(folder: Path) -> None:
            if self._ranks.is_main:
                save_weights(folder, self.model)
                save_optimizer(folder, self.optimizer.state_dict(), self._accelerator.scaler)

        return write

    def load_weights(self, folder: Path) -> None:
        """Every rank reads them."""
        load_weights(folder, self.model)

    def load_optimizer(self, folder: Path) -> None:
        """Every rank reads it."""
        self.optimizer.load_state_dict(read_optimizer(folder, self._accelerator.scaler))


def clip_and_step(
    accelerator: Accelerator,
    optimizer: Any,
    parameters: Iterable[torch.nn.Parameter],
    max_grad_norm: float,
) -> float | None:
    """Clip by the L2 norm and step; the norm, None when it is not finite."""
    norm: Any = accelerator.clip_grad_norm_(parameters, max_grad_norm)
    if hasattr(norm, "full_tensor"):  # a DTensor
        norm = norm.full_tensor()
    grad_norm = float(norm) if norm is not None else math.nan
    if not math.isfinite(grad_norm) and accelerator.scaler is None:
        return None
    # With fp16 the scaler sees the same infinities, skips the update and lowers its scale.
    optimizer.step()
    return grad_norm if math.isfinite(grad_norm) else None
