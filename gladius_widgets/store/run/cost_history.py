"""What a run's machines were paid for: its attempts, and in each when it trained or was paused."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gladius_widgets.core.money.cost import AttemptHistory, BillableSpan
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import read_status
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.store.run.events import Event, EventReader
from gladius_widgets.store.run.records import numbered_spans


@dataclass
class _Told:
    """What the events say of one attempt."""

    training_from: float | None = None
    pauses: list[BillableSpan] = field(default_factory=list)
    paused_from: float | None = None

    def take(self, moment: float, status: str) -> None:
        if self.paused_from is not None and status != JobStatus.PAUSED:
            self.pauses.append(BillableSpan(self.paused_from, moment))
            self.paused_from = None
        if status == JobStatus.PAUSED:
            self.paused_from = moment if self.paused_from is None else self.paused_from
        if status in (JobStatus.TRAINING, JobStatus.PAUSED) and self.training_from is None:
            self.training_from = moment

    def all_pauses(self) -> tuple[BillableSpan, ...]:
        open_one = [] if self.paused_from is None else [BillableSpan(self.paused_from)]
        return (*self.pauses, *open_one)


class CostHistory:
    """Attempts and what they did, for whoever reads the run's events anyway.

    Attempts and their ends are from the attempts' own records; what they did in between from
    events whose payload names a `status`.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._told: dict[int, _Told] = {}

    def take(self, events: Iterable[Event]) -> None:
        """Take in new events."""
        for event in events:
            self._take(event)

    def read(self) -> list[AttemptHistory]:
        """Every attempt that has had a machine, in their order."""
        history = []
        for number, span in numbered_spans(self._run):
            told = self._told.get(number) or _Told()
            began = told.training_from or self._training_began(number)
            history.append(AttemptHistory(number, span, began, told.all_pauses()))
        return history

    def _take(self, event: Event) -> None:
        status = (event.payload or {}).get("status")
        if event.type == "status" and event.attempt is not None and isinstance(status, str):
            self._told.setdefault(event.attempt, _Told()).take(event.time, status)

    def _training_began(self, number: int) -> float | None:
        """What its last snapshot says, for an attempt whose events do not tell."""
        snapshot = read_status(self._run)
        if snapshot is None or snapshot.attempt != number:
            return None
        return snapshot.stages[Stage.TRAINING].started_at


class CostHistoryReader(CostHistory):
    """Follows a run's events from a cursor of its own, so that asking again is cheap."""

    def __init__(self, run: RunDirectory) -> None:
        super().__init__(run)
        self._events = EventReader(run)

    def read(self) -> list[AttemptHistory]:
        """As `CostHistory.read`, with the events so far."""
        self.take(self._events.poll())
        return super().read()
