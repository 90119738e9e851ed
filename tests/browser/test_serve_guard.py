"""What the server refuses. Raw HTTP: no browser is polite enough for these."""

import asyncio
import http.client
import json
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from support import wait_until
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

PAGE = "/voila/render/jobs.ipynb"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str = field(repr=False)


def ask(server, path: str, method: str = "GET", **headers: str) -> Answer:
    """One request, sent as written; `Sec_Fetch_Site=...` is the header Sec-Fetch-Site."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=sent)
    response = connection.getresponse()
    body = response.read().decode(errors="replace")
    connection.close()
    return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, body)


def cookie_from(server) -> str:
    return ask(server, f"/?token={server.token}").headers["set-cookie"].split(";")[0]


@pytest.fixture(scope="module")
def server(serve_notebooks: Callable):
    """A server that no test lets start a kernel."""
    return serve_notebooks({"jobs": "2 + 2", "secret": "3 + 3"}, ["jobs.ipynb"], preheat=0)


@pytest.fixture(scope="module")
def cookie(server) -> str:
    return cookie_from(server)


def test_no_token_no_page(server):
    for path in ("/", PAGE, "/voila/static/voila.js", "/favicon.ico", "/nothing", "/voila/tree"):
        assert ask(server, path).status == 403, path
    for wrong in ("", "x", server.token[:-1], server.token + "x"):
        assert ask(server, f"{PAGE}?token={wrong}").status == 403
    assert not server.kernels()


def test_a_wrong_cookie_is_no_cookie(server, cookie):
    name = cookie.split("=")[0]
    for value in ("", "x", "0" * 64):
        assert ask(server, PAGE, Cookie=f"{name}={value}").status == 403


def test_the_token_becomes_a_cookie_and_leaves_the_address(server):
    answer = ask(server, f"{PAGE}?job=a%26b&token={server.token}&x=")
    assert answer.status == 303
    assert answer.headers["location"] == f"{PAGE}?job=a%26b&x="
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert server.token not in cookie
    assert server.token not in answer.body
    assert not server.kernels()


def test_the_token_leaves_the_address_of_a_known_visitor_too(cookie, server):
    for token in (server.token, "an-old-one"):
        answer = ask(server, f"{PAGE}?token={token}", Cookie=cookie)
        assert (answer.status, answer.headers["location"]) == (303, PAGE)


def test_the_redirect_stays_here(server):
    for path in ("//elsewhere.example/", "/\\elsewhere.example/"):
        location = ask(server, f"{path}?token={server.token}").headers["location"]
        assert urllib.parse.urlsplit(location).netloc == ""
        assert location.startswith("/e")


def test_the_start_page_is_the_first_page(server, cookie):
    answer = ask(server, "/", Cookie=cookie)
    assert (answer.status, answer.headers["location"]) == (302, PAGE)


def test_a_foreign_host_is_refused(cookie, server):
    for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1.evil.example", ""):
        assert ask(server, f"/?token={server.token}", Host=host).status in (400, 403), host
        assert ask(server, "/", Cookie=cookie, Host=host).status in (400, 403), host
    for host in ("localhost", f"LOCALHOST:{server.port}", "[::1]:1", "127.0.0.1:9"):
        assert ask(server, "/", Cookie=cookie, Host=host).status == 302, host


def test_another_sites_page_can_only_link_to_us(cookie, server):
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "document"}
    assert ask(server, "/", Cookie=cookie, **link).status == 302
    for site in ("cross-site", "same-site"):  # same site, other port
        for kind in ("iframe", "image", "script", "empty"):
            embedded = {"Sec_Fetch_Site": site, "Sec_Fetch_Dest": kind}
            assert ask(server, PAGE, Cookie=cookie, **embedded).status == 403
    for origin in ("http://evil.example", f"http://127.0.0.1:{server.port + 1}", "null"):
        assert ask(server, PAGE, Cookie=cookie, Origin=origin).status == 403
        assert (
            ask(server, "/voila/api/shutdown/x", "POST", Cookie=cookie, Origin=origin).status == 403
        )
    assert (
        ask(server, "/voila/api/shutdown/x", "POST", Cookie=cookie).status == 403
    )  # no origin at all
    assert not server.kernels()


def test_only_the_pages_are_served(cookie, server):
    folder = server.home.root.parent
    (folder / "secret.png").write_text("secret")
    refused = [
        "/voila/render/secret.ipynb",
        "/voila/render/",
        "/voila/render/jobs.ipynb/",
        f"/voila/render/../{folder.name}/secret.ipynb",
        f"/voila/render/%2e%2e/{folder.name}/secret.ipynb",
        f"/voila/render/{folder}/secret.ipynb",
        "/voila/files/secret.png",
        "/voila/files/jobs.ipynb",
        "/voila/files/../../../../../../etc/passwd",
        "/voila/tree",
        "/voila/api/contents",
        "/voila/api/contents/jobs.ipynb",
        "/voila/query/0-0-0-0-0",
        "/api/contents",
        "/api/sessions",
        "/api/terminals",
        "/api/kernels",
        "/login",
        "/static/../../../../../../../etc/passwd",
    ]
    for path in refused:
        answer = ask(server, path, Cookie=cookie)
        assert answer.status in (403, 404), (path, answer)
        assert "secret" not in answer.body.replace("secret.ipynb", "")
    assert not server.kernels()


@pytest.mark.parametrize(
    "prefix",
    [
        "/voila/static/",
        "/voila/templates/gladius/static/",
        "/voila/templates/../",
        "/voila/labextensions/",
        "/voila/api/themes/",
    ],
)
def test_assets_do_not_climb(server, cookie, prefix):
    for climb in ("../" * 12, "%2e%2e/" * 12, "..%2f" * 12, "/"):
        answer = ask(server, f"{prefix}{climb}etc/passwd", Cookie=cookie)
        assert answer.status >= 400
        assert "root:" not in answer.body


def test_a_page_of_an_earlier_server_gets_an_answer_and_leaves_no_word_in_the_log(cookie, server):
    before = server.log.read_text()
    kernel = "11111111-2222-3333-4444-555555555555"
    ours = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{server.port}"}
    assert (
        websocket_status(
            f"ws://127.0.0.1:{server.port}/api/kernels/{kernel}/channels?session_id=a", ours
        )
        == 404
    )
    assert ask(server, f"/api/kernels/{kernel}/channels", **ours).status == 404
    assert ask(server, f"/api/kernels/{kernel}", **ours).status == 404
    assert ask(server, f"/voila/api/shutdown/{kernel}", "POST", **ours).status == 204
    missing = ask(server, "/voila/labextensions/nothing/there.js", **ours)
    assert (missing.status, "No such page" in missing.body) == (404, True)
    there = ask(server, f"/voila/kernel/{kernel}", **ours)
    assert (there.status, json.loads(there.body)) == (200, {"alive": False})
    assert there.headers["cache-control"] == "no-store"
    assert ask(server, f"/voila/kernel/{kernel}").status == 403
    assert server.log.read_text() == before


def test_a_prefetch_starts_no_kernel(cookie, server):
    assert ask(server, PAGE, Cookie=cookie, Sec_Purpose="prefetch;prerender").status == 503
    assert not server.kernels()


def test_the_token_reaches_no_log(server):
    ask(server, f"{PAGE}?token={server.token}")
    ask(server, f"{PAGE}?token={server.token}", "POST")
    said = server.log.read_text().splitlines()[1:]  # the first line is the address, printed
    assert not any(server.token in line for line in said)


def test_only_a_few_pages_at_once(serve_notebooks):
    server = serve_notebooks({"jobs": "1"}, max_pages=2)
    cookie = cookie_from(server)
    answers = [ask(server, PAGE, Cookie=cookie) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 503]
    assert "2 pages are open" in answers[2].body
    assert len(server.kernels()) <= 3  # two pages, and one held ready
    server.stop()


def test_a_kernel_that_no_page_joins_ends(serve_notebooks):
    server = serve_notebooks({"jobs": "1"}, preheat=0, unwatched_s=60, loading_s=1)
    assert ask(server, PAGE, Cookie=cookie_from(server)).status == 200
    wait_until(lambda: not server.kernels(), what="the end of the kernel")
    server.stop()


def test_a_kernel_waits_for_a_page_that_loads_slowly(serve_notebooks):
    server = serve_notebooks({"jobs": "1"}, preheat=0, unwatched_s=0)
    cookie = cookie_from(server)
    slow, left = (kernel_in(ask(server, PAGE, Cookie=cookie).body) for _ in range(2))
    here = f"127.0.0.1:{server.port}"
    ours = {"Cookie": cookie, "Origin": f"http://{here}"}
    assert websocket_status(f"ws://{here}/api/kernels/{left}/channels", ours) == 101

    def is_alive(kernel: str) -> bool:
        answer = ask(server, f"/voila/kernel/{kernel}", Cookie=cookie)
        return json.loads(answer.body)["alive"]

    # The watch looks at all kernels in turn: when it has ended this one, it has seen the other.
    wait_until(lambda: not is_alive(left), what="the end of the kernel whose page was left")
    assert is_alive(slow)
    server.stop()


def kernel_in(page: str) -> str:
    """The kernel that a page is to join."""
    config = page.partition('id="jupyter-config-data"')[2].partition(">")[2]
    return json.loads(config.partition("</script>")[0])["kernelId"]


def test_a_websocket_is_for_our_own_pages(serve_notebooks):
    server = serve_notebooks({"jobs": "1"}, preheat=0)
    cookie = cookie_from(server)
    path = f"/api/kernels/{kernel_in(ask(server, PAGE, Cookie=cookie).body)}/channels"

    def join(query: str = "", **headers: str) -> int:
        return websocket_status(f"ws://127.0.0.1:{server.port}{path}{query}", headers)

    ours = f"http://127.0.0.1:{server.port}"
    assert join(Cookie=cookie, Origin=ours) == 101
    assert join(Origin=ours) == 403
    assert join(f"?token={server.token}", Origin=ours) == 403  # it opens no socket
    assert join(Cookie=cookie) == 403
    assert join(Cookie=cookie, Origin="http://evil.example") == 403
    assert join(Cookie=cookie, Origin=ours, Host="evil.example") == 403
    assert join(Cookie=f"gladius-{server.port}=x", Origin=ours) == 403
    server.stop()


def websocket_status(url: str, headers: dict[str, str]) -> int:
    """101 when the socket was opened."""

    async def connect() -> int:
        try:
            socket = await websocket_connect(HTTPRequest(url, headers=headers))
        except HTTPClientError as error:
            return error.code
        socket.close()
        return 101

    with ThreadPoolExecutor(1) as thread:  # playwright may hold the main thread's loop
        return thread.submit(asyncio.run, connect()).result()
