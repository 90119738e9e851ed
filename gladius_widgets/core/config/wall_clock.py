"""When a clock on the wall shows a time: where it is put forward or back, not once."""

from datetime import datetime


def occurrences(time: datetime) -> list[float]:
    """When (unix s) the clock here shows that time, first one first; twice where it is put back.

    A time that is skipped is as long after the change as it says: `datetime.timestamp` counts it
    from the offset before the change (PEP 495, `fold=0`). `astimezone` on a time without a zone
    does not: it takes the offset after it, an hour too early.
    """
    first, second = time.replace(fold=0).timestamp(), time.replace(fold=1).timestamp()
    return [first, second] if second > first else [first]
