"""A look at the data of a new job.

A process of its own is asked: reading data may need torch's friends, take long, or never end.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from gladius_widgets.core.config import DataSection, ModelSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home

MODULE = "gladius_widgets.training.preview"
LIMIT_S = 60.0
_ROWS, _SCAN = 5, 20_000


async def read_preview(
    values: Mapping[str, Any], home: Home, *, limit_s: float = LIMIT_S
) -> dict[str, Any]:
    """The first rows and lengths of the data; see `training/preview.py` for the keys.

    Cancelling the task ends the process.

    Args:
        values: of the config being written, plain and unchecked.
        home: where downloaded models are.
        limit_s: the longest it may take.

    Raises:
        GladiusError: the data section is wrong, the data cannot be read, or it took too long.
    """
    question = {
        "data": _data(values),
        "model": _model(values),
        "home": str(home.root),
        "rows": _ROWS,
        "scan": _SCAN,
        "limit_s": limit_s,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", MODULE,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        said, errors = await asyncio.wait_for(
            process.communicate(json.dumps(question).encode()), limit_s
        )
    except TimeoutError:
        raise GladiusError(
            f"Reading the data took longer than {limit_s:.0f} s and was ended.",
            "Name a smaller part of it, or submit without a preview.",
        ) from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return _answer(said, errors, process.returncode)


def _data(values: Mapping[str, Any]) -> dict[str, Any]:
    given = values.get("data")
    try:
        return DataSection.model_validate(given if isinstance(given, dict) else {}).model_dump(
            mode="json"
        )
    except ValidationError:
        raise GladiusError(
            "The fields about the data are not right yet.", "Name the data and mend them first."
        ) from None


def _model(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The model section, if it is right: only tokens need it."""
    try:
        return ModelSection.model_validate(values.get("model")).model_dump(mode="json")
    except ValidationError:
        return None


def _answer(said: bytes, errors: bytes, returncode: int | None) -> dict[str, Any]:
    try:
        answer = json.loads(said)
    except ValueError:
        lines = errors.decode(errors="replace").strip().splitlines()
        reason = lines[-1][:300] if lines else f"it ended with status {returncode}"
        raise GladiusError(f"The preview failed: {reason}.", "Submit without one.") from None
    if "error" in answer:
        raise GladiusError(answer["error"], answer["hint"])
    return answer
