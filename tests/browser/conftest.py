"""A real server and a real Chromium.

Pages are opened by `open_page`, which chooses theme and width and fails the test when the page
writes an error to the console. `pages` is the server of `gladius serve`; `serve_notebooks` starts
one over made-up notebooks; `jupyterlab` is JupyterLab over a copy of ours.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from support import REPOSITORY, command_line, end_processes_on, wait_until, write_notebooks

from gladius_widgets.core.paths import Home
from gladius_widgets.serve.launch import page_url

expect.set_options(timeout=20_000)  # ms; two busy cores
# What JupyterLab's comm throws at a widget that speaks while the reader leaves its page.
LEAVING = "Cannot send"
# Each new profile would draw two pages for suggestions below an address bar that nobody sees. The
# others are off as Playwright has them, whose flag this one replaces.
OFF = (
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup",
    "AimEnabled", "AvoidUnnecessaryBeforeUnloadCheckSync", "HttpsUpgrades", "LensOverlay",
    "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding",
    "PreconnectToSearch", "ThirdPartyStoragePartitioning",
)  # fmt: skip

_SERVE = """
import json, sys
from gladius_widgets.serve.launch import serve
serve(on_ready=lambda url: print(url, flush=True), **json.loads(sys.argv[1]))
"""


@dataclass
class Server:
    """A running server: its process, its address and what it said."""

    process: subprocess.Popen[str]
    port: int
    token: str
    home: Home
    log: Path

    def url(self, path: str = "") -> str:
        """The address of a page, with the token."""
        return page_url(self.port, self.token, path)

    def kernels(self) -> list[psutil.Process]:
        """The live kernels, preheated ones among them."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if "ipykernel_launcher" in command_line(child)]

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal, wait, and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts a server from an argument list and waits for the address it prints."""
    homes: list[Path] = []

    def start(arguments: list[str], home: Home) -> Server:
        homes.append(home.root)
        if not home.settings.exists():  # jobs fail on purpose here, and the queue shall go on
            home.root.mkdir(parents=True, exist_ok=True)
            home.settings.write_text("quick_failure_s: 0\n")
        log = tmp_path_factory.mktemp("server") / "log"
        process = subprocess.Popen(
            arguments,
            stdout=log.open("w"),
            stderr=subprocess.STDOUT,
            text=True,
            cwd=REPOSITORY,
            env=os.environ | {"GLADIUS_HOME": str(home.root), "PYTHONUNBUFFERED": "1"},
        )

        def address() -> re.Match[str] | None:
            assert process.poll() is None, log.read_text()
            return re.search(r"http://127\.0\.0\.1:(\d+)/\S*token=([\w-]+)", log.read_text())

        found = wait_until(address, 60, "the address of the server")
        return Server(process, int(found[1]), found[2], home, log)

    yield start
    for root in homes:
        end_processes_on(root)


@pytest.fixture(scope="session")
def pages(
    start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """`gladius serve` on a home of its own, for the whole session."""
    home = Home(tmp_path_factory.mktemp("pages") / "home")
    program = str(Path(sys.executable).with_name("gladius"))
    server = start_server([program, "serve", "--home", str(home.root), "--port", "0"], home)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def serve_notebooks(
    start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Server]]:
    """Serves made-up notebooks: `serve_notebooks({"jobs": "2 + 2"}, unwatched_s=1)`."""
    running: list[Server] = []

    def start(cells: dict[str, str], pages: list[str] | None = None, **options: Any) -> Server:
        folder = tmp_path_factory.mktemp("notebooks")
        home = Home(folder / "home")
        write_notebooks(folder, cells)
        names = pages or [f"{name}.ipynb" for name in cells]
        settings = {"home": str(home.root), "port": 0, "notebooks": str(folder), "pages": names}
        arguments = [sys.executable, "-c", _SERVE, json.dumps(settings | options)]
        running.append(start_server(arguments, home))
        return running[-1]

    yield start
    for server in running:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    flags.append(f"--disable-features={','.join(OFF)}")
    settings = browser_type_launch_args | {"args": flags}
    chromium = os.environ.get("GLADIUS_CHROMIUM") or next(
        filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None
    )
    return settings | {"executable_path": chromium} if chromium else settings


@pytest.fixture
def console_errors() -> Iterator[list[str]]:
    """The errors that pages wrote to the console; a test that wants one takes it out."""
    errors: list[str] = []
    yield errors
    assert not errors, "errors in the browser's console:\n" + "\n".join(errors)


@pytest.fixture
def requests() -> list[str]:
    """The addresses that pages asked for, websockets too."""
    return []


@pytest.fixture
def open_page(
    new_context: Callable[..., BrowserContext], console_errors: list[str], requests: list[str]
) -> Callable[..., Page]:
    """Opens an address in a new browser profile: `open_page(url, theme="dark", width=390)`."""

    def fail(error: Exception) -> None:
        if str(error) != LEAVING:
            console_errors.append(str(error))

    def watch(page: Page) -> None:
        page.on("pageerror", fail)
        page.on(
            "console",
            lambda message: (
                console_errors.append(f"{message.text} ({message.location.get('url')})")
                if message.type == "error"
                else None
            ),
        )
        page.on("request", lambda request: requests.append(request.url))
        page.on("websocket", lambda socket: requests.append(socket.url))

    def open_(
        url: str = "about:blank", *, theme: str = "light", width: int = 1440, height: int = 900
    ) -> Page:
        context = new_context(
            color_scheme=theme, viewport={"width": width, "height": height}, reduced_motion="reduce"
        )
        page = context.new_page()
        watch(page)
        page.goto(url)
        return page

    return open_


@dataclass
class Lab:
    """A running JupyterLab."""

    port: int
    token: str
    root: Path
    home: Home

    def url(self, notebook: str) -> str:
        """The address that opens a notebook in a workspace of its own."""
        return (
            f"http://127.0.0.1:{self.port}/lab/workspaces/test-{Path(notebook).stem}"
            f"/tree/{notebook}?reset&token={self.token}"
        )


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab over a copy of our notebooks, with settings of its own."""
    base = tmp_path_factory.mktemp("jupyterlab")
    home, root, log = Home(base / "home"), base / "notebooks", base / "log"
    shutil.copytree(REPOSITORY / "notebooks", root)
    token = "0123456789abcdef"  # of a server that lives for these tests
    settings = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": 0,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "ServerApp.root_dir": str(root),
        "IdentityProvider.token": token,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.news_url": None,
        "LabApp.extension_manager": "readonly",
    }
    command = [sys.executable, "-m", "jupyterlab"]
    command += [f"--{name}={value}" for name, value in settings.items()]
    quiet = base / "CONFIG/lab/user-settings/@jupyterlab/apputils-extension"
    quiet.mkdir(parents=True)
    # Lab asks each new user about its news, over the page.
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    folders = {f"JUPYTER_{kind}_DIR": str(base / kind) for kind in ("CONFIG", "RUNTIME", "DATA")}
    process = subprocess.Popen(
        command,
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
        env=os.environ | folders | {"GLADIUS_HOME": str(home.root)},
    )

    def port() -> int | None:
        assert process.poll() is None, log.read_text()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/lab", log.read_text())
        return int(found[1]) if found else None

    yield Lab(wait_until(port, 60, "JupyterLab"), token, root, home)
    process.terminate()
    process.wait(timeout=60)
    end_processes_on(base)
