"""The data of a run that goes on from a checkpoint: what it began with, or a warning."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gladius_widgets.core.config.schema import DataSection, TrainingConfig
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.money.estimate import rows_key
from gladius_widgets.core.paths import Home
from gladius_widgets.training.data.prepare import (
    PreparedData,
    cached_data,
    prepare_data,
    source_hash,
)

_FIELDS = tuple(DataSection.model_fields.items())
# Keys of the first checkpoints that have a record of their data.
_OLDEST = {
    "format", "max_length", "packing", "answer_only_loss", "validation_share", "test_share",
    "split_seed", "max_samples",
}  # fmt: skip


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
        return ResumedData(cached, _note_on_source(config.data, record["source"]))
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
    """A short hash of how the data is read, wherever it is.

    A key that a run from before it cannot have set counts only where it is set.
    """
    values = data.model_dump(mode="json", exclude={"path", "max_bad_share"})
    defaults = {name: field.get_default(call_default_factory=True) for name, field in _FIELDS}
    kept = {
        name: value for name, value in values.items() if name in _OLDEST or value != defaults[name]
    }
    for name in ("validation_path", "test_path"):
        if name in kept:
            kept[name] = True
    for source in kept.get("sources", ()):
        del source["path"]
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def _packing(data: DataSection) -> int | None:
    """What decides which rows make a sample."""
    return data.max_length if data.packing else None


def _note_on_source(data: DataSection, before: str) -> str:
    path = data.path
    try:
        now = source_hash(data)
    except (OSError, GladiusError):
        return f"{path} is gone; the run goes on with the data it began with, from the cache."
    if now == before:
        return ""
    return (
        f"{path} has changed since the run began. It goes on with the data it began with, from "
        "the cache. To train on the new data, start a new job."
    )
