"""The GPUs of the queue tab: who holds each, how full it is, and what waits for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gladius_widgets.core.machine.placement import GpuStanding


@dataclass(frozen=True)
class GpuBox:
    """A GPU as a small box: `state` is ours, held or free; `fill` is the share of its memory."""

    label: str
    state: str
    fill: float
    title: str


@dataclass(frozen=True)
class Gpus:
    """All of them, and one line of words for whoever hears the page."""

    boxes: tuple[GpuBox, ...]
    text: str


def gpus(standings: Sequence[GpuStanding], names: Mapping[str, str]) -> Gpus | None:
    """The boxes, None on a machine without GPUs; `names` are those of the jobs, by id."""
    if not standings:
        return None
    boxes = tuple(_box(one, names) for one in standings)
    models = {one.gpu.name for one in standings}
    kind = models.pop() if len(models) == 1 else "GPUs"
    free = sum(one.is_free for one in standings)
    return Gpus(boxes, f"{len(boxes)}× {kind}, {free} free")


def _box(one: GpuStanding, names: Mapping[str, str]) -> GpuBox:
    gpu = one.gpu
    fill = (gpu.memory_used_bytes or 0) / gpu.memory_total_bytes if gpu.memory_total_bytes else 0.0
    if one.job_id is not None:
        state, who = "ours", f"in use by {names.get(one.job_id, one.job_id)}"
    elif one.held:
        state, who = "held", one.held
    else:
        state, who = "free", "free"
    return GpuBox(gpu.index, state, min(1.0, max(0.0, fill)), f"GPU {gpu.index}: {who}")
