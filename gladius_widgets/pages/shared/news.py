"""What is worth a notification to a reader who has a page open and looks elsewhere."""

from collections.abc import Iterable, Iterator, Mapping

from gladius_widgets.core.newsworthy import ENDS, news_of
from gladius_widgets.core.notify import VERBS
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.run.events import Event


def of_event(event: Event, name: str) -> tuple[str, str] | None:
    """Title and text, if the event is news to somebody who is away; `name` is the job's."""
    news = news_of(event.type, event.source, event.payload)
    return None if news is None else (_title(name, VERBS[news]), event.message)


def of_changes(before: Mapping[str, JobStatus], jobs: Iterable[Job]) -> Iterator[tuple[Job, str]]:
    """Jobs of a list that have ended since it was last looked at, each with a title."""
    for job in jobs:
        known = before.get(job.id)
        if known is not None and known != job.status and job.status in ENDS:
            yield job, _title(job.name, VERBS[ENDS[job.status]])


def end_words(job: Job) -> str:
    """How far it came and what it cost, or why it failed."""
    if job.error and job.error.get("message"):
        return str(job.error["message"])[:300]
    cost = fmt.money(job.cost, job.currency)
    return f"{job.step:,} steps" + ("" if cost == fmt.UNKNOWN else f", {cost}")


def _title(name: str, words: str) -> str:
    return f"{name[:80]} {words}"
