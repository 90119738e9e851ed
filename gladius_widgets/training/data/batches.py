"""Token arrays on disk, and batches from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import torch

IGNORED = -100  # label of a token that does not count, as in torch's cross_entropy
_FIRST = np.array([0])  # any sample would do
_MULTIPLE = 8  # padded lengths; tensor cores like it


@dataclass(frozen=True)
class Batch:
    """One micro-batch, padded to its longest sample; tensors are (samples, length).

    `attention_mask` marks real tokens; `position_ids` restart at each packed row. One that does
    not count has no labels: it keeps a rank busy while the others make a short step's last pass.
    """

    input_ids: torch.Tensor
    labels: torch.Tensor
    attention_mask: torch.Tensor
    position_ids: torch.Tensor
    packed: bool
    counts: bool = True

    @property
    def tokens(self) -> int:
        """Tokens that are not padding."""
        return int(self.attention_mask.sum())

    @property
    def supervised(self) -> int:
        """Tokens that some earlier token has to predict."""
        return int((self.labels[:, 1:] != IGNORED).sum())

    def rows(self) -> list[tuple[int, int, int]]:
        """(sample, start, end) of each row's tokens, in order."""
        found = []
        for sample, positions in enumerate(self.position_ids):
            length = int(self.attention_mask[sample].sum())
            starts = (positions[:length] == 0).nonzero().flatten().tolist()
            found += [(sample, a, b) for a, b in pairwise([*starts, length])]
        return found

    def to(self, device: torch.device) -> "Batch":
        """The same on `device`."""
        parts = (self.input_ids, self.labels, self.attention_mask, self.position_ids)
        moved = (part.to(device, non_blocking=True) for part in parts)
        return Batch(*moved, packed=self.packed, counts=self.counts)

    def without_labels(self) -> "Batch":
        """The same, with nothing to learn."""
        return replace(self, labels=torch.full_like(self.labels, IGNORED), counts=False)


