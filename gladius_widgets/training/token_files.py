"""Token arrays on their way to disk, and what was left out."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from gladius_widgets.core.config import DataSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.rows import BadRowError
from gladius_widgets.training.splits import NAMES, TRAIN
from gladius_widgets.training.tokenization import Encoded

_FILES = ("tokens.npy", "supervised.npy", "offsets.npy", "splits.npy")


class TokenFiles:
    """Collects the samples of encoded rows and writes them as flat arrays."""

    def __init__(self) -> None:
        self._ids: list[np.ndarray] = []
        self._supervised: list[np.ndarray] = []
        self._splits: list[int] = []
        self._bad: Counter[str] = Counter()
        self._first_bad: dict[str, int] = {}  # reason → number of the first such row
        self._rows = self._cut = self._lost = self._answers = self._answers_ended = 0

    def add(self, item: list[Encoded] | BadRowError, split: int) -> None:
        """The samples of one row of a split, or why there is none."""
        if isinstance(item, BadRowError):
            self._bad[str(item)] += 1
            self._first_bad.setdefault(str(item), item.number)
            return
        self._rows += 1
        self._cut += any(sample.lost for sample in item)
        for sample in item:
            self._ids.append(sample.ids)
            self._supervised.append(sample.supervised)
            self._splits.append(split)
            self._lost += sample.lost
            self._answers += sample.answers
            self._answers_ended += sample.answers_ended

    def check(self, data: DataSection) -> None:
        """Raise GladiusError when too many rows are bad, or none is left to train on."""
        bad, total = self._bad.total(), self._bad.total() + self._rows
        reasons = bad_rows_text(self._bad_reasons(3))
        if bad / total > data.max_bad_share:
            raise GladiusError(
                f"{bad:,} of {total:,} rows of {data.path} cannot be used: {reasons}.",
                "Mend the data, or raise data.max_bad_share.",
            )
        if TRAIN not in self._splits:
            raise GladiusError(
                f"{data.path} leaves no rows to train on.", "Add rows, or lower the other shares."
            )

    def save(self, folder: Path) -> None:
        """The arrays as files, see `TokenData`, and `splits.npy` (samples, int8)."""
        lengths = [len(ids) for ids in self._ids]
        arrays = (
            np.concatenate(self._ids),
            np.concatenate(self._supervised),
            np.concatenate([[0], np.cumsum(lengths)]),
            np.asarray(self._splits, dtype=np.int8),
        )
        for name, array in zip(_FILES, arrays, strict=True):
            np.save(folder / name, array)

    def _bad_reasons(self, most: int) -> dict[str, dict[str, int]]:
        """The commonest reasons, each with its `rows` and the number of the `first`."""
        common = self._bad.most_common(most)
        return {why: {"rows": n, "first": self._first_bad[why]} for why, n in common}

    def stats(self) -> dict[str, Any]:
        """Figures for people.

        `rows` are the usable ones; `samples`, `splits` and `length` (tokens) count the samples
        that they became. `lost_tokens` are in no sample. For the answers see `Encoded`.
        """
        lengths = np.array([len(ids) for ids in self._ids])
        counts = Counter(self._splits)
        p50, p95 = np.percentile(lengths, [50, 95])
        return {
            "rows": self._rows,
            "samples": len(lengths),
            "bad_rows": self._bad.total(),
            "bad_reasons": self._bad_reasons(10),
            "cut_rows": self._cut,
            "lost_tokens": self._lost,
            "answers": self._answers,
            "answers_ended": self._answers_ended,
            "splits": {name: int(counts[i]) for i, name in enumerate(NAMES)},
            "tokens": int(lengths.sum()),
            "supervised_tokens": int(sum(int(s.sum()) for s in self._supervised)),
            "length": {
                "min": int(lengths.min()),
                "mean": round(float(lengths.mean()), 1),
                "p50": int(p50),
                "p95": int(p95),
                "max": int(lengths.max()),
            },
        }


def bad_rows_text(reasons: dict[str, dict[str, int]]) -> str:
    """`bad_reasons` of the stats, in words."""
    return "; ".join(
        f"{why} ({facts['rows']:,}, first at {facts['first']:,})" for why, facts in reasons.items()
    )


def tokens_hash(folder: Path) -> str:
    """One hash of all the arrays in a folder."""
    return hashlib.sha256("".join(file_hash(folder / name) for name in _FILES).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
