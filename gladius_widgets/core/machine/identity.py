"""Who somebody is, and telling one process from a later one that was given the same pid."""

import os
import pwd
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from gladius_widgets.core.text.terminal_text import visible

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PIDS = 2**31  # more than any system has
# What says who one is, and anybody can set; a hub's name first, as all its users may share one uid.
_CLAIMS = ("JUPYTERHUB_USER", "LOGNAME", "USER")
_CLAIM_CHARS = 64


def login_name() -> str:
    """The name of the user that we run as, which the system knows; `uid-1000` without one.

    Where the environment claims another, that stands beside it: `root (says ada)`.
    """
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in some containers
        name = f"uid-{os.getuid()}"
    claims = (os.environ.get(key, "").strip() for key in _CLAIMS)
    claim = next((claim for claim in claims if claim), name)
    return name if claim == name else f"{name} (says {visible(claim)[:_CLAIM_CHARS]})"


def boot_id() -> str:
    """A name for this boot of the machine; empty where the system has none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return str(int(psutil.boot_time()))


@dataclass(frozen=True)
class ProcessIdentity:
    """A process: pid, its creation time (unix s) and the boot it belongs to."""

    pid: int
    create_time: float
    boot_id: str

    @classmethod
    def of(cls, pid: int | None = None) -> Self:
        """The identity of `pid`, by default of this process.

        Raises:
            psutil.NoSuchProcess: it is already gone.
        """
        pid = os.getpid() if pid is None else pid
        return cls(pid, psutil.Process(pid).create_time(), boot_id())

    @classmethod
    def from_dict(cls, value: dict[str, Any] | None) -> Self | None:
        """Read back what `to_dict` wrote; None when it is not one."""
        try:
            pid, create_time = int(value["pid"]), float(value["create_time"])  # type: ignore[index]  # None lands in except
            boot = str(value["boot_id"])  # type: ignore[index]
        except (TypeError, KeyError, ValueError):
            return None
        return cls(pid, create_time, boot) if 0 < pid < _PIDS else None

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)

    def process(self) -> psutil.Process | None:
        """The live process, or None when it has ended, is a zombie, or the pid is another's."""
        if self.boot_id != boot_id():
            return None
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.create_time) < 0.01
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.process() is not None
