"""The cancel dialog: asks why, stays true while it is open, and tells what came of it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Action, Dialog, Node, h, icon, toasts
from gladius_widgets.components.events import spawn
from gladius_widgets.core.errors import GladiusError, JobNotFoundError
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.panels.controls import cancel_model as model
from gladius_widgets.panels.controls.cancel_form import CancelForm
from gladius_widgets.panels.controls.questions import wait_for
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import format as fmt

_TITLE = "Cancel Training Job?"
_UNDONE = "This action cannot be undone."
_EVERY_S = 1.0
_POLL_S = 0.1
_STAYS_S = 3.0  # for the records to prove it, then the dialog goes in any case
_ENDS_S = 90.0  # a machine is released within 60 s


class CancelDialog:
    """Asks why one job shall be cancelled, cancels it, and tells its final cost.

    Args:
        look: reads the job as it is now; called in a thread, again and again.
        client: the door to the jobs.
        busy: called with True once the job is asked to end, with False when that is settled.
        own: takes the id of the request, so that others need not tell of it.
        stop: the gentler way, where there is one.
    """

    def __init__(
        self,
        look: Callable[[], JobSnapshot],
        client: Client,
        *,
        busy: Callable[[bool], object] = lambda _busy: None,
        own: Callable[[str], object] = lambda _id: None,
        stop: Callable[[], Any] | None = None,
    ) -> None:
        self._look, self._client = look, client
        self._busy, self._own, self._stop = busy, own, stop
        self._form = CancelForm(self._compose)
        self._asked = False  # to end the job
        self._refused = ""  # why it could not be asked to end
        self._gone = ""
        self._cancelled_by = ""

    async def run(self) -> None:
        """Ask, and see it through; returns when the job is over or the reader goes back.

        Raises:
            GladiusError: there is no such job any more.
        """
        self._job = await asyncio.to_thread(self._look)
        self._dialog = Dialog(_TITLE, text=_UNDONE, tone="danger", icon="warn")
        self._done = asyncio.get_running_loop().create_future()
        self._form.listen(self._dialog)
        for name in ("back", "close", "dismiss", "stop"):
            self._dialog.on(name, lambda _payload, name=name: self._end(name))
        self._dialog.on("confirm", lambda _payload: self._confirm())
        self._compose()
        self._dialog.show()
        refresher = spawn(self._keep_true())
        try:
            answer = await self._done
        finally:
            refresher.cancel()
            self._dialog.close()
        if answer == "stop" and self._stop is not None:
            await self._stop()
        elif self._asked:
            await self._tell()

    # While it is open

    def _end(self, answer: str) -> None:
        if not self._done.done() and not (self._asked and answer in ("back", "stop")):
            self._done.set_result(answer)

    async def _keep_true(self) -> None:
        """Show the job as it goes on."""
        while not self._done.done():
            await asyncio.sleep(_EVERY_S)
            if not self._asked:
                await self._look_again()
                self._compose()

    async def _look_again(self) -> None:
        try:
            self._job = await asyncio.to_thread(self._look)
        except JobNotFoundError as error:
            self._gone = error.message
        except (GladiusError, OSError):
            return  # the next look sees
        if self._job.status in (JobStatus.CANCELLING, JobStatus.CANCELLED) and not self._asked:
            self._cancelled_by = await asyncio.to_thread(self._who)

    def _who(self) -> str:
        """Who has asked for the end of the job; empty when that is not known."""
        entries = self._client.ledger(self._job.id)
        asked = [e for e in entries if e["command"] == Command.CANCEL]
        who = str(asked[-1]["requested_by"] or "") if asked else ""
        return model.YOU if who == self._client.user else who

    async def _confirm(self) -> None:
        """Cancel; the dialog stays until the records prove it, three seconds at most."""
        if self._asked or self._form.answer.missing:
            return
        self._asked = True
        self._compose()
        self._busy(True)
        try:
            answer = await asyncio.to_thread(
                self._client.command, self._job.id, Command.CANCEL, self._form.answer.args
            )
        except Exception as error:
            known = isinstance(error, GladiusError)
            self._asked, self._refused = False, error.message if known else str(error)
            self._busy(False)
            await self._look_again()
            self._compose()
            if not known:
                raise
            return
        self._own(answer.id)
        await self._until_over(_STAYS_S)
        self._end("asked")

    async def _until_over(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await self._look_again()
            if self._job.status.is_final:
                return True
            await asyncio.sleep(_POLL_S)
        return False

    async def _tell(self) -> None:
        """The outcome, once it is known, with what the job has cost in the end."""
        try:
            is_over = await self._until_over(_ENDS_S)
        finally:
            self._busy(False)
        job = self._job
        if job.status == JobStatus.CANCELLED:
            tell_cancelled(job)
        elif is_over:
            over = model.view(job, time.time()).over
            toasts().show(f"{job.name} was not cancelled", over, "yellow")
        else:
            words = "It was asked to end and has not yet; look at its event log."
            toasts().show(f"{job.name} is still being cancelled", words, "yellow")

    # What it shows

    def _compose(self) -> None:
        if not self._asked:  # then it stays as it was: nothing jumps
            self._view = model.view(self._job, time.time(), self._cancelled_by)
        view = self._view
        over = view.over or self._gone
        where = _where_it_stands(view)
        if over and not self._asked:
            self._dialog.title, self._dialog.text = "Nothing to Cancel", ""
            said = h(
                "p", {"class": "gw-row", "role": "status"}, icon("info"), h("span", None, over)
            )
            self._dialog.body = [where, said]
            self._dialog.actions = [Action("close", "Close", "primary")]
            return
        stop = self._stop is not None and view.can_stop
        self._dialog.body = [
            where,
            _refusal(self._refused) if self._refused and not self._asked else None,
            h("div", None, _impact(view.impact), _gentler(self._asked) if stop else None),
            *self._form.nodes(locked=self._asked),
        ]
        self._dialog.actions = self._form.actions(self._asked)


async def ask_why_all(names: Sequence[str], left_out: str = "") -> model.Answer | None:
    """Why all these jobs shall be cancelled; None when the reader goes back.

    Args:
        names: of the jobs.
        left_out: what becomes of the other selected ones.
    """
    jobs = f"{len(names)} Training Job{'' if len(names) == 1 else 's'}"
    listed = h("ul", {"class": "gw-affected"}, [h("li", None, name) for name in names])
    note = h("p", {"class": "gw-small gw-soft"}, left_out) if left_out else None
    about = [h("div", {"class": "gw-well"}, listed, note), _impact(model.impact(None))]
    dialog = Dialog(f"Cancel {jobs}?", text=_UNDONE, tone="danger", icon="warn")

    def compose() -> None:
        dialog.body = [*about, *form.nodes()]
        dialog.actions = form.actions()

    form = CancelForm(compose)
    form.listen(dialog)
    compose()
    return form.answer if await wait_for(dialog, "confirm") else None


def tell_cancelled(job: JobSnapshot) -> None:
    """Say what the job has cost in the end."""
    cost = fmt.money(job.cost, job.currency)
    toasts().show(f"Job cancelled. Final cost: {cost}", job.name, "green", icon="stopc")


def _refusal(why: str) -> Node:
    said = h("div", None, h("b", None, "It was not cancelled: "), why)
    return h("div", {"class": "gw-banner gw-tone-red", "role": "alert"}, icon("warn"), said)


def _where_it_stands(view: model.CancelView) -> Node:
    percent = f"{(view.share or 0) * 100:.1f}"
    about = h(
        "div",
        {"style": {"min-width": "0"}},
        h("b", {"class": "gw-strong", "dir": "auto"}, view.name),
        h("div", {"class": "gw-small gw-soft"}, view.where),
    )
    spent = h(
        "div",
        {"class": "gw-num"},
        h("div", {"class": "gw-stat--spent"}, view.spent),
        h("div", {"class": "gw-small gw-muted"}, "spent"),
    )
    bar = h(
        "div",
        {"class": "gw-bar gw-bar--8", "role": "progressbar", "aria-label": view.complete,
         "aria-valuenow": percent, "aria-valuemin": 0, "aria-valuemax": 100,
         "style": {"margin": "12px 0 6px"}},
        h("span", {"class": "gw-bar__f", "style": {"width": f"{percent}%"}}),
    )  # fmt: skip
    row = {"class": "gw-row", "style": {"align-items": "flex-start"}}
    return h(
        "div",
        {"class": "gw-well"},
        h("div", row, about, h("span", {"class": "gw-spacer"}), spent),
        bar,
        h("div", {"class": "gw-small gw-soft"}, view.complete),
    )


def _impact(items: Sequence[model.Impact]) -> Node:
    lines = [
        h("li", None, icon(item.icon, 14, classes=item.tone), h("span", None, item.text))
        for item in items
    ]
    title = h("h3", {"class": "gw-modal__sub"}, "What will happen:")
    return h("div", None, title, h("ul", {"class": "gw-impact"}, lines))


def _gentler(locked: bool) -> Node:
    attrs = {"type": "button", "class": "gw-linkbtn", "disabled": locked}
    stop = h("button", attrs, "stop it instead", on={"click": "stop"})
    words = "To keep a final checkpoint, from which it can go on, "
    return h("p", {"class": "gw-small gw-soft gw-modal__more"}, words, stop, ".")
