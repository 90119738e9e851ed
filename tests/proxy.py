"""A TCP proxy in front of a server, whose lines can be cut: swallowed in silence, or closed."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self

CHUNK_BYTES = 64 << 10


class Proxy:
    """Listens on a free port of the loopback address, in a thread of its own.

    `silence()` holds back what either side sends, as a line does whose packets vanish: nobody is
    told, and it arrives once `restore()` is called. `close()` resets every connection and each new
    one until then.

    Args:
        target: the port that it leads to.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._closed = False
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def silence(self) -> None:
        """Hold back all that is sent from now on, on lines that are there and on new ones."""
        self._do(self._flowing.clear)

    def close(self) -> None:
        """Reset every line, and each new one."""
        self._do(self._reset)

    def restore(self) -> None:
        """Let everything through again."""
        self._do(self._open)

    def _reset(self) -> None:
        self._closed = True
        for writer in list(self._writers):
            writer.transport.abort()

    def _open(self) -> None:
        self._closed = False
        self._flowing.set()

    async def _start(self) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        self._reset()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._closed:
                return
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(up_writer)
            await asyncio.gather(self._pump(reader, up_writer), self._pump(up_reader, writer))
        except OSError:
            pass  # either side has gone: so does the other
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()

    def _do(self, act: Callable[[], object]) -> None:
        async def run() -> None:
            act()

        self._call(run())

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=30)
