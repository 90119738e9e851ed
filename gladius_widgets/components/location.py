"""Location: the page's address, whether anybody is looking, and files for the reader."""

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import ipywidgets
import traitlets

from gladius_widgets.components import events, line
from gladius_widgets.components.base import Component
from gladius_widgets.components.toasts import toasts
from gladius_widgets.core.errors import GladiusError

BEAT_S = 1.0
CHECK_S = 15.0
PART_BYTES = 256 << 10  # what a slow line takes in a second: a beat waits behind each part
PART_WAIT_S = 30.0
GONE_S = 90.0  # browsers slow the timers of hidden tabs down to one a minute


class Location(Component):
    """The browser's side of this kernel. Use `location()`: one for all pages of a kernel.

    It needs no place on the page. A page counts as long as any component of this kernel is on
    it: it pings every 10 s and says goodbye when left.

    Events (`location().on(name, handler)`):
        `ready`: the query is known (at once, if it already is); payload `query`, `path`, and
            `kept`: what `keep` gave to this browser tab, by name.
        `query`: the reader went back or forward; payload `query`.
        `alive`, `gone`: the first page came, the last one went.

    If the kernel falls silent for three seconds, the page says so, sends nothing more, and comes
    back by itself. A busy kernel is not silent: a thread beats for it.
    """

    _esm_module = traitlets.Unicode("location").tag(sync=True)
    query = traitlets.Dict(read_only=True)
    path = traitlets.Unicode(read_only=True)
    standalone = traitlets.Bool(False, read_only=True)
    alive = traitlets.Bool(False, read_only=True)

    def __init__(self, **kwargs: Any) -> None:
        self._ready: dict[str, Any] | None = None
        self._pages: dict[str, tuple[float, bool]] = {}
        self._missed: set[str] = set()
        # Of each file on its way: the number of the part that was sent and has not come yet.
        self._parts: dict[str, tuple[int, asyncio.Future[None]]] = {}
        self._thread: threading.Thread | None = None
        super().__init__(**kwargs)

    @property
    def visible(self) -> bool:
        """True if a page is in a browser tab that is in front, as of its last ping."""
        return any(visible for _, visible in self._pages.values())

    @property
    def is_elsewhere(self) -> bool:
        """Whether the page is known to be none of ours, such as a notebook in JupyterLab."""
        return self._ready is not None and not self.standalone

    def on(self, name: str, handler: events.Handler) -> Any:
        """As `Component.on`; `ready` and `alive` call at once if that is already so."""
        if name == "ready" and self._ready is not None:
            events.call(handler, self._ready)
        if name == "alive" and self.alive:
            events.call(handler, {})
        return super().on(name, handler)

    def navigate(self, url: str) -> None:
        """Go to an http(s) or relative address; inside JupyterLab it opens in a new tab."""
        self.send({"navigate": url})

    def reload(self) -> None:
        """Load the page anew (not inside JupyterLab)."""
        self.send({"reload": True})

    def set_query(self, **parameters: str | None) -> None:
        """Change the address's query without loading the page; None takes a parameter out."""
        self._change_query(parameters)
        self.send({"query": parameters})

    def push_query(self, **parameters: str | None) -> None:
        """As `set_query`, as a step of its own: the browser's back button leads back."""
        self._change_query(parameters)
        self.send({"query": parameters, "push": True})

    def set_title(self, title: str) -> None:
        """Name the browser's tab (not inside JupyterLab)."""
        self.send({"title": title})

    def keep(self, name: str, value: Any) -> None:
        """Give the browser's tab something to keep over reloads and the ends of kernels.

        Args:
            name: what it comes back under, in `ready`.
            value: plain data; None has it forgotten.
        """
        self.send({"keep": {"name": name, "value": value}})

    def download(self, filename: str, data: bytes, mime: str = "application/octet-stream") -> None:
        """Hand the browser a file to save."""
        self.send({"download": {"filename": filename, "mime": mime}}, buffers=[data])

    async def download_file(
        self, filename: str, path: Path, mime: str = "application/octet-stream"
    ) -> int:
        """Hand the browser a file to save, of any size: the next part goes when one has come.

        Returns:
            The bytes that were sent: the file as long as it was at the beginning.

        Raises:
            GladiusError: the file cannot be read, or the page took no more of it.
        """
        number, transfer = 0, uuid4().hex
        try:
            with await asyncio.to_thread(path.open, "rb") as file:
                left = size = os.fstat(file.fileno()).st_size
                while True:
                    data = await asyncio.to_thread(file.read, min(PART_BYTES, left))
                    left = max(0, left - len(data)) if data else 0
                    part = {"transfer": transfer, "number": number, "last": not left}
                    came = asyncio.get_running_loop().create_future()
                    self._parts[transfer] = (number, came)
                    told = {"part": part | {"filename": filename, "mime": mime}}
                    self.send(told, buffers=[data])
                    await asyncio.wait_for(came, PART_WAIT_S)
                    if not left:
                        return size
                    number += 1
        except TimeoutError:
            raise GladiusError(
                f"The page stopped taking {filename}.", "Load the page again and repeat it."
            ) from None
        except OSError as error:
            raise GladiusError(f"{path.name} cannot be read: {error.strerror}.") from None
        finally:
            self._parts.pop(transfer, None)

    def check(self) -> None:
        """Forget pages that have not pinged for 90 s, in two checks running.

        Two, because after a long cell their pings wait in the queue behind this check.
        """
        now = time.monotonic()
        old = {page for page, (seen, _) in self._pages.items() if now - seen > GONE_S}
        for page in old & self._missed:
            self._forget(page)
        self._missed = old

    def _message(self, name: str, content: dict[str, Any], buffers: list[memoryview]) -> None:
        if name == "ready":
            self._set_ready(content)
        elif name == "ping":
            now = {"time": time.time(), "monotonic": time.monotonic()}
            pong = {"sent": content.get("sent"), **now}
            self.send({"pong": pong})
            self._see(str(content.get("page")), bool(content.get("visible")))
        elif name == "part":
            number, came = self._parts.get(str(content.get("transfer")), (None, None))
            if came is not None and number == content.get("number") and not came.done():
                came.set_result(None)
        elif name == "query":
            self.set_trait("query", _strings(content.get("query")))
            self.emit("query", {"query": self.query})
        elif name == "bye":
            self._forget(str(content.get("page")))
        elif name == "confirm":
            line.answer(str(content.get("id")), is_meant=content.get("isMeant") is True)
        elif name == "back":
            _send_all_again()
        else:
            super()._message(name, content, buffers)

    def _change_query(self, parameters: dict[str, str | None]) -> None:
        query = {**self.query, **parameters}
        self.set_trait("query", {name: value for name, value in query.items() if value is not None})

    def _set_ready(self, content: dict[str, Any]) -> None:
        query = _strings(content.get("query"))
        self.set_trait("query", query)
        self.set_trait("path", str(content.get("path") or ""))
        self.set_trait("standalone", bool(content.get("standalone")))
        kept = content.get("kept")
        kept = kept if isinstance(kept, dict) else {}
        self._ready = {"query": query, "path": self.path, "kept": kept}
        self.emit("ready", self._ready)

    def _see(self, page: str, visible: bool) -> None:
        self._pages[page] = (time.monotonic(), visible)
        if self.alive:
            return
        self.set_trait("alive", True)
        self._start()
        self.emit("alive")

    def _forget(self, page: str) -> None:
        self._pages.pop(page, None)
        if self.alive and not self._pages:
            self.set_trait("alive", False)
            self.emit("gone")

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._beat, name="gladius-beat", daemon=True)
            self._thread.start()
        if events.on_loop():  # else not in a kernel: nobody to watch
            events.spawn(self._watch())

    async def _watch(self) -> None:
        while self.alive:
            await asyncio.sleep(CHECK_S)
            self.check()

    def _beat(self) -> None:
        """Beats from a thread, so that a kernel that computes is not taken for lost."""
        while self.alive:
            self.send({"beat": time.monotonic()})
            time.sleep(BEAT_S)


def _send_all_again() -> None:
    """The state of every widget: news on a socket that died has not arrived."""
    for widget in list(ipywidgets.widgets.widget._instances.values()):
        if widget.comm is not None:
            widget.send_state()


def _strings(query: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in dict(query or {}).items()}


_current: Location | None = None


def location() -> Location:
    """The one Location of this kernel, made at the first call."""
    global _current  # noqa: PLW0603 - one per kernel is the point
    if _current is None or _current.comm is None:
        _current = Location()
        toasts()  # where a page tells what it refuses
    return _current
