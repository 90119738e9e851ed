"""Requests to this run: found by rank 0, known to all ranks, answered after their effect."""

import time

from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import Command
from gladius_widgets.store.run.requests import Ack, Request, acknowledge, acks, pending, requests
from gladius_widgets.training.parallel.ranks import Ranks

# A folder's time stamp moves in ticks of a few ms; look again for this long after a change.
_STAMP_TICK_S = 0.1
SETTINGS = frozenset({Command.SET, Command.REVERT, Command.RELOAD})


class Control:
    """Requests in their order, each handled once in the life of the run.

    Args:
        run: the run directory.
        ranks: the other processes.
        handled: ids whose effect is already in the weights and settings.
        began_at: when this attempt began (unix s); requests from before that only made sense to
            the attempt they were made to, unless they change settings.
        step: steps done at the start.
    """

    def __init__(
        self, run: RunDirectory, ranks: Ranks, handled: set[str], began_at: float, step: int
    ) -> None:
        self._run = run
        self._ranks = ranks
        self.handled = set(handled)  # effects that are in force
        self._known = set(handled)  # those, and what is answered or waits to be replayed
        self._replays: list[tuple[int, Request]] = []
        self._stamp = 0
        self._changed_at = 0.0  # unix s
        if ranks.is_main:
            self._sort_out_the_past(began_at, step)

    def waiting(self, step: int) -> bool:
        """Whether rank 0 has something to obey; other ranks know nothing and say False."""
        if not self._ranks.is_main:
            return False
        if any(due <= step for due, _ in self._replays):
            return True
        return self._changed() and bool(self._pending())

    def take(self, step: int) -> list[tuple[Request, bool, bool]]:
        """The requests to obey now, on every rank, each with whether it is a replay or overtaken.

        A replay is a change that an earlier attempt acknowledged after the checkpoint this one
        started from; it takes effect again after the same step, without a second answer. What is
        overtaken was asked for before the last change of the settings was known.
        """
        found: list[tuple[Request, bool, bool]] = []
        if self._ranks.is_main:
            found = [(request, True, False) for due, request in self._replays if due <= step]
            self._replays = [item for item in self._replays if item[0] > step]
            found += [(r, False, r.requested_at < self._changed_at) for r in self._pending()]
        found = self._ranks.broadcast(found)
        self._known |= {request.id for request, _, _ in found}
        return found

    def settings_changed(self) -> None:
        """Note that a change has just taken effect."""
        self._changed_at = time.time()

    def _pending(self) -> list[Request]:
        """What nobody has answered yet; to cancel is the runner's to enforce."""
        waiting = pending(self._run, self._known)
        return [request for request in waiting if request.command != Command.CANCEL]

    def _changed(self) -> bool:
        """Whether the requests folder may hold something new; one stat() when it does not."""
        now = time.time()
        try:
            stamp = self._run.requests.stat().st_mtime_ns
        except OSError:
            return False
        fresh = now - stamp / 1e9 < _STAMP_TICK_S
        if stamp == self._stamp and not fresh:
            return False
        self._stamp = stamp if not fresh else 0
        return True

    def _sort_out_the_past(self, began_at: float, step: int) -> None:
        answered = {ack.id: ack for ack in acks(self._run)}
        for request in requests(self._run):
            ack = answered.get(request.id)
            if request.command == Command.CANCEL:
                continue
            if request.id in self.handled:
                if ack is None:  # killed between the checkpoint and the answer
                    acknowledge(self._run, request, "applied", step=step)
            elif ack is not None:
                self._known.add(request.id)
                if replay := _to_replay(request, ack, step):
                    self._replays.append((ack.step or 0, replay))
                else:
                    self.handled.add(request.id)
            elif request.requested_at < began_at and request.command not in SETTINGS:
                self._known.add(request.id)
                self.handled.add(request.id)
                reason = "The attempt it was meant for had ended."
                acknowledge(self._run, request, "rejected", step=step, reason=reason)


def _to_replay(request: Request, ack: Ack, step: int) -> Request | None:
    """The change that an acknowledged request made after `step`; None when it made none."""
    if ack.outcome != "applied" or (ack.step or 0) < step:
        return None
    if request.command == Command.RELOAD:  # the file may say something else by now
        changes = ack.new.get("changes") if isinstance(ack.new, dict) else None
        update = {"command": Command.SET, "args": changes}
        return request.model_copy(update=update) if changes else None
    return request if request.command in SETTINGS else None
