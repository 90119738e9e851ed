"""What happened in a run: one JSON object a line, from every process that has a part in it."""

import gc
import json
import math
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from gladius_widgets.core import private
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.text.suggest import did_you_mean

TYPES = ("status", "metrics", "warning", "error", "checkpoint", "command")
MAX_MESSAGE_CHARS = 4096
MAX_PAYLOAD_BYTES = 32 * 1024
MAX_LINE_BYTES = 256 * 1024
MAX_PAYLOAD_DEPTH = 64  # readers may recurse
LATEST_S = 253_402_214_400.0  # the last but one day that calendars know, 9999-12-30, in unix s
_READ_BYTES = 4 * 1024 * 1024
_CUT_MARK = " … (cut)"
MAX_WAITING = 1000  # events that the disk has refused; then the oldest go
_waiting: dict[str, deque[bytes]] = {}  # by the file they are for
_turn = threading.Lock()


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        time: unix s.
        type: one of `TYPES`.
        message: one sentence; text, never markup.
        payload: details, JSON types.
        source: who says so, such as trainer or runner.
        attempt: None when it belongs to no attempt.
    """

    time: float
    type: str
    message: str
    payload: dict[str, Any] | None
    source: str
    attempt: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)

    @property
    def payload_text(self) -> str:
        """The payload as JSON in one line; empty where there is none."""
        return orjson.dumps(self.payload).decode() if self.payload else ""

    @property
    def text(self) -> str:
        """What a search looks through: the message, and the payload as JSON."""
        return f"{self.message}\n{self.payload_text}"


def append_event(
    run: RunDirectory,
    type: str,  # noqa: A002  # the contract's name
    message: str,
    payload: dict[str, Any] | None = None,
    *,
    source: str,
    attempt: int | None = None,
) -> bool:
    """Append one event in one `write()`, so that lines of several processes never mix.

    Long messages are cut with a mark; a payload over 32 KiB, one nested too deeply, or one that
    is not JSON, is replaced by its beginning. NaN becomes null.

    What the disk refuses waits, within bounds, for the next event of this process or for
    `append_waiting`: an event must not end a training run.

    Returns:
        False when it waits.

    Raises:
        ValueError: `type` is not one of `TYPES`.
    """
    if type not in TYPES:
        raise ValueError(f"there is no event type '{type}'. {did_you_mean(type, TYPES)}")
    event = Event(time.time(), type, _cut(message), _capped(payload), _cut(source), attempt)
    return _append(run, orjson.dumps(event) + b"\n")


def append_waiting(run: RunDirectory) -> bool:
    """Write the events of this process that the disk has refused; whether none is left."""
    return _append(run, b"") if _waiting.get(str(run.events)) else True


def _append(run: RunDirectory, line: bytes) -> bool:
    with _turn:
        waiting = _waiting.pop(str(run.events), ())
        if _write(run, b"".join((*waiting, line))):
            return True
        _waiting[str(run.events)] = deque((*waiting, line), maxlen=MAX_WAITING)
    return False


def _write(run: RunDirectory, lines: bytes) -> bool:
    """All or nothing of them in one `write()`."""
    try:
        mode = private.file_mode(run.root)
        descriptor = os.open(run.events, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, mode)
        try:
            if _ends_torn(descriptor):
                lines = b"\n" + lines
            written = os.write(descriptor, lines)
            if written < len(lines):
                _take_back(descriptor, written)
            return written == len(lines)
        finally:
            os.close(descriptor)
    except OSError:
        return False


def _take_back(descriptor: int, written: int) -> None:
    """Cut off what a full disk took of our lines, unless somebody has written behind it."""
    end = os.lseek(descriptor, 0, os.SEEK_CUR)
    if os.fstat(descriptor).st_size == end:
        os.ftruncate(descriptor, end - written)


class EventReader:
    """Follows a run's events from a cursor.

    A line that is not whole yet waits for its end; one that is no event is left out and counted
    in `bad_lines`.

    Args:
        run: whose events.
        position: the byte to begin at, as an earlier reader's `position`; 0 = the first event.
    """

    def __init__(self, run: RunDirectory, position: int = 0) -> None:
        self.path = run.events
        self.bad_lines = 0
        self._offset = position
        self._inode: int | None = None
        self._skipping = False  # inside a line that is longer than any event

    def poll(self) -> list[Event]:
        """Events that were appended since the last call."""
        events: list[Event] = []
        try:
            with self.path.open("rb", buffering=0) as file, _without_collector():
                self._start_over_if_replaced(os.fstat(file.fileno()))
                while self._read_some(file.fileno(), events):
                    pass
        except FileNotFoundError:
            self._offset, self._skipping = 0, False
        except OSError:
            pass  # the next poll sees
        return events

    @property
    def position(self) -> int:
        """The byte up to which events have been read."""
        return self._offset

    def _start_over_if_replaced(self, status: os.stat_result) -> None:
        replaced = self._inode is not None and status.st_ino != self._inode
        if replaced or status.st_size < self._offset:
            self._offset, self._skipping = 0, False
        self._inode = status.st_ino

    def _read_some(self, descriptor: int, events: list[Event]) -> bool:
        """Take whole lines from the next piece of the file; False when there is none."""
        data = os.pread(descriptor, _READ_BYTES, self._offset)
        end = data.rfind(b"\n") + 1
        if end == 0:
            if len(data) <= MAX_LINE_BYTES:
                return False
            self._skipping, end = True, len(data)  # no event is so long: pass over it
        else:
            for line in data[: end - 1].split(b"\n"):
                if self._skipping:
                    self._skipping = False
                    self.bad_lines += 1
                elif line and not line.isspace():
                    self._take(line, events)
        self._offset += end
        return True

    def _take(self, line: bytes, events: list[Event]) -> None:
        event = _parse(line) if len(line) <= MAX_LINE_BYTES else None
        if event is None:
            self.bad_lines += 1
        else:
            events.append(event)


def _parse(line: bytes) -> Event | None:
    try:
        value = _loads(line)
        message, moment = str(value["message"]), float(value["time"])
        payload, attempt = value.get("payload"), value.get("attempt")
        if not math.isfinite(moment):
            return None
        return Event(
            time=min(max(0.0, moment), LATEST_S),  # of a foreign writer; calendars must not break
            type=value["type"] if value["type"] in TYPES else "warning",
            message=message if len(message) <= MAX_MESSAGE_CHARS else _cut(message),
            payload=_bounded(payload, line) if isinstance(payload, dict) else None,
            source=str(value.get("source") or ""),
            attempt=attempt if isinstance(attempt, int) else None,
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _loads(line: bytes) -> Any:
    """JSON; of a foreign writer also with NaN and the like, which come as text."""
    try:
        return orjson.loads(line)
    except ValueError:
        return json.loads(line, parse_constant=str)


def _bounded(payload: dict[str, Any], text: bytes) -> dict[str, Any]:
    """The payload, or the beginning of its text if it is nested too deeply."""
    if text.count(b"{") + text.count(b"[") <= MAX_PAYLOAD_DEPTH or not _is_deep(payload):
        return payload
    return _beginning(len(text), text[:2000].decode("utf-8", "replace"))


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_PAYLOAD_DEPTH):
        level = [item for inner in level for item in _items(inner)]
        if not level:
            return False
    return True


def _items(value: Any) -> list[Any]:
    items = value.values() if isinstance(value, dict) else value
    return [item for item in items if isinstance(item, dict | list)]


@contextmanager
def _without_collector() -> Iterator[None]:
    """100,000 new events make the garbage collector look at all of them again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _cut(text: str) -> str:
    text = str(text).encode("utf-8", "replace").decode()  # lone surrogates cannot be written
    return text if len(text) <= MAX_MESSAGE_CHARS else text[:MAX_MESSAGE_CHARS] + _CUT_MARK


def _capped(payload: dict[str, Any] | None) -> dict[str, Any] | None:
    if payload is None:
        return None
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    try:
        data = orjson.dumps(payload, default=str, option=options)
        if len(data) <= MAX_PAYLOAD_BYTES:
            return _bounded(orjson.loads(data), data)
        size, beginning = len(data), data[:2000].decode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError):
        text = repr(payload)
        size, beginning = len(text), _cut(text[:2000])
    return _beginning(size, beginning)


def _beginning(size_bytes: int, text: str) -> dict[str, Any]:
    return {"cut": True, "size_bytes": size_bytes, "beginning": text}


def _ends_torn(descriptor: int) -> bool:
    """Whether the file's last line has no end, as after a power cut or a full disk."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
