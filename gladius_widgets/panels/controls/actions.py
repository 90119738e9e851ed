"""What a reader can do to a job: commands with their questions, answers as toasts, exports.

Every command goes through the client, which checks it; a button's `disabled` is a courtesy.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import confirm, location, toasts
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.panels.controls import model
from gladius_widgets.panels.controls.bundle import FORMATS, bundle
from gladius_widgets.panels.controls.cancel_dialog import CancelDialog
from gladius_widgets.panels.controls.questions import ask_format
from gladius_widgets.panels.controls.settings_dialog import REVERT, ask_settings, show_differences
from gladius_widgets.panels.controls.settings_model import change_words, changed, differences
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.feed import JobFeed
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text import home as home_words
from gladius_widgets.store.run.requests import Ack, Request

SUPPORTED = frozenset(Command)  # all that `client.command` takes
_ANSWER_S = 30.0
_DONE = {
    Command.PAUSE: ("Training paused", "pausec"),
    Command.RESUME: ("Training resumed", "play"),
    Command.STOP: ("Training stopped", "stopc"),
    Command.CHECKPOINT: ("Checkpoint saved", "save"),
    Command.VALIDATE: ("Validation done", "target"),
    Command.RELOAD: ("Config read again", "sync"),
    Command.SET: ("Settings changed", "sliders"),
    Command.REVERT: ("Settings changed back", "sliders"),
    Command.CANCEL: ("Job cancelled", "stopc"),
    Command.HOLD: ("Held in the queue", "pausec"),
    Command.UNHOLD: ("Released from hold", "play"),
    Command.REORDER: ("Moved in the queue", "list"),
    Command.AFTER: ("Waits for other jobs", "hour"),
}


class JobActions:
    """The actions of one job. Use `actions_of`: one per feed, so that all buttons agree.

    Attributes:
        pending: the name of the control whose command has no answer yet; empty when none.
        own: ids of requests made here, whose outcome was told here.
        used: name and time (monotonic s) of the control that was answered last.
    """

    def __init__(self, feed: JobFeed, client: Client) -> None:
        self._feed = feed
        self._client = client
        self.pending = ""
        self.own: set[str] = set()
        self.used: tuple[str, float] = ("", 0.0)
        self._handlers: dict[str, Callable[[], Awaitable[object]]] = {
            "pause": lambda: self._command("pause", Command.PAUSE),
            "resume": self._resume,
            "stop": self._stop,
            "checkpoint": lambda: self._command("checkpoint", Command.CHECKPOINT),
            "validate": lambda: self._command("validate", Command.VALIDATE),
            "reload": self._reload,
            "set": self._set,
            "export": self._export,
            "cancel": self._cancel,
        }

    @property
    def user(self) -> str:
        """In whose name the commands are given."""
        return self._client.user

    def controls(self) -> model.ControlsView:
        """The controls as they are now."""
        return model.view(self._feed.job, SUPPORTED, self.pending)

    async def use(self, name: str) -> None:
        """Use a control by its name, as a button or a shortcut does; a refusal is told.

        `toggle` pauses or resumes. Whether the job's state allows it is for the client to say:
        what is known here may be a second old.
        """
        if name == "toggle":
            name = self.controls().controls[0].name
        if name and name == self.pending:
            return  # pressed again before its answer
        home = self._feed.job.home
        if home is not None and home_words.refusal(home) and name != "export":
            toasts().error(home)  # before anything is asked
            return
        handler = self._handlers.get(name)
        if handler is None:
            control = self.controls()[name]
            toasts().show(control.label, control.reason, "yellow")
            return
        try:
            await handler()
        except GladiusError as error:
            toasts().error(error)

    async def resume(self, changes: Mapping[str, Any]) -> bool:
        """Go on, with settings changed; False when it was refused, which is told."""
        try:
            await self._resume(changes)
        except GladiusError as error:
            toasts().error(error)
            return False
        return True

    # Commands

    async def _resume(self, changes: Mapping[str, Any] | None = None) -> None:
        args = {"set": dict(changes)} if changes else None
        await self._command("resume", Command.RESUME, args)

    async def _command(
        self, name: str, command: Command, args: dict[str, Any] | None = None
    ) -> Ack | None:
        """Ask, wait for the answer, tell it."""
        self._set_pending(name)
        try:
            answer = await asyncio.to_thread(
                self._client.command, self._feed.run.id, command, args, _ANSWER_S
            )
        finally:
            self.used = (name, time.monotonic())
            self._set_pending("")
        self.own.add(answer.id)
        if isinstance(answer, Request):
            tell_waiting(command)
            return None
        tell(command, answer)
        return answer

    async def _stop(self) -> None:
        if await confirm(
            "Stop Training?",
            "A last checkpoint and a summary are written; the job can be resumed from there.",
            action="Stop Training",
            icon="stop",
        ):
            await self._command("stop", Command.STOP)

    async def _reload(self) -> None:
        answer = await self._command("reload", Command.RELOAD)
        if answer is not None and (found := differences(answer.new)):
            show_differences(found)

    async def _set(self) -> None:
        wanted = await ask_settings(self._feed.job)
        if wanted == REVERT:
            await self._command("set", Command.REVERT)
        elif isinstance(wanted, dict):
            await self._command("set", Command.SET, wanted)

    async def _cancel(self) -> None:
        await CancelDialog(
            lambda: self._feed.job,
            self._client,
            busy=self._cancelling,
            own=self.own.add,
            stop=self._stop,
        ).run()

    def _cancelling(self, busy: bool) -> None:
        self.used = self.used if busy else ("cancel", time.monotonic())
        self._set_pending("cancel" if busy else "")

    def _set_pending(self, name: str) -> None:
        self.pending = name
        self._feed.refresh({topics.STATE})

    # Export

    async def _export(self) -> None:
        if reason := self.controls()["export"].reason:
            raise GladiusError(f"{reason}.", "They come with the first step.")
        kind = await ask_format(FORMATS)
        if kind is None:
            return
        run = self._feed.run
        path = await asyncio.to_thread(bundle, run, kind)
        size = await location().download_file(path.name, path, "application/zip")
        toasts().show(
            "Metrics exported", f"{path.name} · {fmt.size(size)}", "green", icon="download"
        )


def tell(command: Command, answer: Ack, job_name: str = "") -> None:
    """Say what came of a command; in a list also to which job."""
    if answer.outcome == "rejected":
        about = f"{command} {job_name}" if job_name else str(command)
        toasts().show(f"Refused: {about}", answer.reason or "", "red")
        return
    if command in (Command.SET, Command.RELOAD) and not changed(answer.new):
        toasts().show("Nothing changed", "These settings are in force already.", "blue")
        return
    again = command == Command.RESUME and answer.new == JobStatus.QUEUED
    title, icon = ("Queued as a new attempt", "repeat") if again else _DONE[command]
    words = [job_name] if job_name else []
    words += [text] if (text := change_words(answer.old, answer.new)) else []
    words += [f"step {answer.step:,}"] if answer.step is not None else []
    words += [f"after {answer.latency_s:.1f} s"] if answer.latency_s is not None else []
    toasts().show(title, " · ".join(words), "green", icon=icon)


def tell_waiting(command: Command) -> None:
    """Say that a command was given and has no answer yet."""
    toasts().show(
        f"{_DONE[command][0].split()[0]}: no answer yet",
        f"'{command}' was asked; the trainer answers at its next step.",
        "yellow",
    )


def actions_of(feed: JobFeed, client: Client) -> JobActions:
    """The actions of the feed's job, made at the first call."""
    if JobActions not in feed.shared:
        feed.shared[JobActions] = JobActions(feed, client)
    return feed.shared[JobActions]
