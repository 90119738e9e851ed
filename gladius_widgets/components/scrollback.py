"""The last lines of a log in memory, numbered, so that a late view can be given them."""


class Scrollback:
    """Keeps the newest lines of a byte stream.

    Lines are numbered from 0, the first one ever added. `first` is the number of the oldest
    line kept, `last` that of the line now being written.

    Args:
        lines: how many complete lines to keep.
        size_bytes: how much at most.
    """

    def __init__(self, lines: int = 20_000, size_bytes: int = 4 << 20) -> None:
        self._limit_lines, self._limit_bytes = lines, size_bytes
        self._data = bytearray()
        self._count = 0  # newlines in _data
        self.last = 0

    @property
    def first(self) -> int:
        """Number of the oldest line kept."""
        return self.last - self._count

    def add(self, data: bytes) -> None:
        """Append bytes, in any chunks."""
        newlines = data.count(b"\n")
        self._data += data
        self._count += newlines
        self.last += newlines
        # A quarter over the limit before cutting: cutting moves all the bytes.
        if self._count > self._limit_lines * 1.25 or len(self._data) > self._limit_bytes * 1.25:
            self._trim()

    def _trim(self) -> None:
        at = max(0, len(self._data) - self._limit_bytes)
        if at:
            at = self._data.find(b"\n", at) + 1 or at
        kept = self._data.count(b"\n", at)
        if kept > self._limit_lines:
            at = len(self._data) - len(_tail(bytes(self._data), self._limit_lines))
        del self._data[:at]
        self._count = self._data.count(b"\n")

    def clear(self) -> None:
        """Forget all lines; numbering goes on."""
        self._data.clear()
        self._count = 0

    def tail(self, lines: int) -> bytes:
        """The newest `lines` complete lines and the unfinished one after them."""
        return _tail(bytes(self._data), lines)

    def before(self, line: int, lines: int) -> bytes:
        """Up to `lines` complete lines right before number `line`; empty if none are kept."""
        if line <= self.first:
            return b""
        data = bytes(self._data)
        end = len(data) - len(_tail(data, self.last - line))
        return _tail(data[:end], lines)

    def __bytes__(self) -> bytes:
        return bytes(self._data)


def _tail(data: bytes, lines: int) -> bytes:
    at = data.rfind(b"\n") + 1
    for _ in range(lines):
        if at <= 0:
            return data
        at = data.rfind(b"\n", 0, at - 1) + 1
    return data[at:]
