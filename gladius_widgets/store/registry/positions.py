"""Places in the queue: numbers between which there is nearly always room for another."""

from gladius_widgets.store.registry.job import Job

# Places are near 2e9 (unix s), where doubles lie 2.4e-7 apart.
_ROOM = 1e-5


def new_positions(queue: list[Job], moved: Job, before: str | None) -> list[tuple[Job, float]]:
    """What has to change so that `moved` starts just before another job.

    Args:
        queue: the queued jobs, next one first.
        moved: one of them.
        before: id of another of them; None = after all.

    Returns:
        (job, new position) pairs: one as a rule, more where there is no room between two.
        Empty when it is in its place already.
    """
    if before == moved.id:
        return []
    others = [job for job in queue if job.id != moved.id]
    place = next((i for i, job in enumerate(others) if job.id == before), len(others))
    order = [*others[:place], moved, *others[place:]]
    if [job.id for job in order] == [job.id for job in queue]:
        return []
    if place == len(others):
        return [(moved, others[-1].position + 1.0)]
    after = others[place].position
    previous = others[place - 1].position if place else after - 2.0
    if after - previous > _ROOM:
        return [(moved, (previous + after) / 2)]
    spread = [(job, previous + 1.0 + step) for step, job in enumerate(order[place:])]
    return [(job, position) for job, position in spread if _must_move(job, moved, position)]


def _must_move(job: Job, moved: Job, position: float) -> bool:
    """Jobs far enough behind stay where they are."""
    return job.id == moved.id or job.position < position
