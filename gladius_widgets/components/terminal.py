"""Terminal: a log as it is written, on xterm.js."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import traitlets

from gladius_widgets.components import events
from gladius_widgets.components.base import Component
from gladius_widgets.components.location import location
from gladius_widgets.components.scrollback import Scrollback
from gladius_widgets.core import page_files

SCROLLBACK_LINES = 20_000  # 100k lines cost a browser 350 MB
REPLAY_LINES = 2_000
PAGE_LINES = 5_000
FLUSH_S = 0.05
IN_FLIGHT_BYTES = 256 << 10
PENDING_BYTES = 256 << 10


class Terminal(Component):
    """Shows text as it arrives, with search, copy, export, bookmarks and older lines on demand.

    It keeps its newest 20,000 lines, so a view that comes late has them. A burst is sent in
    batches, no faster than the browser takes them; what it cannot take is left out with a note.
    Call it on the kernel's thread only.

    Args:
        title: in the toolbar.
        subtitle: beside it, in mono.
        page: `await page(shown)` is up to 5,000 lines of the log that come right before what
            were its newest `shown` lines when it was called, or b"" at its start. Without it only
            kept lines are shown.
        measure: have each batch answered with a `measured` event: `sent`, `received`,
            `parsed`, `painted`, unix seconds.
        bookmarks: numbers of the marked lines; 0 is the first one written.

    Events: `export` (without a handler the browser saves the kept lines), `measured`.
    """

    _esm_module = traitlets.Unicode("terminal").tag(sync=True)
    _esm_file = traitlets.Unicode(page_files.name("terminal.js")).tag(sync=True)
    _esm_code = traitlets.Unicode(page_files.code("terminal.js")).tag(sync=True)
    title = traitlets.Unicode("Live training stream").tag(sync=True)
    subtitle = traitlets.Unicode().tag(sync=True)
    measure = traitlets.Bool(False).tag(sync=True)
    bookmarks = traitlets.List(traitlets.Int()).tag(sync=True)
    page = traitlets.Callable(allow_none=True, default_value=None)
    export_name = traitlets.Unicode("train.log")

    def __init__(
        self, *, page: Callable[[int], Awaitable[bytes]] | None = None, **kwargs: Any
    ) -> None:
        self._lines = Scrollback(SCROLLBACK_LINES)
        self._pending = bytearray()
        self._pending_from = 0  # number of the first pending line
        self._skipped = 0  # lines left out since the last batch
        self._in_flight: dict[str, int] = {}  # bytes not yet acknowledged, by view
        self._flushed = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._to_find = ""
        super().__init__(page=page, **kwargs)

    def write(self, data: bytes | str) -> None:
        """Append output: lines or parts of lines, with or without ANSI colours."""
        raw = data.encode() if isinstance(data, str) else bytes(data)
        if not raw:
            return
        if not self._pending:
            self._pending_from = self._lines.last
        self._lines.add(raw)
        if self._in_flight:
            self._pending += raw
            self._shorten()
            self._schedule()

    def clear(self) -> None:
        """Empty the view; the log file is not touched, and scrolling up brings it back."""
        self._lines.clear()
        self._pending.clear()
        self.send({"clear": True, "first": self._lines.last})

    def find(self, text: str) -> None:
        """Open the search with this text; in the first view, if none is there yet."""
        if self._in_flight:
            self.send({"find": text})
        else:
            self._to_find = text

    @property
    def last_line(self) -> int:
        """Number of the line now being written; 0 is the first one ever."""
        return self._lines.last

    def reveal(self, line: int, first: int, data: bytes) -> None:
        """Scroll to a line and select it; the output is no longer followed.

        Args:
            line: its number, which may be negative for what was never written here.
            first: number of the first line of `data`.
            data: the lines around it, shown where the browser no longer has them.
        """
        self.send({"reveal": line, "first": first}, buffers=[data])

    def _shorten(self) -> None:
        """Leave out the oldest pending lines when the browser cannot keep up."""
        over = len(self._pending) - PENDING_BYTES
        if over <= 0:
            return
        at = self._pending.find(b"\n", over) + 1 or over
        lines = self._pending.count(b"\n", 0, at)
        self._skipped += lines
        self._pending_from += lines
        del self._pending[:at]

    def _schedule(self) -> None:
        if self._timer is not None or not events.on_loop():
            return
        wait = self._flushed + FLUSH_S - time.monotonic()
        if wait <= 0:
            self._flush()
        else:
            self._timer = asyncio.get_running_loop().call_later(wait, self._flush)

    def _flush(self, *, force: bool = False) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        free = any(size < IN_FLIGHT_BYTES for size in self._in_flight.values())
        if not self._pending or not (free or force):
            return
        batch = bytes(self._pending)
        message = {"data": True, "first": self._pending_from, "skipped": self._skipped}
        self._pending.clear()
        self._skipped = 0
        self._flushed = time.monotonic()
        self.send(message | {"sent": time.time()}, buffers=[batch])
        for view in self._in_flight:
            self._in_flight[view] += len(batch)

    def _message(self, name: str, content: dict[str, Any], buffers: list[memoryview]) -> None:
        view = str(content.get("view"))
        if name == "attach":
            self._attach(view)
        elif name == "detach":
            self._in_flight.pop(view, None)
        elif name == "ack" and view in self._in_flight:
            left = self._in_flight[view] - int(content.get("bytes", 0))
            self._in_flight[view] = max(0, left)
            self._schedule()
        elif name == "page":
            self._send_older(view, int(content.get("first", 0)))
        elif name == "clear":
            self.clear()
        elif name == "export" and not self._handlers.get("export"):
            location().download(self.export_name, bytes(self._lines), "text/plain")
        else:
            super()._message(name, content, buffers)

    def _attach(self, view: str) -> None:
        """Give a new view the newest lines; all that follows comes to it as to the others."""
        self._flush(force=True)
        data = self._lines.tail(REPLAY_LINES)
        first = self._lines.last - data.count(b"\n")
        more = first > self._lines.first or self.page is not None
        self._in_flight[view] = len(data)
        self.send({"replay": view, "first": first, "more": more}, buffers=[data])
        if self._to_find:
            self.send({"find": self._to_find})
            self._to_find = ""

    def _send_older(self, view: str, first: int) -> None:
        data = self._lines.before(first, PAGE_LINES)
        if data or self.page is None:
            self._send_page(view, first, data)
        else:
            events.begin(self._send_from_log(view, first, self.page(self._lines.last - first)))

    async def _send_from_log(self, view: str, first: int, page: Awaitable[bytes]) -> None:
        data = await page
        if self._is_open:  # else it was closed meanwhile
            self._send_page(view, first, data)

    def _send_page(self, view: str, first: int, data: bytes) -> None:
        start = first - data.count(b"\n")
        more = start > self._lines.first or (bool(data) and self.page is not None)
        self.send({"older": view, "first": start, "more": more}, buffers=[data])

    def __repr__(self) -> str:
        return f"Terminal({self.title!r})"
