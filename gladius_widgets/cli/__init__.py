"""`gladius`: the same jobs from a shell. Exit codes: 0 done, 1 refused or failed, 2 usage."""

import json
import os
import sys

import typer

from gladius_widgets.cli import control, data, doctor, events, jobs, money, notices, pages, queue
from gladius_widgets.cli.options import Chosen, HomeOption, JsonOption, chosen
from gladius_widgets.cli.terminal import harmless_output
from gladius_widgets.core.errors import GladiusError, HomeError
from gladius_widgets.core.text.terminal_text import visible

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
    except SystemExit:
        if chosen.to_tell:
            print(f"gladius: {visible(chosen.to_tell)}", file=sys.stderr)
        raise
    except HomeError as error:
        _fail(error.message, error.hint, is_refusal=error.kind != "other")
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


def _fail(message: str, hint: str, *, is_refusal: bool = False) -> None:
    if chosen.as_json:
        print(json.dumps({"error": message, "hint": hint}))
    text = "That is why this was refused." if message == chosen.told else message
    refused = "Refused: " if is_refusal and message != chosen.told else ""
    print(f"gladius: {refused}{f'{text} {hint}'.rstrip()}", file=sys.stderr)
    sys.exit(1)
