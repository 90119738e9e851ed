"""The words, icons and tones of job states."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gladius_widgets.core.run_state import pause_reason
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.text import format as fmt

_S = JobStatus


@dataclass(frozen=True)
class Badge:
    """A word with an icon of the sprite and a tone class (`gw-tone-…`); `motion` is a class."""

    text: str
    tone: str
    icon: str
    motion: str = ""


# DESIGN.md, section 3: jobs list, and the console's own words.
_JOB = {
    _S.QUEUED: Badge("Queued", "gray", "clock"),
    _S.PROVISIONING: Badge("Provisioning", "sky", "spin", "gw-spin"),
    _S.TRAINING: Badge("Training", "blue", "run", "gw-pulse"),
    _S.PAUSED: Badge("Paused", "yellow", "pausec"),
    _S.STOPPING: Badge("Stopping", "yellow", "spin", "gw-spin"),
    _S.CANCELLING: Badge("Cancelling", "orange", "spin", "gw-spin"),
    _S.COMPLETED: Badge("Completed", "green", "ok"),
    _S.STOPPED: Badge("Stopped", "gray", "stopc"),
    _S.FAILED: Badge("Failed", "red", "fail"),
    _S.CANCELLED: Badge("Cancelled", "orange", "stopc"),
    _S.LOST: Badge("Lost", "red", "warn"),
}
_CONSOLE = {
    _S.QUEUED: Badge("QUEUED", "gray", "clock"),
    _S.PROVISIONING: Badge("STARTING", "sky", "spin", "gw-spin"),
    _S.TRAINING: Badge("TRAINING", "green", "bolt"),
    _S.PAUSED: Badge("PAUSED", "yellow", "pause"),
    _S.STOPPING: Badge("STOPPING", "yellow", "spin", "gw-spin"),
    _S.CANCELLING: Badge("CANCELLING", "orange", "spin", "gw-spin"),
    _S.COMPLETED: Badge("COMPLETED", "green", "ok"),
    _S.STOPPED: Badge("STOPPED", "gray", "stop"),
    _S.FAILED: Badge("ERROR", "red", "warn"),
    _S.CANCELLED: Badge("CANCELLED", "gray", "stopc"),
    _S.LOST: Badge("ERROR", "red", "warn"),
}
_SENTENCES = {
    _S.QUEUED: "Queued",
    _S.PROVISIONING: "Starting",
    _S.TRAINING: "Training Active",
    _S.PAUSED: "Paused",
    _S.STOPPING: "Stopping",
    _S.CANCELLING: "Cancelling",
    _S.COMPLETED: "Completed",
    _S.STOPPED: "Stopped",
    _S.FAILED: "Failed",
    _S.CANCELLED: "Cancelled",
    _S.LOST: "Process lost",
}


def job_badge(
    status: JobStatus,
    share_done: float | None = None,
    error: Mapping[str, Any] | None = None,
) -> Badge:
    """The badge of the jobs list; a running or paused job's names its progress.

    One that paused because of an error says so in its place: `Paused: out of memory`.
    """
    badge = _JOB[status]
    if reason := pause_reason(status, error):
        return Badge(f"{badge.text}: {reason}", "red", "warn")
    if status in (_S.TRAINING, _S.PAUSED) and share_done is not None:
        text = f"{badge.text} ({fmt.percent(share_done, 0)})"
        return Badge(text, badge.tone, badge.icon, badge.motion)
    return badge


def console_badge(status: JobStatus) -> Badge:
    """The badge of the console."""
    return _CONSOLE[status]


def status_sentence(status: JobStatus, error: Mapping[str, Any] | None = None) -> str:
    """The state as the status bar says it."""
    reason = pause_reason(status, error)
    return f"{_SENTENCES[status]}: {reason}" if reason else _SENTENCES[status]
