"""Events handed to the reader as a file."""

import asyncio
import time
from collections.abc import Sequence

from gladius_widgets.components import location
from gladius_widgets.panels.models import event_export as files
from gladius_widgets.store.run.events import Event

_MAKERS = {"json": files.to_json, "csv": files.to_csv}


async def hand_over(
    job_name: str, events: Sequence[Event], kind: str, what: str = "events"
) -> None:
    """Make the file in a thread, and have the browser save it; `kind` is json or csv."""
    data = await asyncio.to_thread(_MAKERS[kind], events)
    name = files.filename(job_name, kind, time.time(), what)
    location().download(name, data, files.MIME[kind])
