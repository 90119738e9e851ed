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
from gladius_widgets.core.config.schema import DataSection, TrainingConfig
from gladius_widgets.core.data_files import all_files
from gladius_widgets.core.money.estimate import rows_key, source_stamp, tokenizer_identity
from gladius_widgets.core.paths import Home
from gladius_widgets.training.chat.default_templates import template_text
from gladius_widgets.training.data.batches import TokenData
from gladius_widgets.training.data.token_writer import TRAIN_ORDER, file_hash, tokens_hash
from gladius_widgets.training.data.tokenize_all import tokenize_data
from gladius_widgets.training.data.tokenizer import load_tokenizer, train_tokenizer
from gladius_widgets.training.rows.rows import Row
from gladius_widgets.training.rows.splits import NAMES

_VERSION = 9  # of the reader and the files; part of the key


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

    def split(
        self, name: str, data: DataSection, pad_id: int, *, flatten: bool = False
    ) -> TokenData:
        """The samples of train, validation or test; `flatten` as `TokenData` has it."""
        order = self.folder / TRAIN_ORDER
        if name == "train" and order.exists():
            rows = np.load(order)
        else:
            rows = np.flatnonzero(np.load(self.folder / "splits.npy") == NAMES.index(name))
        pack_length = data.max_length if data.packing else None
        return TokenData(self.folder, rows, pad_id, pack_length, flatten=flatten)


def cached_data(home: Home, key: str) -> PreparedData | None:
    """What was prepared before, by the name of its folder."""
    folder = home.cache / "data" / key
    stats, identity = read_json(folder / "stats.json"), read_json(folder / "identity.json")
    return None if stats is None or identity is None else PreparedData(folder, stats, identity)


def source_hash(data: DataSection) -> str | None:
    """sha256 of all files of the data, in their order; None for names of hub data sets alone.

    Raises:
        GladiusError, OSError: the files are not there.
    """
    files = [file.path for file in all_files(data)]
    if not files:
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
    identity = [_VERSION, data, source_stamp(config.data)]
    if tokenizer:
        identity.append(file_hash(tokenizer / "tokenizer.json"))
    elif config.model.train_tokenizer_vocab:
        identity.append(config.model.train_tokenizer_vocab)
    else:
        identity += [config.model.tokenizer or source, config.model.revision]
    if config.model.chat_template and not tokenizer:
        identity.append(template_text(config.model.chat_template))
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]


def _build(
    config: TrainingConfig,
    source: str,
    given: Path | None,
    folder: Path,
    progress: Callable[[str], None],
) -> tuple[dict[str, Any], dict[str, Any]]:
    data, model = config.data, config.model
    told: list[str] = []

    def tokenizer(rows: Iterator[Row]) -> PreTrainedTokenizerBase:
        made = _tokenizer(rows)
        made.save_pretrained(folder / "tokenizer")
        return made

    def _tokenizer(rows: Iterator[Row]) -> PreTrainedTokenizerBase:
        if given:
            return load_tokenizer(str(given))
        if vocab := model.train_tokenizer_vocab:
            progress(f"training a tokenizer of {vocab:,} tokens")
            return train_tokenizer(rows, vocab, model.chat_template)
        name = model.tokenizer or source
        return load_tokenizer(name, model.revision, model.chat_template, told.append)

    found = tokenize_data(data, tokenizer, folder, progress)
    found.writer.check()
    if found.stats["kinds"].get("chat"):
        found.stats["warnings"][:0] = told
    identity = {
        "rows_key": rows_key(config),  # by this, estimates find the size of prepared data
        "tokenizer": tokenizer_identity(config),
        "source": source_hash(data),
        "tokens": tokens_hash(folder),
    }
    write_json(folder / "identity.json", identity)
    write_json(folder / "stats.json", found.stats)
    return found.stats, identity
