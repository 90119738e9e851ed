"""What there is to read of one run, by topic, and the news that a reading brings.

Every panel names topics. What reads the files stands in `reader`, which is imported with the
first feed.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from gladius_widgets.core.paths import RunDirectory

if TYPE_CHECKING:
    from gladius_widgets.core.errors import HomeError
    from gladius_widgets.panels.live.snapshot import JobSnapshot
    from gladius_widgets.store.registry.job import Job
    from gladius_widgets.store.run.events import Event

STATE, TRAIN, VALIDATION, SYSTEM, EVENTS, TICK = (
    "state", "train", "validation", "system", "events", "tick",
)  # fmt: skip
ALL = frozenset({STATE, TRAIN, VALIDATION, SYSTEM, EVENTS, TICK})


class JobSource(Protocol):
    """Where the job's own record comes from: the client."""

    def job(self, ref: str, /) -> "Job":
        """The job as its records prove it."""
        ...

    def trouble(self) -> "HomeError | None":
        """Why jobs can be looked at and not be changed, or only in part."""
        ...


@dataclass
class News:
    """What one reading found. `problems` are damaged files that were left out."""

    tables: dict[str, pa.Table] = field(default_factory=dict)
    events: "list[Event]" = field(default_factory=list)
    snapshot: "JobSnapshot | None" = None
    problems: list[str] = field(default_factory=list)


def topics_of(run: RunDirectory, path: str) -> frozenset[str]:
    """What a change of this file is news of; the log is not among it."""
    try:
        parts = Path(path).relative_to(run.root).parts
    except ValueError:
        return frozenset()
    if not parts or parts[0].startswith("."):
        return frozenset()
    if parts[0] == run.metrics.name:
        name = parts[1] if len(parts) > 1 else ""
        return frozenset({name}) & ALL
    if parts[0] == run.events.name:
        return frozenset({EVENTS})
    watched = {run.status.name, run.job.name, run.attempts.name, "control"}
    return frozenset({STATE}) if parts[0] in watched else frozenset()
