"""`gladius`: the same jobs from a shell. Exit codes: 0 done, 1 refused or failed, 2 usage."""

import json
import os
import sys

import typer

from gladius_widgets.cli import control, data, doctor, events, jobs, money, notices, pages, queue
from gladius_widgets.cli.options import Chosen, HomeOption, JsonOption, chosen
from gladius_widgets.cli.terminal import harmless_output
from gladius_widgets.core.errors import GladiusError

app = typer.Typer(
    name="gladius",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # main() says what went wrong, in one sentence
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def gladius(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Mission control for LLM fine-tuning."""
    context.obj = Chosen(home, as_json)


jobs.register(app)
data.register(app)
events.register(app)
control.register(app)
queue.register(app)
money.register(app)
pages.register(app)
doctor.register(app)
notices.register(app)


def main() -> None:
    """Run the command line; a user's mistake is one sentence, never a traceback."""
    with harmless_output():
        _run()


def _run() -> None:
    try:
        app()
    except GladiusError as error:
        _fail(error.message, error.hint)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if os.environ.get("GLADIUS_DEBUG"):
            raise
        _fail(
            f"Something unexpected went wrong: {type(error).__name__}: {error}.",
            "Nothing was lost. GLADIUS_DEBUG=1 shows where; please report it.",
        )


def _fail(message: str, hint: str) -> None:
    if chosen.as_json:
        print(json.dumps({"error": message, "hint": hint}))
    text = hint if message == chosen.told else f"{message} {hint}".rstrip()
    print(f"gladius: {text}", file=sys.stderr)
    sys.exit(1)
