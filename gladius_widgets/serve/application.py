"""Voila with everything taken out that our pages do not need."""

import os
import threading
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from jupyter_server.auth.identity import IdentityProvider, User
from jupyter_server.base.handlers import APIHandler, FileFindHandler
from jupyter_server.services.kernels.handlers import KernelHandler
from jupyterlab_server.themes_handler import ThemesHandler
from tornado.log import access_log, app_log, gen_log
from tornado.web import Application, HTTPError, RedirectHandler, RequestHandler, authenticated
from traitlets.config import Config
from voila.app import Voila
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.static_file_handler import MultiStaticFileHandler, TemplateStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from gladius_widgets.serve.assets import ExtensionFiles, VersionedFiles, version_of
from gladius_widgets.serve.faults import PlainErrors
from gladius_widgets.serve.kernels import PageKernels, ThisPython
from gladius_widgets.serve.messages import message_page
from gladius_widgets.serve.notebooks import SELDOM
from gladius_widgets.serve.own_files import CHUNKS, OwnFiles, OwnFilesHandler, chunks

RENDER = "/voila/render/"
KERNEL = "/voila/kernel/"
_OWN_FILES = "/gladius/"

_KEPT_HANDLERS = frozenset(
    {
        FileFindHandler,  # the scripts of widget extensions
        KernelHandler,
        MultiStaticFileHandler,  # Voila's own scripts
        TemplateStaticFileHandler,  # those of its templates
        ThemesHandler,
        VoilaKernelWebsocketHandler,
        VoilaShutdownKernelHandler,
    }
)
"""All other handlers of Voila, known or to come, are left out: files, folders, logins."""


class Goodbye(VoilaShutdownKernelHandler):
    """Ends the kernel of a page that is left. That of a page from before a restart has ended."""

    @authenticated
    async def post(self, kernel_id: str) -> None:
        """End it, if it is there."""
        kernels = cast("PageKernels", self.kernel_manager)
        if kernel_id in kernels:
            await kernels.shutdown_kernel(kernel_id)
        self.set_status(204)
        self.finish()


