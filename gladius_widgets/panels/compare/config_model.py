"""Where the configs of several jobs differ."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.text.terminal_text import visible
from gladius_widgets.panels.text import format as fmt

_MISSING: Any = object()


@dataclass(frozen=True)
class Row:
    """One key: its name within the section, each job's value in words, whether they differ."""

    key: str
    values: tuple[str, ...]
    differs: bool


@dataclass(frozen=True)
class Group:
    """The rows of one section."""

    section: str
    rows: tuple[Row, ...]


def compare(configs: Sequence[TrainingConfig | None], *, everything: bool) -> tuple[Group, ...]:
    """The keys on which the configs differ, or all, by section in the order of the config.

    A config that cannot be read (None) has no values, and makes no difference.
    """
    flat = [dict(_flatten(config.to_plain())) if config else None for config in configs]
    keys = list(dict.fromkeys(key for one in flat if one for key in one))
    groups: dict[str, list[Row]] = {section: [] for section in TrainingConfig.model_fields}
    for section, key in keys:
        row = _row(key, [one and one.get((section, key), _MISSING) for one in flat], flat)
        if everything or row.differs:
            groups[section].append(row)
    return tuple(Group(name, tuple(rows)) for name, rows in groups.items() if rows)


def _row(key: str, values: Sequence[Any], flat: Sequence[object]) -> Row:
    known = [value for value, one in zip(values, flat, strict=True) if one is not None]
    words = tuple(
        _words(value) if one is not None else fmt.UNKNOWN
        for value, one in zip(values, flat, strict=True)
    )
    return Row(visible(key), words, any(value != known[0] for value in known[1:]))


def _flatten(
    config: Mapping[str, Any],
) -> Iterator[tuple[tuple[str, str], Any]]:
    for section, values in config.items():
        yield from (((section, key), value) for key, value in _leaves(values))


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Keys of nested sections joined by dots, such as `from_scratch.num_experts`."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _words(value: Any) -> str:
    """A value as YAML would have it; one that is not set reads as –."""
    if value is None or value is _MISSING:
        return fmt.UNKNOWN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
