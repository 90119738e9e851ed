"""From a config's data section to token files in the home's cache, made once."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from transformers import PreTrainedTokenizerBase

from gladius_widgets.core.atomic import fsync_directory, read_json, write_json
from gladius_widgets.core.config import DataSection, TrainingConfig
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.estimate import rows_key, source_stamp, tokenizer_identity
from gladius_widgets.core.paths import Home
from gladius_widgets.training.row_files import read_rows
from gladius_widgets.training.rows import BadRowError, Row
from gladius_widgets.training.splits import NAMES, TRAIN, assign_splits
from gladius_widgets.training.token_data import TokenData
from gladius_widgets.training.tokenization import Encoded, encode_rows
from gladius_widgets.training.tokenizer import load_tokenizer, train_tokenizer

_VERSION = 4  # of the reader and the files; part of the key


@dataclass(frozen=True)
class PreparedData:
    """A folder of token files, their tokenizer, and figures about them (`stats`)."""

    folder: Path
    stats: dict[str, Any]

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer that made the tokens."""
        return load_tokenizer(str(self.folder / "tokenizer"))

    def split(self, name: str, data: DataSection, pad_id: int) -> TokenData:
        """The samples of train, validation or test."""
        rows = np.flatnonzero(np.load(self.folder / "splits.npy") == NAMES.index(name))
        return TokenData(self.folder, rows, pad_id, data.max_length if data.packing else None)


def prepare_data(
    config: TrainingConfig, home: Home, tokenizer_source: str, progress: Callable[[str], None]
) -> PreparedData:
    """Token files of the config's data, from the cache or made now.

    Args:
        config: the run's config.
        home: its `cache` folder holds the files.
        tokenizer_source: hub name or folder; unused when the tokenizer is trained.
        progress: called with a line of text as the work goes on.

    Raises:
        GladiusError: no source, nothing usable in it, or too many bad rows.
    """
    folder = home.cache / "data" / _key(config, tokenizer_source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        stats = read_json(folder / "stats.json")
        if stats is None:
            building = folder.with_suffix(".tmp")
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir()
            try:
                stats = _build(config, tokenizer_source, building, progress)
                shutil.rmtree(folder, ignore_errors=True)
                building.rename(folder)
                fsync_directory(folder.parent)
            finally:
                shutil.rmtree(building, ignore_errors=True)
    return PreparedData(folder, stats)


def _key(config: TrainingConfig, tokenizer_source: str) -> str:
    data = config.data.model_dump()
    data.pop("packing")  # packing groups rows when they are read
    identity = [_VERSION, data, source_stamp(config.data.path)]
    if config.model.train_tokenizer_vocab:
        identity.append(config.model.train_tokenizer_vocab)
    else:
        identity += [tokenizer_source, config.model.revision]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]


def _rows(data: DataSection) -> Iterator[Row | BadRowError]:
    for number, row in enumerate(read_rows(data)):
        if data.max_samples is not None and number >= data.max_samples:
            return
        yield row


def _build(
    config: TrainingConfig, source: str, folder: Path, progress: Callable[[str], None]
) -> dict[str, Any]:
    data = config.data
    count = sum(1 for _ in _rows(data))
    if not count:
        raise GladiusError(f"{data.path} holds no rows.", "Check data.path in the config.")
    splits = assign_splits(count, data.validation_share, data.test_share, data.split_seed)
    if vocab := config.model.train_tokenizer_vocab:
        progress(f"training a tokenizer of {vocab:,} tokens")
        tokenizer = train_tokenizer(_training_rows(data, splits), vocab)
    else:
        tokenizer = load_tokenizer(config.model.tokenizer or source, config.model.revision)
    tokenizer.save_pretrained(folder / "tokenizer")
    progress(f"tokenizing {count:,} rows")
    encoded = encode_rows(
        _rows(data), tokenizer, max_length=data.max_length, answer_only=data.answer_only_loss
    )
    writer = _TokenFiles()
    for number, item in enumerate(encoded):
        writer.add(item, splits[number])
        if number % 10_000 == 9_999:
            progress(f"tokenized {number + 1:,} of {count:,} rows")
    writer.check(data)
    writer.save(folder)
    stats = writer.stats()
    # By this, estimates find the size of data that was prepared before.
    identity = {"rows_key": rows_key(config), "tokenizer": tokenizer_identity(config)}
    write_json(folder / "identity.json", identity)
    write_json(folder / "stats.json", stats)
    return stats


def _training_rows(data: DataSection, splits: np.ndarray) -> Iterator[Row]:
    for split, row in zip(splits, _rows(data), strict=True):
        if split == TRAIN and not isinstance(row, BadRowError):
            yield row


class _TokenFiles:
    """Collects rows as flat arrays."""

    def __init__(self) -> None:
        self._ids: list[np.ndarray] = []
        self._supervised: list[np.ndarray] = []
        self._splits: list[int] = []
        self._bad: Counter[str] = Counter()
        self._first_bad: dict[str, int] = {}  # reason → number of the first such row
        self._cut = 0

    def add(self, item: Encoded | BadRowError, split: int) -> None:
        if isinstance(item, BadRowError):
            self._bad[str(item)] += 1
            self._first_bad.setdefault(str(item), item.number)
            return
        self._ids.append(item.ids)
        self._supervised.append(item.supervised)
        self._splits.append(split)
        self._cut += item.cut

    def check(self, data: DataSection) -> None:
        bad, total = self._bad.total(), self._bad.total() + len(self._ids)
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
        lengths = [len(ids) for ids in self._ids]
        np.save(folder / "tokens.npy", np.concatenate(self._ids))
        np.save(folder / "supervised.npy", np.concatenate(self._supervised))
        np.save(folder / "offsets.npy", np.concatenate([[0], np.cumsum(lengths)]))
        np.save(folder / "splits.npy", np.asarray(self._splits, dtype=np.int8))

    def _bad_reasons(self, most: int) -> dict[str, dict[str, int]]:
        """The commonest reasons, each with its `rows` and the number of the `first`."""
        common = self._bad.most_common(most)
        return {why: {"rows": n, "first": self._first_bad[why]} for why, n in common}

    def stats(self) -> dict[str, Any]:
        lengths = np.array([len(ids) for ids in self._ids])
        counts = Counter(self._splits)
        p50, p95 = np.percentile(lengths, [50, 95])
        return {
            "rows": len(lengths),
            "bad_rows": self._bad.total(),
            "bad_reasons": self._bad_reasons(10),
            "cut_rows": int(self._cut),
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
