"""Loss, perplexity and next-token accuracy on a split."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.text.perplexity import perplexity
from gladius_widgets.training.data.batches import IGNORED, TokenData
from gladius_widgets.training.output.faults import free_memory, out_of_memory_message
from gladius_widgets.training.parallel.base import Parallel
from gladius_widgets.training.parallel.ranks import Ranks
from gladius_widgets.training.parallel.step import forward, token_losses


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
        return perplexity(self.loss)


def validate(
    parallel: Parallel,
    data: TokenData,
    accelerator: Accelerator,
    ranks: Ranks,
    *,
    micro_batch_size: int,
    max_batches: int | None,
    progress: Callable[[int, int], None],
    between: Callable[[], bool] = lambda: False,
    warn: Callable[[str], None] = lambda _text: None,
) -> ValidationResult | None:
    """One pass over `data`, its batches dealt to the ranks in turn; changes no random state.

    A batch that is too large for memory goes through in smaller ones, on this rank alone.

    Args:
        parallel: the model.
        data: what to validate it on.
        accelerator: device and autocast.
        ranks: the other processes.
        micro_batch_size: samples of a batch.
        max_batches: of each rank; None for all.
        progress: called with (batches done, batches) of this rank.
        between: called before each batch, on all ranks together; True gives the pass up.
        warn: called with a sentence when batches had to be smaller.

    Returns:
        The figures over all ranks; None when it was given up.

    Raises:
        GladiusError: memory does not suffice for one sample, on some rank.
    """
    started = time.perf_counter()
    starts = list(range(0, len(data), micro_batch_size))
    if max_batches is not None:
        starts = starts[: max_batches * ranks.size]
    mine = starts[ranks.index :: ranks.size]
    rounds = -(-len(starts) // ranks.size)
    batches = _Pass(parallel, data, accelerator, micro_batch_size, warn)
    was_training = parallel.model.training  # or it is a validation amid another
    try:
        with torch.no_grad():
            for number in range(rounds):
                if between():
                    return None
                parallel.model.eval()
                if number < len(mine):
                    batches.add(mine[number])
                    progress(number + 1, len(mine))
                elif parallel.shards:  # a forward pass needs all ranks
                    batches.repeat(starts[0])
    finally:
        parallel.model.train(was_training)
    failed, loss_sum, correct, tokens = ranks.sum([bool(batches.failure), *batches.sums.tolist()])
    if failed:
        raise GladiusError(
            f"Out of memory in a validation: {batches.failure or 'on another rank'}",
            "Reduce data.max_length, or free memory.",
        )
    tokens = max(1.0, tokens)
    duration_s = time.perf_counter() - started
    return ValidationResult(loss_sum / tokens, correct / tokens, int(tokens), duration_s)


class _Pass:
    """One rank's sums: loss, correct tokens, supervised tokens."""

    def __init__(
        self,
        parallel: Parallel,
        data: TokenData,
        accelerator: Accelerator,
        size: int,
        warn: Callable[[str], None],
    ) -> None:
        self.sums = torch.zeros(3, dtype=torch.float64)
        self.failure = ""
        self._parallel = parallel
        self._data = data
        self._accelerator = accelerator
        self._size = size  # of a batch
        self._fits = size  # in memory
        self._warn = warn

    def add(self, start: int) -> None:
        """The batch of the samples from `start` on, in as many parts as memory wants."""
        end = min(start + self._size, len(self._data))
        while start < end and not self.failure:
            part = np.arange(start, min(start + self._fits, end))
            try:
                sums = self._forward(part)
            except (RuntimeError, MemoryError) as error:
                self._shrink(out_of_memory_message(error), error)
            else:
                self.sums += sums
                start += len(part)
                continue
            free_memory()  # out here, where the error holds no tensor of the pass any more

    def repeat(self, start: int) -> None:
        """A pass that counts for nothing, for the sake of the other ranks."""
        self._forward(np.arange(start, min(start + self._size, len(self._data))))

    def _forward(self, samples: np.ndarray) -> torch.Tensor:
        batch = self._data.batch(samples).to(self._accelerator.device)
        with self._accelerator.autocast():
            logits = forward(self._parallel.model, batch, router_logits=False).logits
        return _sums(logits, batch.labels)

    def _shrink(self, message: str, error: Exception) -> None:
        if self._parallel.shards:  # the others wait inside the forward pass
            raise error
        if self._fits == 1:
            self.failure = message
            return
        self._fits //= 2
        self._warn(
            f"Out of memory in a validation with batches of {self._fits * 2}: {message} "
            f"Going on with {self._fits}."
        )


def _sums(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    wanted = labels[:, 1:]
    counted = wanted != IGNORED
    correct = (logits[:, :-1].argmax(-1) == wanted) & counted
    loss = token_losses(logits, labels).double().sum()
    return torch.stack([loss, correct.sum().double(), counted.sum().double()]).cpu()
