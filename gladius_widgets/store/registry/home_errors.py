"""Why a home cannot be written, or not be read either, in sentences.

The system's error alone does not tell: SQLite says "unable to open database file" of a full disk
too. So the home itself is looked at.
"""

import errno
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gladius_widgets.core.atomic import NO_SPACE
from gladius_widgets.core.errors import HomeError
from gladius_widgets.core.paths import Home
from gladius_widgets.core.private import owner_name

# With less, SQLite cannot make the files beside the registry, and a snapshot cannot be replaced.
FULL_BELOW_BYTES = 64 * 1024
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_BROKEN = frozenset({errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV})


def home_error(error: OSError, home: Home) -> HomeError:
    """What an error of the file system, met while writing, means to a user."""
    if error.errno in NO_SPACE:
        return _full(home, is_quota=error.errno == errno.EDQUOT)
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return HomeError(f"The home {home.root} is not a folder.", "Name another with --home.")
    if error.errno in _BROKEN:
        return HomeError(
            f"The disk that holds the home {home.root} fails: {os.strerror(error.errno or 0)}.",
            "Mend or mount it again, or name another home with --home or GLADIUS_HOME.",
        )
    if error.errno in _REFUSED and (refused := look_only_error(home) or _unreadable(home)):
        return refused
    return HomeError(
        f"The home {home.root} cannot be written{_whose(error, home)}.",
        "Give yourself write permission there, or name another home with --home or GLADIUS_HOME.",
    )


@contextmanager
def told_of_home(home: Home) -> Iterator[None]:
    """For writing in the home: an error of the file system becomes the home's sentence."""
    try:
        yield
    except OSError as error:
        raise home_error(error, home) from error


def look_only_error(home: Home) -> HomeError | None:
    """Why this user can read the home and change nothing in it; None where he can, or cannot read.

    A full disk is no reason: the next moment it may have room.
    """
    closed = _not_writable(home)
    if closed is None or not os.access(home.root, os.R_OK | os.X_OK):
        return None
    hint = "Name a home of your own with --home or GLADIUS_HOME to run jobs."
    if _is_mounted_read_only(home):
        why = "it is on a disk that is mounted read-only"
    else:
        why = f"{'it' if closed == home.root else closed} {_refusal(closed)}"
        if closed != home.root and home.root.stat().st_uid == os.geteuid():
            hint = f"`{_give_back(home)}` gives it back to you. {hint}"
    return HomeError(
        f"You can look at the home {home.root}, but not change it: {why}.", hint, "look_only"
    )


def may_write(home: Home) -> bool:
    """Whether permissions and the mount let this user write to the home; true where none is yet."""
    return _not_writable(home) is None


def has_runs(home: Home) -> bool:
    """Whether there is a folder of runs that this user can look at."""
    return os.access(home.runs, os.R_OK | os.X_OK) and home.runs.is_dir()


def is_full(home: Home) -> bool:
    """Whether nothing more goes onto the disk that holds the home."""
    try:
        return shutil.disk_usage(home.root).free < FULL_BELOW_BYTES
    except OSError:
        return False


def full_error(home: Home) -> HomeError:
    """The disk that holds the home is full."""
    return _full(home, is_quota=False)


def _full(home: Home, *, is_quota: bool) -> HomeError:
    what = "Your quota is used up" if is_quota else "There is no space left"
    return HomeError(
        f"{what} on the disk that holds {home.root}.",
        "Free some, or name another home with --home or GLADIUS_HOME.",
        "full",
    )


def _unreadable(home: Home) -> HomeError | None:
    if not os.access(home.root, os.F_OK) or os.access(home.root, os.R_OK | os.X_OK):
        return None
    return HomeError(
        f"The home {home.root} cannot be read: it belongs to {owner_name(home.root)}.",
        "Ask for permission to look at it, or name another with --home or GLADIUS_HOME.",
    )


def _is_mounted_read_only(home: Home) -> bool:
    return bool(os.statvfs(home.root).f_flag & os.ST_RDONLY)


def _not_writable(home: Home) -> Path | None:
    """The first thing that every change needs and that this user cannot write; None if he can."""
    places = (home.root, home.runs, home.registry, home.supervisor_lock, home.supervisor_log)
    return next((path for path in places if _is_closed(path)), None)


def _is_closed(path: Path) -> bool:
    """Whether it is there, before and after the look, and this user cannot write it."""
    is_there = os.access(path, os.F_OK)
    return is_there and not os.access(path, os.W_OK) and os.access(path, os.F_OK)


def _give_back(home: Home) -> str:
    return f"sudo chown -R {os.geteuid()} {shlex.quote(str(home.root))}"


def _whose(error: OSError, home: Home) -> str:
    """Whose the file is that could not be written, where that is what refused it."""
    if error.errno not in _REFUSED or not isinstance(error.filename, str):
        return ""
    path = Path(error.filename)
    for one in (path, *path.parents):
        with suppress(OSError):  # not there, or in a folder that this user may not look into
            is_mine = one.stat().st_uid == os.geteuid()
            if one.is_relative_to(home.root) and not (is_mine and os.access(one, os.W_OK)):
                return f": {one} {_refusal(one)}"
    return ""


def _refusal(path: Path) -> str:
    """Why this user cannot write it."""
    is_mine = path.stat().st_uid == os.geteuid()
    return "is write-protected" if is_mine else f"belongs to {owner_name(path)}"
