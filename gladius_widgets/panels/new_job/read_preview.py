"""A look at the data of a new job, by a process of its own, for as long as the form waits."""

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from gladius_widgets.client.data_preview import COMMAND, answer, question
from gladius_widgets.core.config.schema import DataSection, ModelSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home

LIMIT_S = 60.0
_ROWS, _MOST = 5, 5_000
_CHARACTERS = 1_000  # shown of a row


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
    asked = question(
        _data(values), _model(values), home, _ROWS,
        most=_MOST, limit_s=limit_s, characters=_CHARACTERS,
    )  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *COMMAND, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        said, errors = await asyncio.wait_for(process.communicate(asked), limit_s)
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
    return answer(said, errors, process.returncode)


def _data(values: Mapping[str, Any]) -> DataSection:
    given = values.get("data")
    try:
        return DataSection.model_validate(given if isinstance(given, dict) else {})
    except ValidationError:
        raise GladiusError(
            "The fields about the data are not right yet.", "Name the data and mend them first."
        ) from None


def _model(values: Mapping[str, Any]) -> ModelSection | None:
    """The model section, if it is right: only tokens need it."""
    try:
        return ModelSection.model_validate(values.get("model"))
    except ValidationError:
        return None
