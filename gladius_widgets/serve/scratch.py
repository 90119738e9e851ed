"""The folder of a server's kernel connections, and those that killed servers left behind."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_PREFIX = "gladius-kernels-"
_LOCK = ".server"
_HALF_MADE_S = 60.0


@contextmanager
def connections_folder() -> Iterator[str]:
    """A new folder for our user alone, removed at the end.

    A server that is killed cannot remove its own. It holds a lock in it for as long as it lives,
    so the next server can tell.
    """
    _remove_left_over()
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX) as folder,
        (Path(folder) / _LOCK).open("w") as lock,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder


def _remove_left_over() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            if not (folder / _LOCK).exists():
                if _is_abandoned(folder):
                    shutil.rmtree(folder, ignore_errors=True)
                continue
            with (folder / _LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: it is in use
                shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    """Of a folder without a lock, of an older version or half made: nobody has it any more."""
    if time.time() - folder.stat().st_mtime < _HALF_MADE_S:
        return False
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(word.startswith(str(folder)) for word in process.cmdline()):
                return False
    return True
