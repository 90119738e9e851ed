"""Calling handlers that the browser triggers: no exception may vanish, no handler may block.

A kernel shows nothing when a comm callback or a background task raises, so every handler is
called through `call`, and what it raises goes to the log and to whoever asked for it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

logger = logging.getLogger("gladius_widgets")

Handler = Callable[..., Any]
_Found = TypeVar("_Found")
_listeners: list[Callable[[BaseException], object]] = []
_last_resort: list[Callable[[], object]] = []
_tasks: set[asyncio.Task[Any]] = set()


def on_error(listener: Callable[[BaseException], object]) -> Callable[[], None]:
    """Have `listener` called with each exception a handler raises; returns the way to undo it."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener) if listener in _listeners else None


def listen_at_last(make: Callable[[], object]) -> None:
    """Have `make` called when an exception finds no listener: what it makes listens from then on.

    So toasts show what nobody else does, and this module need not know them.
    """
    _last_resort.append(make)


def report(error: BaseException) -> None:
    """Log an exception and pass it to the listeners; if there are none, it shows as a toast."""
    logger.error("A widget handler failed: %s", error, exc_info=error)
    if not _listeners:
        for make in _last_resort:
            make()
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


def begin(coroutine: Coroutine[Any, Any, Any]) -> Callable[[], object]:
    """Run a coroutine on the kernel's loop; where none runs, to its end before this returns.

    So that the latter can be, it waits for nothing but `in_thread`, and what waits for that.

    Returns:
        The way to stop it.
    """
    if on_loop():
        return spawn(coroutine).cancel
    try:
        coroutine.send(None)
    except StopIteration:
        return nothing
    coroutine.close()
    raise RuntimeError("It waits for an event loop, and none runs.")


def nothing() -> None:
    """The way to stop what does not go on."""


async def in_thread(work: Callable[..., _Found], *args: Any, **named: Any) -> _Found:
    """What `work` returns. Files are read so: meanwhile the loop goes on, if one runs."""
    if on_loop():
        return await asyncio.to_thread(work, *args, **named)
    return work(*args, **named)


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