class PageSocket(VoilaKernelWebsocketHandler):
    """The socket of a page."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """As Jupyter does; a page that has left meanwhile is no fault."""
        if self.connection is None:
            raise HTTPError(410)
        return super().select_subprotocol(subprotocols)


_OURS = {
    FileFindHandler: ExtensionFiles,
    VoilaKernelWebsocketHandler: PageSocket,
    VoilaShutdownKernelHandler: Goodbye,
}
"""Handlers of which we have our own kind."""


def _ours(handler: type[RequestHandler]) -> type[RequestHandler]:
    """Our own kind of a handler; all but those that answer in JSON tell errors plainly."""
    kind = _OURS.get(handler, handler)
    if issubclass(kind, APIHandler):
        return kind
    return type(kind.__name__, (PlainErrors, kind), {})


_EXTENSIONS = [
    "@jupyter-widgets/jupyterlab-manager",
    "@voila-dashboards/widgets-manager8",
    "anywidget",
    "bqplot",
    "bqscales",
]
"""What the pages draw with. The other extensions would double the bytes of a first visit."""

_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",  # Voila, ajv, anywidget
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "frame-ancestors 'self'",
    ]
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class PageServer(Voila):
    """Voila's application: its kernels and assets, with our pages alone."""

    pages: tuple[str, ...] = ()

    def application(self) -> Application:
        """The web application; starts the preheated kernels, so a loop must be running."""
        settings = {
            **cast("dict[str, Any]", self.init_settings()),
            "allow_remote_access": True,  # the gate checks the host
            "compress_response": True,
            "default_handler_class": _NotFound,
            "disable_check_xsrf": True,  # the gate checks the origin; a page's goodbye has no token
            "headers": _HEADERS,
            "log_function": _log_fault,
            "websocket_compression_options": {"compression_level": 3},  # a log may be a flood
        }
        self.app = Application(**settings)
        self.app.add_handlers(".*$", self._rules())
        threading.Thread(target=self._files.compress, name="gladius-compress", daemon=True).start()
        return self.app

    @cached_property
    def _files(self) -> OwnFiles:
        folders = {"static": self.static_paths, "labextensions": self.labextensions_path}
        return OwnFiles({CHUNKS: chunks(folders)})

    @cached_property
    def _scripts_folder(self) -> str:
        return f"static-{version_of(self.static_paths)}"

    def page_config(self, known: dict[str, Any], **_: object) -> dict[str, Any]:
        """What template and scripts know of the page (Voila's hook): where their files are."""
        names = self._files.names
        host = {"load": f"../../..{_OWN_FILES}{names['host.js']}"}  # relative to the extension
        return known | {
            "anywidget": version("anywidget"),
            "federated_extensions": [
                found | host if found["name"] == "anywidget" else found
                for found in known["federated_extensions"]
            ],
            "fullStaticUrl": f"/voila/{self._scripts_folder}",
            "gladiusFiles": _OWN_FILES,
            "gladiusNames": names,
        }

    def _rules(self) -> list[Any]:
        """Voila's handlers for kernels and assets, ours for the pages."""
        rules = cast("list[Any]", self.init_handlers())
        kept = [(rule[0], _ours(rule[1]), *rule[2:]) for rule in rules if rule[1] in _KEPT_HANDLERS]
        page = {
            "template_paths": self.template_paths,
            "config": self.config,
            "voila_configuration": self.voila_configuration,
            "pages": self.pages,
        }
        scripts = {"paths": self.static_paths}
        return [
            *kept,
            (f"/voila/{self._scripts_folder}/(.*)", VersionedFiles, scripts),
            (f"{_OWN_FILES}(.*)", OwnFilesHandler, {"files": self._files}),
            (f"{RENDER}(.*)", PageHandler, page),
            (f"{KERNEL}([^/]+)", KernelThere, {"kernels": self.kernel_manager}),
            ("/", RedirectHandler, {"url": RENDER + self.pages[0], "permanent": False}),
        ]


class PageHandler(PlainErrors, TornadoVoilaHandler):
    """Runs a page notebook for the visitor, if it is one and there is room for another."""

    def initialize(self, **kwargs: Any) -> None:
        """Take `pages`, the names of the page notebooks; the rest is Voila's."""
        self._pages: tuple[str, ...] = kwargs.pop("pages")
        super().initialize(**kwargs)

    async def get(self, path: str = "") -> None:
        """The page, with a kernel of its own."""
        kernels = cast("PageKernels", self.kernel_manager)
        if path not in self._pages:
            self._say(404, "No such page", f"There is no page named {path!r} here.")
        elif self.request.headers.get("Sec-Purpose", "").startswith("prefetch"):
            self._say(503, "Not prefetched", "Every load starts a kernel.")
        elif kernels.is_full():
            self._say(
                503,
                "Too many pages are open",
                f"{kernels.max_pages} pages are open, the most that this server allows."
                " Close one, wait a minute, and load this page again.",
            )
        else:
            kernels.loading += 1
            try:
                page: Any = super().get(path)
                await page
            finally:
                kernels.loading -= 1

    def should_use_rendered_notebook(
        self, notebook_data: Any, pool_size: int, template_name: Any, theme: Any, request_args: Any
    ) -> Any:
        """A preheated kernel whenever there is one: no query argument changes the page."""
        return pool_size > 0 and bool(notebook_data)

    def _say(self, status: int, title: str, text: str) -> None:
        self.set_status(status)
        self.finish(message_page(title, text))


class KernelThere(RequestHandler):
    """Tells a page whose line was down whether its kernel is still there."""

    def initialize(self, kernels: PageKernels) -> None:
        """Take the kernels."""
        self._kernels = kernels

    def get(self, kernel_id: str) -> None:
        """`{"alive": …}`; an unknown kernel is no fault, but that of a server before this one."""
        self.set_header("Cache-Control", "no-store")
        self.finish({"alive": kernel_id in self._kernels})


