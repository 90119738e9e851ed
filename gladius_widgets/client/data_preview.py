"""What a preview of a config's data is asked, and what it answers.

A process of its own is asked: reading data may need torch's friends, take long, or never end. It
is launched by the name of its module, so that nobody here imports it.
"""

import json
import sys
from typing import Any

from gladius_widgets.core.config.schema import DataSection, ModelSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home

COMMAND = (sys.executable, "-m", "gladius_widgets.training.preview")


def question(
    data: DataSection,
    model: ModelSection | None,
    home: Home,
    rows: int,
    *,
    most: int | None = None,
    limit_s: float | None = None,
    characters: int | None = None,
) -> bytes:
    """The question for the process's standard input; see `training/preview.py` for the keys."""
    asked = {
        "data": data.model_dump(mode="json"),
        "model": model.model_dump(mode="json") if model is not None else None,
        "home": str(home.root),
        "rows": rows,
        "most": most,
        "limit_s": limit_s,
        "characters": characters,
    }
    return json.dumps(asked).encode()


def answer(said: bytes, errors: bytes, returncode: int | None) -> dict[str, Any]:
    """What the process found, from its standard output.

    Raises:
        GladiusError: it says why there is nothing to see, or it failed.
    """
    try:
        found = json.loads(said)
    except ValueError:
        lines = errors.decode(errors="replace").strip().splitlines()
        reason = lines[-1][:300].rstrip(".") if lines else f"it ended with status {returncode}"
        raise GladiusError(
            f"The preview failed: {reason}.",
            "The job reads its data in the same way: look into that before you submit.",
        ) from None
    if "error" in found:
        raise GladiusError(found["error"], found["hint"])
    return found
