"""What people can be told of while they are away, how, and in what words."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from gladius_widgets.core.text.amounts import amount_text
from gladius_widgets.core.text.suggest import did_you_mean

EventName = Literal["completed", "failed", "lost", "stalled", "over_budget", "alert"]
EVENTS: tuple[EventName, ...] = get_args(EventName)
VERBS: dict[str, str] = {
    "completed": "has completed",
    "failed": "has failed",
    "lost": "was lost",
    "stalled": "makes no progress",
    "over_budget": "is over its limit",
    "alert": "needs a look",
    "test": "sends a trial",
}
_MOST_CHARS = 600
MASK = "***"


def _known(value: Any) -> Any:
    if isinstance(value, str) and value not in EVENTS:
        raise ValueError(f"there is no event '{value[:40]}'. {did_you_mean(value, EVENTS)}")
    return value


Event = Annotated[EventName, BeforeValidator(_known)]


class NotifySettings(BaseModel):
    """Where news of jobs go, and which. The webhook's address is a secret: it is never shown."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    command: list[str] = Field(
        default=[], description="Program and arguments; it gets the news as JSON on stdin"
    )
    webhook: SecretStr | None = Field(
        default=None, description="http(s) address that the news are posted to as JSON"
    )
    on: list[Event] = Field(default=list(EVENTS), description="What is told")

    @field_validator("command")
    @classmethod
    def _names_a_program(cls, value: list[str]) -> list[str]:
        if value and not value[0].strip():
            raise ValueError("its first word must name a program")
        return value

    @field_validator("webhook")
    @classmethod
    def _is_a_web_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_http(value.get_secret_value()):
            raise ValueError("must be an http:// or https:// address")
        if value is not None and "@" in urlsplit(value.get_secret_value()).netloc:
            raise ValueError(
                "must hold no user name and password (NAME:PASSWORD@); most services have an "
                "address with a key of its own, `command` can send with any other login"
            )
        return value

    @property
    def channels(self) -> tuple[str, ...]:
        """`command`, `webhook`, both or none."""
        return tuple(name for name in ("command", "webhook") if getattr(self, name))


def masked(url: str) -> str:
    """An address without what may be secret in it: `https://hooks.example.com/***`."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return MASK
    return f"{parts.scheme}://{parts.hostname}{port}/{MASK}" if parts.hostname else MASK


def news(event: str, message: str, *, key: str, time: float, job: Mapping[str, Any]) -> dict:
    """What a command reads and a webhook is sent.

    Args:
        event: one of `EVENTS`, or `test`.
        message: what happened, one sentence.
        key: the same whenever these same news are sent again.
        time: unix s.
        job: id, name, status, step, total_steps, cost, currency, url; unknown is None.

    Returns:
        All of it flat, with `text`, a line for chats. In it `&`, `<` and `>` are escaped as Slack
        wants: there they are markup that could ring a whole channel.
    """
    name = _line(str(job.get("name") or ""))
    said = _line(message)
    line = f"{name} {VERBS.get(event, event)}: {said}" if said else f"{name} {VERBS.get(event)}"
    facts = _facts(job)
    text = f"{line} ({facts})" if facts else line
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    names = ("status", "step", "total_steps", "cost", "currency", "url")
    return {
        "key": key,
        "event": event,
        "id": job.get("id"),
        "name": job.get("name"),
        "message": message,
        "time": time,
        **{one: job.get(one) for one in names},
        "text": text,
    }


def _facts(job: Mapping[str, Any]) -> str:
    step, total, cost = job.get("step"), job.get("total_steps"), job.get("cost")
    facts = []
    if step:
        facts.append(f"step {step:,}" + (f" of {total:,}" if total else ""))
    if cost is not None:
        facts.append(f"{amount_text(cost)} {job.get('currency') or ''}".strip())
    return ", ".join(facts)


def _line(text: str) -> str:
    """One line of what can be seen."""
    seen = "".join(c if c.isprintable() else " " for c in text)
    seen = " ".join(seen.split())
    return seen if len(seen) <= _MOST_CHARS else f"{seen[:_MOST_CHARS]}…"


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname)
