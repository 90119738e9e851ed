"""What one without the token can hold of the page server; raw sockets, as an attacker has them."""

import asyncio
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from support import wait_until
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from gladius_widgets.serve.gate import Gate
from gladius_widgets.serve.limits import BODY_BYTES, HEAD_BYTES, Anteroom, LimitedServer
from gladius_widgets.serve.token import cookie_of

TOKEN = "t" * 43
HUGE = 95_000_000


class Echo(RequestHandler):
    """Answers with the size of what it was sent."""

    def get(self) -> None:
        self.finish("hello")

    def post(self) -> None:
        self.finish(str(len(self.request.body)))


@dataclass
class Running:
    """A server in a thread."""

    port: int
    anteroom: Anteroom

    def connect(self) -> socket.socket:
        """A connection; nothing is said on it yet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def head(self, method: str = "GET", *, known: bool = False, **headers: object) -> bytes:
        """The head of a request, with the cookie or without."""
        host = f"127.0.0.1:{self.port}"
        lines = [f"{method} / HTTP/1.1", f"Host: {host}", f"Origin: http://{host}"]
        lines += [f"Cookie: c={cookie_of(TOKEN)}"] if known else []
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Ours, with three places in the anteroom, and the time-outs that a test asks for."""
    limits = getattr(request, "param", {})
    sockets = bind_sockets(0, "127.0.0.1")
    anteroom = Anteroom(room=3)
    started = threading.Event()
    ended: list[Callable[[], object]] = []

    async def serve() -> None:
        gate = Gate(Application([("/", Echo)]), TOKEN, ["127.0.0.1"], "c", anteroom)
        limited = LimitedServer(gate, anteroom, **limits)
        limited.add_sockets(sockets)
        told = asyncio.Event()
        ended.append(partial(asyncio.get_running_loop().call_soon_threadsafe, told.set))
        started.set()
        await told.wait()
        limited.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(30)
    yield Running(sockets[0].getsockname()[1], anteroom)
    ended[0]()
    thread.join(30)


def answer(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:  # it closed with bytes of ours unread
        pass
    return received


def status(connection: socket.socket) -> int:
    """Of one answer on a connection that stays open; its body is read too."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status


def test_a_body_without_the_token_is_not_read(server: Running) -> None:
    for headers in ({"Content_Length": HUGE}, {"Transfer_Encoding": "chunked"}):
        with server.connect() as connection:
            connection.sendall(server.head("POST", **headers))
            connection.sendall(b"fffff\r\n" + b"x" * 10)
            said = answer(connection)
        assert said == b"" or said.split(b" ")[1] in (b"400", b"403", b"413")


def test_a_body_with_the_token_has_a_limit(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(server.head("POST", known=True, Content_Length=4) + b"abcd")
        assert b"200 OK" in connection.recv(65536)
        connection.sendall(server.head("POST", known=True, Content_Length=BODY_BYTES + 1))
        assert b"400" in answer(connection)


def test_a_head_without_end_is_not_read(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        try:
            for _ in range(64):
                connection.sendall(b"x" * HEAD_BYTES)
        except (BrokenPipeError, ConnectionResetError):
            return
        assert b"200" not in answer(connection)


@pytest.mark.parametrize("server", [{"head_s": 0.2, "body_s": 0.2}], indirect=True)
def test_who_dawdles_is_cut_off(server: Running) -> None:
    for sent in (b"", b"GET / HTT", server.head("POST", known=True, Content_Length=100) + b"x"):
        with server.connect() as connection:
            connection.sendall(sent)
            assert b"200" not in answer(connection)  # it ends


def test_idle_connections_do_not_keep_the_owner_out(server: Running) -> None:
    with server.connect() as mine:
        mine.sendall(server.head(known=True))
        assert status(mine) == 200
        idle = [server.connect() for _ in range(20)]
        for connection in idle[:-3]:  # all but the newest are closed
            assert answer(connection) == b""
        wait_until(lambda: len(server.anteroom) == 3)
        mine.sendall(server.head(known=True))  # one that was let in stays
        assert status(mine) == 200
        with server.connect() as newcomer:
            newcomer.sendall(server.head(known=True))
            assert status(newcomer) == 200
        for connection in idle:
            connection.close()


def test_a_refusal_is_still_an_answer(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(server.head())
        assert status(connection) == 403
