"""From a config's data section to token files in the home's cache, made once."""

import hashlib
import json
import shutil
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
from gladius_widgets.training.row_files import data_files, read_rows
from gladius_widgets.training.rows import BadRowError, Row
from gladius_widgets.training.splits import NAMES, TRAIN, assign_splits
from gladius_widgets.training.token_data import TokenData
from gladius_widgets.training.token_files import TokenFiles, file_hash, tokens_hash
from gladius_widgets.training.tokenization import encode_rows
from gladius_widgets.training.tokenizer import load_tokenizer, train_tokenizer

_VERSION = 5  # of the reader and the files; part of the key


@dataclass(frozen=True)
class PreparedData:
    """A folder of token files, their tokenizer, and figures about them (`stats`).

    `identity` tells them from others: `rows_key` and `tokenizer` of the config, and hashes of the
    `source` files and of the `tokens`.
    """

    folder: Path
    stats: dict[str, Any]
    identity: dict[str, Any]

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer that made the tokens."""
        return load_tokenizer(str(self.folder / "tokenizer"))

    def split(self, name: str, data: DataSection, pad_id: int) -> TokenData:
        """The samples of train, validation or test."""
        rows = np.flatnonzero(np.load(self.folder / "splits.npy") == NAMES.index(name))
        return TokenData(self.folder, rows, pad_id, data.max_length if data.packing else None)


def cached_data(home: Home, key: str) -> PreparedData | None:
    """What was prepared before, by the name of its folder."""
    folder = home.cache / "data" / key
    stats, identity = read_json(folder / "stats.json"), read_json(folder / "identity.json")
    return None if stats is None or identity is None else PreparedData(folder, stats, identity)


def source_hash(source: str) -> str | None:
    """sha256 of the files of a data source, in their order; None for a hub or package name.

    Raises:
        GladiusError, OSError: the files are not there.
    """
    files = data_files(source)
    if files is None:
        return None
    digest = hashlib.sha256()
    for file in files:
        digest.update(file_hash(file).encode())
    return digest.hexdigest()


def prepare_data(
    config: TrainingConfig,
    home: Home,
    tokenizer_source: str,
    progress: Callable[[str], None],
    *,
    tokenizer: Path | None = None,
) -> PreparedData:
    """Token files of the config's data, from the cache or made now.

    Args:
        config: the run's config.
        home: its `cache` folder holds the files.
        tokenizer_source: hub name or folder; unused when the tokenizer is trained.
        progress: called with a line of text as the work goes on.
        tokenizer: the folder of one to use whatever the config says.

    Raises:
        GladiusError: no source, nothing usable in it, or too many bad rows.
    """
    key = _key(config, tokenizer_source, tokenizer)
    folder = home.cache / "data" / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        prepared = cached_data(home, key)
        if prepared is None:
            building = folder.with_suffix(".tmp")
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir()
            try:
                stats, identity = _build(config, tokenizer_source, tokenizer, building, progress)
                shutil.rmtree(folder, ignore_errors=True)
                building.rename(folder)
                fsync_directory(folder.parent)
                prepared = PreparedData(folder, stats, identity)
            finally:
                shutil.rmtree(building, ignore_errors=True)
    return prepared


def _key(config: TrainingConfig, source: str, tokenizer: Path | None) -> str:
    data = config.data.model_dump()
    data.pop("packing")  # packing groups rows when they are read
    identity = [_VERSION, data, source_stamp(config.data.path)]
    if tokenizer:
        identity.append(file_hash(tokenizer / "tokenizer.json"))
    elif config.model.train_tokenizer_vocab:
        identity.append(config.model.train_tokenizer_vocab)
    else:
        identity += [config.model.tokenizer or source, config.model.revision]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]


def _rows(data: DataSection) -> Iterator[Row | BadRowError]:
    for number, row in enumerate(read_rows(data)):
        if data.max_samples is not None and number >= data.max_samples:
            return
        yield row


def _build(
    config: TrainingConfig,
    source: str,
    given: Path | None,
    folder: Path,
    progress: Callable[[str], None],
) -> tuple[dict[str, Any], dict[str, Any]]:
    data = config.data
    count = sum(1 for _ in _rows(data))
    if not count:
        raise GladiusError(f"{data.path} holds no rows.", "Check data.path in the config.")
    splits = assign_splits(count, data.validation_share, data.test_share, data.split_seed)
    if given:
        tokenizer = load_tokenizer(str(given))
    elif vocab := config.model.train_tokenizer_vocab:
        progress(f"training a tokenizer of {vocab:,} tokens")
        tokenizer = train_tokenizer(_training_rows(data, splits), vocab)
    else:
        tokenizer = load_tokenizer(config.model.tokenizer or source, config.model.revision)
    tokenizer.save_pretrained(folder / "tokenizer")
    progress(f"tokenizing {count:,} rows")
    encoded = encode_rows(
        _rows(data), tokenizer, max_length=data.max_length, answer_only=data.answer_only_loss
    )
    writer = TokenFiles()
    for number, item in enumerate(encoded):
        writer.add(item, splits[number])
        if number % 10_000 == 9_999:
            progress(f"tokenized {number + 1:,} of {count:,} rows")
    writer.check(data)
    writer.save(folder)
    stats = writer.stats()
    identity = {
        "rows_key": rows_key(config),  # by this, estimates find the size of prepared data
        "tokenizer": tokenizer_identity(config),
        "source": source_hash(data.path),
        "tokens": tokens_hash(folder),
    }
    write_json(folder / "identity.json", identity)
    write_json(folder / "stats.json", stats)
    return stats, identity


def _training_rows(data: DataSection, splits: np.ndarray) -> Iterator[Row]:
    for split, row in zip(splits, _rows(data), strict=True):
        if split == TRAIN and not isinstance(row, BadRowError):
            yield row
