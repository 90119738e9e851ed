"""Memory and CPU that this process may use: the machine's, or its container's share of them."""

import os
import time
from dataclasses import dataclass

import psutil

from gladius_widgets.core.machine.cgroup import Cgroup


@dataclass(frozen=True)
class HostMemory:
    """RAM and swap in bytes; `is_limited`: RAM is what a container may use, not all there is."""

    ram_used_bytes: int
    ram_total_bytes: int
    swap_used_bytes: int
    swap_total_bytes: int
    is_limited: bool = False


def host_memory(cgroup: Cgroup | None = None) -> HostMemory:
    """What is used and what there is, within the cgroup's limit where that is the tighter one."""
    group = cgroup or Cgroup()
    ram, swap = psutil.virtual_memory(), psutil.swap_memory()
    used, total, is_limited = ram.total - ram.available, ram.total, False
    limit = group.memory()
    if limit is not None and limit.limit_bytes < total:
        used, total, is_limited = limit.used_bytes, limit.limit_bytes, True
    swap_used, swap_total = swap.used, swap.total
    swap_limit = group.swap()
    if swap_limit is not None and swap_limit.limit_bytes < swap_total:
        swap_used, swap_total = swap_limit.used_bytes, swap_limit.limit_bytes
    return HostMemory(used, total, swap_used, swap_total, is_limited)


def usable_cores(cgroup: Cgroup | None = None) -> float:
    """Cores that this process may keep busy: by its affinity and its cgroup's quota."""
    quota = (cgroup or Cgroup()).cpu()
    cores = float(len(os.sched_getaffinity(0)))
    return cores if quota is None else min(cores, quota.limit_cores)


class CpuMeter:
    """Percent of the usable CPU time that was used since the last look; 0 at the first.

    Under a quota it is that of the container's own processes; else that of the whole machine.
    """

    def __init__(self, cgroup: Cgroup | None = None) -> None:
        self._cgroup = cgroup or Cgroup()
        self._last: tuple[float, float] | None = None  # (clock, CPU seconds)
        self.percent()  # the first look only starts the measurement

    def percent(self) -> float:
        """0 to 100."""
        quota = self._cgroup.cpu()
        if quota is None or quota.limit_cores >= (os.cpu_count() or 1):
            return psutil.cpu_percent()
        before, now = self._last, (time.monotonic(), quota.used_s)
        self._last = now
        if before is None or now[0] <= before[0]:
            return 0.0
        share = (now[1] - before[1]) / ((now[0] - before[0]) * quota.limit_cores)
        return min(100.0, max(0.0, 100 * share))
