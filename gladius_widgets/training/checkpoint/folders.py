"""Checkpoint folders: written whole or not at all, verified before they are trusted."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gladius_widgets.core.atomic import fsync_directory, read_json, write_json
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.store.run.checkpoints import MANIFEST, sha256_of, verify

MANIFEST_VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint; `manifest` says what it is and holds each file's size and sha256."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def step(self) -> int:
        """Optimizer steps done when it was taken."""
        return int(self.manifest["step"])


class CheckpointStore:
    """The checkpoints of one run.

    Saving: `begin` gives a temporary folder to fill (by every rank), `commit` syncs the files,
    writes the manifest, renames, and syncs the parent. A kill at any moment leaves either the
    old state or the new one.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.run = run

    def temporary(self, step: int) -> Path:
        """Where the files of a checkpoint of `step` are collected."""
        return self.run.saving(step)

    def begin(self, step: int) -> Path:
        """An empty folder for the files; leftovers of killed saves go."""
        for leftover in self.run.unfinished_saves():
            shutil.rmtree(leftover, ignore_errors=True)
        self._put_back()
        for pattern in (".replaced-*", ".deleted-*"):
            for leftover in self.run.checkpoints.glob(pattern):
                shutil.rmtree(leftover, ignore_errors=True)
        folder = self.temporary(step)
        folder.mkdir(parents=True)
        return folder

    def discard(self, step: int) -> None:
        """Give back the space of a save that failed."""
        shutil.rmtree(self.temporary(step), ignore_errors=True)

    def commit(self, step: int, facts: dict[str, Any]) -> Checkpoint:
        """Make the collected files the checkpoint of `step`.

        Args:
            step: optimizer steps done.
            facts: goes into the manifest beside step, time and files.
        """
        folder, final = self.temporary(step), self.run.checkpoint(step)
        files = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                files[str(path.relative_to(folder))] = _sync_and_hash(path)
        manifest = {
            "version": MANIFEST_VERSION,
            "step": step,
            "time": time.time(),
            **facts,
            "files": files,
        }
        write_json(folder / MANIFEST, manifest)  # syncs the folder too
        if final.exists():  # an older attempt's, or of this step before a command at it
            final.rename(self.run.checkpoints / f".replaced-{step:08d}-{os.getpid()}")
        folder.rename(final)
        fsync_directory(self.run.checkpoints)
        return Checkpoint(final, manifest)

    def newest_whole(self, on_bad: Callable[[str], None]) -> Checkpoint | None:
        """The newest checkpoint that is what its manifest says; None without one.

        Args:
            on_bad: called with a sentence for each newer one that is not; those are renamed, so
                that nobody mistakes them for whole.
        """
        return next(self.whole(on_bad), None)

    def whole(self, on_bad: Callable[[str], None]) -> Iterator[Checkpoint]:
        """Every checkpoint that is what its manifest says, the newest first; see `newest_whole`."""
        self._put_back()
        for step in reversed(self.run.checkpoint_steps()):
            folder = self.run.checkpoint(step)
            manifest, problem = verify(folder)
            if problem is None:
                yield Checkpoint(folder, manifest)
                continue
            aside = folder.with_name(f"corrupt-{folder.name}-{int(time.time())}")
            folder.rename(aside)
            on_bad(f"Checkpoint {folder.name} is not whole ({problem}); kept as {aside.name}.")

    def prune(self, keep_last: int, keep_best: int) -> list[int]:
        """Delete all but the newest and the best by validation loss; returns the steps deleted.

        Of those that no roll-back goes to (see `is_sound`) only the newest of all is kept.
        """
        steps = self.run.checkpoint_steps()
        manifests = {step: read_json(self.run.checkpoint(step) / MANIFEST) or {} for step in steps}
        losses = [(manifest.get("validation_loss"), step) for step, manifest in manifests.items()]
        best = sorted((loss, step) for loss, step in losses if loss is not None)[:keep_best]
        sound = [step for step in steps if is_sound(manifests[step])]
        kept = {*steps[-1:], *sound[-keep_last:], *(step for _, step in best)}
        deleted = [step for step in steps if step not in kept]
        for step in deleted:
            folder = self.run.checkpoint(step)
            doomed = folder.with_name(f".deleted-{step:08d}-{os.getpid()}")
            folder.rename(doomed)  # so that it is never half there under its own name
            shutil.rmtree(doomed, ignore_errors=True)
        return deleted

    def _put_back(self) -> None:
        """A kill between the two renames of `commit` left a step without its checkpoint."""
        for old in self.run.checkpoints.glob(".replaced-*"):
            final = self.run.checkpoint(int(old.name.split("-")[1]))
            if not final.exists():
                old.rename(final)


def is_sound(manifest: dict[str, Any]) -> bool:
    """Whether a roll-back may go there: not taken amid steps whose loss is not finite."""
    return not manifest.get("nonfinite_in_row")


def _sync_and_hash(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
