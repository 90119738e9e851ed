"""Whether packed rows see each other: a probe of the real model before the first step.

transformers tells packed rows apart by position ids that start anew. Models with a recurrent
state, with positions that they count themselves, or with a mask of their own pay no heed to them,
and say nothing.
"""

import math
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace

import torch
from accelerate import Accelerator

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.data.batches import IGNORED, Batch, TokenData
from gladius_widgets.training.output.faults import out_of_memory_message
from gladius_widgets.training.parallel.base import Parallel
from gladius_widgets.training.parallel.ranks import Ranks
from gladius_widgets.training.parallel.step import forward, token_losses

# Two differences: of a row's mean loss between packed and alone, and of its logits after two
# different first rows, relative to their spread (a new model's losses hardly show what it sees).
# In the second both passes have one shape and round alike: it is 0 in nearly all models.
_TOLERANCES = (1e-4, 1e-4)
_HALF_TOLERANCES = (2e-2, 5e-3)
_TINY = 1e-30
_MOST_SAMPLES = 2  # in the probe's batch; there are leaks that one alone does not have


def check_packing(
    parallel: Parallel,
    data: TokenData,
    accelerator: Accelerator,
    ranks: Ranks,
    micro_batch_size: int,
) -> float | None:
    """Prove that a row's loss is the same packed and alone; changes no random state.

    Every rank makes the same passes, in evaluation mode.

    Args:
        parallel: the model.
        data: the training split, packed.
        accelerator: device and autocast.
        ranks: the other processes.
        micro_batch_size: samples of a batch.

    Returns:
        The largest difference from a row alone, relative to the loss where that is above 1; None
        where no sample holds two rows.

    Raises:
        GladiusError: they differ, or memory does not suffice for the probe.
    """
    samples = data.packs(min(micro_batch_size, _MOST_SAMPLES))
    if not len(samples):
        return None
    probe = _Probe(parallel, accelerator)
    was_training = parallel.model.training
    failure, differences = "", (0.0, 0.0)
    parallel.model.eval()
    try:
        with torch.no_grad():
            differences = probe.differences(data.batch(samples), data.unpacked(samples))
    except (RuntimeError, MemoryError) as error:
        failure = out_of_memory_message(error)
        if parallel.shards:  # the others wait inside the forward pass
            raise
    finally:
        parallel.model.train(was_training)
    leaks = any(d > most for d, most in zip(differences, probe.tolerances, strict=True))
    failed, leaks = ranks.sum([bool(failure), leaks])
    if failed:
        raise GladiusError(
            f"Out of memory when packing was tried out: {failure or 'on another rank'}",
            "Reduce data.max_length or training.micro_batch_size.",
        )
    if leaks:
        raise GladiusError(
            "data.packing: this model lets rows of one sequence see each other: packed and alone a "
            f"row's loss differs by {differences[0]:.2g}, and another first row moves the logits "
            f"of those after it by {differences[1]:.2g} of their spread.",
            "Set data.packing to false.",
        )
    return differences[0]


class _Probe:
    """Mean losses of rows, packed or not, as precise as the weights allow."""

    def __init__(self, parallel: Parallel, accelerator: Accelerator) -> None:
        self._model = parallel.model
        dtypes = {p.dtype for p in self._model.parameters() if p.is_floating_point()}
        is_float32 = dtypes == {torch.float32}
        flash = "flash" in str(getattr(self._model.config, "_attn_implementation", ""))
        # Flash attention knows half precision only; shards may be cast by whoever gathers them.
        as_trained = flash or parallel.shards or not is_float32
        self._autocast = accelerator.autocast if as_trained else nullcontext
        is_mixed = as_trained and accelerator.mixed_precision != "no"
        self.tolerances = _HALF_TOLERANCES if is_mixed or not is_float32 else _TOLERANCES
        self._device = accelerator.device

    def differences(self, packed: Batch, alone: Iterable[Batch]) -> tuple[float, float]:
        """Of packed rows' losses from those of rows alone; of their logits after another row."""
        logits = self._logits(packed)
        losses = _row_losses(packed, logits)
        single = [_row_losses(batch, self._logits(batch))[0] for batch in alone]
        changed = logits - self._logits(_with_other_first_rows(packed))
        later = [(sample, slice(a, b)) for sample, a, b in packed.rows() if a > 0]
        moved = max(changed[place].abs().max().item() for place in later)
        return largest_difference(losses, single), moved / max(logits.std().item(), _TINY)

    def _logits(self, batch: Batch) -> torch.Tensor:
        """Float32, on the CPU."""
        with self._autocast():
            output = forward(self._model, batch.to(self._device), router_logits=False)
        return output.logits.float().cpu()


def _row_losses(batch: Batch, logits: torch.Tensor) -> list[float]:
    """The mean loss of each row, in order; 0 where a row has nothing to predict."""
    losses = token_losses(logits, batch.labels)
    counted = batch.labels[:, 1:] != IGNORED
    found = []
    for sample, start, end in batch.rows():
        inside = slice(start, end - 1)  # of predictions: token t + 1 stands at t
        count = counted[sample, inside].sum().clamp(min=1)
        found.append((losses[sample, inside].sum() / count).item())
    return found


def _with_other_first_rows(batch: Batch) -> Batch:
    """The same with the first row of each sample read backwards."""
    ids = batch.input_ids.clone()
    for sample, start, end in batch.rows():
        if start == 0:
            ids[sample, :end] = ids[sample, :end].flip(0)
    return replace(batch, input_ids=ids)


def largest_difference(packed: Sequence[float], alone: Sequence[float]) -> float:
    """Between two lists of losses: absolute, relative where the loss is above 1.

    What is not finite alone proves nothing either way.
    """
    pairs = [pair for pair in zip(packed, alone, strict=True) if math.isfinite(pair[1])]
    found = [abs(one - other) / max(1.0, abs(other)) for one, other in pairs]
    return max((math.inf if math.isnan(each) else each for each in found), default=0.0)
