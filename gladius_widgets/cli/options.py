"""Options that every command takes, before or after its name, and how answers are printed."""

import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.text.terminal_text import json_safe, visible

if TYPE_CHECKING:
    from gladius_widgets.client import Client

HomeOption = Annotated[
    str | None,
    typer.Option("--home", metavar="DIR", help="Folder of all runs. [$GLADIUS_HOME, ~/.gladius]"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", help="Its id, a unique start of it, or its name.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as training.max_steps=20."),
]
AfterOption = Annotated[
    list[str] | None,
    typer.Option("--after", metavar="JOB", help="Start when this job is completed; repeatable."),
]
StartAtOption = Annotated[
    str | None,
    typer.Option(
        "--start-at",
        metavar="TIME",
        help="Not before 18:30, 2026-12-01T18:30 (local time), or +2h30m.",
    ),
]
HoldOption = Annotated[bool, typer.Option("--hold", help="Do not start before `unhold`.")]


@dataclass
class Chosen:
    """What the options said, and what is told of the home.

    `told` before the command's own answer; `to_tell` after it, unless a refusal says it anyway.
    """

    home: str | None = None
    as_json: bool = False
    told: str = ""
    to_tell: str = ""


# What main() needs to know when a command fails.
chosen = Chosen()


def choose(context: typer.Context, home: str | None, as_json: bool) -> Chosen:
    """The options given after the command's name, else those before it."""
    before: Chosen = context.obj or Chosen()
    chosen.home = home if home is not None else before.home
    chosen.as_json = as_json or before.as_json
    return chosen


def open_client(
    context: typer.Context, home: str | None, as_json: bool, *, changes: bool = False
) -> "Client":
    """A client for the chosen home; says so where its jobs can be looked at only, or not all.

    For a command that `changes` something it is said at the end: a refusal says it, and once.
    """
    from gladius_widgets.client import Client

    client = Client(choose(context, home, as_json).home)
    if (trouble := client.trouble()) is not None and changes:
        chosen.to_tell = trouble.message
    elif trouble is not None:
        chosen.told = trouble.message
        print(f"gladius: {visible(trouble.message)}", file=sys.stderr)
    return client


def when_to_start(after: list[str] | None, start_at: str | None, hold: bool) -> dict[str, Any]:
    """What `submit` and `clone` of the client are told by these options."""
    from gladius_widgets.cli.moments import parse_moment

    not_before = None if start_at is None else parse_moment(start_at, time.time())
    return {"after": after or (), "not_before": not_before, "held": hold}


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    print(json_safe(json.dumps(value, indent=2, ensure_ascii=False, default=_plain)))


def print_table(header: list[str], rows: list[list[str]]) -> None:
    """Columns, aligned to the left."""
    cells = [header, *[[visible(cell) for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def parse_setting(text: str) -> tuple[str, Any]:
    """`NAME=VALUE` as a name and a value, the value as YAML reads it."""
    from gladius_widgets.core.config.yaml_io import parse_scalar

    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise GladiusError(f"'{text}' is not NAME=VALUE.", "For example: learning_rate=1e-4.")
    return name.strip(), parse_scalar(value)


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return str(value)