class Visitor(IdentityProvider):
    """Whoever passed the gate; the same for all, so no cookie of Jupyter's is set."""

    def get_user(self, handler: RequestHandler) -> User:
        """The one visitor."""
        return User("visitor")


class _NotFound(RequestHandler):
    def prepare(self) -> None:
        self.set_status(404)
        self.finish(message_page("No such page", "There is nothing at this address."))


def _log_fault(handler: RequestHandler) -> None:
    """Log our own faults. The path alone: a query can carry the token."""
    if handler.get_status() >= 500 and not isinstance(handler, PageHandler):
        access_log.error("%d %s", handler.get_status(), handler.request.path)


def page_server(
    home: Path,
    notebooks: Path,
    pages: tuple[str, ...],
    *,
    port: int,
    max_pages: int,
    unwatched_s: float,
    loading_s: float,
    preheat: int,
) -> PageServer:
    """A configured `PageServer`. Config files of the user's own Voila are not read.

    Args:
        home: the home that the kernels work on.
        notebooks: the folder of the page notebooks.
        pages: their file names, the start page first.
        port: told to the kernels.
        max_pages: pages open at once.
        unwatched_s: how long a kernel lives after its page is gone.
        loading_s: how long a kernel waits for its page to connect.
        preheat: kernels of each page held ready, so that a page loads in about two seconds; none
            of those in `notebooks.SELDOM`.
    """
    _offer_template()
    gen_log.setLevel("ERROR")  # it warns of Jupyter's ping interval, in ms where seconds are meant
    app_log.setLevel("ERROR")  # and of each kernel that a page of an earlier server asks for
    config = Config()
    config.Voila.config_file_paths = []
    config.Voila.root_dir = str(notebooks)
    config.Voila.port = port
    config.Voila.log_level = "ERROR"  # warnings are about our notebooks not being "trusted"
    config.Voila.identity_provider_class = Visitor
    config.VoilaExecutor.cell_error_instruction = (
        "The terminal of `gladius serve` says why. Jobs are not affected."
    )
    config.VoilaConfiguration.template = "gladius"
    config.VoilaConfiguration.allow_template_override = "NO"
    config.VoilaConfiguration.allow_theme_override = "NO"
    config.VoilaConfiguration.extension_allowlist = _EXTENSIONS
    config.VoilaConfiguration.file_allowlist = []
    config.VoilaConfiguration.multi_kernel_manager_class = PageKernels
    config.VoilaConfiguration.kernel_spec_manager_class = ThisPython
    config.VoilaConfiguration.preheat_kernel = True
    config.VoilaKernelManager.kernel_pools_config = {
        "default": {"pool_size": 0},
        **{page: {"pool_size": 0 if page in SELDOM else preheat} for page in pages},
    }
    config.VoilaKernelManager.fill_delay = 3.0  # let the page load first
    config.PageKernels.gladius_home = str(home)
    config.PageKernels.max_pages = max_pages
    config.PageKernels.unwatched_s = unwatched_s
    config.PageKernels.loading_s = loading_s
    config.KernelManager.transport = "ipc"  # sockets in a folder of ours: no other user can listen
    # A restarted kernel would be an empty one behind a page that looks alive.
    config.KernelRestarter.restart_limit = 0
    server = PageServer(config=config)
    server.pages = pages
    server.initialize([])
    server.voila_configuration.page_config_hook = server.page_config
    return server


def _offer_template() -> None:
    """Put our template folder on Jupyter's path, where Voila looks for templates."""
    share = str(Path(__file__).parent / "share")
    paths = os.environ.get("JUPYTER_PATH", "").split(os.pathsep)
    if share not in paths:
        os.environ["JUPYTER_PATH"] = os.pathsep.join([share, *filter(None, paths)])
