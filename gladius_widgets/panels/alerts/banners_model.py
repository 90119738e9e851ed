"""Alerts that are on: told as they began and not taken back yet."""

from collections.abc import Iterable
from dataclasses import dataclass

from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text.event import clean
from gladius_widgets.store.run.events import Event

_KINDS = {  # kind of the event → title, icon of the sprite
    "temperature": ("GPU temperature.", "temp"),
    "memory": ("Memory.", "cpu"),
    "slow": ("Throughput.", "trend"),
}
_TEXT_CHARS = 400


@dataclass(frozen=True)
class Alert:
    """One that is on: an icon, a title, a sentence, and since when (unix s)."""

    kind: str
    icon: str
    title: str
    text: str
    since: float


class Firing:
    """Keeps, by what they are about, the alerts of the newest attempt."""

    def __init__(self) -> None:
        self._attempt = 0
        self._on: dict[tuple[str, bool], Alert] = {}

    def take(self, events: Iterable[Event]) -> None:
        """New events, in their order."""
        for event in events:
            payload = event.payload or {}
            kind, state = str(payload.get("kind")), payload.get("state")
            if (event.attempt or 0) > self._attempt:  # what was on ended with its attempt
                self._attempt = event.attempt or 0
                self._on.clear()
            if kind not in _KINDS:
                continue
            about = (kind, payload.get("gpu") is not None)  # memory of a GPU, or of the system
            if state == "on":
                title, icon = _KINDS[kind]
                text = clean(event.message)[:_TEXT_CHARS]
                self._on[about] = Alert(kind, icon, title, text, event.time)
            elif state == "resolved":
                self._on.pop(about, None)

    def view(self, job: JobSnapshot) -> tuple[Alert, ...]:
        """Those that count for the job as it is now, the oldest first."""
        if not job.status.is_active or job.attempt != self._attempt:
            return ()
        is_training = job.status == JobStatus.TRAINING
        on = [alert for alert in self._on.values() if is_training or alert.kind != "slow"]
        return tuple(sorted(on, key=lambda alert: alert.since))
