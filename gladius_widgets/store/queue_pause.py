"""Pauses of the queue: one file of the home for each engine that starts no job.

A file, not a row: it says for every reader, and for every supervisor to come, why nothing starts.
"""

from contextlib import suppress
from dataclasses import asdict, dataclass

from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.paths import Home


@dataclass(frozen=True)
class QueuePause:
    """Since when (unix s) an engine starts no job, who wanted it so, and why, one sentence."""

    engine: str
    at: float
    by: str
    reason: str


def queue_pauses(home: Home) -> list[QueuePause]:
    """The pauses in force, by engine; a damaged file pauses, too, as somebody meant it to."""
    found: list[QueuePause] = []
    for path in sorted(home.root.glob(home.queue_pause("*").name)):
        engine = path.stem.removeprefix(home.queue_pause("").stem)
        record = read_json(path)
        known = record if isinstance(record, dict) else {}
        at = known.get("at")
        found.append(
            QueuePause(
                engine,
                float(at) if isinstance(at, int | float) else 0.0,
                str(known.get("by") or ""),
                str(known.get("reason") or "Somebody has paused it."),
            )
        )
    return found


def pause_queue(home: Home, pause: QueuePause) -> None:
    """Let the engine start no further job; those that run go on."""
    write_json(home.queue_pause(pause.engine), asdict(pause))


def resume_queue(home: Home, engine: str) -> None:
    """Let it start jobs again."""
    with suppress(FileNotFoundError):
        home.queue_pause(engine).unlink()
