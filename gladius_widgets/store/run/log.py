"""The log file: following it by byte from a cursor, older lines on demand; writing its lines."""

import os
import time
from pathlib import Path

POLL_BYTES = 256 * 1024
LINES_BYTES = 4 * 1024 * 1024
_BLOCK_BYTES = 64 * 1024


class LogTail:
    """A cursor into a growing file. Never raises for a missing or unreadable one.

    Args:
        path: the log.
        position: byte to begin at.
    """

    def __init__(self, path: Path, position: int = 0) -> None:
        self.path = Path(path)
        self.position = position
        self._inode: int | None = None

    def poll(self, max_bytes: int = POLL_BYTES) -> bytes:
        """At most `max_bytes` new bytes; a file cut short or replaced is read from its start."""
        try:
            with self.path.open("rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                replaced = self._inode is not None and status.st_ino != self._inode
                if replaced or status.st_size < self.position:
                    self.position = 0
                self._inode = status.st_ino
                data = os.pread(file.fileno(), max_bytes, self.position)
        except FileNotFoundError:
            self.position, self._inode = (0 if self._inode else self.position), None
            return b""
        except OSError:
            return b""
        self.position += len(data)
        return data

    def size_bytes(self) -> int:
        """The file's size now; 0 when it is missing."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def read_range(self, start: int, end: int) -> bytes:
        """Bytes `start` to `end`, as far as they are there; the cursor stays."""
        start = max(0, start)
        try:
            with self.path.open("rb", buffering=0) as file:
                return os.pread(file.fileno(), max(0, end - start), start)
        except OSError:
            return b""

    def last_lines(self, count: int) -> bytes:
        """The last `count` lines; the cursor moves to their end, so `poll` goes on from there."""
        end = self.size_bytes()
        start, data = self.lines_before(end, count)
        self.position = start + len(data)
        return data

    def lines_before(self, end: int, count: int, max_bytes: int = LINES_BYTES) -> tuple[int, bytes]:
        """Up to `count` lines that end at byte `end`, and the byte where they start.

        For paging back: pass the returned start as the next `end`. A last line without a line
        feed counts as one. Past `max_bytes` fewer lines come, the first of them cut.
        """
        end = min(end, self.size_bytes())
        start = end
        data = b""
        while start > 0 and end - start < max_bytes:
            size = min(_BLOCK_BYTES, start, max_bytes - (end - start))
            data = self.read_range(start - size, start) + data
            start -= size
            if data.count(b"\n", 0, -1) >= count:
                break
        kept = b"".join(_split(data)[-count:]) if count > 0 else b""
        return end - len(kept), kept


class LogWriter:
    """Writes lines to a log. What a full disk refuses is counted, and the gap marked later.

    Args:
        descriptor: the open file, in append mode.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lost = 0
        self._lost_from = self._lost_until = 0.0  # unix s
        self._is_torn = False

    def line(self, text: str) -> None:
        """Write one line, after the mark of a gap if there is one before it."""
        if not self._write(self._mark() + text + "\n"):
            now = time.time()
            self._lost_from = self._lost_from if self._lost else now
            self._lost, self._lost_until = self._lost + text.count("\n") + 1, now
        else:
            self._lost = 0

    def close(self) -> None:
        """Mark a gap at the end, if the disk lets us."""
        if self._lost and self._write(self._mark()):
            self._lost = 0

    def _mark(self) -> str:
        if not self._lost:
            return ""
        from_, until = (
            time.strftime("%H:%M:%S", time.localtime(moment))
            for moment in (self._lost_from, self._lost_until)
        )
        what = "1 line" if self._lost == 1 else f"{self._lost:,} lines"
        return (
            f"[WARN] … {what} could not be written: the disk was full from {from_} to {until} …\n"
        )

    def _write(self, text: str) -> bool:
        """Whether all of it was written; half a line is ended before the next one."""
        data = (b"\n" if self._is_torn else b"") + text.encode(errors="replace")
        try:
            written = os.write(self._descriptor, data)
        except OSError:
            return False
        self._is_torn = written < len(data)
        return not self._is_torn


def _split(data: bytes) -> list[bytes]:
    """Lines by line feed only: progress bars write carriage returns within a line."""
    pieces = data.split(b"\n")
    return [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
