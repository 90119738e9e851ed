"""How the job dashboard says when, how long, and how a job ended."""

import re

from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import format as fmt

_S = JobStatus
_ENDED = {
    _S.COMPLETED: ("Completed", "the job completed", "ok"),
    _S.STOPPED: ("Job stopped", "the job was stopped", "stopc"),
    _S.FAILED: ("Job failed", "the job failed", "fail"),
    _S.CANCELLED: ("Job Cancelled", "the job was cancelled", "stopc"),
    _S.LOST: ("Process lost", "the job's process was lost", "warn"),
}
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
_UNIT_S = {"day": 86400, "hour": 3600, "minute": 60}
# What would hide the rest of a line, reorder it, or break it.
_LAYOUT_CHARS = {
    code: None
    for span in ((0x200E, 0x2010), (0x202A, 0x202F), (0x2066, 0x206A), (0x7F, 0xA0))
    for code in range(*span)
} | {code: None for code in range(0x20) if code not in (0x09, 0x0A)}


def ended_line(job: JobSnapshot, now: float) -> tuple[str, str, str] | None:
    """Icon, words and moment: (`fail`, `Job failed on`, `Dec 14 at 11:04 PM`).

    None while the job is not over.
    """
    if job.status not in _ENDED:
        return None
    words, _, icon = _ENDED[job.status]
    moment = on_day(job.ended_at, now)
    return (icon, f"{words} on", moment) if moment else (icon, words, "")


def final_line(job: JobSnapshot, now: float) -> str:
    """`Final values. Updates stopped when the job failed, Dec 14 at 11:04 PM.`; empty before."""
    if job.status not in _ENDED:
        return ""
    moment = on_day(job.ended_at, now)
    how = _ENDED[job.status][1]
    return f"Final values. Updates stopped when {how}{', ' if moment else ''}{moment}."


def on_day(moment: float | None, now: float) -> str:
    """`Dec 18 at 4:45 PM`, local, with the year when it is not this one; empty when unknown."""
    return "" if moment is None else fmt.date_time(moment, now).replace(", ", " at ")


def spoken(seconds: float | None, *, to_the_second: bool = False) -> str:
    """A length of time for screen readers: `6 hours 23 minutes`.

    Args:
        seconds: the length.
        to_the_second: `3 minutes 42 seconds`, for what does not go on; else whole minutes.
    """
    if not fmt.is_known(seconds):
        return "an unknown time"
    units = _UNIT_S | ({"second": 1} if to_the_second else {})
    left, words = max(0, int(seconds)), []
    for unit, length in units.items():
        number, left = divmod(left, length)
        if number:
            words.append(f"{number} {unit}{'s' if number != 1 else ''}")
    return " ".join(words) or f"less than a {list(units)[-1]}"


def one_line(text: str, most: int = 300) -> str:
    """Text of a job as one short line: no colour codes, no control or reordering characters."""
    whole = " ".join(plain(text[: most * 8]).split())
    return whole if len(whole) <= most else f"{whole[: most - 1]}…"


def plain(text: str, most: int = 4000) -> str:
    """Text of a job without what would colour, hide or reorder it; the rest is kept as it is."""
    shown = _without_escapes(text[: most * 2]).translate(_LAYOUT_CHARS)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _without_escapes(text: str) -> str:
    """Without the sequences with which programs colour a terminal (ECMA-48 CSI and OSC)."""
    return _ESCAPES.sub("", text)
