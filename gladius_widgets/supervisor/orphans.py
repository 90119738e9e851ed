"""How long processes that have lost their runner may go on."""

from gladius_widgets.core.config.schema import TrainingSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import AttemptDirectory, RunDirectory
from gladius_widgets.store.run.records import read_proc

# The kernel has told them to end when their launcher died.
GRACE_S = 5.0


def is_overdue(run: RunDirectory, attempt: AttemptDirectory, waited_s: float) -> bool:
    """Whether what is left of an attempt is to be killed, `waited_s` after it was orphaned.

    One that is saving a checkpoint gets its config's `training.sigterm_grace_s`, in which it ends
    by itself, and a little more.
    """
    if waited_s < GRACE_S:
        return False
    return not _is_saving(run, attempt) or waited_s >= _sigterm_grace_s(run) + GRACE_S


def _is_saving(run: RunDirectory, attempt: AttemptDirectory) -> bool:
    """By the folders that files of a checkpoint are collected in; older attempts left some too."""
    began_at = (read_proc(attempt) or {}).get("started_at") or 0.0
    for folder in run.unfinished_saves():
        try:
            if folder.stat().st_mtime >= began_at:
                return True
        except FileNotFoundError:  # saved meanwhile
            continue
    return False


def _sigterm_grace_s(run: RunDirectory) -> float:
    from gladius_widgets.core.config.load import load_config  # slow to import, seldom needed

    try:
        return load_config(run.config).training.sigterm_grace_s
    except (GladiusError, OSError):
        return TrainingSection().sigterm_grace_s
