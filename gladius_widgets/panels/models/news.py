"""What is worth a notification to a reader who has a page open and looks elsewhere."""

from collections.abc import Iterable, Iterator, Mapping

from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels import format as fmt
from gladius_widgets.store.events import Event
from gladius_widgets.store.job import Job

_ENDS = {
    JobStatus.COMPLETED: "has completed",
    JobStatus.FAILED: "has failed",
    JobStatus.LOST: "was lost",
}


def of_event(event: Event, name: str) -> tuple[str, str] | None:
    """Title and text, if the event is news to somebody who is away; `name` is the job's."""
    payload = event.payload or {}
    kind, status = payload.get("kind"), payload.get("status")
    if status in _ENDS:
        return _title(name, _ENDS[JobStatus(status)]), event.message
    if event.source == "supervisor" and event.type == "error":
        return _title(name, "was lost"), event.message
    if kind == "hang":
        return _title(name, "makes no progress"), event.message
    if kind in ("budget", "runtime") and payload.get("state") == "over":
        return _title(name, "is over its limit"), event.message
    if event.type == "error" or kind in ("budget", "not_finite", "rollback", "alert"):
        return _title(name, "needs a look"), event.message
    return None


def of_changes(before: Mapping[str, JobStatus], jobs: Iterable[Job]) -> Iterator[tuple[Job, str]]:
    """Jobs of a list that have ended since it was last looked at, each with a title."""
    for job in jobs:
        known = before.get(job.id)
        if known is not None and known != job.status and job.status in _ENDS:
            yield job, _title(job.name, _ENDS[job.status])


def end_words(job: Job) -> str:
    """How far it came and what it cost, or why it failed."""
    if job.error and job.error.get("message"):
        return str(job.error["message"])[:300]
    cost = fmt.money(job.cost, job.currency)
    return f"{job.step:,} steps" + ("" if cost == fmt.UNKNOWN else f", {cost}")


def _title(name: str, words: str) -> str:
    return f"{name[:80]} {words}"
