"""Calling handlers that the browser triggers: no exception may vanish, no handler may block.

A kernel shows nothing when a comm callback or a background task raises, so every handler is
called through `call`, and what it raises goes to the log and to whoever asked for it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

logger = logging.getLogger("gladius_widgets")

Handler = Callable[..., Any]
_listeners: list[Callable[[BaseException], object]] = []
_tasks: set[asyncio.Task[Any]] = set()


def on_error(listener: Callable[[BaseException], object]) -> Callable[[], None]:
    """Have `listener` called with each exception a handler raises; returns the way to undo it."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener) if listener in _listeners else None


def report(error: BaseException) -> None:
    """Log an exception and pass it to the listeners; if there are none, it shows as a toast."""
    logger.error("A widget handler failed: %s", error, exc_info=error)
    if not _listeners:
        from gladius_widgets.components.toasts import toasts

        toasts()  # listens from now on
    for listener in tuple(_listeners):
        listener(error)


def call(handler: Handler, *args: object) -> None:
    """Call a plain or `async` handler; whatever it raises is reported, never lost."""
    try:
        result = handler(*args)
        if isinstance(result, Coroutine):
            spawn(result)
    except Exception as error:
        report(error)


def spawn(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Run a coroutine on the kernel's loop, kept alive until done and its exception reported."""
    task = asyncio.get_running_loop().create_task(coroutine)
    _tasks.add(task)
    task.add_done_callback(_finish)
    return task


def _finish(task: asyncio.Task[Any]) -> None:
    _tasks.discard(task)
    if not task.cancelled() and (error := task.exception()):
        report(error)


def on_loop() -> bool:
    """True inside a running event loop, as in a kernel."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
