"""The command that looks at a config's data before anything is queued: data."""

import os
import subprocess
import sys
from typing import Annotated, Any

import typer

from gladius_widgets.cli.options import (
    HomeOption,
    JsonOption,
    SetOption,
    choose,
    chosen,
    print_json,
    print_table,
    visible,
)
from gladius_widgets.core.errors import GladiusError

# Keys of the JSON document; what else a preview says is for people.
_KEYS = (
    "files", "rows", "bad", "unused_columns", "answers", "answers_ended", "tokens", "samples",
)  # fmt: skip
_LEARNT, _PLAIN = "\x1b[32m", "\x1b[0m"
_TOLD_BAD = 10


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(data)


def data(
    context: typer.Context,
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="YAML file.")],
    overrides: SetOption = None,
    rows: Annotated[int, typer.Option(min=0, help="Show so many of the first rows.")] = 3,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a job would read: files, splits, what is left out, and which tokens are learnt."""
    found = _preview(config, overrides or [], rows, choose(context, home, as_json).home)
    problem = _problem(found)
    if chosen.as_json:
        document = {key: found[key] for key in _KEYS}
        said = {"error": problem.message, "hint": problem.hint} if problem else {}
        print_json(document | said)
    else:
        _print(found)
    if found["note"]:
        print(f"gladius: {visible(found['note'])}", file=sys.stderr)
    if problem:
        print(f"gladius: {visible(str(problem))}", file=sys.stderr)
        raise typer.Exit(1)


_HINT = "Mend the data, or choose another data.format or data.max_length."


def _preview(config: str, overrides: list[str], rows: int, home: str | None) -> dict[str, Any]:
    from gladius_widgets.client.data_preview import COMMAND, answer, question
    from gladius_widgets.client.submission import read_config
    from gladius_widgets.core.paths import Home

    frozen = read_config(config, overrides)[0]
    asked = question(frozen.data, frozen.model, Home(home), rows)
    done = subprocess.run(COMMAND, input=asked, capture_output=True, check=False)
    found = answer(done.stdout, done.stderr, done.returncode)
    if found["missing"]:
        raise GladiusError(
            f"Tokens cannot be counted: {found['missing']} is not installed.",
            "pip install 'gladius-widgets[train]'.",
        )
    return found


def _problem(found: dict[str, Any]) -> GladiusError | None:
    """Why nothing can be learnt, or why a job would refuse the data; None when it would train."""
    if nothing := _why_nothing(found):
        return GladiusError(nothing, _HINT)
    if found["refusal"]:
        return GladiusError(found["refusal"], found["refusal_hint"])
    return None


def _why_nothing(found: dict[str, Any]) -> str:
    """Why nothing can be learnt; empty when something can."""
    counted = found["rows"]
    usable = counted["train"] + counted["validation"] + counted["test"]
    if not usable:
        first = found["bad"][0]
        return (
            f"None of the {counted['bad']:,} rows can be learnt from; row {first['row']:,}: "
            f"{first['reason']}."
        )
    if not counted["train"]:
        return "No row is left to train on."
    if found["tokens"]["learnt"] == 0:
        return "No token would be learnt."
    return ""


def _print(found: dict[str, Any]) -> None:
    print_table(
        ["FILE", "SPLIT", "ROWS"],
        [[file["path"], file["split"], f"{file['rows']:,}"] for file in found["files"]],
    )
    counted, tokens = found["rows"], found["tokens"]
    print(
        f"\nRows: {counted['train']:,} train, {counted['validation']:,} validation, "
        f"{counted['test']:,} test, {counted['bad']:,} left out"
    )
    for bad in found["bad"][:_TOLD_BAD]:
        print(visible(f"  row {bad['row']:,}: {bad['reason']}"))
    if counted["bad"] > _TOLD_BAD:
        print(f"  and {counted['bad'] - _TOLD_BAD:,} more")
    for path, why in found["passed_over"]:
        print(visible(f"Passed over {path}: {why}"))
    if found["unused_columns"]:
        print(visible(f"Columns that are not used: {', '.join(found['unused_columns'])}"))
    if found["repeated_rows"]:
        print(f"Held-out rows that stand in the training rows too: {found['repeated_rows']:,}")
    if tokens["total"]:
        share = f"{tokens['lost'] / tokens['total']:.1%}"
        print(f"Tokens: {tokens['total']:,}, of them {tokens['learnt']:,} learnt")
        print(f"Tokens that are cut off: {tokens['lost']:,} ({share})")
        print(f"Answers that teach to stop: {found['answers_ended']:,} of {found['answers']:,}")
    for number, sample in enumerate(found["samples"], 1):
        print(f"\nSample {number}{_legend() if sample['tokens'] else ''}")
        print(_sample_text(sample))


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _legend() -> str:
    return ", learnt tokens in green" if _is_coloured() else ", learnt tokens in ⟦ ⟧"


def _sample_text(sample: dict[str, Any]) -> str:
    """A sample's text with what is learnt marked, its turns where there are no tokens; indented."""
    if not sample["tokens"]:
        lines = [f"{turn['role']}: {turn['text']}" for turn in sample["turns"]]
        return "\n".join(f"  {_clean(line)}" for line in lines)
    before, after = (_LEARNT, _PLAIN) if _is_coloured() else ("⟦", "⟧")
    text, inside = "  ", False
    for piece, learnt in sample["tokens"]:
        if learnt != inside:
            text += before if learnt else after
            inside = learnt
        text += _clean(piece)
    return text + (after if inside else "")


def _clean(text: str) -> str:
    """Text from a file as a terminal may have it, its further lines indented."""
    lines = text.replace("\t", "    ").split("\n")
    return "\n  ".join(visible(line) for line in lines)
