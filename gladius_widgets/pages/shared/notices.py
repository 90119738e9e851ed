"""Events of the run as toasts: checkpoints, warnings, errors, and what others asked for."""

import time
from dataclasses import replace

from gladius_widgets.components import notifier, toasts
from gladius_widgets.core.states import JobStatus
from gladius_widgets.pages.shared import news
from gladius_widgets.panels.controls.actions import JobActions
from gladius_widgets.panels.live.feed import JobFeed
from gladius_widgets.panels.text.event import clean
from gladius_widgets.panels.text.links import job_url
from gladius_widgets.store.run.events import Event

_LOUD = {
    "checkpoint": ("Checkpoint saved", "green", "save"),
    "warning": ("Warning", "yellow", None),
    "error": ("Training error", "red", None),
}

_SAVING = frozenset({"checkpoint", "pause", "stop"})
_JUST_S = 3.0


class Notices:
    """Shows new events of a run; those that a page finds when it opens are old news."""

    def __init__(self, feed: JobFeed, actions: JobActions) -> None:
        self._feed = feed
        self._actions = actions
        self._end = feed.on_events(self._show)

    def close(self) -> None:
        """Stop."""
        self._end()

    def _show(self, events: list[Event]) -> None:
        cleaned = [replace(event, message=clean(event.message)) for event in events]
        for event in cleaned[-3:]:  # no more toasts fit; the log has them all
            self._show_one(event)
        self._tell_away(cleaned)

    def _tell_away(self, events: list[Event]) -> None:
        """Through the browser, to a reader who looks elsewhere; what is alike once."""
        job = self._feed.job
        found = [(told, event) for event in events if (told := news.of_event(event, job.name))]
        newest = {title: (text, event) for (title, text), event in found}
        for title, (text, event) in newest.items():
            tag = f"{job.id}-{event.time}"
            notifier().tell(title, text[:300], url=job_url(job.id), tag=tag)

    def _show_one(self, event: Event) -> None:
        payload = event.payload or {}
        if event.type == "command":
            mine = payload.get("id") in self._actions.own or self._actions.pending
            if not mine:
                by = clean(str(payload.get("by") or ""))
                who = "You, from elsewhere" if by == self._actions.user else by
                toasts().show(who or "Someone else", event.message, "blue")
        elif event.type == "checkpoint" and self._asked_to_save():
            return
        elif event.type == "status" and payload.get("status") == JobStatus.COMPLETED:
            toasts().show("Training completed successfully!", self._feed.job.name, "green")
        elif event.type in _LOUD:
            title, tone, icon = _LOUD[event.type]
            toasts().show(title, event.message.removeprefix(f"{title}: "), tone, icon=icon)

    def _asked_to_save(self) -> bool:
        """Whether the reader just did something that saves: its answer says so."""
        name, answered_at = self._actions.used
        just = time.monotonic() - answered_at < _JUST_S
        return self._actions.pending in _SAVING or (just and name in _SAVING)
