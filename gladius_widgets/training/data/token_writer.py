"""Token arrays on their way to disk, and what was left out."""

import hashlib
from array import array
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from gladius_widgets.core.config.schema import DataSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.data.taught import Taught
from gladius_widgets.training.data.tokenize import Encoded
from gladius_widgets.training.rows.parts import DataParts
from gladius_widgets.training.rows.rows import BadRowError
from gladius_widgets.training.rows.splits import NAMES, TRAIN, assign_splits, repeats_of

_FILES = ("tokens.npy", "supervised.npy", "offsets.npy", "splits.npy")
TRAIN_ORDER = "train.npy"  # there only where weights repeat samples or leave some out
_KEPT_BAD = 1_000


class TokenFiles:
    """Writes the samples of encoded rows as flat arrays, row by row, and counts them.

    Nothing is held in memory but a few bytes a row.

    Args:
        folder: where the files go, see `TokenData`.
        data: the config's data.
        parts: what is read of it.
    """

    def __init__(self, folder: Path, data: DataSection, parts: DataParts) -> None:
        self._folder, self._data, self._parts = folder, data, parts
        self._tokens = ArrayFile(folder / "tokens.npy", np.dtype(np.int32))
        self._supervised = ArrayFile(folder / "supervised.npy", np.dtype(np.bool_))
        self._ends = array("q", [0])
        # Of each usable row: its part, a hash of its content, how many samples it became.
        self._row_part, self._row_digest, self._row_samples = array("i"), array("Q"), array("i")
        self._part_rows = [0] * len(parts.parts)
        self._bad: Counter[str] = Counter()
        self._first_bad: dict[str, int] = {}  # reason → number of the first such row
        self.bad: list[dict[str, Any]] = []
        self._counts: Counter[str] = Counter()
        self._taught = Taught()
        self._splits = np.zeros(0, dtype=np.int8)

    def add(self, item: list[Encoded] | BadRowError, part: int, digest: int) -> None:
        """The samples of one row of a part, or why there is none; and a hash of its content."""
        self._part_rows[part] += 1
        if isinstance(item, BadRowError):
            self._add_bad(item, part)
            return
        self._row_part.append(part)
        self._row_digest.append(digest)
        self._row_samples.append(len(item))
        self._taught.add(item)
        self._counts["cut"] += any(sample.lost for sample in item)
        for sample in item:
            self._tokens.append(sample.ids)
            self._supervised.append(sample.supervised)
            self._ends.append(self._ends[-1] + len(sample.ids))
            self._counts["learnt"] += int(np.count_nonzero(sample.supervised))
            self._counts["lost"] += sample.lost

    def _add_bad(self, error: BadRowError, part: int) -> None:
        several = len(self._parts.parts) > 1
        reason = f"{error} ({Path(self._parts.parts[part].name).name})" if several else str(error)
        self._bad[reason] += 1
        self._first_bad.setdefault(reason, error.number)
        if len(self.bad) < _KEPT_BAD:
            self.bad.append({"row": error.number, "reason": reason})

    @property
    def rows(self) -> int:
        """Usable rows so far."""
        return len(self._row_part)

    @property
    def bad_rows(self) -> int:
        """Rows so far that cannot be used."""
        return self._bad.total()

    def save(self) -> None:
        """Decide on the splits, and end the files."""
        self._tokens.close()
        self._supervised.close()
        np.save(self._folder / "offsets.npy", np.asarray(self._ends, dtype=np.int64))
        parts = np.asarray(self._row_part, dtype=np.int64)
        samples = np.asarray(self._row_samples, dtype=np.int64)
        self._splits = splits_of(parts, self._data, self._parts)
        np.save(self._folder / "splits.npy", np.repeat(self._splits, samples))
        if any(source.weight != 1 for source in self._data.all_sources()):
            repeats = np.repeat(self._repeats(parts), samples)
            most = int(repeats.max(initial=0))
            order = [np.flatnonzero(repeats > times) for times in range(most)]
            np.save(self._folder / TRAIN_ORDER, np.concatenate([np.zeros(0, np.int64), *order]))

    def _repeats(self, parts: np.ndarray) -> np.ndarray:
        """How often each usable row is trained on an epoch."""
        repeats = np.zeros(len(parts), dtype=np.int64)
        sources = np.array([part.source for part in self._parts.parts])[parts]
        for place, source in enumerate(self._data.all_sources()):
            own = np.flatnonzero((sources == place) & (self._splits == TRAIN))
            repeats[own] = repeats_of(len(own), source.weight, self._data.split_seed, place)
        return repeats

    def check(self) -> None:
        """Raise GladiusError when too many rows are bad, none is left, or none teaches to stop."""
        bad, total = self.bad_rows, self.bad_rows + self.rows
        if not total:
            raise GladiusError(
                f"{self._data.path} holds no rows.", "Check data.path in the config."
            )
        if bad / total > self._data.max_bad_share:
            reasons = bad_rows_text(self._bad_reasons(3))
            raise GladiusError(
                f"{bad:,} of {total:,} rows of {self._data.path} cannot be used: {reasons}.",
                "Mend the data, or raise data.max_bad_share.",
            )
        if TRAIN not in self._splits:
            raise GladiusError(
                f"{self._data.path} leaves no rows to train on.",
                "Add rows, or lower the other shares.",
            )
        self._taught.check(self._data)

    def _bad_reasons(self, most: int) -> dict[str, dict[str, int]]:
        """The commonest reasons, each with its `rows` and the number of the `first`."""
        common = self._bad.most_common(most)
        return {why: {"rows": n, "first": self._first_bad[why]} for why, n in common}

    def stats(self) -> dict[str, Any]:
        """Figures for people.

        `rows` are the usable ones, `split_rows` those of each split, `files` all that were read
        of each file. `samples`, `splits` and `length` (tokens) count the samples that rows became,
        `splits` as often as weights say. `lost_tokens` are in no sample. `repeated_rows` are held
        out and stand in the training rows too. For the rest see `Taught`.
        """
        lengths = np.diff(np.asarray(self._ends))
        of_samples = np.load(self._folder / "splits.npy")
        splits = {name: int((of_samples == i).sum()) for i, name in enumerate(NAMES)}
        if (order := self._folder / TRAIN_ORDER).exists():
            splits["train"] = len(np.load(order, mmap_mode="r"))
        return {
            "files": [
                {"path": part.name, "split": part.split, "rows": rows}
                for part, rows in zip(self._parts.parts, self._part_rows, strict=True)
            ],
            "passed_over": [list(pair) for pair in self._parts.passed_over],
            "rows": self.rows,
            "split_rows": {name: int((self._splits == i).sum()) for i, name in enumerate(NAMES)},
            "repeated_rows": self._repeated_rows(),
            "samples": len(lengths),
            "bad_rows": self.bad_rows,
            "bad_reasons": self._bad_reasons(10),
            "cut_rows": self._counts["cut"],
            "lost_tokens": self._counts["lost"],
            **self._taught.stats(),
            "splits": splits,
            "tokens": int(lengths.sum()),
            "supervised_tokens": self._counts["learnt"],
            "length": _lengths(lengths),
        }

    def _repeated_rows(self) -> int:
        digests, held = np.asarray(self._row_digest), self._splits != TRAIN
        return int(np.isin(digests[held], digests[~held]).sum())


