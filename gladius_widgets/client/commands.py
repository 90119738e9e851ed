"""Whether a command makes sense: for the job's state, and with these arguments."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gladius_widgets.core.config.live import check_changes
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.errors import GladiusError, IllegalMoveError
from gladius_widgets.core.states import Command, JobStatus, is_legal_command
from gladius_widgets.core.text.suggest import did_you_mean
from gladius_widgets.store.registry.registry import Job

MAX_REASON_CHARS = 1000
_DONE_TO = {
    Command.PAUSE: "paused",
    Command.RESUME: "resumed",
    Command.STOP: "stopped",
    Command.CHECKPOINT: "saved",
    Command.VALIDATE: "validated",
    Command.SET: "changed",
    Command.REVERT: "changed back",
    Command.RELOAD: "given a new config",
    Command.HOLD: "held",
    Command.UNHOLD: "let go",
    Command.REORDER: "moved in the queue",
    Command.AFTER: "made to wait for other jobs",
    Command.CANCEL: "cancelled",
}
# What a job that is there already says to whoever asks for it once more.
_FULFILLED = {
    (Command.PAUSE, JobStatus.PAUSED): "is paused",
    (Command.RESUME, JobStatus.QUEUED): "is queued",
    (Command.RESUME, JobStatus.PROVISIONING): "is provisioning",
    (Command.RESUME, JobStatus.TRAINING): "is training",
    (Command.STOP, JobStatus.STOPPING): "is being stopped",
    (Command.STOP, JobStatus.STOPPED): "has been stopped",
    (Command.CANCEL, JobStatus.CANCELLING): "is being cancelled",
    (Command.CANCEL, JobStatus.CANCELLED): "has been cancelled",
}
# What the client itself can do to a job that no process works on.
_UNATTENDED = frozenset(
    {
        Command.RESUME,
        Command.CANCEL,
        Command.HOLD,
        Command.UNHOLD,
        Command.REORDER,
        Command.AFTER,
    }
)


class Arguments(BaseModel):
    """Base of each command's arguments: unknown names and silent type changes are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NoArguments(Arguments):
    """The command says it all."""


class PauseArguments(Arguments):
    """With `release` the process saves, exits, and frees its machine."""

    release: bool = False


class ValidateArguments(Arguments):
    """Which split to validate on."""

    split: Literal["validation", "test"] = "validation"


class ReorderArguments(Arguments):
    """The queued job that it shall start before, by any of its names; None = after all others.

    `seen_at` is the job's position as the caller saw it: moved by somebody else since then, it
    stays where that one has put it.
    """

    before: str | None = None
    seen_at: float | None = None


class AfterArguments(Arguments):
    """Ids of the jobs that have to be completed first; empty = none."""

    jobs: list[str] = Field(default_factory=list)


class ResumeArguments(Arguments):
    """Settings that change as it goes on, as `set` takes them; checked by `core.config.live`."""

    set: dict[str, Any] = Field(default_factory=dict)


class CancelArguments(Arguments):
    """Why it ends, and whatever else shall be remembered."""

    reason: str = Field(min_length=1, max_length=MAX_REASON_CHARS)
    note: str = Field(default="", max_length=MAX_REASON_CHARS)


_LEFT_OUT = frozenset({"set", "note"})  # the ledger shows them where there are any
_SCHEMAS: dict[Command, type[Arguments]] = {
    Command.PAUSE: PauseArguments,
    Command.RESUME: ResumeArguments,
    Command.VALIDATE: ValidateArguments,
    Command.REORDER: ReorderArguments,
    Command.AFTER: AfterArguments,
    Command.CANCEL: CancelArguments,
}


def check_legal(job: Job, command: Command, args: Mapping[str, Any] | None = None) -> None:
    """Raise IllegalMoveError, with the current state, when the job cannot be asked this."""
    releases = command == Command.PAUSE and bool((args or {}).get("release"))
    if _is_possible(job, command) or (releases and _is_held_at_a_step(job)):
        return
    possible = [str(c) for c in Command if _is_possible(job, c)]
    possible += ["pause with release"] if _is_held_at_a_step(job) else []
    hint = f"Possible now: {', '.join(possible)}." if possible else ""
    if fulfilled := _FULFILLED.get((command, job.status)):
        raise IllegalMoveError(
            f"'{job.name}' {fulfilled} already.", hint or "There is nothing to do."
        )
    has_machine = job.holds_slot or not is_legal_command(job.status, command)
    standing = job.status if has_machine else f"{job.status} and has freed its machine"
    raise IllegalMoveError(
        f"'{job.name}' is {standing}, so it cannot be {_DONE_TO[command]}.",
        hint or "Nothing more can be done.",
    )


def _is_possible(job: Job, command: Command) -> bool:
    """By its state, and by whether somebody is there to do it."""
    return is_legal_command(job.status, command) and (job.holds_slot or command in _UNATTENDED)


def _is_held_at_a_step(job: Job) -> bool:
    return job.status == JobStatus.PAUSED and job.holds_slot


def check_arguments(
    command: Command, given: Mapping[str, Any] | None, config: Callable[[], TrainingConfig]
) -> dict[str, Any]:
    """The arguments with defaults filled in.

    Args:
        command: what to do.
        given: its arguments.
        config: reads the job's config, where it is needed: a job whose config is damaged can
            still be cancelled.

    Raises:
        GladiusError: an unknown name, a wrong type, or a value out of its bounds.
    """
    if command == Command.SET:
        return check_changes(config(), given or {})
    schema = _SCHEMAS.get(command, NoArguments)
    try:
        checked = schema.model_validate(dict(given or {})).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise GladiusError(
                f"'{command}' has no argument '{name}'.",
                did_you_mean(name, schema.model_fields) if schema.model_fields else "Leave it out.",
            ) from None
        if command == Command.CANCEL and first["type"] in ("missing", "string_too_short"):
            raise GladiusError("To cancel wants a reason.", "Say why, in a few words.") from None
        raise GladiusError(
            f"'{command}': {name}: {first['msg']}.", "Change the argument."
        ) from None
    if checked.get("set"):
        checked["set"] = check_changes(config(), checked["set"])
    return {name: value for name, value in checked.items() if value or name not in _LEFT_OUT}


def changed_meanwhile(job: Job, now: JobStatus | None, command: Command) -> IllegalMoveError:
    """Somebody else moved the job between our look and our move."""
    return IllegalMoveError(
        f"'{job.name}' could not be {_DONE_TO[command]}: somebody else was first, "
        f"and it is {now or 'gone'} now.",
        "Look at it again.",
    )
