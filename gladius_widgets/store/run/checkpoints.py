"""Reading checkpoints without torch: what a folder says of itself, and whether that is so."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.paths import RunDirectory

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class KeptCheckpoint:
    """A checkpoint folder as a reader sees it.

    Attributes:
        step: optimizer steps done when it was taken.
        size_bytes: of all its files, by its manifest; None without one.
        problem: what is wrong with it; empty when it is whole.
        is_hashed: whether that was found by its files' sha256, not by their sizes alone.
        is_adapter: whether it holds adapters, not a whole model.
        validation_loss: of its weights, None when they were not validated.
        reason: why it was taken, such as `interval` or `end`.
        saved_at: unix s.
    """

    step: int
    folder: Path
    size_bytes: int | None
    problem: str
    is_hashed: bool
    is_adapter: bool
    validation_loss: float | None
    reason: str
    saved_at: float | None


def kept_checkpoints(run: RunDirectory, hash_up_to_bytes: int = 0) -> list[KeptCheckpoint]:
    """Every checkpoint of a run, newest first.

    Args:
        run: its directory.
        hash_up_to_bytes: read and hash the files of the newest one, if they are no larger in
            all; the others are judged by the sizes of their files.
    """
    found = []
    for step in reversed(run.checkpoint_steps()):
        found.append(_look_at(run.checkpoint(step), step, 0 if found else hash_up_to_bytes))
    return found


def _look_at(folder: Path, step: int, hash_up_to_bytes: int) -> KeptCheckpoint:
    manifest = read_json(folder / MANIFEST)
    manifest = manifest if isinstance(manifest, dict) else {}
    size = _size(manifest)
    is_hashed = size is not None and size <= hash_up_to_bytes
    _, problem = verify(folder, hashes=is_hashed)
    loss = manifest.get("validation_loss")
    return KeptCheckpoint(
        step=step,
        folder=folder,
        size_bytes=size,
        problem=problem or "",
        is_hashed=is_hashed,
        is_adapter=manifest.get("kind") == "adapter",
        validation_loss=loss if isinstance(loss, float | int) else None,
        reason=str(manifest.get("reason") or ""),
        saved_at=manifest.get("time") if isinstance(manifest.get("time"), float) else None,
    )


def _size(manifest: dict[str, Any]) -> int | None:
    try:
        return sum(int(facts["bytes"]) for facts in manifest["files"].values())
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def verify(folder: Path, *, hashes: bool = True) -> tuple[dict[str, Any], str | None]:
    """A checkpoint's manifest, and what is wrong; None when every file is as it says.

    Without `hashes` only the files' sizes are compared, which reads none of them.
    """
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        return {}, "no manifest"
    for name, expected in manifest["files"].items():
        path = folder / name
        try:
            is_same = path.stat().st_size == expected["bytes"]
            if not is_same or (hashes and sha256_of(path) != expected["sha256"]):
                return manifest, f"{name} is damaged"
        except OSError:
            return manifest, f"{name} is missing"
    return manifest, None


def sha256_of(path: Path) -> str:
    """Of a file's bytes, in hex."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
