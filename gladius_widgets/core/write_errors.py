"""Why something cannot be written where its user wants it, in one sentence."""

import errno
import os
import re
from pathlib import Path

from gladius_widgets.core.atomic import NO_SPACE
from gladius_widgets.core.errors import GladiusError

_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_HINTS = {
    errno.EISDIR: "Name a file, not a folder.",
    errno.ENAMETOOLONG: "Give it a shorter name.",
}
# Libraries that are not written in Python tell the system's error only in their text.
_NUMBER = re.compile(r"\bos error (\d+)\b")


def cannot_write(path: Path, error: OSError) -> GladiusError:
    """What an error of the file system, met while writing `path`, means to a user."""
    number = error.errno
    reason = os.strerror(number) if number else str(error).rstrip(".")
    if number in NO_SPACE:
        hint = "Free some space there, or name another place."
    elif number in _REFUSED:
        hint = "Name a place where you may write."
    else:
        hint = _HINTS.get(number or 0, "Name a place in a folder that exists.")
    return GladiusError(f"{path} cannot be written: {reason}.", hint)


def system_error(error: BaseException) -> OSError | None:
    """The error of the file system that an exception is, or tells of; None for others."""
    if isinstance(error, OSError):
        return error if error.errno else None
    found = _NUMBER.search(str(error))
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else None
