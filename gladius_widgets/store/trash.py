"""Deleted jobs: their run directories wait in `<home>/trash` to be restored or emptied."""

import shutil
import time
from dataclasses import dataclass
from typing import Any

from gladius_widgets.core.atomic import fsync_directory, read_json, write_json
from gladius_widgets.core.errors import GladiusError, JobNotFoundError
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.states import FINAL
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.registry.job_record import read_record
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.registry.reindex import row_of
from gladius_widgets.store.run.records import read_processes

# Folders on their way out; no job id begins with a dot.
_LEAVING = ".leaving-"


@dataclass(frozen=True)
class Trashed:
    """A deleted job. `deleted_at` in unix s."""

    id: str
    name: str
    deleted_by: str
    deleted_at: float


def throw_away(registry: Registry, job: Job, user: str) -> bool:
    """Move the run directory to the trash and drop the row; False when somebody was first.

    Raises:
        GladiusError: processes of it still run, or others wait for it to complete.
    """
    home = registry.home
    run, target = home.run(job.id), home.trashed(job.id)
    processes = read_processes(run.attempt(job.attempt))
    if any(one is not None and one.alive() for one in (processes.launcher, *processes.ranks)):
        raise GladiusError(f"Processes of '{job.name}' still run.", "Try again in a minute.")

    def move_away() -> None:
        if not run.root.is_dir() and target.root.is_dir():
            return  # an earlier try got as far as this
        home.make(home.trash)
        write_json(run.deleted, {"deleted_by": user, "deleted_at": time.time()})
        run.root.replace(target.root)
        fsync_directory(home.trash)
        fsync_directory(home.runs)

    return registry.remove(job.id, FINAL, move_away)


def put_back(registry: Registry, job_id: str) -> Job:
    """Move a deleted job's run directory back and index it again.

    Raises:
        JobNotFoundError: it is not in the trash (any more).
        GladiusError: its job.json cannot be read.
    """
    home = registry.home
    try:
        source, run = home.trashed(job_id), home.run(job_id)
    except ValueError:
        raise _not_there(job_id) from None
    row = row_of(source, home)
    if row is None and source.root.is_dir():
        raise GladiusError(f"{source.job} cannot be read.", "Mend it, and restore the job again.")
    if row is None or registry.get(job_id) is not None:
        raise _not_there(job_id)

    def move_back(_row: Job) -> None:
        try:
            source.root.rename(run.root)
        except FileNotFoundError:
            raise _not_there(job_id) from None
        run.deleted.unlink(missing_ok=True)

    return registry.insert(move_back, **row)


def trashed(home: Home) -> list[Trashed]:
    """What is in the trash, newest first."""
    found = [_trashed(run) for run in home.all_trashed()]
    return sorted(found, key=lambda one: (-one.deleted_at, one.id))


def empty(home: Home, older_than_s: float = 0.0) -> int:
    """Delete for good what was thrown away so long ago; returns how many jobs that were."""
    count = 0
    for one in trashed(home):
        if time.time() - one.deleted_at < older_than_s:
            continue
        leaving = home.trash / f"{_LEAVING}{one.id}"
        try:
            home.trashed(one.id).root.rename(leaving)  # from here on it cannot be restored
        except FileNotFoundError:
            continue  # somebody has just restored it
        count += 1
    for folder in home.trash.glob(f"{_LEAVING}*"):
        shutil.rmtree(folder, ignore_errors=True)
    return count


def _trashed(run: RunDirectory) -> Trashed:
    known, mark = read_record(run), read_json(run.deleted)
    mark = mark if isinstance(mark, dict) else {}
    return Trashed(
        run.id,
        known[1].name if known else run.id,
        str(mark.get("deleted_by", "")),
        _moment(mark.get("deleted_at"), run),
    )


def _moment(value: Any, run: RunDirectory) -> float:
    """When it was thrown away; its folder was renamed then, should the mark be damaged."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return run.root.stat().st_ctime


def _not_there(job_id: str) -> JobNotFoundError:
    return JobNotFoundError(
        f"There is no '{job_id}' in the trash.", "`gladius trash` lists what is there."
    )
