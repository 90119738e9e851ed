"""Times as people type them."""

import re
from datetime import UTC, datetime, timedelta

from gladius_widgets.core.config.wall_clock import occurrences
from gladius_widgets.core.errors import GladiusError

_FROM_NOW = re.compile(r"\+(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,4})m)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_JUST_NOW_S = 60.0  # what has passed within the minute is meant to start now


def parse_moment(text: str, now: float) -> float:
    """The time (unix s) that is meant.

    A time that a clock change skips is as long after the change as it says: where 02:00 becomes
    03:00, 02:30 is 03:30 of that night. A time that comes twice is the first that is still ahead.

    Args:
        text: `18:30` (the next time that the clock shows it), `+2h30m`, or ISO 8601 such as
            `2026-12-01T18:30`; local time unless it names another zone.
        now: unix s.

    Raises:
        GladiusError: it is no time, or has passed.
    """
    text = text.strip()
    here = datetime.fromtimestamp(now).astimezone().replace(tzinfo=None)
    later = _FROM_NOW.fullmatch(text)
    try:
        if later and any(later.groups()):
            days, hours, minutes = (int(part or 0) for part in later.groups())
            unix_s = now + timedelta(days=days, hours=hours, minutes=minutes).total_seconds()
            datetime.fromtimestamp(unix_s, UTC)  # one that a calendar shows
        elif clock := _CLOCK.fullmatch(text):
            wanted = here.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
            days = (wanted, wanted + timedelta(days=1))
            unix_s = min(at for day in days for at in occurrences(day) if at > now)
        else:
            times = occurrences(datetime.fromisoformat(text))
            unix_s = next((at for at in times if at >= now - _JUST_NOW_S), times[0])
    except (ValueError, OverflowError, OSError):
        raise GladiusError(
            f"'{text}' is no time to start at.", "Give 18:30, 2026-12-01T18:30, or +2h30m."
        ) from None
    if unix_s < now - _JUST_NOW_S:
        raise GladiusError(f"{text} has passed.", "Give a time to come.")
    return unix_s
