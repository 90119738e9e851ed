"""Start the page server, say where it is, and end it with all its kernels."""

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
from tornado.netutil import bind_sockets
from tornado.websocket import WebSocketClosedError

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.machine.serving import announce, withdraw
from gladius_widgets.core.paths import Home
from gladius_widgets.serve.application import PageServer, page_server
from gladius_widgets.serve.faults import page_faults_on_stderr
from gladius_widgets.serve.gate import LOOPBACK_NAMES, Gate
from gladius_widgets.serve.limits import LimitedServer
from gladius_widgets.serve.notebooks import PAGES, directory
from gladius_widgets.serve.scratch import connections_folder
from gladius_widgets.serve.token import token_of

_ROUND_S = 1.0
_GOODBYE_S = 10.0


def page_url(port: int, token: str, path: str = "", *, host: str = "127.0.0.1") -> str:
    """The address to open in a browser, with the token that is asked for once.

    Args:
        port: the port of the server.
        token: the token of the home (`token.token_of`).
        path: the page, such as `voila/render/console.ipynb?job=ID`; by default the start page.
        host: the address that the server listens on.
    """
    joint = "&" if "?" in path else "?"
    return f"http://{host}:{port}/{path.lstrip('/')}{joint}{urlencode({'token': token})}"


def serve(
    home: Home | Path | str | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8866,
    path: str = "",
    on_ready: Callable[[str], None] | None = None,
    allowed_hosts: Collection[str] = (),
    notebooks: Path | None = None,
    pages: tuple[str, ...] = PAGES,
    max_pages: int = 12,
    unwatched_s: float = 60.0,
    loading_s: float = 120.0,
    preheat: int = 1,
) -> None:
    """Serve the pages of a home until SIGINT, SIGTERM or SIGHUP. Jobs go on after that.

    Args:
        home: the home to show; by default `$GLADIUS_HOME`, else `~/.gladius`.
        host: the address to listen on.
        port: the port; 0 takes a free one.
        path: the page that the printed address opens; see `page_url`.
        on_ready: called with that address once the server listens.
        allowed_hosts: names other than the loopback ones and `host` that requests may use, for a
            server behind a proxy or on a network.
        notebooks: the folder of the page notebooks; by default our own.
        pages: the notebooks that run, the start page first.
        max_pages: pages open at once; each has a kernel of about 150 MB.
        unwatched_s: how long a kernel lives after its page is gone.
        loading_s: how long a kernel waits for its page to connect.
        preheat: kernels of each page held ready.

    Raises:
        GladiusError: the port is in use or not allowed, the host is not ours, the token file or
            the page notebooks cannot be read.
    """
    place = home if isinstance(home, Home) else Home(home)
    token = token_of(place.serve_token)
    folder = notebooks or directory()
    sockets = _listen(host, port)
    port = sockets[0].getsockname()[1]
    server = page_server(
        place.root,
        folder,
        pages,
        port=port,
        max_pages=max_pages,
        unwatched_s=unwatched_s,
        loading_s=loading_s,
        preheat=preheat,
    )
    names = {*LOOPBACK_NAMES, _as_name(host), *allowed_hosts}

    async def run() -> None:
        gate = Gate(server.application(), token, names, cookie_name=f"gladius-{port}")
        http = LimitedServer(gate, gate.anteroom)
        http.add_sockets(sockets)
        announce(place, f"http://{_as_name(host)}:{port}/")
        if on_ready:
            on_ready(page_url(port, token, path, host=_as_name(host)))
        with page_faults_on_stderr():
            await _until_told(server)
        http.stop()
        await _end_kernels(server, connections)

    with connections_folder() as connections:
        server.connection_dir = connections
        # Not asyncio.run: it waits until each task accepts its end, and one of nbclient's does not.
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(report_unless_page_left)
        try:
            loop.run_until_complete(run())
        finally:
            withdraw(place)
            loop.close()


def report_unless_page_left(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's exception handler: news for a page that has just closed is no fault."""
    if not isinstance(context.get("exception"), WebSocketClosedError):
        loop.default_exception_handler(context)


async def _until_told(server: PageServer) -> None:
    """Look after the kernels until a signal says stop."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, told.set)
    while not told.is_set():
        await server.kernel_manager.look_after()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(told.wait(), _ROUND_S)


async def _end_kernels(server: PageServer, connections: str) -> None:
    """End every kernel, also one that is only starting: pages hold nothing that would be lost."""
    # Kernels and requests that are cut short complain.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    logging.getLogger("tornado").setLevel(logging.CRITICAL)
    with suppress(Exception):  # a kernel half started upsets it; the loop below misses none
        await asyncio.wait_for(server.kernel_manager.shutdown_all(now=True), _GOODBYE_S)
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if any(argument.startswith(connections) for argument in child.cmdline()):
                child.kill()


def _listen(host: str, port: int) -> list[socket.socket]:
    if not 0 <= port <= 65535:
        raise GladiusError(f"{port} is not a port.", "Use one from 1024 to 65535.")
    try:
        return bind_sockets(port, host)
    except socket.gaierror as error:
        raise GladiusError(f"There is no host named {host!r} here.", "Try 127.0.0.1.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise GladiusError(
                f"Port {port} on {host} is in use, perhaps by a Gladius that is already running.",
                f"Open that one, or choose another port: --port {port + 1}"
                f" (make run PORT={port + 1}).",
            ) from error
        raise GladiusError(
            f"Cannot listen on port {port} of {host}: {error.strerror}.",
            "Choose another with --port and --host.",
        ) from error


def _as_name(host: str) -> str:
    """The host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
