"""The one exception that users see: a sentence, and what to do next."""

from typing import Literal


class GladiusError(Exception):
    """A problem the user can mend.

    Args:
        message: what happened, one sentence.
        hint: what to do next, one sentence; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return [str(self)]


class ConfigError(GladiusError):
    """A config file that cannot be used; the message names file, line and key."""


class JobNotFoundError(GladiusError):
    """No job, or more than one, goes by the given id, prefix or name."""


class IllegalMoveError(GladiusError):
    """A command that the job's current state does not allow."""


class HomeError(GladiusError):
    """The home cannot be read or written now: a full disk, no permission, a lock.

    Args:
        message: as any error's.
        hint: as any error's.
        kind: `look_only` where this user can read and change nothing, `full` without space.
    """

    def __init__(
        self, message: str, hint: str = "", kind: Literal["look_only", "full", "other"] = "other"
    ) -> None:
        super().__init__(message, hint)
        self.kind = kind
