"""The form behind "Create New Job": one YAML text, seen as fields and as text.

The text is the only truth. What is typed into a field goes into the text, wrong or not, and what is
wrong is found by checking the text; so both views always say the same. Only what cannot be written
as YAML at all waits in its field.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gladius_widgets.core.config.load import Problem, find_problems, parse_config
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.config.wall_clock import occurrences
from gladius_widgets.core.config.yaml_io import Document
from gladius_widgets.core.errors import ConfigError, GladiusError
from gladius_widgets.panels.new_job.field_specs import Field, fields, sections
from gladius_widgets.panels.new_job.yaml_edit import (
    Sheet,
    fragment,
    parse_fragment,
    same,
    unwritable,
)

YAML_KEY = "yaml"
"""Where a mistake belongs that no field shows."""


@dataclass(frozen=True)
class Shown:
    """A field: its text, what is wrong with it, and whether it differs from the default."""

    text: str
    error: str = ""
    changed: bool = False


@dataclass(frozen=True)
class Mistake:
    """What stands in the way of submitting.

    Attributes:
        key: the field's, or `YAML_KEY`.
        missing: it is only that nothing was given yet.
        line: of the text, from 1; 0 when it is about no line.
    """

    key: str
    label: str
    sentence: str
    missing: bool = False
    line: int = 0


class ConfigForm:
    """A config being written.

    Args:
        text: YAML to begin with; may be empty or wrong.
    """

    def __init__(self, text: str = "") -> None:
        self.text = ""
        self._sheet = Sheet()
        self._unreadable: ConfigError | None = None
        self._refused: dict[str, tuple[str, str]] = {}
        self._mistakes: tuple[Mistake, ...] = ()
        self.edit_text(text)

    @property
    def readable(self) -> bool:
        """Whether the text is YAML; if not, fields show the last text that was."""
        return self._unreadable is None

    @property
    def values(self) -> dict[str, Any]:
        """What the last readable text says, plain and unchecked."""
        return self._sheet.values

    def edit_text(self, text: str) -> None:
        """Take the text as a whole; an unreadable one is kept and said."""
        self.text = text
        try:
            self._sheet = Sheet(text)
            self._unreadable = None
            self._refused.clear()
        except ConfigError as error:
            self._unreadable = error
        self._check()

    def revert_text(self) -> None:
        """Back to the last readable text."""
        self.edit_text(self._sheet.text)

    def edit(self, key: str, typed: str) -> None:
        """Take what was typed into a field. Nothing happens while the text is unreadable."""
        field = fields()[key]
        if not self.readable:
            return
        try:
            sheet = _edited(self._sheet, field, typed)
        except ConfigError as error:
            self._refused[key] = (typed, f"{error.message} {error.hint}".strip())
        else:
            self._refused.pop(key, None)
            self._sheet, self.text = sheet, sheet.text
        self._check()

    @property
    def refused(self) -> dict[str, str]:
        """What was typed into fields and is no value for them, so that it is not in the text."""
        return {key: typed for key, (typed, _) in self._refused.items()}

    def shown(self, key: str) -> Shown:
        """How the field stands."""
        field = fields()[key]
        error = next((m.sentence for m in self._mistakes if m.key == key), "")
        if key in self._refused:
            return Shown(self._refused[key][0], error, changed=True)
        if not self._sheet.has(field.section, field.name):
            return Shown(fragment(field.default), error)
        value = self._sheet.values[field.section][field.name]
        text = self._sheet.source(field.section, field.name)
        return Shown(text, error, changed=not field.required and not same(value, field.default))

    def mistakes(self) -> tuple[Mistake, ...]:
        """All that is wrong; empty when the config can be submitted."""
        return self._mistakes

    def config(self) -> TrainingConfig:
        """The config.

        Raises:
            ConfigError: something is wrong.
        """
        if self._mistakes:
            first = self._mistakes[0]
            raise ConfigError(f"{first.label}: {first.sentence}", "Mend it first.")
        return parse_config(self.text, "YAML")

    def _check(self) -> None:
        if self._unreadable is not None:
            error = self._unreadable
            sentence = f"{error.message} {error.hint}".strip()
            self._mistakes = (Mistake(YAML_KEY, "YAML", sentence, line=_line(sentence)),)
            return
        values = {name: {} for name in ("model", "data")} | self._sheet.values
        document = Document(values, "YAML", self._sheet.document.lines)
        found = [mistake for problem in find_problems(document) for mistake in _mistakes(problem)]
        refused = [Mistake(key, title(key), why) for key, (_, why) in self._refused.items()]
        order = list(fields())
        unique = {(m.key, m.sentence if m.key == YAML_KEY else ""): m for m in found[::-1]}
        unique |= {(m.key, ""): m for m in refused}
        self._mistakes = tuple(
            sorted(unique.values(), key=lambda m: order.index(m.key) if m.key in order else -1)
        )


def start_time(text: str, now: float) -> float | None:
    """The moment typed as `2026-01-31T18:30`, as unix seconds of this machine's clock.

    Raises:
        GladiusError: it is none, or it has passed.
    """
    if not text.strip():
        return None
    try:
        times = occurrences(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError, OSError):
        raise GladiusError("This is no date and time.", "Such as 2026-01-31T18:30.") from None
    moment = next((time for time in times if time > now), None)
    if moment is None:
        raise GladiusError("This moment has passed.", "Choose a later one, or none.")
    return moment


def _edited(sheet: Sheet, field: Field, typed: str) -> Sheet:
    if unwritable(typed.replace("\n", " ")):
        raise ConfigError("It holds control characters.", "Leave them out.")
    value, written = _value(field, typed)
    if value is None and (field.default is None or not field.optional):
        return sheet.drop(field.section, field.name)
    if not field.required and same(value, field.default):
        return sheet.drop(field.section, field.name)
    return sheet.put(field.section, field.name, value, written)


def _value(field: Field, typed: str) -> tuple[Any, str | None]:
    """What was typed as a plain value, and how to write it; None for nothing."""
    text = typed.strip()
    if not text:
        return None, None
    if field.kind == "switch" and text in ("true", "false"):
        return text == "true", None
    if field.kind == "yaml":
        return parse_fragment(typed), None
    if field.kind in ("integer", "number"):
        number = text.replace(",", "")
        if re.fullmatch(r"[-+.\w]+", number):
            try:
                value = parse_fragment(number)
            except ConfigError:  # such as a number of 5,000 digits
                return text, None
            if isinstance(value, int | float) and not isinstance(value, bool):
                return value, number
    return text, None


def _mistakes(problem: Problem) -> list[Mistake]:
    """A problem as mistakes at the fields it is about."""
    names = [str(part) for part in problem.path]
    key = ".".join(names[:2])
    if key in fields() and not problem.unknown:
        line = 0 if problem.missing else _line(problem.message)
        return [Mistake(key, title(key), problem.short, problem.missing, line)]
    if len(names) == 1 and names[0] in sections():
        named = [f for f in sections()[names[0]].fields if _names(problem.message, f.name)]
        if named:
            short = problem.short
            for field in named:
                short = re.sub(rf"\b{field.name}\b", field.label.lower(), short, flags=re.I)
            short = short[0].upper() + short[1:]
            line = _line(problem.message)
            return [Mistake(field.key, title(field.key), short, line=line) for field in named]
    sentence = f"{problem.message} {problem.hint}".strip()
    return [Mistake(YAML_KEY, "YAML", sentence, line=_line(sentence))]


def _line(message: str) -> int:
    """The line that a message begins with, as in `YAML, line 3: …`."""
    found = re.match(r"YAML, line (\d+)", message)
    return int(found[1]) if found else 0


def _names(message: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", message) is not None


def title(key: str) -> str:
    """A field by section and label, for where neither is in sight: `Data · Path`."""
    field = fields()[key]
    return f"{sections()[field.section].label} · {field.label}"
