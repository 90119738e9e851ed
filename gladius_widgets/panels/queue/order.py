"""The order of waiting cards: what moving one makes of it, and start times that stand still."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gladius_widgets.client.waiting import QueueView

_STEADY_S, _STEADY_SHARE = 2.0, 0.02


@dataclass(frozen=True)
class Lift:
    """A job that is being moved by keyboard.

    Attributes:
        job_id: which.
        index: its place among the others if it were dropped now, from 0.
        seen_at: its position in the registry when it was lifted.
    """

    job_id: str
    index: int
    seen_at: float = 0.0


def lifted(order: Sequence[str], lift: Lift) -> list[str]:
    """The order as it would be if the lifted job were dropped now."""
    others = [one for one in order if one != lift.job_id]
    return [*others[: lift.index], lift.job_id, *others[lift.index :]]


def follower(order: Sequence[str], job_id: str) -> str | None:
    """The job behind this one, None when it is the last."""
    at = list(order).index(job_id) + 1
    return order[at] if at < len(order) else None


def target(order: Sequence[str], job_id: str, action: str) -> list[str]:
    """The order after `up`, `down`, `top` or `bottom` of this job."""
    at = list(order).index(job_id)
    index = {"up": at - 1, "down": at + 1, "top": 0, "bottom": len(order)}[action]
    return lifted(order, Lift(job_id, max(0, index)))


def steady(shown: "QueueView | None", queue: "QueueView", now: float) -> "QueueView":
    """The queue with the start times that are shown, where the plan has not really changed.

    A forecast trembles with every step; a card that does so too cannot be read.
    """
    old = {queued.job.id: queued.starts_at for queued in shown.waiting} if shown else {}
    waiting = [
        replace(queued, starts_at=_steady(old.get(queued.job.id), queued.starts_at, now))
        for queued in queue.waiting
    ]
    return replace(queue, waiting=tuple(waiting))


def _steady(old: float | None, new: float | None, now: float) -> float | None:
    if new is None:
        return None
    slack_s = max(_STEADY_S, _STEADY_SHARE * (new - now))
    return old if old is not None and abs(new - old) <= slack_s else float(round(new))