class ArrayFile:
    """A one-dimensional .npy file that grows piece by piece."""

    def __init__(self, path: Path, dtype: np.dtype) -> None:
        self._file = path.open("wb")
        self._dtype, self._count = dtype, 0
        self._header()

    def append(self, values: np.ndarray) -> None:
        """Add values at the end."""
        self._file.write(np.ascontiguousarray(values, dtype=self._dtype).data)
        self._count += len(values)

    def close(self) -> None:
        """Write down how many there are."""
        self._file.seek(0)
        self._header()
        self._file.close()

    def _header(self) -> None:
        # numpy leaves room for the first axis to grow, so that this header keeps its length.
        np.lib.format.write_array_header_1_0(
            self._file,
            {
                "descr": np.lib.format.dtype_to_descr(self._dtype),
                "fortran_order": False,
                "shape": (self._count,),
            },
        )


def splits_of(row_parts: np.ndarray, data: DataSection, parts: DataParts) -> np.ndarray:
    """The split of each row (int8), from the place of its part.

    A split that has parts of its own has their rows; the others take their share of the training
    rows.
    """
    own = np.array([NAMES.index(part.split) for part in parts.parts], dtype=np.int8)
    splits = own[row_parts]
    given = parts.given_splits()
    train = np.flatnonzero(splits == TRAIN)
    splits[train] = assign_splits(
        len(train),
        0.0 if "validation" in given else data.validation_share,
        0.0 if "test" in given else data.test_share,
        data.split_seed,
    )
    return splits


def bad_rows_text(reasons: dict[str, dict[str, int]]) -> str:
    """`bad_reasons` of the stats, in words."""
    return "; ".join(
        f"{why} ({facts['rows']:,}, first at {facts['first']:,})" for why, facts in reasons.items()
    )


def tokens_hash(folder: Path) -> str:
    """One hash of all the arrays in a folder."""
    files = [folder / name for name in (*_FILES, TRAIN_ORDER)]
    hashes = "".join(file_hash(file) for file in files if file.exists())
    return hashlib.sha256(hashes.encode()).hexdigest()


def file_hash(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lengths(lengths: np.ndarray) -> dict[str, float]:
    if not len(lengths):
        return {}
    p50, p95 = np.percentile(lengths, [50, 95])
    return {
        "min": int(lengths.min()),
        "mean": round(float(lengths.mean()), 1),
        "p50": int(p50),
        "p95": int(p95),
        "max": int(lengths.max()),
    }
