"""A run's model as one folder: merging needs torch, so a process of its own does it."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import RunDirectory


def export_merged(run: RunDirectory, out: Path, step: int | None = None) -> Path:
    """Write a checkpoint's model, adapters merged into their base, for `from_pretrained`.

    Args:
        run: the run directory.
        out: a folder that does not exist yet, or is empty.
        step: which checkpoint; None takes the newest.

    Raises:
        GladiusError: no such checkpoint, a damaged one, `out` is taken, or torch is missing.
    """
    if find_spec("torch") is None:
        raise GladiusError(
            "Merging needs torch, which is not installed here.",
            "Install it: pip install 'gladius-widgets[train]'.",
        )
    command = [sys.executable, "-m", "gladius_widgets.training.checkpoint.merge"]
    command += ["--run", str(run.root), "--out", str(out.absolute())]
    command += [] if step is None else ["--step", str(step)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last_line = (done.stderr.strip().splitlines() or ["the process said nothing."])[-1]
        raise GladiusError(last_line.removeprefix("Error: "))
    return out
