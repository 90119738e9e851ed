"""What can be done from a list of jobs: to one by its menu, to several at once, and undone."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from gladius_widgets.client import Client, Job
from gladius_widgets.components import location, toasts
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.run_state import read_status
from gladius_widgets.core.states import Command
from gladius_widgets.panels.controls.actions import tell, tell_waiting
from gladius_widgets.panels.controls.cancel_dialog import CancelDialog, ask_why_all
from gladius_widgets.panels.jobs.menu import cancellable, deletable
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import home
from gladius_widgets.panels.text.csv import to_csv
from gladius_widgets.store.run.requests import Request

_ANSWER_S = 30.0
_UNDO_S = 15.0  # how long the offer stays; Ctrl Z and `gladius restore` work longer
_COMMANDS = {
    "pause": Command.PAUSE,
    "resume": Command.RESUME,
    "hold": Command.HOLD,
    "unhold": Command.UNHOLD,
}


class JobsActions:
    """The actions of a list. Each goes through the client, in a thread; a refusal is told.

    Args:
        client: the door to the jobs.
        changed: called when something may look different now.

    Attributes:
        busy: ids of jobs with a command that has no answer yet.
    """

    def __init__(self, client: Client, changed: Callable[[], object]) -> None:
        self._client = client
        self._changed = changed
        self._deleted: list[tuple[Job, ...]] = []
        self.busy: set[str] = set()

    async def use(self, name: str, job: Job) -> None:
        """An entry of a row's menu, other than those that open a page."""
        if not await self._may_change():
            return
        if name == "cancel":
            await self._cancel(job)
        elif name == "delete":
            await self.delete([job])
        else:
            await self._command(job, _COMMANDS[name])

    async def cancel(self, jobs: Sequence[Job]) -> bool:
        """Cancel those that can be, after one question for all; False if the reader goes back."""
        if not await self._may_change():
            return False
        fit = cancellable(jobs)
        if not fit.jobs:
            toasts().show("Nothing to cancel", fit.left_out, "yellow")
            return False
        why = await ask_why_all([job.name for job in fit.jobs], fit.left_out)
        if why is None:
            return False
        done = await self._each(
            fit.jobs, lambda job: self._client.command(job.id, Command.CANCEL, why.args)
        )
        if done:
            toasts().show(f"{_jobs(len(done))} cancelled", _names(done), "green", icon="stopc")
        return True

    async def delete(self, jobs: Sequence[Job]) -> bool:
        """Move those that are over to the trash, and offer to take them back."""
        if not await self._may_change():
            return False
        fit = deletable(jobs)
        if not fit.jobs:
            toasts().show("Nothing to delete", fit.left_out, "yellow")
            return False
        done = await self._each(fit.jobs, lambda job: self._client.delete(job.id))
        if done:
            batch = tuple(done)
            self._deleted.append(batch)
            words = " · ".join(filter(None, (_names(done), fit.left_out)))
            toasts().show(
                f"{_jobs(len(done))} deleted",
                words,
                "gray",
                icon="trash",
                action=("Undo", lambda: self._restore(batch)),
                seconds=_UNDO_S,
            )
        return bool(done)

    async def undo(self) -> None:
        """Take back what was deleted last."""
        if self._deleted:
            await self._restore(self._deleted[-1])

    async def export(self, jobs: Callable[[], Sequence[Job]]) -> None:
        """Hand the browser a CSV file; `jobs` is called in a thread."""
        found, data = await asyncio.to_thread(_as_csv, jobs)
        name = f"training-jobs-{time.strftime('%Y-%m-%d')}.csv"
        location().download(name, data, "text/csv")
        toasts().show(f"{_jobs(found)} exported", name, "green", icon="download")

    # Inside

    async def _may_change(self) -> bool:
        """False, and told, where this user can only look: before anything is asked."""
        trouble = await asyncio.to_thread(self._client.trouble)
        if trouble is not None and home.refusal(trouble):
            toasts().error(trouble)
            return False
        return True

    async def _command(
        self, job: Job, command: Command, args: dict[str, Any] | None = None
    ) -> None:
        self.busy.add(job.id)
        self._changed()
        try:
            answer = await asyncio.to_thread(self._client.command, job.id, command, args, _ANSWER_S)
        except GladiusError as error:
            toasts().error(error)
        else:
            if isinstance(answer, Request):
                tell_waiting(command)
            else:
                tell(command, answer, job.name)
        finally:
            self.busy.discard(job.id)
            self._changed()

    async def _cancel(self, job: Job) -> None:
        def busy(is_busy: bool) -> None:
            (self.busy.add if is_busy else self.busy.discard)(job.id)
            self._changed()

        try:
            await CancelDialog(lambda: self._snapshot(job.id), self._client, busy=busy).run()
        except GladiusError as error:
            toasts().error(error)

    def _snapshot(self, job_id: str) -> JobSnapshot:
        """The job as the question shows it."""
        job = self._client.job(job_id)
        return JobSnapshot(
            id=job.id,
            name=job.name,
            status=job.status,
            seen_at=time.time(),
            started_at=job.started_at,
            ended_at=job.ended_at,
            cost=job.cost,
            currency=job.currency,
            run=read_status(self._client.home.run(job.id)),
            record=job,
        )

    async def _restore(self, batch: tuple[Job, ...]) -> None:
        if batch not in self._deleted:
            return  # Undo and Ctrl Z, both
        self._deleted.remove(batch)
        done = await self._each(batch, lambda job: self._client.restore(job.id))
        if done:
            toasts().show(f"{_jobs(len(done))} restored", _names(done), "green", icon="reset")

    async def _each(self, jobs: Sequence[Job], act: Callable[[Job], object]) -> list[Job]:
        """One after another; returns those that it worked for, tells of the first other one."""
        done: list[Job] = []
        refused: list[GladiusError] = []

        def work() -> None:
            for job in jobs:
                try:
                    act(job)
                except GladiusError as error:
                    refused.append(error)
                else:
                    done.append(job)

        self.busy.update(job.id for job in jobs)
        try:
            await asyncio.to_thread(work)
        finally:
            self.busy.difference_update(job.id for job in jobs)
            self._changed()
        if len(refused) == 1:
            toasts().error(refused[0])
        elif refused:
            toasts().show(f"{len(refused)} were refused", refused[0].message, "red")
        return done


def _as_csv(jobs: Callable[[], Sequence[Job]]) -> tuple[int, bytes]:
    found = jobs()
    return len(found), to_csv(found, time.time())


def _jobs(number: int) -> str:
    return f"{number:,} job{'' if number == 1 else 's'}"


def _names(jobs: Sequence[Job]) -> str:
    """The names of the first few."""
    shown = ", ".join(job.name for job in jobs[:3])
    return f"{shown} and {len(jobs) - 3} more" if len(jobs) > 3 else shown
