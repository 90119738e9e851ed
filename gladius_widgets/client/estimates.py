"""What earlier runs tell about a run to come: their pace, and how large their data is.

Asked again at every change of a form, so each run is read once and again when it has moved on.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.money.estimate import (
    Measured,
    rows_key,
    samples_key,
    shape_key,
    tokenizer_identity,
)
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run.records import read_exit, read_proc

# Looked at, the newest first; older ones ran on an older machine.
_RUNS = 200
# Of them, as many as are read without the keys that submit writes (older jobs).
_KEYLESS_RUNS = 20
# Of the same shape, so many tell the pace.
_MEASURED_RUNS = 5
# The first steps warm up.
_FEWEST_STEPS = 3


@dataclass(frozen=True)
class _Facts:
    """What one run tells; `samples` of its training split, None = not known."""

    shape: str
    samples_of: str
    samples: int | None
    pace: Measured | None


class EarlierRuns:
    """The runs of a home, as far as they help to estimate others."""

    def __init__(self, home: Home, registry: Registry) -> None:
        self._home, self._registry = home, registry
        self._facts: dict[str, tuple[int, _Facts | None]] = {}

    def like(
        self, config: TrainingConfig, keys: dict[str, str]
    ) -> tuple[list[Measured], int | None]:
        """The pace of runs of the same shape, and the size of the training split, if known.

        Args:
            config: of the run to come, with absolute paths.
            keys: its `keys_of`.
        """
        shape, samples_of = keys["shape_key"], keys["samples_key"]
        paces: list[Measured] = []
        samples = None
        for facts in self._read_all():
            same_data = facts.samples_of == samples_of
            if same_data and samples is None:
                samples = facts.samples
            if facts.shape == shape and facts.pace is not None and len(paces) < _MEASURED_RUNS:
                paces.append(replace(facts.pace, same_data=same_data))
        return paces, samples if samples is not None else prepared_samples(self._home, config)

    def _read_all(self) -> list[_Facts]:
        started = [status for status in JobStatus if status != JobStatus.QUEUED]
        keyless = _KEYLESS_RUNS
        found = []
        for job in self._registry.find(statuses=started, limit=_RUNS):
            run = self._home.run(job.id)
            stamp = _stamp(run.status)
            known = self._facts.get(job.id)
            if known is None or known[0] != stamp:
                keys = known_keys(run)
                if keys is None and keyless > 0:
                    keyless -= 1
                    keys = _keys_of_old(run, job.gpus)
                known = (stamp, _read(run, keys)) if keys is not None else (stamp, None)
                self._facts[job.id] = known
            if known[1] is not None:
                found.append(known[1])
        return found


def keys_of(config: TrainingConfig, gpus: int) -> dict[str, str]:
    """What submit writes into job.json, for estimates of later runs."""
    return {"shape_key": shape_key(config, gpus), "samples_key": samples_key(config)}


def known_keys(run: RunDirectory) -> tuple[str, str] | None:
    """What submit wrote; None in jobs from before it did."""
    record = read_json(run.job)
    if not isinstance(record, dict) or "shape_key" not in record:
        return None
    return str(record["shape_key"]), str(record.get("samples_key"))


def prepared_samples(home: Home, config: TrainingConfig) -> int | None:
    """The size of the training split in the home's cache of prepared data; None = not there.

    For packed rows, as many samples as the tokens fill.
    """
    rows, tokenizer = rows_key(config), tokenizer_identity(config)
    for path in (home.cache / "data").glob("*/identity.json"):
        identity, stats = read_json(path), read_json(path.with_name("stats.json"))
        if not isinstance(identity, dict) or not isinstance(stats, dict):
            continue
        if identity.get("rows_key") != rows or identity.get("tokenizer") != tokenizer:
            continue
        with suppress(KeyError, TypeError, ZeroDivisionError):  # damaged statistics tell nothing
            if not config.data.packing:
                return _count(stats["splits"]["train"])
            tokens = stats["tokens"] * stats["splits"]["train"] / stats["samples"]
            return max(1, round(tokens / config.data.max_length))
    return None


def _keys_of_old(run: RunDirectory, gpus: int) -> tuple[str, str] | None:
    with suppress(GladiusError):
        config = load_config(run.config)
        return shape_key(config, gpus), samples_key(config)
    return None


def _read(run: RunDirectory, keys: tuple[str, str]) -> _Facts | None:
    status = read_status(run)
    if status is None:
        return None
    return _Facts(*keys, _count(status.samples_per_epoch), _pace(run, status))


def _pace(run: RunDirectory, status: RunStatus) -> Measured | None:
    if status.step < _FEWEST_STEPS or not status.step_time_s or status.active_s <= 0:
        return None
    return Measured(status.step_time_s, status.active_s / status.step, _aside_s(run, status))


def _aside_s(run: RunDirectory, status: RunStatus) -> float:
    """Time (s) that the newest attempt held its machine before and after training."""
    attempt = run.attempt(status.attempt)
    began = (read_proc(attempt) or {}).get("started_at")
    ended = (read_exit(attempt) or {}).get("ended_at")
    training_from = status.stages[Stage.TRAINING].started_at
    finalized_from = status.stages[Stage.FINALIZATION].started_at
    before = training_from - began if training_from and began else 0.0
    after = ended - finalized_from if finalized_from and ended else 0.0
    return max(0.0, before) + max(0.0, after)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
