"""Which samples a step sees: a pure function of seed and cursor, so a resume is exact."""

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=4)
def epoch_order(size: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch: a permutation of `range(size)`, its own for each epoch."""
    return np.random.Generator(np.random.Philox(key=[seed % 2**63, epoch])).permutation(size)


def stream(size: int, seed: int, cursor: int, count: int) -> np.ndarray:
    """Samples `cursor` … `cursor + count` of the endless row of reshuffled epochs.

    A step may reach into the next epoch, so no sample is dropped and only a run's last step is
    short; the cursor counts samples, so it survives a change of the batch size.
    """
    pieces = []
    while count:
        epoch, offset = divmod(cursor, size)
        piece = epoch_order(size, seed, epoch)[offset : offset + count]
        pieces.append(piece)
        cursor += len(piece)
        count -= len(piece)
    return np.concatenate(pieces)


def micro_batches(
    indices: np.ndarray, micro_batch_size: int, rank: int, world_size: int
) -> list[np.ndarray]:
    """This rank's micro-batches of one step; the ranks' blocks interleave.

    All ranks get equally many, as a model in shards needs all of them for each pass. The rest of
    a short step is dealt evenly, so its last micro-batches may be smaller, or empty.
    """
    per_round = micro_batch_size * world_size
    rounds = [indices[at : at + per_round] for at in range(0, len(indices), per_round)]
    return [np.array_split(samples, world_size)[rank] for samples in rounds]
