"""What people do with the queue and with jobs that are over; a part of `Client`."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gladius_widgets.core.errors import IllegalMoveError, JobNotFoundError
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import ACTIVE, FINAL, Command, JobStatus
from gladius_widgets.store import trash
from gladius_widgets.store.queue_pause import (
    QueuePause,
    pause_queue,
    queue_pauses,
    resume_queue,
)
from gladius_widgets.store.registry.home_errors import told_of_home
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.trash import Trashed
from gladius_widgets.supervisor import LOCAL, Settings, local_gpus

if TYPE_CHECKING:
    from gladius_widgets.client.waiting import QueueView
    from gladius_widgets.core.config.schema import TrainingConfig
    from gladius_widgets.core.machine.placement import GpuStanding


_NOT_DONE = FINAL - {JobStatus.COMPLETED}


class QueueCommands(ABC):
    """Hold, reorder, delete, restore, clone. `Client` is the one that has it."""

    home: Home
    user: str
    _registry: Registry

    @abstractmethod
    def submit(
        self,
        config: "TrainingConfig",
        name: str | None = None,
        *,
        after: Iterable[str] = (),
        not_before: float | None = None,
        held: bool = False,
        base: "TrainingConfig | None" = None,
    ) -> Job:
        """Queue a training run."""

    @abstractmethod
    def job(self, ref: str) -> Job:
        """One job."""

    @abstractmethod
    def jobs(self, *, statuses: Iterable[JobStatus] | None = None, **filters: Any) -> list[Job]:
        """Jobs as they truly are now."""

    @abstractmethod
    def _supervise(self) -> None:
        """Have a supervisor."""

    @abstractmethod
    def _can_complete(self, job: Job) -> Job:
        """The job, unless it can never be completed."""

    @abstractmethod
    def settings(self) -> Settings:
        """The home's settings."""

    @abstractmethod
    def _check_may_change(self) -> None:
        """Raise HomeError where this user can look at the home, but not change it."""

    @abstractmethod
    def command(self, ref: str, command: Command, args: Mapping[str, Any] | None = None) -> Any:
        """Ask a job to do something."""

    def hold(self, ref: str) -> Any:
        """Keep a queued job from starting, without losing its place.

        Raises:
            IllegalMoveError: it is not queued, or held already.
        """
        return self.command(ref, Command.HOLD)

    def unhold(self, ref: str) -> Any:
        """Let a held job start when its turn comes.

        Raises:
            IllegalMoveError: it is not queued, or not held.
        """
        return self.command(ref, Command.UNHOLD)

    def reorder(self, ref: str, *, before: str | None, seen_at: float | None = None) -> Any:
        """Let a queued job start just before another one.

        Args:
            ref: which job.
            before: the other one; None = after all others.
            seen_at: the job's `position` as the user saw it. Moved by somebody else since, it
                stays, and this user is told.

        Raises:
            IllegalMoveError: one of the two is not queued any more, the two are one, or somebody
                has moved it.
        """
        return self.command(ref, Command.REORDER, {"before": before, "seen_at": seen_at})

    def after(self, ref: str, needed: Iterable[str] = ()) -> Any:
        """Let a queued job wait for these jobs, and no others; for none, to start without them.

        Raises:
            IllegalMoveError: it is not queued, or one of them waits for it.
            GladiusError: one of them was cancelled, so it can never be completed.
        """
        job = self.job(ref)
        others = [self._can_complete(self.job(one)) for one in needed]
        for other in others:
            if job.id in self._waits_for(other):
                raise IllegalMoveError(
                    f"'{other.name}' waits for '{job.name}', so they would wait for each other."
                    if other.id != job.id
                    else f"'{job.name}' cannot wait for itself.",
                    "Name another job.",
                )
        ids = list(dict.fromkeys(other.id for other in others))
        return self.command(job.id, Command.AFTER, {"jobs": ids})

    def blocked(self) -> list[tuple[Job, str]]:
        """Queued jobs that would wait for ever, each with why, and the ways out, in words."""
        from gladius_widgets.store.registry.dependents import way_out, why_blocked

        return [
            (job, f"{why_blocked(blocker)}. {way_out(job, blocker)}")
            for job, blocker in self._registry.blocked()
        ]

    def _waits_for(self, job: Job) -> set[str]:
        """Ids of the job and of all that it waits for, by whatever way."""
        found, to_see = {job.id}, [job]
        while to_see:
            one = to_see.pop()
            waits = one.status == JobStatus.QUEUED and one.attempt == 1
            new = [] if not waits else [other for other in one.depends_on if other not in found]
            found.update(new)
            to_see += filter(None, map(self._registry.get, new))
        return found

    def resume_queue(self) -> list[QueuePause]:
        """Let engines whose queue was paused start jobs again; returns the pauses that end.

        Raises:
            HomeError: the home cannot be written.
        """
        self._check_may_change()
        ended = queue_pauses(self.home)
        with told_of_home(self.home):
            for pause in ended:
                resume_queue(self.home, pause.engine)
        self._supervise()
        return ended

    def pause_queue(self, reason: str) -> None:
        """Let no further job of this machine start; those that run go on.

        Raises:
            HomeError: the home cannot be written.
        """
        self._check_may_change()
        with told_of_home(self.home):
            pause_queue(self.home, QueuePause(LOCAL, time.time(), self.user, reason))

    def delete(self, ref: str) -> Job:
        """Move a job that is over to the trash; returns it as it was.

        Jobs that waited for one that has completed wait for it no more.

        Raises:
            IllegalMoveError: it is not over, or has not completed and others wait for it.
            JobNotFoundError: there is none, or it has been deleted already.
        """
        self._check_may_change()
        job = self._not_deleted(ref)
        if job.status not in FINAL:
            raise IllegalMoveError(
                f"'{job.name}' is {job.status}, so it cannot be deleted.", "Cancel it first."
            )
        if not trash.throw_away(self._registry, job, self.user):
            raise IllegalMoveError(
                f"'{job.name}' could not be deleted: somebody else was first.", "Look again."
            )
        return job

    def restore(self, job_id: str) -> Job:
        """Take a deleted job out of the trash.

        Raises:
            JobNotFoundError: it is not there (any more).
        """
        self._check_may_change()
        return trash.put_back(self._registry, job_id)

    def trash(self) -> list[Trashed]:
        """The deleted jobs, the last one first."""
        return trash.trashed(self.home)

    def empty_trash(self) -> int:
        """Delete all of them for good; returns how many."""
        self._check_may_change()
        return trash.empty(self.home)

    def clone(
        self,
        ref: str,
        changes: Mapping[str, Any] | None = None,
        name: str | None = None,
        *,
        after: Iterable[str] = (),
        not_before: float | None = None,
        held: bool = False,
    ) -> Job:
        """Queue a new job with the config of another.

        Nothing but the config is copied: the new job waits for no other job and for no time
        unless it is told to, even if the other one did.

        Args:
            ref: the other one; its config as frozen at submit.
            changes: `section.key` → value, on top of it.
            name: what to call the new job; by default the other's name and `(copy)`.
            after: jobs that have to be completed before it starts.
            not_before: do not start it before (unix s).
            held: do not start it until somebody lets it (`unhold`).

        Raises:
            GladiusError: the changes or the name are not right; nothing was queued then.
        """
        from gladius_widgets.client.submission import copy_name
        from gladius_widgets.core.config.load import load_config

        job = self.job(ref)
        frozen = self.home.run(job.id).config
        config = load_config(frozen, changes=changes or {})
        name = name if name is not None else copy_name(job.name)
        when = {"after": after, "not_before": not_before, "held": held}
        return self.submit(config, name, **when, base=load_config(frozen) if changes else None)

    def queue(self) -> "QueueView":
        """Who runs, who waits, when each will start, and why not sooner."""
        from gladius_widgets.client.waiting import queue_view

        running = [job for job in self.jobs(statuses=ACTIVE, sort="started_at") if job.holds_slot]
        return queue_view(self._registry, self.settings(), running)

    def gpus(self) -> "tuple[GpuStanding, ...]":
        """The GPUs of this machine that jobs may use, and who holds each."""
        running = [job for job in self._registry.active() if job.holds_slot]
        return local_gpus(self.settings(), running).gpus

    def waits_for_what_is_over(self, needed: Iterable[str]) -> str:
        """A sentence on those of these jobs that have ended without success; else empty.

        They can be resumed, so a job may be queued after them; it should not be unawares.

        Args:
            needed: ids of jobs that a job waits for.
        """
        known = (self._registry.get(one) for one in needed)
        over = [one for one in known if one is not None and one.status in _NOT_DONE]
        if not over:
            return ""
        standing = ", ".join(f"'{one.name}' is {one.status}" for one in over)
        until = "it is resumed and completes" if len(over) == 1 else "they are resumed and complete"
        return f"{standing}: this job waits until {until}."

    def _not_deleted(self, ref: str) -> Job:
        try:
            return self.job(ref)
        except JobNotFoundError:
            if any(one.id == ref for one in self.trash()):
                raise JobNotFoundError(
                    f"'{ref}' has been deleted already.", f"`gladius restore {ref}` brings it back."
                ) from None
            raise
