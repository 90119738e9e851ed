"""What of a run's events is news to somebody who looks elsewhere: one rule for all who tell it.

The supervisor sends news to a command or a webhook, the pages show them through the browser.
"""

from collections.abc import Mapping
from typing import Any

from gladius_widgets.core.notify import EventName
from gladius_widgets.core.states import JobStatus

ENDS: dict[str, EventName] = {
    JobStatus.COMPLETED: "completed",
    JobStatus.FAILED: "failed",
    JobStatus.LOST: "lost",
}
"""Ends of an attempt that people are told of; those that people brought about are no news."""

ALERTS = frozenset(
    {
        "alert", "blocked", "budget", "imbalance", "memory", "not_finite", "out_of_memory", "queue",
        "rollback", "runtime", "slow", "temperature",
    }
)  # fmt: skip
"""Kinds of warnings that somebody who is away wants to hear of."""


def kind_of(payload: Mapping[str, Any] | None) -> str:
    """The kind of trouble that an event is about; empty for none."""
    payload = payload or {}
    return str(payload.get("kind") or ("imbalance" if "imbalance" in payload else ""))


def news_of(type_: str, source: str, payload: Mapping[str, Any] | None) -> EventName | None:
    """Which of `core.notify.EVENTS` an event is; None when it is no news.

    Args:
        type_: of the event, such as warning.
        source: who wrote it, such as runner.
        payload: its details.
    """
    payload = payload or {}
    kind, state, status = kind_of(payload), payload.get("state"), payload.get("status")
    if status is not None:
        return ENDS.get(str(status)) if type_ in ("status", "error") else None
    if type_ == "error":
        return "lost" if source == "supervisor" else "alert"
    if type_ != "warning" or state == "resolved":
        return None
    if kind == "hang":
        return "stalled"
    if kind in ("budget", "runtime") and state == "over":
        return "over_budget"
    return "alert" if kind in ALERTS else None
