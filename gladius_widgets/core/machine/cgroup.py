"""What a container may use of its machine: the limits of its cgroup, version 2 or 1.

In a container `/proc/meminfo` and the CPU times are the host's; what ends a run is the limit.
Files and their meaning: kernel.org, admin-guide/cgroup-v2 and admin-guide/cgroup-v1/memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
_NO_LIMIT_BYTES = 2**60  # version 1 says "none" with a number near 2^63


@dataclass(frozen=True)
class Memory:
    """Bytes that a limit allows, and that count against it now, without what can be dropped."""

    limit_bytes: int
    used_bytes: int


@dataclass(frozen=True)
class Cpu:
    """Cores that a quota allows, and the seconds of one core that have been used so far."""

    limit_cores: float
    used_s: float


class Cgroup:
    """The control groups that this process is in.

    Args:
        root: where the cgroup file systems are mounted.
        membership: which groups we are in, as /proc/self/cgroup says it.
    """

    def __init__(self, root: Path = ROOT, membership: Path = MEMBERSHIP) -> None:
        self._root = root
        self._paths = _paths(membership)

    def memory(self) -> Memory | None:
        """The tightest memory limit over us and what it holds; None without one."""
        found = [
            *self._memory("memory.max", "memory.current", "inactive_file", self._groups("")),
            *self._memory(
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file",
                self._groups("memory"),
            ),
        ]
        return min(found, key=lambda memory: memory.limit_bytes, default=None)

    def swap(self) -> Memory | None:
        """The tightest limit on swap, and what is swapped out; version 2 only."""
        found = self._memory("memory.swap.max", "memory.swap.current", "", self._groups(""))
        return min(found, key=lambda memory: memory.limit_bytes, default=None)

    def cpu(self) -> Cpu | None:
        """The tightest CPU quota over us and the time used under it; None without one."""
        found = [*self._cpu_v2(), *self._cpu_v1()]
        return min(found, key=lambda cpu: cpu.limit_cores, default=None)

    def _memory(
        self, limit: str, usage: str, droppable: str, groups: Iterable[Path]
    ) -> Iterable[Memory]:
        for group in groups:
            limit_bytes, used_bytes = _number(group / limit), _number(group / usage)
            if limit_bytes is None or used_bytes is None or limit_bytes >= _NO_LIMIT_BYTES:
                continue
            cache_bytes = _stat(group / "memory.stat").get(droppable, 0)
            yield Memory(limit_bytes, max(0, used_bytes - cache_bytes))

    def _cpu_v2(self) -> Iterable[Cpu]:
        for group in self._groups(""):
            quota, _, period = _text(group / "cpu.max").partition(" ")
            used_us = _stat(group / "cpu.stat").get("usage_usec")
            if quota.isdigit() and period.isdigit() and int(period) and used_us is not None:
                yield Cpu(int(quota) / int(period), used_us / 1e6)

    def _cpu_v1(self) -> Iterable[Cpu]:
        for group in self._groups("cpu"):
            quota_us, period_us = (
                _number(group / f"cpu.cfs_{name}_us") for name in ("quota", "period")
            )
            if not quota_us or not period_us or quota_us < 0:
                continue
            inside = group.relative_to(self._root / "cpu")
            used_ns = _number(self._root / "cpuacct" / inside / "cpuacct.usage")
            if used_ns is not None:
                yield Cpu(quota_us / period_us, used_ns / 1e9)

    def _groups(self, controller: str) -> list[Path]:
        """Our group and those above it, as far as they can be seen from here.

        A container without a cgroup namespace reads its path on the host, while the mount begins
        at its own group: such a path leads nowhere, and the mount's root is the group.
        """
        top = self._root / controller
        path = self._paths.get(controller)
        if path is None:
            return []
        own = top / path.lstrip("/")
        return [folder for folder in (own, *own.parents) if folder.is_relative_to(top)]


def _paths(membership: Path) -> dict[str, str]:
    """Controller → path of our group; the controller of version 2 has no name."""
    found: dict[str, str] = {}
    for line in _text(membership).splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            found |= dict.fromkeys(parts[1].split(","), parts[2])
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, ValueError):
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.lstrip("-").isdigit() else None


def _stat(path: Path) -> dict[str, int]:
    """A file of `name number` lines."""
    pairs = (line.split(maxsplit=1) for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
