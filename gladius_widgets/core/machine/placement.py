"""Which GPUs a job gets, and in words why it gets none.

A job has its GPUs to itself: fractions of one are never given out. A GPU is free when no job of
this home holds it and nobody else does: a foreign process that computes on it, or memory in use
that no program of a desktop accounts for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

from gladius_widgets.core.machine.gpus import Gpu, GpuProcess, Look, select

GIB = 2**30
MIB = 2**20
_MOST_NAMED = 2


@dataclass(frozen=True)
class GpuStanding:
    """A GPU as the queue sees it.

    Attributes:
        gpu: as NVML tells it.
        job_id: the job of this home that holds it; None when none does.
        held: by whom else, such as `18 of 48 GiB held by pid 4711 (kofi, python)`; else empty.
    """

    gpu: Gpu
    job_id: str | None = None
    held: str = ""

    @property
    def is_free(self) -> bool:
        """Whether a job can have it now."""
        return self.job_id is None and not self.held


@dataclass(frozen=True)
class GpuTable:
    """The GPUs that jobs of a home may use; `problem` says why there are none.

    `is_known` tells that their number is sure: it is not while the driver does not answer.
    """

    gpus: tuple[GpuStanding, ...] = ()
    problem: str = ""
    is_known: bool = True

    def place(self, count: int) -> tuple[str, ...] | None:
        """UUIDs of so many free GPUs, first ones first; None when there are not enough."""
        free = [one.gpu.uuid for one in self._fit_for(count) if one.is_free]
        return tuple(free[:count]) if len(free) >= count else None

    def can_ever_place(self, count: int) -> bool:
        """Whether so many could be free one day, as far as is known."""
        return not self.is_known or len(self._fit_for(count)) >= count

    def free_count(self) -> int:
        """Free ones now."""
        return sum(one.is_free for one in self.gpus)

    def shortage(self, count: int) -> str:
        """Why a job that needs so many cannot have them ever, one sentence; empty if it can."""
        if self.can_ever_place(count):
            return ""
        have = len(self._fit_for(count))
        whole = " whole" if have and have != len(self.gpus) else ""
        return f"The job needs {_gpus(count)}, and this machine has {have or 'none'}{whole}"

    def why_not(self, count: int) -> str:
        """Why a job that needs so many has to wait, in words; empty when it need not."""
        if not self.is_known:
            return self.problem
        if not self.can_ever_place(count):
            return self.shortage(count)
        if self.place(count) is not None:
            return ""
        held = [f"GPU {one.gpu.index}: {one.held}" for one in self._fit_for(count) if one.held]
        said = held[:_MOST_NAMED]
        if len(held) > _MOST_NAMED:
            said.append(f"{len(held) - _MOST_NAMED} more held by others")
        ours = sum(one.job_id is not None for one in self.gpus)
        if ours:
            said.append(f"{_gpus(ours)} in use by other jobs")
        free = self.free_count()
        if count > 1:
            at_once = f"Needs {count} GPUs at once, {free or 'none'} {_is(free)} free"
            return ". ".join([at_once, *said])
        return ". ".join(said)

    def _fit_for(self, count: int) -> list[GpuStanding]:
        """CUDA gives a process one MIG instance only, so several GPUs have to be whole ones."""
        return [one for one in self.gpus if count == 1 or not one.gpu.is_slice]


def gpu_table(
    look: Look, claims: Mapping[str, str], names: Sequence[str] | None, held_bytes: int
) -> GpuTable:
    """The table.

    Args:
        look: what NVML says.
        claims: UUID → id of the job of this home that has it.
        names: the GPUs that may be used, by index or start of UUID; None = all.
        held_bytes: less memory in use than this holds no GPU.
    """
    gpus = list(look.gpus) if names is None else select(look.gpus, names)
    standings = (
        GpuStanding(gpu, claims.get(gpu.uuid), "" if gpu.uuid in claims else _held(gpu, held_bytes))
        for gpu in gpus
    )
    return GpuTable(tuple(standings), look.problem, look.is_known)


def _held(gpu: Gpu, held_bytes: int) -> str:
    """Who else holds it, in words; empty when nobody does."""
    told = [process.memory_bytes for process in gpu.processes]
    used_bytes = gpu.memory_used_bytes
    if used_bytes is None:
        used_bytes = sum(memory or 0 for memory in told)
    else:
        used_bytes = max(used_bytes - gpu.desktop_bytes, sum(memory or 0 for memory in told))
    hides = gpu.memory_used_bytes is None and None in told  # computes, and nobody says with what
    if used_bytes < held_bytes and not hides:
        return ""
    by = " and ".join(_who(process) for process in gpu.processes[:_MOST_NAMED])
    if len(gpu.processes) > _MOST_NAMED:
        by += f" and {len(gpu.processes) - _MOST_NAMED} more"
    return f"{_memory(used_bytes, gpu.memory_total_bytes)} held by {by or 'others'}"


def _who(process: GpuProcess) -> str:
    """`pid 4711 (kofi, python)`; in a container the others' pids mean nothing, and stand alone."""
    try:
        known = psutil.Process(process.pid)
        return f"pid {process.pid} ({known.username()}, {known.name()})"
    except (psutil.Error, OSError, KeyError):
        return f"pid {process.pid}"


def _memory(used_bytes: int, total_bytes: int | None) -> str:
    """`18 of 48 GiB`."""
    if not total_bytes:
        return f"{used_bytes / MIB:.0f} MiB"
    if used_bytes < GIB:
        return f"{used_bytes / MIB:.0f} MiB of {total_bytes / GIB:.0f} GiB"
    return f"{used_bytes / GIB:.0f} of {total_bytes / GIB:.0f} GiB"


def _gpus(count: int) -> str:
    return "1 GPU" if count == 1 else f"{count} GPUs"


def _is(count: int) -> str:
    return "is" if count <= 1 else "are"
