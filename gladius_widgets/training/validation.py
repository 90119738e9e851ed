"""Loss, perplexity and next-token accuracy on a split."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator

from gladius_widgets.training.distributed import Ranks
from gladius_widgets.training.parallel import Parallel
from gladius_widgets.training.step import forward, token_losses
from gladius_widgets.training.token_data import IGNORED, TokenData


@dataclass(frozen=True)
class ValidationResult:
    """Figures of one pass over a split.

    Attributes:
        loss: token-weighted mean cross-entropy over supervised tokens.
        accuracy: share of supervised tokens that the model's first choice gets right.
        tokens: supervised tokens.
        duration_s: wall time.
    """

    loss: float
    accuracy: float
    tokens: int
    duration_s: float

    @property
    def perplexity(self) -> float:
        """exp(loss); infinite where that overflows."""
        try:
            return math.exp(self.loss)
        except OverflowError:
            return math.inf


def validate(
    parallel: Parallel,
    data: TokenData,
    accelerator: Accelerator,
    ranks: Ranks,
    *,
    micro_batch_size: int,
    max_batches: int | None,
    progress: Callable[[int, int], None],
) -> ValidationResult:
    """One pass over `data`, its batches dealt to the ranks in turn; changes no random state.

    `progress` is called with (batches done, batches) of this rank.
    """
    started = time.perf_counter()
    starts = list(range(0, len(data), micro_batch_size))
    if max_batches is not None:
        starts = starts[: max_batches * ranks.size]
    mine = starts[ranks.index :: ranks.size]
    spare = 0
    if parallel.shards:  # a forward pass needs all ranks: those without a batch repeat the first
        spare = -(-len(starts) // ranks.size) - len(mine)
    model = parallel.model
    sums = torch.zeros(3, dtype=torch.float64)
    model.eval()
    try:
        with torch.no_grad():
            for number, start in enumerate(mine + starts[:1] * spare):
                indices = np.arange(start, min(start + micro_batch_size, len(data)))
                batch = data.batch(indices).to(accelerator.device)
                with accelerator.autocast():
                    logits = forward(model, batch, router_logits=False).logits
                if number < len(mine):
                    sums += _sums(logits, batch.labels)
                    progress(number + 1, len(mine))
    finally:
        model.train()
    loss_sum, correct, tokens = ranks.sum(sums.tolist())
    tokens = max(1.0, tokens)
    duration_s = time.perf_counter() - started
    return ValidationResult(loss_sum / tokens, correct / tokens, int(tokens), duration_s)


def _sums(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    wanted = labels[:, 1:]
    counted = wanted != IGNORED
    correct = (logits[:, :-1].argmax(-1) == wanted) & counted
    loss = token_losses(logits, labels).double().sum()
    return torch.stack([loss, correct.sum().double(), counted.sum().double()]).cpu()
