"""Room that a run keeps on its disk, for what has to be written when the disk is full.

A reserve is a folder of slips: files of a fixed size with real bytes in them. To write on a full
disk, a slip is overwritten in place, which takes no further room, and then renamed to what is
wanted. A file that it replaces becomes a slip in its turn, so a snapshot that is written once a
second uses none up. Beside them lies ballast, thrown away at the end of a run for its last rows.

Slips of padded JSON: white space after a document is none of it.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from gladius_widgets.core import private

SLIPS = 12  # a command takes two: the request and its answer
WAITING_SLIPS = 3  # of a job without a process: to cancel it, and a snapshot that says so
SLIP_BYTES = 16 * 1024
BALLAST_BYTES = 2 * 1024**2
_BALLAST = "ballast"


def lay_in(folder: Path, *, slips: int = SLIPS, ballast: bool = False) -> None:
    """Fill the reserve up to its size, as far as the disk lets us.

    Args:
        folder: where it is; made when missing.
        slips: how many it shall have.
        ballast: also lay in the room for the end.
    """
    with suppress(OSError):
        folder.mkdir(private.folder_mode(folder.parent), exist_ok=True)
        for _ in range(slips - len(_slips(folder))):
            _write_new(folder / f"slip-{secrets.token_hex(8)}", SLIP_BYTES)
        if ballast and not (folder / _BALLAST).exists():
            _write_new(folder / _BALLAST, BALLAST_BYTES)


def throw_ballast(folder: Path) -> None:
    """Make room for the last rows of a run on a disk that is full."""
    with suppress(OSError):
        (folder / _BALLAST).unlink()


def give_up(folder: Path, *, but: int = 0) -> None:
    """Free it: the run is over, or waits without a process and keeps that many slips."""
    kept = set(_slips(folder)[:but])
    with suppress(OSError):
        for path in folder.iterdir():
            if path not in kept:
                path.unlink(missing_ok=True)
        if not kept:
            folder.rmdir()


def write_on_slip(folder: Path, path: Path, text: bytes) -> bool:
    """Replace `path` by `text`, padded with spaces, without taking room.

    Returns:
        False when no slip is left, or none is large enough.

    Raises:
        OSError: the disk refuses for another reason.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    for slip in _slips(folder):
        try:
            if slip.stat().st_size < len(text):
                continue
            slip.rename(temporary)
        except FileNotFoundError:
            continue  # somebody else has just taken it
        _overwrite(temporary, text)
        kept = _second_name(path, folder)
        temporary.replace(path)
        if kept is not None:  # only now: a slip is nobody's content
            kept.rename(folder / f"slip-{secrets.token_hex(8)}")
        return True
    return False


def _overwrite(path: Path, text: bytes) -> None:
    with path.open("r+b") as file:
        file.write(text.ljust(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())


def _second_name(path: Path, folder: Path) -> Path | None:
    """Another name for what is about to be replaced, if it is as large as a slip."""
    kept = folder / f".replaced-{secrets.token_hex(8)}"
    with suppress(OSError):
        if path.stat().st_size >= SLIP_BYTES:
            kept.hardlink_to(path)
            return kept
    return None


def _slips(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.name.startswith("slip-")]
    except OSError:
        return []


def _write_new(path: Path, size: int) -> None:
    """A file of that size whose bytes no file system can leave out."""
    try:
        with private.open_file(path, "xb") as file:
            file.write(os.urandom(size))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise
