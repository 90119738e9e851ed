"""One look at a job: what every panel but the charts is made from."""

from dataclasses import dataclass
from typing import Any

from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.errors import HomeError
from gladius_widgets.core.money.cost import AttemptHistory
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.registry.job import Job


@dataclass(frozen=True)
class JobSnapshot:
    """A job at one moment. Times in unix seconds; what is not known is None.

    Attributes:
        status: the state that the job's records prove.
        run: the run's own snapshot (status.json), None before the first.
        config: the config frozen at submit, None when it cannot be read.
        config_file: the name of the file it was made from.
        config_changed: whether that file says something else by now; None when it is gone.
        error: {type, message} of a job that ended badly.
        system: the newest sample of GPU and host.
        record: the registry's row: prices, estimates, place in the queue.
        home: why its home cannot be written, or only in part.
        attempts: when it held machines, and what it did with them.
        seen_at: when the records were read.
    """

    id: str
    name: str
    status: JobStatus
    seen_at: float
    attempt: int = 1
    created_by: str = ""
    created_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    cost: float | None = None
    currency: str = "USD"
    run: RunStatus | None = None
    config: TrainingConfig | None = None
    config_file: str = ""
    config_changed: bool | None = None
    config_modified_at: float | None = None
    error: dict[str, Any] | None = None
    system: dict[str, Any] | None = None
    record: Job | None = None
    home: HomeError | None = None
    attempts: tuple[AttemptHistory, ...] = ()

    @property
    def trouble(self) -> dict[str, Any] | None:
        """Why it ended badly, or paused by itself, as far as anybody has noted it yet."""
        return self.error or (self.run.error.model_dump() if self.run and self.run.error else None)
