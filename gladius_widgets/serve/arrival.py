"""A page's kernel begins with its page while the browser still loads scripts.

The browser tells the kernel its address once all scripts run, after half a second or more. The
server knows it from the first request on, so it tells the kernel at once, and keeps the page's
websocket waiting until the kernel has made its widgets: the browser then gets all of them in one
message. (A widget that is made while the browser connects could reach it too early.)
"""

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

_PATIENCE_S = 20.0  # then the page comes up without waiting any longer

# A page that does not use our components is left alone.
_CODE = """
if _gladius := __import__("sys").modules.get("gladius_widgets.components.location"):
    _gladius.expect({query!r}, {path!r})
"""


class Arrivals:
    """Kernels that were told their page's address and have not made the page yet."""

    def __init__(self) -> None:
        self._telling: dict[str, asyncio.Task[None]] = {}

    def tell(self, kernel_id: str, kernel: Any, path: str, query: str) -> None:
        """Tell a kernel its page's address; `kernel` is its manager, `query` as in the address."""
        task = asyncio.get_running_loop().create_task(_tell(kernel, path, query))
        self._telling[kernel_id] = task
        task.add_done_callback(lambda _: self._telling.pop(kernel_id, None))

    async def made(self, kernel_id: str) -> None:
        """Wait until the page of a kernel is made, if it was told of one."""
        if task := self._telling.get(kernel_id):
            await asyncio.wait([task], timeout=_PATIENCE_S)


class PageSocket(VoilaKernelWebsocketHandler):
    """The websocket of a page; it opens when the page's widgets are there."""

    async def pre_get(self) -> None:
        """Wait, then what Jupyter does."""
        await self.kernel_manager.arrivals.made(self.kernel_id)
        await super().pre_get()


async def _tell(kernel: Any, path: str, query: str) -> None:
    """Let the kernel run `_CODE`; if that fails, the browser will tell it."""
    known = {name: value for name, value in parse_qsl(query, True) if name != "token"}
    client = kernel.client()
    client.start_channels(iopub=False, stdin=False, hb=False, control=False)
    try:
        code = _CODE.format(query=known, path=path)
        with suppress(TimeoutError):
            reply = client.execute(code, silent=True, store_history=False, reply=True,
                                   timeout=_PATIENCE_S)  # fmt: skip
            await reply
    finally:
        client.stop_channels()
