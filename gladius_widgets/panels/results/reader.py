"""Reads what a job that is over has left in its run directory. No widget, no loop."""

from collections.abc import Sequence
from typing import Any

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import Command
from gladius_widgets.panels.results.model import Facts
from gladius_widgets.panels.text.event import clean
from gladius_widgets.store.run import requests
from gladius_widgets.store.run.checkpoints import KeptCheckpoint, kept_checkpoints
from gladius_widgets.store.run.log import LogTail

LOG_LINES = 10
_LINE_CHARS = 300
_SEARCHED_LINES = 200
# Larger ones would keep a page waiting; they were hashed as they were saved.
_HASH_UP_TO_BYTES = 256 * 1024**2


def read_facts(run: RunDirectory) -> Facts:
    """Everything but the snapshot and the events; may take a second."""
    checkpoints = tuple(kept_checkpoints(run, _HASH_UP_TO_BYTES))
    cancels = [entry for entry in requests.ledger(run) if entry["command"] == Command.CANCEL]
    applied = [entry for entry in cancels if entry["outcome"] == "applied"]
    return Facts(
        summary=_numbers(read_json(run.summary_json)),
        checkpoints=checkpoints,
        base=_base(run, checkpoints[0]) if checkpoints else "",
        cancel=(applied or cancels or [None])[-1],
        log=last_words(run),
    )


def _numbers(summary: object) -> dict[str, Any]:
    """The figures of summary.json; whatever else somebody wrote there is left out."""
    items = summary.items() if isinstance(summary, dict) else ()
    return {k: v for k, v in items if isinstance(v, int | float) and not isinstance(v, bool)}


def last_words(run: RunDirectory) -> tuple[str, ...]:
    """The last lines of the log, up to the trainer's last error where there is one.

    What the launcher prints after it, its own traceback, says nothing about the cause; nor does it
    where the trainer had no time for a word.
    """
    data = LogTail(run.log).last_lines(_SEARCHED_LINES).decode("utf-8", "replace")
    lines = [clean(line[: 4 * _LINE_CHARS])[:_LINE_CHARS] for line in data.split("\n")]
    lines = [line for line in lines if line]
    errors = [n for n, line in enumerate(lines) if line.startswith("[ERROR]")]
    end = errors[-1] + 1 if errors else _launchers_traceback(lines)
    return tuple(lines[max(0, end - LOG_LINES) : end])


def _launchers_traceback(lines: Sequence[str]) -> int:
    """Where the traceback of `accelerate launch` begins; the end of the lines without one."""
    for n, line in enumerate(lines):
        if line.startswith("Traceback ") and any(
            "accelerate" in after for after in lines[n : n + 2]
        ):
            return n
    return len(lines)


def _base(run: RunDirectory, checkpoint: KeptCheckpoint) -> str:
    """What its adapters go on, as `from_pretrained` takes it; empty for a whole model."""
    if not checkpoint.is_adapter:
        return ""
    if run.base.is_dir():
        return str(run.base)
    state: dict[str, Any] = read_json(checkpoint.folder / "state.json") or {}
    source = state.get("source") or {}
    return str(source.get("base_name" if source.get("kind") == "hub" else "folder") or "")
