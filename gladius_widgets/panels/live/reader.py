"""Reading one run's files from cursors: each call gives only what is new. No widget, no loop."""

import math
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.errors import GladiusError, JobNotFoundError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.text.terminal_text import visible
from gladius_widgets.panels.live import history
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.live.topics import (
    EVENTS,
    STATE,
    SYSTEM,
    TRAIN,
    VALIDATION,
    JobSource,
    News,
)
from gladius_widgets.store.metrics import MetricReader
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.run.cost_history import CostHistory
from gladius_widgets.store.run.events import EventReader
from gladius_widgets.store.run.last_known import last_known

_SCHEMAS = {TRAIN: history.TRAIN, VALIDATION: history.VALIDATION, SYSTEM: history.SYSTEM}


class RunReader:
    """Cursors into the files of one run. Not thread-safe: one reading at a time."""

    def __init__(self, run: RunDirectory, source: JobSource) -> None:
        self._run = run
        self._source = source
        self._tables = {
            name: MetricReader(run.table(name), schema) for name, schema in _SCHEMAS.items()
        }
        self._events = EventReader(run)
        self._attempts = CostHistory(run)
        self._told: set[str] = set()
        self._config: TrainingConfig | None = None
        self._origin = ""
        self._status: RunStatus | None = None
        self._problems: list[str] = []  # of status.json, not told yet
        self._bad_lines = 0

    def read(self, topics: Iterable[str]) -> News:
        """What is new of these topics.

        Raises:
            GladiusError: the job is no longer there.
        """
        news, topics = News(), frozenset(topics)
        if EVENTS in topics:  # first: the snapshot tells by them when a job was paused
            news.events = self._events.poll()
            if (bad := self._events.bad_lines) > self._bad_lines:
                self._bad_lines = bad
                news.problems.append(f"{bad} lines of {self._run.events.name} are no events.")
            self._attempts.take(news.events)
        for name in topics:
            if name in self._tables:
                news.tables[name] = self._poll(name, news)
            elif name == STATE:
                news.snapshot = self._snapshot()
                news.problems += self._problems
                self._problems = []
        return news

    def _poll(self, name: str, news: News) -> pa.Table:
        reader = self._tables[name]
        table = reader.poll()
        news.problems += [text for text in reader.problems if text not in self._told]
        self._told.update(reader.problems)
        return table

    def _snapshot(self) -> JobSnapshot:
        job = self._source.job(self._run.id)
        if not self._run.root.is_dir():
            raise JobNotFoundError(
                f"The folder of '{job.name}' is gone: {self._run.root}.",
                "Put it back, then load this page again.",
            )
        changed, modified_at = self._compare_config()
        return JobSnapshot(
            id=job.id,
            name=job.name,
            status=job.status,
            seen_at=time.time(),
            attempt=job.attempt,
            created_by=job.created_by,
            created_at=job.created_at,
            started_at=job.started_at,
            ended_at=job.ended_at,
            cost=job.cost,
            currency=job.currency,
            run=self._read_status(job),
            config=self._read_config(),
            config_file=visible(Path(self._origin).name),
            config_changed=changed,
            config_modified_at=modified_at,
            error=job.error,
            record=job,
            home=self._source.trouble(),
            attempts=tuple(self._attempts.read()),
        )

    def _read_status(self, job: Job) -> RunStatus | None:
        """The run's snapshot; while it cannot be read, the last one, or what other records know."""
        found = read_status(self._run)
        if found is None and self._status is None:
            known = last_known(self._run)
            found = known.status
            if found is not None:
                found.total_steps = job.total_steps
                found.step = max(found.step, job.step)
            if known.problem:
                self._problems.append(known.problem)
        self._status = found or self._status
        return self._status

    def _read_config(self) -> TrainingConfig | None:
        """The config frozen at submit; read once."""
        if self._config is None:
            with suppress(GladiusError):
                self._config = load_config(self._run.config)
        return self._config

    def _compare_config(self) -> tuple[bool | None, float | None]:
        """Whether the file that the config was made from was written since, and when."""
        record: dict[str, Any] = read_json(self._run.job) or {}
        self._origin = str(record.get("config_file") or "")
        try:
            modified_at = Path(self._origin).stat().st_mtime if self._origin else None
        except OSError:
            modified_at = None
        if modified_at is None:
            return None, None
        return modified_at > float(record.get("created_at") or math.inf), modified_at
