"""Files and folders of a home are as open as the home itself, which is made for its owner alone.

A new home has mode 0700. What is made in it takes after the folder that it is made in: files are
0600, folders 0700. Whoever wants to share a home opens it with `chmod`; from then on new files are
as open as that, within the umask. What is there already is left as its owner has it.
"""

import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Literal

OWNER_ONLY = 0o700
FILE_BITS = 0o666


def file_mode(folder: Path) -> int:
    """The mode of a new file in `folder`: who may look into it may read the file."""
    return folder_mode(folder) & FILE_BITS | 0o600


def open_file(path: Path, mode: Literal["ab", "wb", "xb"]) -> BinaryIO:
    """Open a file to write; one that is made takes after its folder."""
    return open(path, mode, opener=_create)  # Path.open takes no opener


def touch(path: Path) -> None:
    """Make the file, empty, unless it is there."""
    if not path.exists():
        open_file(path, "ab").close()


def make_folder(folder: Path, home: Path) -> None:
    """Make a folder in `home`, and those that it lies in; existing ones are left alone.

    Raises:
        OSError: it cannot be made.
    """
    missing = [folder]
    while not missing[-1].is_dir() and missing[-1] != missing[-1].parent:
        missing.append(missing[-1].parent)
    for one in reversed(missing[:-1]):
        inside = one != home and one.is_relative_to(home)
        mode = folder_mode(one.parent) if inside else OWNER_ONLY if one == home else 0o777
        with suppress(FileExistsError):
            one.mkdir(mode)
    if not folder.is_dir():
        folder.mkdir()  # raises as it should


def take_after(home: Path) -> None:
    """Make this process's new files no more open than the home; for processes that are ours."""
    with suppress(OSError):
        closed = ~folder_mode(home) & 0o077
        os.umask(os.umask(0) | closed)


def wider_than_owner(path: Path) -> int:
    """The permissions that others than the owner have on it; 0 for none, or nothing there."""
    try:
        return stat.S_IMODE(path.stat().st_mode) & 0o077
    except OSError:
        return 0


def owner_name(path: Path) -> str:
    """The name of the user that it belongs to."""
    return user_name(path.stat().st_uid)


def user_name(user_id: int) -> str:
    """What the system calls the user."""
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:  # a user id without a name, as in some containers
        return f"the user with the id {user_id}"


def _create(path: str, flags: int) -> int:
    return os.open(path, flags, file_mode(Path(path).parent))


def folder_mode(folder: Path) -> int:
    """The mode of a new folder in `folder`."""
    return stat.S_IMODE(folder.stat().st_mode) & 0o777
