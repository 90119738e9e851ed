"""The data of a run that goes on from a checkpoint: what it began with, or a warning."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gladius_widgets.core.config import DataSection, TrainingConfig
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.estimate import rows_key
from gladius_widgets.core.paths import Home
from gladius_widgets.training.prepared_data import (
    PreparedData,
    cached_data,
    prepare_data,
    source_hash,
)


@dataclass(frozen=True)
class ResumedData:
    """Prepared data, and what the user has to know about it; empty when all is as it was.

    `exact` says whether it is, token by token, what the run has been trained on so far.
    """

    prepared: PreparedData
    note: str = ""
    exact: bool = True


def data_record(prepared: PreparedData, data: DataSection) -> dict[str, Any]:
    """What a checkpoint remembers of its data, as plain JSON."""
    own = {"key": prepared.folder.name, "settings": _settings(data), "packing": _packing(data)}
    return prepared.identity | own


def resume_data(
    config: TrainingConfig,
    home: Home,
    checkpoint: Path,
    record: dict[str, Any],
    progress: Callable[[str], None],
) -> ResumedData:
    """The data that the run began with, from the cache; else made again from the source.

    Made again, it is tokenized with the checkpoint's tokenizer, whatever the config says:
    another one's ids mean nothing to the weights.

    Args:
        config: the run's config.
        home: its cache.
        checkpoint: the checkpoint's folder.
        record: its `data_record`; empty in those of old versions.
        progress: called with a line of text as the work goes on.

    Raises:
        GladiusError: the cache does not have it, and the source is gone or not usable.
    """
    path = config.data.path
    is_read_alike = record.get("settings") == _settings(config.data)
    cached = cached_data(home, record["key"]) if is_read_alike else None
    if cached and cached.identity["tokens"] == record["tokens"]:
        if record["rows_key"] == rows_key(config):
            return ResumedData(cached)
        return ResumedData(cached, _note_on_source(path, record["source"]))
    prepared = prepare_data(config, home, "", progress, tokenizer=checkpoint)
    same = (record.get("tokens"), record.get("packing"))
    if not record or same == (prepared.identity["tokens"], _packing(config.data)):
        return ResumedData(prepared)
    return ResumedData(
        prepared,
        f"The data in {path} is not what this run was trained on so far, which is gone from the "
        "cache or read in another way. It goes on with the tokenizer of its checkpoint, but not "
        "exactly: samples come in another order, and some may come twice or never.",
        exact=False,
    )


def _settings(data: DataSection) -> str:
    """A short hash of how the data is read, wherever it is."""
    values = data.model_dump(mode="json", exclude={"path", "max_bad_share"})
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _packing(data: DataSection) -> int | None:
    """What decides which rows make a sample."""
    return data.max_length if data.packing else None


def _note_on_source(path: str, before: str) -> str:
    try:
        now = source_hash(path)
    except (OSError, GladiusError):
        return f"{path} is gone; the run goes on with the data it began with, from the cache."
    if now == before:
        return ""
    return (
        f"{path} has changed since the run began. It goes on with the data it began with, from "
        "the cache. To train on the new data, start a new job."
    )
