"""The three lengths of time of a job: what each is called everywhere, what it is, how it reads."""

from dataclasses import dataclass

_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True)
class Measure:
    """A quantity's one name, and the sentence that explains it where it stands."""

    label: str
    help: str


ELAPSED = Measure(
    "Elapsed",
    "Time since training began, over all attempts; it runs on while paused, and does not count "
    "the start of the process or the wait between attempts",
)
ACTIVE = Measure("Active", "Elapsed without pauses")
DURATION = Measure("Duration", "Time on a machine, over all attempts: what is paid for")


def duration_text(seconds: float) -> str:
    """A length of time, two units: `42s`, `3m 42s`, `6h 23m`, `147h 05m`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02d}s"
    return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02d}m"
