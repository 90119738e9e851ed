"""The gate before the web application: no request reaches a handler without passing it."""

import hmac
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Router
from tornado.web import Application, RequestHandler

from gladius_widgets.serve.limits import Anteroom
from gladius_widgets.serve.messages import message_page
from gladius_widgets.serve.token import cookie_of

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})

_FOREIGN_HOST = "This server answers only to its own name. Open the address that it printed."
_FOREIGN_PAGE = "This request came from another site's page."
_NOT_KNOWN = "Open the address that `gladius serve` printed: it carries the token."


class Gate(Router):
    """Lets a request through to the application, or answers it itself.

    Args:
        application: what stands behind the gate.
        token: opens it, once, as `?token=`; from then on the cookie does.
        hosts: the names that a request may address us by, without port.
        cookie_name: cookies are shared by all ports of a host, so the name must differ by port.
        anteroom: where connections wait until one of their requests is let through.
    """

    def __init__(
        self,
        application: Application,
        token: str,
        hosts: Collection[str],
        cookie_name: str,
        anteroom: Anteroom | None = None,
    ) -> None:
        self.anteroom = Anteroom() if anteroom is None else anteroom
        self._application = application
        self._token = token
        self._hosts = frozenset(host.lower() for host in hosts)
        self._cookie_name = cookie_name
        self._cookie = cookie_of(token)

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        """The application's delegate for the request, or that of a refusal or a welcome."""
        if request.host_name not in self._hosts:
            return self._refuse(request, _FOREIGN_HOST)
        if not _from_our_page(request):
            return self._refuse(request, _FOREIGN_PAGE)
        tokens = _tokens(request) if _is_plain_get(request) else []
        known = self._has_cookie(request)
        if tokens and (known or any(_equal(token, self._token) for token in tokens)):
            settings = {"cookie_name": self._cookie_name, "cookie": self._cookie}
            return self._application.get_handler_delegate(request, _Welcome, settings)
        if known:
            self.anteroom.leave(request)
            return self._application.find_handler(request, **kwargs)
        return self._refuse(request, _NOT_KNOWN)

    def _refuse(self, request: HTTPServerRequest, reason: str) -> HTTPMessageDelegate:
        self.anteroom.refuse_body(request)
        return self._application.get_handler_delegate(request, _Refuse, {"reason": reason})

    def _has_cookie(self, request: HTTPServerRequest) -> bool:
        morsel = request.cookies.get(self._cookie_name)
        return morsel is not None and _equal(morsel.value, self._cookie)


class _Refuse(RequestHandler):
    def initialize(self, reason: str) -> None:
        self._reason_text = reason

    def prepare(self) -> None:
        self.set_status(403)
        self.finish(message_page("Not allowed", self._reason_text))


class _Welcome(RequestHandler):
    """Turns the token into the cookie, and takes it out of the address."""

    def initialize(self, cookie_name: str, cookie: str) -> None:
        self._cookie = (cookie_name, cookie)

    def get(self) -> None:
        """Set the cookie and lead to the same page without the token."""
        name, value = self._cookie
        self.set_cookie(name, value, httponly=True, samesite="Strict", path="/")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")
        # One slash, or "//elsewhere" would lead to another host.
        path = "/" + self.request.path.lstrip("/\\")
        query = urlencode(
            [pair for pair in parse_qsl(self.request.query, True) if pair[0] != "token"]
        )
        self.redirect(f"{path}?{query}" if query else path, status=303)


def _from_our_page(request: HTTPServerRequest) -> bool:
    """Whether the request may come from a page of ours, or from no page at all.

    Browsers put the sender's origin on websockets and on whatever changes something, so there it
    must be ours. Another site may lead the visitor here by a link, but may not embed or fetch us;
    another port of this host counts as another site, although the cookie goes along.
    """
    origin = request.headers.get("Origin")
    if origin is None and not _is_plain_get(request):
        return False
    if origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
        return False
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        return request.headers.get("Sec-Fetch-Dest") == "document"
    return True


def _is_plain_get(request: HTTPServerRequest) -> bool:
    upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
    return request.method in ("GET", "HEAD") and not upgrade


def _tokens(request: HTTPServerRequest) -> list[str]:
    return [value for name, value in parse_qsl(request.query, True) if name == "token"]


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
