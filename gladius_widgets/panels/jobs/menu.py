"""What can be done with a job of a list, by its state; and which of several jobs it fits."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gladius_widgets.core.states import ACTIVE, RESUMABLE, Command, JobStatus, is_legal_command
from gladius_widgets.store.registry.registry import Job

_S = JobStatus
_BADLY = frozenset({_S.FAILED, _S.LOST})
MOST_COMPARED = 8


@dataclass(frozen=True)
class Action:
    """An entry of a row's menu; `danger` ones stand apart, below a line."""

    name: str
    label: str
    icon: str
    danger: bool = False


OPEN = {
    _S.COMPLETED: Action("open", "View Results", "chart"),
    _S.STOPPED: Action("open", "View Partial Results", "chart"),
    _S.CANCELLED: Action("open", "View Partial Results", "chart"),
}
DASHBOARD = Action("open", "View Dashboard", "chart")
CONSOLE = Action("console", "Open Console", "term")
ERROR_LOG = Action("error", "View Error Log", "file")
PAUSE = Action("pause", "Pause", "pause")
RESUME = Action("resume", "Resume", "play")
RETRY = Action("resume", "Resume as New Attempt", "repeat")
HOLD = Action("hold", "Hold in Queue", "pausec")
UNHOLD = Action("unhold", "Release from Hold", "play")
COMPARE = Action("compare", "Compare with…", "layers")
CLONE = Action("clone", "Clone with Changes", "copy")
CANCEL = Action("cancel", "Cancel Job…", "stopc", danger=True)
DELETE = Action("delete", "Delete", "trash", danger=True)


def actions(job: Job) -> tuple[Action, ...]:
    """The menu of one row."""
    status = job.status
    chosen = [OPEN.get(status, DASHBOARD)]
    if status in ACTIVE and status != _S.QUEUED:
        chosen.append(CONSOLE)
    if status in _BADLY:
        chosen.append(ERROR_LOG)
    if is_legal_command(status, Command.PAUSE):
        chosen.append(PAUSE)
    if status == _S.PAUSED:
        chosen.append(RESUME)
    if status in RESUMABLE:
        chosen.append(RETRY)
    if status == _S.QUEUED:
        chosen.append(UNHOLD if job.held else HOLD)
    if status != _S.QUEUED:
        chosen.append(COMPARE)
    chosen.append(CLONE)
    if can_cancel(job):
        chosen.append(CANCEL)
    if can_delete(job):
        chosen.append(DELETE)
    return tuple(chosen)


def can_cancel(job: Job) -> bool:
    """Whether the job has something to cancel."""
    return is_legal_command(job.status, Command.CANCEL)


def can_delete(job: Job) -> bool:
    """Whether the job is over, so that its folder can go to the trash."""
    return job.status.is_final


def why_not_compare(number: int) -> str:
    """Why so many selected jobs cannot be compared; empty if they can."""
    if number < 2:
        return "Select another job to compare it with"
    return (
        f"{MOST_COMPARED} jobs are the most that can be compared" if number > MOST_COMPARED else ""
    )


@dataclass(frozen=True)
class Fit:
    """Which of the selected jobs an action fits, and in words what becomes of the others."""

    jobs: tuple[Job, ...]
    left_out: str = ""


def cancellable(jobs: Iterable[Job]) -> Fit:
    """Those that can be cancelled."""
    return _fit(tuple(jobs), can_cancel, "over already", "over already")


def deletable(jobs: Iterable[Job]) -> Fit:
    """Those that can be deleted."""
    return _fit(tuple(jobs), can_delete, "not over yet: cancel it first", "not over yet")


def _fit(jobs: tuple[Job, ...], fits: Callable[[Job], bool], one: str, many: str) -> Fit:
    chosen = tuple(job for job in jobs if fits(job))
    out = len(jobs) - len(chosen)
    words = "" if not out else f"1 is {one}." if out == 1 else f"{out} are {many}."
    return Fit(chosen, words)
