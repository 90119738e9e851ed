"""Times as people type them."""

import re
from datetime import datetime, timedelta

from gladius_widgets.core.errors import GladiusError

_FROM_NOW = re.compile(r"\+(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,4})m)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


def parse_moment(text: str, now: float) -> float:
    """The time (unix s) that is meant.

    Args:
        text: `18:30` (the next time that the clock shows it), `+2h30m`, or ISO 8601 such as
            `2026-12-01T18:30`; local time unless it names another zone.
        now: unix s.

    Raises:
        GladiusError: it is no time, or has passed.
    """
    text = text.strip()
    here = datetime.fromtimestamp(now).astimezone()
    later = _FROM_NOW.fullmatch(text)
    try:
        if later and any(later.groups()):
            days, hours, minutes = (int(part or 0) for part in later.groups())
            moment = here + timedelta(days=days, hours=hours, minutes=minutes)
        elif clock := _CLOCK.fullmatch(text):
            naive = here.replace(tzinfo=None, second=0, microsecond=0)
            wanted = naive.replace(hour=int(clock[1]), minute=int(clock[2]))
            moment = (wanted if wanted > naive else wanted + timedelta(days=1)).astimezone()
        else:
            moment = datetime.fromisoformat(text).astimezone()
        unix_s = moment.timestamp()
    except (ValueError, OverflowError, OSError):
        raise GladiusError(
            f"'{text}' is no time to start at.", "Give 18:30, 2026-12-01T18:30, or +2h30m."
        ) from None
    if unix_s < now - 60:
        raise GladiusError(f"{text} has passed.", "Give a time to come.")
    return unix_s
