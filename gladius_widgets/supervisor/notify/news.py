"""Which records of a run are news: its events, and how its attempts ended."""

from collections.abc import Iterator
from dataclasses import dataclass

from gladius_widgets.core.newsworthy import ENDS, kind_of, news_of
from gladius_widgets.core.notify import EventName
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import ACTIVE, JobStatus
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.run.events import Event
from gladius_widgets.store.run.records import read_exit

_ENDS: dict[str, EventName] = {JobStatus.COMPLETED: "completed", JobStatus.FAILED: "failed"}


@dataclass(frozen=True)
class Happening:
    """Something to tell: one of `core.notify.EVENTS`, in a sentence.

    Attributes:
        key: tells it from all else that happens to the job.
        kind: of alerts: those of one kind are not told one after another.
    """

    event: EventName
    message: str
    time: float
    key: str
    kind: str = ""


def of_event(event: Event) -> Happening | None:
    """What an event is news of. The ends of attempts are told by their records (`of_attempts`)."""
    news = news_of(event.type, event.source, event.payload)
    if news is None or news in ENDS.values():
        return None
    kind = kind_of(event.payload) or "error" if news == "alert" else ""
    return Happening(news, event.message, event.time, f"{news}-{event.time:.6f}", kind)


def of_attempts(
    run: RunDirectory, job: Job, told: int, lost: int
) -> Iterator[tuple[int, bool, Happening | None]]:
    """How the attempts after `told` ended, oldest first, as far as they have.

    Args:
        run: the run directory.
        job: its row.
        told: the attempt up to which all ends have been told.
        lost: an attempt that was told to be lost, else 0; should it turn out to live, its true
            end is told, too.

    Yields:
        The attempt's number, whether that is its last word, and what to tell, if anything.
    """
    for number in range(told + 1, job.attempt + 1):
        record = read_exit(run.attempt(number))
        if number == job.attempt and job.status in ACTIVE:
            return  # its row is to catch up first: status and cost are told, too
        if record is not None:
            yield number, True, _end(number, record)
            continue
        superseded = number < job.attempt
        if not superseded and job.status not in (JobStatus.LOST, JobStatus.FAILED):
            return
        yield number, superseded, None if number == lost else _unrecorded(number, job, superseded)


def _unrecorded(number: int, job: Job, superseded: bool) -> Happening:
    """An end without a record: lost, unless it could not even be started."""
    failed = not superseded and job.status == JobStatus.FAILED
    event: EventName = "failed" if failed else "lost"
    message = "" if superseded else str((job.error or {}).get("message") or "")
    at = job.ended_at or job.updated_at
    return Happening(event, message or "Its processes are gone.", at, f"{event}-{number}")


def _end(number: int, record: dict) -> Happening | None:
    event = _ENDS.get(str(record.get("status")))
    if event is None:
        return None
    error = record.get("error") or {}
    message = str(error.get("message") or "") if isinstance(error, dict) else ""
    ended_at = record.get("ended_at")
    at = float(ended_at) if isinstance(ended_at, int | float) else 0.0
    return Happening(event, message, at, f"{event}-{number}")
