"""Files that are either the old or the new version, never half of one."""

import errno
import json
import math
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from gladius_widgets.core import private
from gladius_widgets.core.reserve import write_on_slip

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write to a temporary file beside `path`, then rename over it.

    With `durable` the data and the rename survive a power cut (fsync of file and folder);
    without it they survive only the death of this process, which is enough for snapshots.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.tmp")
    try:
        with private.open_file(temporary, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        discard(temporary)
        raise
    if durable:
        fsync_directory(path.parent)


def discard(path: Path) -> None:
    """Delete a half-written file if it can be: why it could not be written is what matters."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def write_json(
    path: Path, value: Any, *, durable: bool = True, reserve: Path | None = None
) -> None:
    """Write `value` as JSON atomically; NaN and infinities become null, as JSON has none.

    On a full disk it goes onto a slip of the run's `reserve`, if there is one (`core.reserve`).
    """
    text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":")).encode()
    try:
        write_bytes(path, text, durable=durable)
    except OSError as error:
        if error.errno not in NO_SPACE or reserve is None:
            raise
        if not write_on_slip(reserve, path, text):
            raise


def read_json(path: Path) -> Any | None:
    """The parsed file, or None when it is missing or not (yet) whole; no NaN, no infinities."""
    try:
        return _finite(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return None


def fsync_directory(path: Path) -> None:
    """Make a rename or a new name inside `path` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
