"""TrainingLog: the live training stream in a terminal."""

import asyncio
from collections.abc import Callable
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Terminal, h, location, toasts
from gladius_widgets.components.empty import bones
from gladius_widgets.components.events import begin, in_thread, nothing
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.panels.live.cursor import Moment, cursor_of
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.log.search import find_batch, place_of
from gladius_widgets.store.run.log import LogTail

FIRST_LINES = 2000
PAGE_LINES = 5000
_BONES_PX = 392


class TrainingLog(Panel):
    """The run's log as it is written; older lines come when scrolled to.

    It goes to the step that the job's cursor points at.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        client: the door to the jobs.
    """

    def __init__(
        self, job: str | None = None, *, client: Client | None = None, **unknown: Any
    ) -> None:
        super().__init__(job, client=client, **unknown)

    def build(self) -> None:
        """Show the last lines and follow the file from there."""
        self._file = LogTail(self.feed.run.log)
        self.terminal = Terminal(
            title="Live training stream", subtitle=self._subtitle(), page=self._page
        )
        self.terminal.on("export", lambda _payload: self._export())
        self._leave_cursor = cursor_of(self.feed).on_move(self._go_to)
        self._early: bytearray | None = bytearray()  # written before the last lines were read
        self._unfollow: Callable[[], None] = nothing
        self.tree = bones(_BONES_PX)
        self._stop_opening = begin(self._open())

    async def _open(self) -> None:
        size = await in_thread(self._file.size_bytes)
        end, self._unfollow = self.feed.follow_log(self._write, size)
        _, last = await in_thread(self._file.lines_before, end, FIRST_LINES)
        early, self._early = self._early or b"", None
        self.terminal.write(last + early)
        self.put_slots(terminal=self.terminal)
        self.tree = h("slot", {"name": "terminal"})

    def end(self) -> None:
        """Stop following."""
        self._stop_opening()
        self._unfollow()
        self._leave_cursor()
        self.terminal.close()  # it may stand in no slot yet

    def _subtitle(self) -> str:
        """What runs, as one would type it."""
        return f"accelerate launch … {self.job.config_file or self.job.name}"

    def _write(self, data: bytes) -> None:
        if self._early is not None:
            self._early += data
        else:
            self.terminal.write(data)

    async def _page(self, shown: int) -> bytes:
        """The lines right before the newest `shown` ones, of those heard until now."""
        return await in_thread(self._lines_before, self.feed.log_position, shown)

    def _lines_before(self, end: int, shown: int) -> bytes:
        while shown > 0 and end > 0:
            count = min(shown, PAGE_LINES)
            end, _ = self._file.lines_before(end, count)
            shown -= count
        return self._file.lines_before(end, PAGE_LINES)[1]

    async def _export(self) -> None:
        """The whole file, whatever of it is shown."""
        path = self._file.path
        try:
            await location().download_file(f"{self.job.id}.log", path, "text/plain")
        except GladiusError as error:
            toasts().error(error)

    async def _go_to(self, moment: Moment | None) -> None:
        """Show the lines around a moment's step."""
        if moment is None:
            return
        place = place_of(self.feed.history, moment, self.job.run)
        if place is None:
            return
        end, last = self.feed.log_position, self.terminal.last_line
        found = await asyncio.to_thread(find_batch, LogTail(self._file.path), end, *place)
        if found is not None and moment == cursor_of(self.feed).moment:
            self.terminal.reveal(last - found.lines_below, last - found.first_below, found.data)
