"""Starting a process that outlives this one."""

import subprocess
import sys
from pathlib import Path

from gladius_widgets.core import private
from gladius_widgets.core.atomic import NO_SPACE
from gladius_widgets.core.errors import GladiusError

_started: list[subprocess.Popen[bytes]] = []


def spawn_detached(
    arguments: list[str], *, log: Path, folder: Path, environment: dict[str, str]
) -> None:
    """Run `python -P ARGUMENTS` in a session of its own, its output appended to `log`.

    It has no terminal, no open file of ours and no parent that it would die with. `-P` keeps
    files that lie in `folder` from being imported in place of modules.

    Raises:
        GladiusError: the system refuses another process, or the log cannot be written.
    """
    reap()
    try:
        output = private.open_file(log, "ab")
    except OSError as error:
        raise GladiusError(
            f"A background process could not be started: its log {log} cannot be written: "
            f"{error.strerror}.",
            "Free disk space, and try again."
            if error.errno in NO_SPACE
            else "Give yourself permission to write it, and try again.",
        ) from error
    try:
        with output:
            process = subprocess.Popen(
                [sys.executable, "-P", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        raise GladiusError(
            f"A background process could not be started: {error.strerror}.",
            "Free memory or processes, and try again.",
        ) from error
    _started.append(process)


def reap() -> None:
    """Let go of children that have ended, so that no zombie keeps their pid."""
    _started[:] = [process for process in _started if process.poll() is None]
