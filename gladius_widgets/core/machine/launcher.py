"""Where the outside command `accelerate` is: asked at submit, at the start, and by `doctor`."""

import os
import shutil
import sys
from pathlib import Path

from gladius_widgets.core.errors import GladiusError

LAUNCHER_VARIABLE = "GLADIUS_ACCELERATE"


def accelerate_path() -> str:
    """The program: as named by $GLADIUS_ACCELERATE, beside our Python, or on PATH.

    Raises:
        GladiusError: it is nowhere.
    """
    named = os.environ.get(LAUNCHER_VARIABLE)
    beside = Path(sys.executable).with_name("accelerate")
    found = shutil.which(named) if named else shutil.which(beside) or shutil.which("accelerate")
    if found is None:
        raise GladiusError(
            f"{LAUNCHER_VARIABLE} names {named}, which is no program."
            if named
            else "accelerate is not installed here, so no training can start on this machine.",
            f"pip install 'gladius-widgets[train]', or point {LAUNCHER_VARIABLE} to another's.",
        )
    return found
