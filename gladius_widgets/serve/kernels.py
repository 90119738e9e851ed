"""The kernels behind the pages: this Python, our home, and no longer than somebody looks.

Voila starts a kernel for every page load and leaves it running when the page goes away (voila
issue 1458); a kernel that keeps sending never counts as idle. So the rule here is not idleness:
a kernel without a connected page for `unwatched_s` is ended. One whose page has not connected yet
has longer: on a busy machine the page is still loading, and without its kernel it shows nothing.
"""

import os
import time
from asyncio import Future
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from traitlets import Float, Integer, Unicode

from gladius_widgets.core.page_files import SERVED

Standby = Future[dict[str, Any]]
"""A kernel held ready, or on its way to be: its result names the kernel."""


class ThisPython(KernelSpecManager):
    """Whatever kernel a notebook names, it gets the interpreter that the server runs on.

    A kernel spec of the user's with the same name could belong to another environment.
    """

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The spec of our lean ipykernel under this interpreter; it keeps no history file."""
        spec: dict[str, Any] = get_kernel_dict(["--HistoryManager.enabled=False"])
        lean = {"ipykernel_launcher": "gladius_widgets.serve.ipykernel_launcher"}
        spec["argv"] = [lean.get(word, word) for word in spec["argv"]]
        return KernelSpec(resource_dir=RESOURCES, **spec)

    def find_kernel_specs(self) -> dict[str, str]:
        """The one kernel there is."""
        return {"python3": RESOURCES}


class PageKernels(AsyncMappingKernelManager):
    """One kernel a page, with a cap, and an end when the page is gone.

    Voila subclasses it to hold rendered notebooks ready: `_pools` and `fill_if_needed` are its.
    """

    _pools: dict[str, list[Standby]]
    fill_if_needed: Callable[..., None]

    gladius_home = Unicode(config=True, help="the home that the pages show")
    max_pages = Integer(12, config=True, help="pages open at once")
    unwatched_s = Float(60.0, config=True, help="how long a kernel lives without a page")
    loading_s = Float(120.0, config=True, help="how long it waits for its page to connect")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._unwatched_since: dict[str, float] = {}
        self._joined: set[str] = set()
        self.loading = 0  # page loads that may not have their kernel yet

    def cwd_for_path(self, path: str, **_: Any) -> str:
        """Where `gladius serve` was started: relative paths in the form begin there."""
        return str(Path.cwd())

    async def start_kernel(self, **kwargs: Any) -> str:
        """Start a kernel that works on our home."""
        environment = dict(kwargs.pop("env", None) or os.environ)
        environment["GLADIUS_HOME"] = self.gladius_home
        environment[SERVED] = "1"
        # One heap for all its threads, Arrow's memory in it too: 10 MB less.
        environment |= {"MALLOC_ARENA_MAX": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
        return await super().start_kernel(env=environment, **kwargs)

    def pages(self) -> set[str]:
        """The ids of kernels that were given to a page."""
        standby = {
            task.result()["kernel_id"]
            for task in self._standby()
            if task.done() and self._is_ready(task)
        }
        return set(self.list_kernel_ids()) - standby

    def is_full(self) -> bool:
        """Whether one more page would pass the cap."""
        return len(self.pages()) + self.loading >= self.max_pages

    async def look_after(self) -> None:
        """End kernels without a page, replace those held ready that died.

        To be called every second or so.
        """
        self._replace_dead()
        if self.loading or any(not task.done() for task in self._standby()):
            return  # a kernel that is starting looks like one without a page
        now = time.monotonic()
        alone = {id_ for id_ in self.pages() if not self._kernel_connections.get(id_)}
        self._unwatched_since = {id_: self._unwatched_since.get(id_, now) for id_ in alone}
        self._joined &= self.pages()
        for kernel_id, since in self._unwatched_since.items():
            limit_s = self.unwatched_s if kernel_id in self._joined else self.loading_s
            if now - since >= limit_s and kernel_id in self:
                await self.shutdown_kernel(kernel_id, now=True)

    def notify_connect(self, kernel_id: str) -> None:
        """A page has connected to its kernel."""
        self._joined.add(kernel_id)
        super().notify_connect(kernel_id)

    def _replace_dead(self) -> None:
        for notebook, pool in self._pools.items():
            dead = [task for task in pool if task.done() and not self._is_ready(task)]
            for task in dead:
                pool.remove(task)
            if dead:
                self.fill_if_needed(notebook_name=notebook)

    def _standby(self) -> list[Standby]:
        return [task for pool in self._pools.values() for task in pool]

    def _is_ready(self, task: Standby) -> bool:
        ended = task.cancelled() or task.exception() is not None
        return not ended and task.result()["kernel_id"] in self
