"""The secret that opens the pages: one per home, in a file that only its owner can read.

It is kept rather than drawn anew at each start, so that the address printed by a second `make run`
is the one already in the browser's tabs. Deleting the file draws a new one.
"""

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.private import make_folder

_SHORTEST = 32  # characters; anything less was not written by us


def token_of(path: Path) -> str:
    """The token in `path`, drawn and written (mode 0600) when there is none.

    One that somebody else may know is no secret of ours: that of another user is passed over, and
    an own one that others could read is replaced. Where none can be written, as in the home of
    another user, on a read-only mount or on a full disk, the one drawn is good until the server
    ends.

    Raises:
        GladiusError: the file is damaged, or its folder is none.
    """
    try:
        return _kept(path) or _drawn(path)
    except (OSError, UnicodeDecodeError) as error:
        raise GladiusError(
            f"The server's token in {path} cannot be read or written: {error}.",
            "Make the folder readable or choose another with --home.",
        ) from error


def _kept(path: Path) -> str | None:
    """The token in the file; None where there is none that this user alone can know."""
    try:
        with path.open(encoding="ascii") as file:
            known = os.fstat(file.fileno())
            if known.st_uid != os.geteuid():
                return None
            if known.st_mode & 0o077:
                with suppress(OSError):  # on a read-only mount
                    path.unlink()
                return None
            token = file.read().strip()
    except (FileNotFoundError, PermissionError):
        return None
    if len(token) < _SHORTEST:
        raise GladiusError(f"The server's token in {path} is damaged.", "Delete that file.")
    return token


def _drawn(path: Path) -> str:
    """A new token, kept in the file where that is possible."""
    token = _draw()
    try:
        make_folder(path.parent, path.parent)
        _create(path, token)
    except FileExistsError:  # another server was first, or it is of another user
        return _kept(path) or token
    except OSError:
        if not path.parent.is_dir():
            raise
    return token


def _draw() -> str:
    return secrets.token_urlsafe(32)


def _create(path: Path, token: str) -> None:
    """Write the whole file under another name, then link it: it is never seen half written."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token)
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def cookie_of(token: str) -> str:
    """The cookie's value: proves the token without being it."""
    return hmac.new(token.encode(), b"gladius page cookie", hashlib.sha256).hexdigest()
