"""The requests that the runner itself answers: cancel, and what is left over at the end."""

from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.store.run import requests

Request = requests.Request


class RequestDesk:
    """Looks for a cancel; at the end, answers everything that nobody answered.

    A request left without an answer would be obeyed by the next attempt.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._rejected: set[str] = set()  # what is no request

    def reject_older_than(self, moment: float) -> None:
        """Answer requests that were meant for an attempt before this one (unix s)."""
        for request in self._open():
            if request.requested_at < moment:
                self._reject(request, "the attempt it was meant for is over", step=None)

    def cancel(self) -> Request | None:
        """The first open request to cancel, or None."""
        return next((r for r in self._open() if r.command == Command.CANCEL), None)

    def close(self, ending: JobStatus, step: int | None) -> None:
        """Answer what is open: a cancel that was obeyed is applied, the rest came too late.

        A pause that frees the machine waits for `confirm_release`.
        """
        for request in self._open():
            if request.command == Command.CANCEL and ending == JobStatus.CANCELLED:
                requests.acknowledge(self._run, request, "applied", step=step, new=ending)
            elif ending == JobStatus.PAUSED and _is_release(request):
                continue
            elif ending == JobStatus.STOPPED and request.command == Command.STOP:
                requests.acknowledge(self._run, request, "applied", step=step, new=ending)
            elif ending == JobStatus.PAUSED and request.command == Command.RESUME:
                self._reject(request, "the machine was just being freed; resume it again", step)
            else:
                self._reject(request, f"the run had already ended ({ending})", step)

    def confirm_release(self, step: int | None) -> None:
        """The machine is free: what asked for that is applied, and a resume can follow at once."""
        for request in self._open():
            if _is_release(request):
                old, new = JobStatus.TRAINING, JobStatus.PAUSED
                requests.acknowledge(self._run, request, "applied", step=step, old=old, new=new)

    def _open(self) -> list[Request]:
        return requests.pending(self._run, self._rejected)

    def _reject(self, request: Request, reason: str, step: int | None) -> None:
        requests.acknowledge(self._run, request, "rejected", step=step, reason=reason)


def _is_release(request: Request) -> bool:
    return request.command == Command.PAUSE and bool(request.args.get("release"))
