"""One optimizer step: micro-batches through the model, gradients, update."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.data.batches import IGNORED, Batch, Batches
from gladius_widgets.training.model.routers import ExpertFigures, RouterWatch
from gladius_widgets.training.output.faults import free_memory, out_of_memory_message
from gladius_widgets.training.parallel.base import Parallel
from gladius_widgets.training.parallel.ranks import Ranks


@dataclass(frozen=True)
class Totals:
    """What the sums of a step are divided by, over all ranks.

    Attributes:
        supervised: tokens that count in the loss.
        micro_batches: those that hold samples, for the mean of the auxiliary loss.
    """

    supervised: int
    micro_batches: int


@dataclass(frozen=True)
class StepOutcome:
    """What one step did, summed over micro-batches and ranks.

    Attributes:
        loss: token-weighted mean cross-entropy, without the auxiliary loss.
        aux_loss: mean load-balancing loss, unweighted; None without experts.
        grad_norm: L2 norm before clipping; None when the step was skipped.
        experts: routing, None when not measured this step.
        out_of_memory: some rank ran out of memory: nothing was changed, unless `half_updated`.
        out_of_memory_message: this rank's error, empty when it was another rank.
        half_updated: it came amid the update, so weights and moments no longer belong together.
    """

    loss: float = math.nan
    aux_loss: float | None = None
    grad_norm: float | None = None
    experts: ExpertFigures | None = None
    out_of_memory: bool = False
    out_of_memory_message: str = ""
    half_updated: bool = False

    @property
    def updated(self) -> bool:
        """Whether the weights changed."""
        return self.grad_norm is not None


class StepRunner:
    """Runs optimizer steps of one model.

    Args:
        parallel: model (in training mode) and optimizer over all ranks.
        accelerator: device and autocast.
        ranks: the other processes.
        watch: router hooks of the model.
        aux_loss_coef: weight of the auxiliary loss.
    """

    def __init__(
        self,
        parallel: Parallel,
        accelerator: Accelerator,
        ranks: Ranks,
        watch: RouterWatch,
        aux_loss_coef: float,
    ) -> None:
        self._parallel = parallel
        self._accelerator = accelerator
        self._ranks = ranks
        self._watch = watch
        self._aux_loss_coef = aux_loss_coef

    def run(
        self, batches: Batches, totals: Totals, max_grad_norm: float, *, measure: bool
    ) -> StepOutcome:
        """One step over this rank's micro-batches.

        Args:
            batches: this rank's share of the step.
            totals: of the whole step over all ranks, the normalisers.
            max_grad_norm: L2 clip.
            measure: whether to measure expert routing.
        """
        self._parallel.discard()
        loss_sum, aux_sum, problem = self._backward_all(batches, totals, measure)
        routing = self._watch.take() if self._watch and measure else []
        failed = 1.0 if problem is not None else 0.0
        sums = self._ranks.sum([failed, loss_sum, aux_sum, *routing])
        if sums[0]:
            self._free_memory()
            return StepOutcome(out_of_memory=True, out_of_memory_message=problem or "")
        loss = sums[1] / totals.supervised
        aux_loss = sums[2] / totals.micro_batches if self._watch else None
        experts = self._watch.figures(sums[3:]) if routing else None
        grad_norm = None
        if math.isfinite(loss + (aux_loss or 0.0)):
            try:
                grad_norm = self._parallel.update(max_grad_norm)
            except (RuntimeError, MemoryError) as error:
                message = out_of_memory_message(error)
                if self._ranks.together:  # the others have updated, or wait for this one
                    raise self._fatal(message, "in the optimizer's update") from None
                self._free_memory()
                return StepOutcome(
                    out_of_memory=True, out_of_memory_message=message, half_updated=True
                )
        return StepOutcome(loss, aux_loss, grad_norm, experts)

    def _backward_all(
        self, batches: Batches, totals: Totals, measure: bool
    ) -> tuple[float, float, str | None]:
        """(sum of token losses, sum of aux losses, out-of-memory message or None)."""
        loss_sums, aux_sums = [], []
        aux_weight = self._aux_loss_coef / totals.micro_batches
        try:
            for number, batch in enumerate(batches, 1):
                loss_sum, aux = self._forward(batch.to(self._accelerator.device), measure)
                total = loss_sum / totals.supervised + aux_weight * aux
                self._parallel.backward(total, last=number == len(batches))
                loss_sums.append(loss_sum.detach())
                aux_sums.append(aux.detach())
        except (RuntimeError, MemoryError) as error:
            message = out_of_memory_message(error)
            if self._parallel.shards:
                raise self._fatal(message, "in a step") from None
            self._watch.take()
            return 0.0, 0.0, message
        # One synchronisation with the device a step, not one a micro-batch.
        sums = torch.stack([*loss_sums, *aux_sums]).double().tolist()
        return sum(sums[: len(batches)]), sum(sums[len(batches) :]), None

    def _forward(self, batch: Batch, measure: bool) -> tuple[torch.Tensor, torch.Tensor]:
        with self._watch.listening(measure), self._accelerator.autocast():
            output = forward(self._parallel.model, batch, router_logits=bool(self._watch))
        losses = token_losses(output.logits, batch.labels)
        aux = getattr(output, "aux_loss", None)
        aux = aux.float() if torch.is_tensor(aux) else losses.new_zeros(())
        if not batch.counts:
            return losses.sum(), 0 * aux
        if self._watch and measure:
            self._watch.add(batch, losses)
        return losses.sum(), aux

    def _fatal(self, message: str, where: str) -> GladiusError:
        who = self._parallel.name if self._parallel.shards else "training on several processes"
        return GladiusError(
            f"Out of memory {where}, which {who} cannot recover from by itself: "
            f"{message.rstrip('.')}.",
            "Resume with a smaller training.micro_batch_size, or with gradient_checkpointing.",
        )

    def _free_memory(self) -> None:
        self._parallel.discard()
        free_memory()


def forward(model: torch.nn.Module, batch: Batch, *, router_logits: bool) -> Any:
    """The model's output for a batch.

    Packed rows do not see each other: they are told apart by position ids that start anew,
    which transformers turns into a block mask, or into row lengths for flash attention. That a
    model pays heed to them is proved by `packing.check_packing`.
    """
    where: dict[str, Any] = (
        {"position_ids": batch.position_ids}
        if batch.packed
        else {"attention_mask": batch.attention_mask}
    )
    if router_logits:
        where["output_router_logits"] = True
    return model(input_ids=batch.input_ids, use_cache=False, **where)


def token_losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of predicting token t + 1 at position t, float32, (samples, length - 1).

    Zero where the token is not supervised.
    """
    shifted = labels[:, 1:]
    flat = torch.nn.functional.cross_entropy(
        logits[:, :-1].float().reshape(-1, logits.shape[-1]),
        shifted.reshape(-1),
        ignore_index=IGNORED,
        reduction="none",
    )
    return flat.view(shifted.shape)
