"""Which GPUs the jobs of a home hold, and which the next one gets."""

from collections.abc import Iterable, Sequence

from gladius_widgets.core.machine.gpus import Look, look_at_gpus, visible_names
from gladius_widgets.core.machine.placement import MIB, GpuTable, gpu_table
from gladius_widgets.store.registry.claiming import Place
from gladius_widgets.store.registry.job import Job
from gladius_widgets.supervisor.settings import Settings

LOCAL = "local"  # the engine whose jobs we place; the others have a scheduler of their own


def local_gpus(settings: Settings, running: Iterable[Job], look: Look | None = None) -> GpuTable:
    """The GPUs that jobs may use here, and who holds them.

    A job's claim is its registry row: it begins with its slot and ends with it, whatever becomes
    of the supervisor that made it.

    Args:
        settings: the home's.
        running: the jobs that hold a slot.
        look: what NVML says; by default now.
    """
    claims = {uuid: job.id for job in running if job.engine == LOCAL for uuid in job.gpu_uuids}
    names = visible_names() if settings.gpus is None else [str(name) for name in settings.gpus]
    return gpu_table(look or look_at_gpus(), claims, names, settings.gpu_held_mib * MIB)


def place_on(settings: Settings, look: Look, job: Job, running: Sequence[Job]) -> Place:
    """What the job can have now.

    Args:
        settings: the home's.
        look: what NVML says, taken before the registry was locked.
        job: the one that would start.
        running: the jobs that hold a slot.
    """
    if job.engine != LOCAL or job.gpus == 0:
        return Place()
    table = local_gpus(settings, running, look)
    return Place(table.place(job.gpus), holds_up=table.can_ever_place(job.gpus))
