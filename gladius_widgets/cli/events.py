"""The command that prints what happened to a job."""

import json
import time
from enum import StrEnum
from typing import Annotated

import typer

from gladius_widgets.cli.options import (
    HomeOption,
    JobArgument,
    JsonOption,
    chosen,
    open_client,
    print_json,
)
from gladius_widgets.core.states import FINAL
from gladius_widgets.core.text.terminal_text import json_safe, visible
from gladius_widgets.store.run.events import Event, EventReader

_POLL_S = 0.2
_LONGEST_TIME = 32_503_680_000  # the year 3000, in unix s; what is later is no time


class EventType(StrEnum):
    """The types of events."""

    STATUS = "status"
    METRICS = "metrics"
    WARNING = "warning"
    ERROR = "error"
    CHECKPOINT = "checkpoint"
    COMMAND = "command"


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(events)


def events(
    context: typer.Context,
    job: JobArgument,
    types: Annotated[
        list[EventType] | None,
        typer.Option("--type", help="Only these; may be given again."),
    ] = None,
    search: Annotated[
        str, typer.Option(help="Words that the message or the payload must hold.")
    ] = "",
    lines: Annotated[
        int | None, typer.Option("--lines", "-n", min=0, help="Only the last so many.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job ends.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what happened to a job, oldest first; with -f --json, one object a line."""
    client = open_client(context, home, as_json)
    job_id = client.job(job).id
    reader, words = EventReader(client.run(job_id)), search.lower().split()

    def new() -> list[Event]:
        return [event for event in reader.poll() if _is_wanted(event, types, words)]

    found = new()
    found = found if lines is None else found[max(0, len(found) - lines) :]
    if not follow:
        if chosen.as_json:
            print_json([event.to_dict() for event in found])
        else:
            _print(found)
        return
    while True:
        _print(found)
        ended = client.job(job_id).status in FINAL
        found = new()
        if ended:
            _print(found)
            return
        time.sleep(_POLL_S)


def _is_wanted(event: Event, types: list[EventType] | None, words: list[str]) -> bool:
    if types and event.type not in types:
        return False
    text = event.text.lower() if words else ""
    return all(word in text for word in words)


def _print(found: list[Event]) -> None:
    for event in found:
        if chosen.as_json:
            print(json_safe(json.dumps(event.to_dict(), ensure_ascii=False)), flush=True)
        else:
            print(f"{_moment(event.time)}  {event.type:<10}  {visible(event.message)}", flush=True)


def _moment(time_s: float) -> str:
    """Local date and time."""
    if not 0 <= time_s < _LONGEST_TIME:
        return f"{'–':<19}"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time_s))
