"""How much of the server somebody without the token can hold: few connections, briefly, no body.

Tornado by itself collects a request's body, up to 100 MB, before anyone may refuse it, and waits an
hour for the rest of a request's head.
"""

from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream
from tornado.routing import Router

MOST_UNKNOWN = 64  # connections; a browser opens six
BODY_BYTES = 1024 * 1024  # of one who is known: pages send little but websocket messages
HEAD_BYTES = 32 * 1024  # cookies of all ports of a host come along
HEAD_S = 20.0  # for the whole head of a request, from the connection or the request before
BODY_S = 20.0


class Anteroom:
    """The connections of those who have not shown the token, oldest first.

    When one too many comes, the oldest is closed, and not the newcomer refused: whoever holds
    connections open cannot keep others out.
    """

    def __init__(self, room: int = MOST_UNKNOWN) -> None:
        self._room = room
        self._waiting: dict[IOStream, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, stream: IOStream) -> None:
        """A connection has been made."""
        self._waiting = {known: None for known in self._waiting if not known.closed()}
        self._waiting[stream] = None
        for oldest in list(self._waiting)[: -self._room]:
            del self._waiting[oldest]
            oldest.close()

    def leave(self, request: HTTPServerRequest) -> None:
        """It has shown the token."""
        stream = getattr(request.connection, "stream", None)
        if isinstance(stream, IOStream):
            self._waiting.pop(stream, None)

    @staticmethod
    def refuse_body(request: HTTPServerRequest) -> None:
        """Read nothing more of a request; what it announced ends the connection."""
        connection: Any = request.connection
        connection.set_max_body_size(0)


class LimitedServer(HTTPServer):
    """Tornado's server within the limits above."""

    def initialize(  # type: ignore[override]  # ours alone makes it
        self,
        router: Router,
        anteroom: Anteroom,
        *,
        head_s: float = HEAD_S,
        body_s: float = BODY_S,
    ) -> None:
        """Take the router to serve, and the anteroom that it lets connections out of."""
        self._anteroom = anteroom
        super().initialize(
            router,
            max_header_size=HEAD_BYTES,
            max_body_size=BODY_BYTES,
            idle_connection_timeout=head_s,
            body_timeout=body_s,
        )

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """A new connection: it waits in the anteroom until the gate knows it."""
        self._anteroom.enter(stream)
        super().handle_stream(stream, address)