class TokenData:
    """The rows of one split as samples; a sample is a row, or several packed ones.

    Args:
        folder: where `tokens.npy`, `supervised.npy` and `offsets.npy` lie.
        rows: the split's row numbers.
        pad_id: token id for padding.
        pack_length: pack rows into samples of at most so many tokens; None keeps them apart.
        flatten: lay packed samples of a batch end to end, without padding, in a batch of one;
            flash attention tells rows apart by their positions only there.
    """

    def __init__(
        self,
        folder: Path,
        rows: np.ndarray,
        pad_id: int,
        pack_length: int | None = None,
        *,
        flatten: bool = False,
    ) -> None:
        # Plain views of the mapped files: a slice of a memmap costs several times as much.
        self._tokens = np.asarray(np.load(folder / "tokens.npy", mmap_mode="r"))
        self._supervised = np.asarray(np.load(folder / "supervised.npy", mmap_mode="r"))
        self._offsets = np.load(folder / "offsets.npy")
        self._pad_id = pad_id
        self._packed = pack_length is not None
        self._flatten = flatten and self._packed
        lengths = np.diff(self._offsets)[rows]
        self._samples: Sequence[np.ndarray] = (
            pack(rows, lengths, pack_length)
            if pack_length
            else [rows[i : i + 1] for i in range(len(rows))]
        )

    def __len__(self) -> int:
        return len(self._samples)

    def counts(self, samples: np.ndarray) -> tuple[int, int]:
        """(tokens, supervised) that batches of the given samples have, without building any."""
        tokens = supervised = 0
        for i in samples:
            for row in self._samples[i]:
                start, end = self._offsets[row], self._offsets[row + 1]
                tokens += int(end - start)
                # nothing predicts a row's first token
                supervised += int(np.count_nonzero(self._supervised[start + 1 : end]))
        return tokens, supervised

    def shape(self, samples: np.ndarray) -> tuple[int, int]:
        """(samples, length) of a batch of the given samples."""
        groups = (self._samples[i] for i in samples)
        lengths = (self._offsets[rows + 1] - self._offsets[rows] for rows in groups)
        sums = [int(each.sum()) for each in lengths]
        return (1, sum(sums)) if self._flatten else (len(samples), _padded(max(sums)))

    def batch(self, samples: np.ndarray) -> Batch:
        """The given samples, padded on the right; or end to end as one, if they are flattened."""
        groups = [self._samples[i] for i in samples]
        if self._flatten:
            return self._batch([np.concatenate(groups)], packed=True, multiple=1)
        return self._batch(groups, packed=self._packed)

    def packs(self, most: int) -> np.ndarray:
        """The first samples that hold several rows, so many at most."""
        several = (i for i, rows in enumerate(self._samples) if len(rows) > 1)
        return np.fromiter(islice(several, most), dtype=int)

    def unpacked(self, samples: np.ndarray) -> Iterator[Batch]:
        """Each row of the given samples as a batch of its own."""
        for row in np.concatenate([self._samples[i] for i in samples]):
            yield self._batch([np.array([row])], packed=False)

    def _batch(
        self, groups: Sequence[np.ndarray], *, packed: bool, multiple: int = _MULTIPLE
    ) -> Batch:
        """A batch of which each sample has the rows of a group, padded to a multiple of tokens."""
        parts = [[self._row(row) for row in rows] for rows in groups]
        length = _padded(max(sum(len(ids) for ids, _ in rows) for rows in parts), multiple)
        shape = (len(parts), length)
        ids = np.full(shape, self._pad_id, dtype=np.int64)
        labels = np.full(shape, IGNORED, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        positions = np.zeros(shape, dtype=np.int64)
        for i, rows in enumerate(parts):
            at = 0
            for row_ids, supervised in rows:
                end = at + len(row_ids)
                ids[i, at:end] = row_ids
                labels[i, at:end] = np.where(supervised, row_ids, IGNORED)
                labels[i, at] = IGNORED  # no packed row before it shall predict it
                mask[i, at:end] = 1
                positions[i, at:end] = np.arange(len(row_ids))
                at = end
            positions[i, at:] = np.arange(length - at)  # padding is a row of its own
        tensors = (torch.from_numpy(array) for array in (ids, labels, mask, positions))
        return Batch(*tensors, packed=packed)

    def _row(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        start, end = self._offsets[row], self._offsets[row + 1]
        return self._tokens[start:end], self._supervised[start:end]


def _padded(length: int, multiple: int = _MULTIPLE) -> int:
    return -(-length // multiple) * multiple


class Batches:
    """One rank's micro-batches of a step, each built when its turn comes.

    A step of very many samples would not fit into memory as a whole.

    Args:
        data: where the samples are.
        parts: the samples of each micro-batch; empty ones become batches that do not count.
    """

    def __init__(self, data: TokenData, parts: Sequence[np.ndarray]) -> None:
        self._data = data
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Batch]:
        for part in self._parts:
            yield self._data.batch(part) if len(part) else self._data.batch(_FIRST).without_labels()

    @property
    def filled(self) -> int:
        """How many hold samples."""
        return sum(len(part) > 0 for part in self._parts)

    def counts(self) -> tuple[int, int]:
        """(tokens, supervised) over all of them."""
        return self._data.counts(np.concatenate(self._parts))

    def shapes(self) -> list[tuple[int, int]]:
        """(samples, length) of each that holds samples."""
        return [self._data.shape(part) for part in self._parts if len(part)]


def pack(rows: np.ndarray, lengths: np.ndarray, limit: int) -> list[np.ndarray]:
    """Rows in their order, grouped so that each group has at most `limit` tokens."""
    groups: list[list[int]] = []
    used = limit + 1
    for row, length in zip(rows, lengths, strict=True):
        if used + length > limit:
            groups.append([])
            used = 0
        groups[-1].append(int(row))
        used += length
    return [np.asarray(group) for group in groups]
