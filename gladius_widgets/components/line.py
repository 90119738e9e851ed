"""What the browser sent may arrive long after: a command of a while ago must not run any more.

Each message that acts carries the time at which it was sent, on this kernel's own monotonic clock
as the browser knows it from the beats (`frontend/src/line.js`). What is fresh runs. What is old is
refused aloud. What lies between may have waited for a busy kernel or been held up by a line that
was cut for moments: the page is asked whether it is still meant, and says no to what was sent
before its line went down.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

FRESH_S = 1.0
STALE_S = 5.0

Act = Callable[[], object]


@dataclass(frozen=True)
class _Sent:
    """When a message was sent (monotonic s), its id, and what was pressed."""

    at: float
    id: str
    label: str

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.at


_held: dict[str, tuple[_Sent, Act]] = {}


def admit(sent: object, act: Act) -> None:
    """Run `act` now, once the page has confirmed it, or never.

    Args:
        sent: the stamp of the message, `{"at", "id", "label"}`; None for what only reports.
        act: what the message is for.
    """
    if sent is None:
        act()
        return
    stamp = _read(sent)
    if stamp is None or stamp.age_s > STALE_S:
        refuse(stamp)
    elif stamp.age_s < FRESH_S:
        act()
    else:
        _forget_old()
        _held[stamp.id] = (stamp, act)
        _ask(stamp.id)


def answer(message_id: str, *, is_meant: bool) -> None:
    """The page's answer about a message that is held: run it, or say that it does not run."""
    if message_id not in _held:
        return
    stamp, act = _held.pop(message_id)
    if is_meant and stamp.age_s <= STALE_S:
        act()
    else:
        refuse(stamp)


def refuse(stamp: _Sent | None) -> None:
    """Say that what was pressed does not happen."""
    from gladius_widgets.components.toasts import toasts

    label = stamp.label if stamp and stamp.label else "That"
    when = f"{stamp.age_s:.0f} s ago" if stamp else "some time ago"
    toasts().show(
        f"{label} was refused",
        f"It was pressed {when} and has only now arrived, so it was not done."
        " Press again if it is still meant.",
        "red",
        icon="wifi-off",
    )


def _ask(message_id: str) -> None:
    from gladius_widgets.components.location import location

    location().send({"confirm": message_id})


def _forget_old() -> None:
    """A page that was asked and has gone away never answers."""
    for message_id in [id_ for id_, (stamp, _) in _held.items() if stamp.age_s > STALE_S]:
        del _held[message_id]


def _read(sent: object) -> _Sent | None:
    """The stamp, if it is one."""
    if not isinstance(sent, Mapping):
        return None
    fields: Mapping[str, Any] = sent
    try:
        return _Sent(float(fields["at"]), str(fields["id"]), str(fields.get("label") or ""))
    except (KeyError, TypeError, ValueError):
        return None
