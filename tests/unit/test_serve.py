"""The parts of the server that need no browser: token, address, gate rules, notebooks."""

import asyncio
import logging
import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tornado.websocket import WebSocketClosedError

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.serve import notebooks
from gladius_widgets.serve.assets import version_of
from gladius_widgets.serve.launch import page_url, report_unless_page_left, serve
from gladius_widgets.serve.messages import message_page
from gladius_widgets.serve.scratch import connections_folder
from gladius_widgets.serve.token import cookie_of, token_of


def test_token_is_kept_and_private(tmp_path: Path):
    file = tmp_path / "home" / "serve-token"
    token = token_of(file)
    assert token_of(file) == token
    assert len(token) >= 43  # 256 bits
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["serve-token"]


def test_two_homes_have_two_tokens(tmp_path: Path):
    assert token_of(tmp_path / "a" / "t") != token_of(tmp_path / "b" / "t")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620])
def test_a_token_that_others_could_read_is_replaced(tmp_path: Path, mode: int):
    file = tmp_path / "token"
    token = token_of(file)
    file.chmod(mode)
    new = token_of(file)
    assert new != token
    assert token_of(file) == new
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_the_token_of_another_user_is_passed_over(tmp_path: Path, mode: int):
    file = tmp_path / "token"
    token = token_of(file)
    file.chmod(mode)
    os.chown(file, 65534, 65534)
    assert token_of(file) != token
    assert file.read_text() == token
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_an_unwritable_home_is_said(tmp_path: Path):
    (tmp_path / "home").write_text("a file, not a folder")
    with pytest.raises(GladiusError, match=r"cannot be read or written.*--home"):
        token_of(tmp_path / "home" / "token")


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 50])
def test_a_damaged_token_is_said(tmp_path: Path, content: bytes):
    file = tmp_path / "token"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(GladiusError):
        token_of(file)


def test_the_cookie_is_not_the_token():
    assert cookie_of("secret") != cookie_of("other")
    assert "secret" not in cookie_of("secret")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("", "/"), ("voila/render/jobs.ipynb", "/voila/render/jobs.ipynb"), ("/x?job=a", "/x")],
)
def test_page_url(path: str, expected: str):
    parts = urlsplit(page_url(8866, "se+cret", path))
    assert (parts.scheme, parts.netloc, parts.path) == ("http", "127.0.0.1:8866", expected)
    assert parse_qs(parts.query)["token"] == ["se+cret"]
    assert parse_qs(parts.query).get("job") == (["a"] if "?" in path else None)


def test_a_port_in_use_is_said(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(GladiusError, match=rf"Port {port} .*in use.*--port {port + 1}"):
            serve(tmp_path, port=port, notebooks=tmp_path)


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [("no-such-host.invalid", 0, "no host named"), ("127.0.0.1", 70_000, "is not a port")],
)
def test_an_impossible_address_is_said(tmp_path: Path, host: str, port: int, message: str):
    with pytest.raises(GladiusError, match=message):
        serve(tmp_path, host=host, port=port, notebooks=tmp_path)


def test_messages_are_escaped():
    page = message_page("<b>", "<script>alert(1)</script>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_notebooks_stand_in_the_checkout_or_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    package = tmp_path / "site-packages" / "gladius_widgets"
    monkeypatch.setattr(notebooks, "__file__", str(package / "serve" / "notebooks.py"))
    with pytest.raises(GladiusError, match="missing"):
        notebooks.directory()
    for folder in (package.parent / "notebooks", package / "notebooks"):  # the packaged one wins
        folder.mkdir(parents=True)
        (folder / notebooks.PAGES[0]).touch()
        assert notebooks.directory().samefile(folder)


def test_a_page_that_left_is_no_fault_and_all_else_is(caplog: pytest.LogCaptureFixture):
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(report_unless_page_left)
    with caplog.at_level(logging.ERROR, "asyncio"):
        loop.call_exception_handler({"message": "m", "exception": WebSocketClosedError()})
        assert caplog.messages == []
        loop.call_exception_handler({"message": "m", "exception": ValueError("x")})
        assert len(caplog.messages) == 1
    loop.close()


def test_scripts_get_another_address_when_one_of_them_changes(tmp_path: Path):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        (folder / "voila.js").write_text("1")
    folders = [str(first), str(second), str(tmp_path / "missing")]
    seen = [version_of(folders)]
    assert version_of(folders) == seen[0]
    (second / "voila.js").write_text("12")
    seen.append(version_of(folders))
    (first / "9.voila.js").write_text("3")
    seen.append(version_of(folders))
    assert len(set(seen)) == 3


def test_what_a_killed_server_left_is_removed_by_the_next(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    held = (
        "from gladius_widgets.serve.scratch import connections_folder\n"
        "with connections_folder() as folder:\n    print(folder, flush=True)\n    input()"
    )
    alive, killed = (
        subprocess.Popen(
            [sys.executable, "-c", held],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"TMPDIR": str(tmp_path)},
        )
        for _ in range(2)
    )  # fmt: skip
    in_use, left = (Path(process.stdout.readline().strip()) for process in (alive, killed))
    killed.kill()
    killed.communicate()
    old = tmp_path / "gladius-kernels-of-an-older-version"
    old.mkdir()
    os.utime(old, (0, 0))
    fresh = tmp_path / "gladius-kernels-half-made"
    fresh.mkdir()
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / "gladius-kernels-link").symlink_to(precious)
    assert left.is_dir()
    with connections_folder() as ours:
        assert not left.exists()
        assert not old.exists()
        kept = {in_use, fresh, precious, Path(ours)}
        assert set(tmp_path.iterdir()) == kept | {tmp_path / "gladius-kernels-link"}
    assert not Path(ours).exists()
    alive.communicate("\n")
