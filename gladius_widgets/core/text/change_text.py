"""What a command asked for, or what it changed, in one line: for the log, events and the ledger."""

from collections.abc import Mapping
from typing import Any

_MOST_CHARACTERS = 200


def change_text(args: Mapping[str, Any] | None, old: Any, new: Any) -> str:
    """`learning_rate 0.001 → 0.0005, micro_batch_size 8 → 4`; empty where there is nothing to say.

    Args:
        args: of the command. They are told where nothing is known of an effect, as of a command
            that was refused: `learning_rate=5`.
        old: the settings before, by name, where the command changed settings.
        new: the settings after.
    """
    if isinstance(new, Mapping) and isinstance(new.get("applied"), Mapping):  # of a reload
        new = new["applied"]
    if isinstance(old, Mapping) and isinstance(new, Mapping) and new:
        pairs = [f"{name} {_plain(old.get(name))} → {_plain(value)}" for name, value in new.items()]
    else:
        asked = dict(args or {})
        changes = asked.pop("set", None)
        asked |= changes if isinstance(changes, Mapping) else {}
        pairs = [f"{name}={_plain(value)}" for name, value in asked.items() if _says(name, value)]
    text = ", ".join(pairs)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def _says(name: str, value: Any) -> bool:
    """Whether an argument tells the reader something: not a default, nor what stands elsewhere."""
    return bool(value) and name not in ("reason", "note", "seen_at")


def _plain(value: Any) -> str:
    if value is None:
        return "off"
    if isinstance(value, float):
        return f"{value:.6g}"
    return " ".join(str(value).split())
