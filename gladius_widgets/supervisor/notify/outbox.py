"""What the outside has been told about one run, and what it is still to be told: notified.json.

News and the place up to which events were read go into the file in one write, so that a
supervisor that takes over neither forgets nor repeats any. A piece of news leaves the file once
it has arrived, or been given up. Should the supervisor die between the two, it is sent again,
under the same `key`.
"""

import threading
from collections.abc import Callable
from typing import Any

from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.store.run.events import EventReader

TRIES = 3
BACK_OFF_S = (1.0, 4.0)  # before the second and the third


class Notified:
    """The file of one run. Threads that deliver may tell it how it went.

    Args:
        run: the run directory.
        attempt: the one that begins; what went before is no news where there is no file yet.
    """

    def __init__(self, run: RunDirectory, attempt: int) -> None:
        record = read_json(run.notified)
        known: dict[str, Any] = record if isinstance(record, dict) else {}
        self.run = run
        self.told = _whole(known.get("told"), attempt - 1)  # ends of attempts up to this one
        self.lost = _whole(known.get("lost"), 0)  # the attempt that was said to be lost
        self.kinds: dict[str, float] = _mapping(known.get("kinds"))  # alerts: kind → when told
        self._complained: list[str] = _list(known.get("complained"))
        self._waiting: list[dict[str, Any]] = _list(known.get("waiting"))
        self._sending: set[str] = set()
        self._lock = threading.Lock()
        start = _whole(known.get("position"), _size(run)) if record else _size(run)
        self.events = EventReader(run, start)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be sent."""
        with self._lock:
            return not self._waiting

    def put(self, news: dict[str, Any], channels: tuple[str, ...]) -> None:
        """Have news sent by these channels; to be followed by `save`."""
        with self._lock:
            for channel in channels:
                entry = {"channel": channel, "news": news, "tries": 0, "not_before": 0.0}
                if not any(_name(entry) == _name(other) for other in self._waiting):
                    self._waiting.append(entry)

    def save(self, *, is_open: bool = True) -> None:
        """Write the file; a closed one is not looked at again until the job goes on.

        Raises:
            OSError: it cannot be written.
        """
        with self._lock:
            self._write(is_open)

    def next(self, now: float) -> list[dict[str, Any]]:
        """What is to be sent now: of each channel the oldest news, when its time has come."""
        with self._lock:
            first = {entry["channel"]: entry for entry in reversed(self._waiting)}
            due = [
                entry
                for entry in first.values()
                if entry["not_before"] <= now and _name(entry) not in self._sending
            ]
            self._sending.update(_name(entry) for entry in due)
            return due

    def settle(
        self,
        entry: dict[str, Any],
        now: float,
        problem: str,
        *,
        final: bool,
        complain: Callable[[str, str], object],
    ) -> None:
        """It arrived (no `problem`), or has to be tried again, or is given up.

        Args:
            entry: one of `next`.
            now: unix s.
            problem: why it did not arrive; empty if it did.
            final: another try would not help.
            complain: called with channel and problem the first time that a channel is given up.
        """
        with self._lock:
            self._sending.discard(_name(entry))
            entry["tries"] += 1
            if problem and not final and entry["tries"] < TRIES:
                entry["not_before"] = now + BACK_OFF_S[entry["tries"] - 1]
            else:
                self._waiting = [e for e in self._waiting if e is not entry]
                if problem and entry["channel"] not in self._complained:
                    self._complained.append(entry["channel"])
                    complain(entry["channel"], problem)
            self._write(is_open=True)

    def _write(self, is_open: bool) -> None:
        record = {
            "open": is_open,
            "position": self.events.position,
            "told": self.told,
            "lost": self.lost,
            "kinds": self.kinds,
            "complained": self._complained,
            "waiting": self._waiting,
        }
        write_json(self.run.notified, record, durable=False)


def is_open(run: RunDirectory) -> bool:
    """Whether a run has news to come, or that wait to be sent."""
    record = read_json(run.notified)
    return isinstance(record, dict) and bool(record.get("open"))


def _name(entry: dict[str, Any]) -> str:
    return f"{entry['channel']} {entry['news']['key']}"


def _size(run: RunDirectory) -> int:
    try:
        return run.events.stat().st_size
    except OSError:
        return 0


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and value >= 0 else otherwise


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list) else []


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}
