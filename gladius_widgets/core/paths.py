"""Every file name of the home and of a run directory, in one place."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from gladius_widgets.core.private import make_folder

_JOB_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_CHECKPOINT = re.compile(r"step-(\d{8,})")


class Home:
    """The folder that holds the registry and all runs.

    Args:
        root: the folder; by default `$GLADIUS_HOME`, else `~/.gladius`.
    """

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        chosen = root or os.environ.get("GLADIUS_HOME") or "~/.gladius"
        self.root = Path(chosen).expanduser().absolute()
        self.registry = self.root / "registry.sqlite"
        self.supervisor_lock = self.root / "supervisor.lock"
        self.supervisor_log = self.root / "supervisor.log"
        self.settings = self.root / "settings.yaml"
        self.rates = self.root / "rates.yaml"
        self.serve_token = self.root / "serve-token"
        self.serving = self.root / "serving.json"  # where the pages are, while they are served
        self.runs = self.root / "runs"
        self.trash = self.root / "trash"
        self.cache = self.root / "cache"

    def run(self, job_id: str) -> "RunDirectory":
        """The run directory of a job.

        Raises:
            ValueError: the id could name a path outside `runs`.
        """
        return RunDirectory(self.runs / _checked(job_id))

    def trashed(self, job_id: str) -> "RunDirectory":
        """Where the run directory of a deleted job is kept; raises as `run` does."""
        return RunDirectory(self.trash / _checked(job_id))

    def queue_pause(self, engine: str) -> Path:
        """Why that engine's jobs do not start; only there while they do not."""
        return self.root / f"queue-paused-{engine}.json"

    def all_runs(self) -> list["RunDirectory"]:
        """All run directories, by id; a folder of another name, such as a copy, is none."""
        return _runs_in(self.runs)

    def make(self, folder: Path) -> None:
        """Make a folder of the home, for those who may look into it; see `core.private`.

        Raises:
            OSError: it cannot be made.
        """
        make_folder(folder, self.root)

    def strays(self) -> list[Path]:
        """What lies among the runs and is none: no job.json, or a name that no job has."""
        runs = {run.root for run in self.all_runs()}
        return sorted(set(self.runs.iterdir()) - runs) if self.runs.is_dir() else []

    def all_trashed(self) -> list["RunDirectory"]:
        """The run directories of deleted jobs, by id."""
        return _runs_in(self.trash)

    def __repr__(self) -> str:
        return f"Home({str(self.root)!r})"


class RunDirectory:
    """One job's folder: the truth about a run (see the README for what each file holds)."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self.id = self.root.name
        self.job = self.root / "job.json"
        self.deleted = self.root / "deleted.json"  # who threw it away, when
        self.config = self.root / "config.yaml"
        self.status = self.root / "status.json"
        self.events = self.root / "events.jsonl"
        self.notified = self.root / "notified.json"  # what has been told to the outside
        self.log = self.root / "train.log"
        self.attempts = self.root / "attempts"
        self.metrics = self.root / "metrics"
        self.requests = self.root / "control" / "req"
        self.acks = self.root / "control" / "ack"
        self.reserve = self.root / "control" / "reserve"  # while it runs; see core.reserve
        self.checkpoints = self.root / "checkpoints"
        self.base = self.root / "base"  # the model under adapters, where nobody else has it
        self.tensorboard = self.root / "tensorboard"
        self.exports = self.root / "exports"
        self.summary_json = self.root / "summary.json"
        self.summary_md = self.root / "summary.md"

    @property
    def is_in_home(self) -> bool:
        """Whether it lies where a home has its runs, and is not a folder by itself."""
        return self.root.parent.name in ("runs", "trash")

    @property
    def home(self) -> Home:
        """The home it lies in; for a folder by itself, the default one."""
        return Home(self.root.parent.parent if self.is_in_home else None)

    def create(self) -> None:
        """Make the folder and the ones that writers expect. Existing ones are left alone."""
        for folder in (self.attempts, self.metrics, self.requests, self.acks, self.checkpoints):
            self.make(folder)

    def make(self, folder: Path) -> None:
        """Make a folder in it, for those who may look into the home; see `core.private`."""
        make_folder(folder, self.home.root if self.is_in_home else self.root)

    def attempt(self, number: int) -> "AttemptDirectory":
        """The folder of one attempt, counted from 1."""
        return AttemptDirectory(self.attempts / str(number), number)

    def attempt_numbers(self) -> list[int]:
        """Attempts that have begun, ascending."""
        if not self.attempts.is_dir():
            return []
        return sorted(int(p.name) for p in self.attempts.iterdir() if p.name.isdigit())

    def latest_attempt(self) -> "AttemptDirectory | None":
        """The newest attempt, or None before the first."""
        numbers = self.attempt_numbers()
        return self.attempt(numbers[-1]) if numbers else None

    def table(self, name: str) -> Path:
        """The folder of one metric table: train, validation, system or experts."""
        return self.metrics / name

    def checkpoint(self, step: int) -> Path:
        """The folder of the checkpoint taken after `step`."""
        return self.checkpoints / f"step-{step:08d}"

    def saving(self, step: int) -> Path:
        """Where the files of that checkpoint are collected before it gets its name."""
        return self.checkpoints / f".saving-{step:08d}"

    def unfinished_saves(self) -> list[Path]:
        """Such folders: of a save that goes on, or of one that was killed."""
        return list(self.checkpoints.glob(".saving-*"))

    def checkpoint_steps(self) -> list[int]:
        """Steps that have a checkpoint folder, ascending; the manifest says if it is whole."""
        if not self.checkpoints.is_dir():
            return []
        found = (_CHECKPOINT.fullmatch(p.name) for p in self.checkpoints.iterdir())
        return sorted(int(match.group(1)) for match in found if match)

    def __repr__(self) -> str:
        return f"RunDirectory({self.id!r})"


@dataclass(frozen=True)
class AttemptDirectory:
    """One attempt's process records."""

    root: Path
    number: int

    @property
    def proc(self) -> Path:
        """Identities of the runner and the launcher."""
        return self.root / "proc.json"

    @property
    def exit(self) -> Path:
        """The exit record; written last, outranks everything else."""
        return self.root / "exit.json"

    @property
    def last_sign(self) -> Path:
        """Of a lost attempt that another one followed: when it last showed life."""
        return self.root / "last_sign.json"

    @property
    def runner_log(self) -> Path:
        """What the runner itself says; empty unless something is wrong with it."""
        return self.root / "runner.log"

    @property
    def ranks(self) -> Path:
        """Folder of `rank-<i>.json` (identity) and `fail-<i>.json` (why it died)."""
        return self.root / "ranks"

    def rank(self, index: int) -> Path:
        """Identity of one training process."""
        return self.ranks / f"rank-{index}.json"

    def fail(self, index: int) -> Path:
        """What one training process said as it died of an exception."""
        return self.ranks / f"fail-{index}.json"


def _checked(job_id: str) -> str:
    if not _JOB_ID.fullmatch(job_id):
        raise ValueError(f"not a job id: {job_id!r}")
    return job_id


def _runs_in(folder: Path) -> list[RunDirectory]:
    if not folder.is_dir():
        return []
    found = sorted(p for p in folder.iterdir() if _JOB_ID.fullmatch(p.name))
    return [RunDirectory(p) for p in found if (p / "job.json").is_file()]
