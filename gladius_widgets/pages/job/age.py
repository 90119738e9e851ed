"""How current the figures of a job are."""

from dataclasses import dataclass

from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.overview.status_bar_model import is_stale
from gladius_widgets.panels.text import job as job_words


@dataclass(frozen=True)
class AgeView:
    """One line: `words`, the age of `since` (unix s) if there is one, `after`."""

    words: str
    since: float | None = None
    after: str = ""
    is_stale: bool = False


def view(job: JobSnapshot, now: float) -> AgeView:
    """When the job's data last arrived; that none arrives; or that they are final."""
    if final := job_words.final_line(job, now):
        return AgeView(final)
    if not job.status.is_active:
        return AgeView("Waiting for a slot. Figures come once the job has started.")
    beat = job.run.heartbeat if job.run else 0.0
    if not beat:
        return AgeView("The machine is being prepared. There is no data yet.")
    if is_stale(job, now):
        words = "No news: these are the last values, of "
        return AgeView(words, beat, is_stale=True)
    return AgeView("Last updated: ", beat, " \u00b7 updates as it happens")
