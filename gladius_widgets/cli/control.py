"""Commands to a job: pause, resume, stop, checkpoint, validate, set, revert, reload, cancel."""

from typing import Annotated, Any

import typer

from gladius_widgets.cli.options import (
    HomeOption,
    JobArgument,
    JsonOption,
    chosen,
    open_client,
    parse_setting,
    print_json,
)
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.states import FINAL, Command

WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until it has taken effect.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=0, metavar="SECONDS", help="The longest to wait.")
]
DEFAULT_TIMEOUT_S = 120.0


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    for command in (pause, resume, stop, checkpoint, validate, revert, reload, cancel):
        app.command()(command)
    app.command(name="set")(set_settings)


def pause(
    context: typer.Context,
    job: JobArgument,
    release: Annotated[
        bool, typer.Option("--release", help="Save, end the process and free the machine.")
    ] = False,
    wait: WaitOption = False,
    timeout_s: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold the training at the next step; memory is kept."""
    _do(context, home, as_json, job, Command.PAUSE, wait, timeout_s, {"release": release})


def resume(
    context: typer.Context,
    job: JobArgument,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Go on with this setting changed; repeatable."
        ),
    ] = None,
    wait: WaitOption = False,
    timeout_s: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with a paused job, or queue a new attempt of one that ended early."""
    changes = {"set": _settings(settings)} if settings else None
    _do(context, home, as_json, job, Command.RESUME, wait, timeout_s, changes)


def stop(
    context: typer.Context,
    job: JobArgument,
    wait: WaitOption = False,
    timeout_s: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save a final checkpoint, write the summary and end; can be resumed."""
    _do(context, home, as_json, job, Command.STOP, wait, timeout_s)


def checkpoint(
    context: typer.Context,
    job: JobArgument,
    wait: WaitOption = False,
    timeout_s: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save a checkpoint at the next step."""
    _do(context, home, as_json, job, Command.CHECKPOINT, wait, timeout_s)


def validate(
    context: typer.Context,
    job: JobArgument,
    split: Annotated[str, typer.Option(help="validation or test")] = "validation",
    wait: WaitOption = False,
    timeout_s: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Validate at the next step."""
    _do(context, home, as_json, job, Command.VALIDATE, wait, timeout_s, {"split": split})


def set_settings(
    context: typer.Context,
    job: JobArgument,
    settings: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE", help="Such as learning_rate=1e-4.")
    ],
    preview: Annotated[
        bool, typer.Option("--preview", help="Print the learning rate it would lead to, and stop.")
    ] = False,
    wait: WaitOption = False,
    timeout_s: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change settings of a running job, within the bounds of its config."""
    changes = _settings(settings)
    if preview:
        curve = open_client(context, home, as_json).preview(job, changes, points=20)
        if chosen.as_json:
            print_json(curve)
        else:
            print("".join(f"{step:>10,}  {rate:.3g}\n" for step, rate in curve), end="")
        return
    _do(context, home, as_json, job, Command.SET, wait, timeout_s, changes)


def revert(
    context: typer.Context,
    job: JobArgument,
    wait: WaitOption = False,
    timeout_s: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Undo the last `set`."""
    _do(context, home, as_json, job, Command.REVERT, wait, timeout_s)


def reload(
    context: typer.Context,
    job: JobArgument,
    wait: WaitOption = False,
    timeout_s: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read the config file again and apply what can change while the job runs."""
    _do(context, home, as_json, job, Command.RELOAD, wait, timeout_s)


def cancel(
    context: typer.Context,
    job: JobArgument,
    reason: Annotated[str, typer.Option(help="Why; goes into the ledger.")],
    note: Annotated[str, typer.Option(help="More about it, for the ledger too.")] = "",
    wait: WaitOption = False,
    timeout_s: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a job now and for good; all data so far is kept."""
    args = {"reason": reason} | ({"note": note} if note else {})
    _do(context, home, as_json, job, Command.CANCEL, wait, timeout_s, args)


def _settings(settings: list[str]) -> dict[str, Any]:
    pairs = [parse_setting(setting) for setting in settings]
    changes = dict(pairs)
    if len(changes) < len(pairs):
        raise typer.BadParameter("a setting is given twice; give each once")
    return changes


def _do(
    context: typer.Context,
    home: str | None,
    as_json: bool,
    job: str,
    command: Command,
    wait: bool,
    timeout_s: float,
    args: dict[str, Any] | None = None,
) -> None:
    client = open_client(context, home, as_json, changes=True)
    answer = client.command(job, command, args, timeout_s if wait else None)
    outcome = getattr(answer, "outcome", None)
    is_over = outcome is None and command == Command.CANCEL and client.job(job).status in FINAL
    if chosen.as_json:
        print_json(answer)
    elif is_over:
        print("cancel applied; the list notes it once the home can be written")
    elif outcome is None:
        print(f"{command} requested" + (", but not answered yet" if wait else ""))
    elif outcome == "applied":
        step = getattr(answer, "step", None)
        print(f"{command} applied" + (f" at step {step}" if step is not None else ""))
    if outcome == "rejected":
        raise GladiusError(f"{command} was refused: {getattr(answer, 'reason', '')}")
    if wait and outcome is None and not is_over:
        raise GladiusError(
            f"{command} was not answered within {timeout_s:g} s.",
            "It stays requested; `gladius ledger` tells when it is answered.",
        )
