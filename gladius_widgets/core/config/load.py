"""From a YAML file to a `TrainingConfig`, with errors that name file, line and key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.config.yaml_io import (
    Document,
    KeyPath,
    parse_scalar,
    parse_yaml,
    read_yaml,
)
from gladius_widgets.core.errors import ConfigError
from gladius_widgets.core.text.suggest import did_you_mean

_TYPE_WORDS = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "dict_type": "a section of keys",
    "model_type": "a section of keys",
    "list_type": "a list",
    "tuple_type": "a list",
}


def load_config(
    path: str | Path, overrides: Iterable[str] = (), changes: Mapping[str, Any] | None = None
) -> TrainingConfig:
    """Read and check a config file.

    Args:
        path: the YAML file.
        overrides: `section.key=value` strings, the value in YAML, applied on top.
        changes: the same as plain values by `section.key`.

    Raises:
        ConfigError: one sentence that names file, line, key and the nearest valid key.
    """
    document = read_yaml(path)
    for name, value in (changes or {}).items():
        _put(document, tuple(name.split(".")), value, f"the change of {name}")
    return _build(document, overrides)


def parse_config(
    text: str, source: str = "config", overrides: Iterable[str] = ()
) -> TrainingConfig:
    """As `load_config`, from text."""
    return _build(parse_yaml(text, source), overrides)


def config_from_values(values: Mapping[str, Any], source: str = "config") -> TrainingConfig:
    """As `load_config`, from plain values."""
    return _validate(Document(dict(values), source))


def _build(document: Document, overrides: Iterable[str]) -> TrainingConfig:
    for override in overrides:
        _apply_override(document, override)
    return _validate(document)


def _apply_override(document: Document, override: str) -> None:
    name, separator, text = override.partition("=")
    keys = tuple(name.strip().split("."))
    if not separator or not all(keys):
        raise ConfigError(
            f"'{override}' is not section.key=value.", "For example: training.max_steps=20."
        )
    _put(document, keys, parse_scalar(text), f"--set {' '.join(override.split())[:80]}")


def _put(document: Document, keys: tuple[str, ...], value: Any, said: str) -> None:
    """Set one value; `said` is what messages about it name."""
    if not document.overrides:
        document.before = dict(document.values)  # what is changed below is copied
    target = document.values
    for key in keys[:-1]:
        child = target.get(key)
        target[key] = dict(child) if isinstance(child, dict) else {}
        target = target[key]
    target[keys[-1]] = value
    document.lines = {p: line for p, line in document.lines.items() if p[: len(keys)] != keys}
    document.overrides[keys] = said


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a config.

    Attributes:
        path: of the key; a section's when it is about several of its keys.
        message: a sentence that names file, line and key.
        short: the same for a reader who sees the key already.
        hint: what to do.
        missing: a key that is needed is not there.
        unknown: there is no such key.
    """

    path: KeyPath
    message: str
    short: str
    hint: str
    missing: bool = False
    unknown: bool = False


def find_problems(document: Document) -> list[Problem]:
    """Everything that is wrong in a parsed config; empty when it is right."""
    try:
        TrainingConfig.model_validate(document.values)
    except ValidationError as error:
        return [_problem(document, item) for item in error.errors()]
    return []


def _validate(document: Document) -> TrainingConfig:
    try:
        return TrainingConfig.model_validate(document.values)
    except ValidationError as error:
        old = _told_of_file(document)
        found = [_problem(document, e, is_new=_told(e) not in old) for e in error.errors()]
        # A mistyped key also makes the right one missing: the typo is what to tell about.
        first = next((problem for problem in found if problem.unknown), found[0])
        raise ConfigError(first.message, first.hint) from None


def _told_of_file(document: Document) -> set[tuple[object, ...]]:
    """What is wrong in the file alone, without overrides."""
    if not document.overrides:
        return set()
    try:
        TrainingConfig.model_validate(document.before)
    except ValidationError as error:
        return {_told(item) for item in error.errors()}
    return set()


def _told(error: ErrorDetails) -> tuple[object, ...]:
    return (error["loc"], error["msg"])


def _problem(document: Document, error: ErrorDetails, *, is_new: bool = False) -> Problem:
    *parents, last = error["loc"] or ("",)
    unknown = error["type"] == "extra_forbidden"
    path: KeyPath = tuple(part for part in parents if _is_key(part))
    path += (last,) if last and (unknown or _is_key(last)) else ()
    name = ".".join(str(part) for part in path)
    where = document.within(tuple(error["loc"])) if is_new else ""
    where = where or document.where(tuple(error["loc"]))
    kind = error["type"]
    if unknown:
        what = f"there is no key '{name}'."
        hint = did_you_mean(str(path[-1]), _fields_at(path[:-1]))
        return Problem(path, f"{where}: {what}", _sentence(what), hint, unknown=True)
    if kind == "missing":
        message = f"{where}: the key '{name}' is missing."
        return Problem(path, message, "It is needed.", "Add it.", missing=True)
    shown = repr(error["input"])
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    if kind in _TYPE_WORDS:
        what = f"must be {_TYPE_WORDS[kind]}, but is {shown}."
        return Problem(path, f"{where}: '{name}' {what}", _sentence(what), "Change the value.")
    reason = error["msg"].removeprefix("Value error, ")
    at = f"'{name}'" if name else "the config"
    value = "" if isinstance(error["input"], dict | BaseModel) else f" (it is {shown})"
    what = f"{reason[0].lower()}{reason[1:]}{value}."
    return Problem(path, f"{where}: {at}: {what}", _sentence(what), "Change the value.")


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _is_key(part: str | int) -> bool:
    """Pydantic puts names of union members into the path; config keys are plain words."""
    return isinstance(part, int) or part.isidentifier()


def _fields_at(path: KeyPath) -> list[str]:
    """Valid keys of the section at `path`."""
    model: type[BaseModel] = TrainingConfig
    for part in path:
        annotation = model.model_fields[str(part)].annotation
        options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()
        for candidate in (annotation, *options):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                model = candidate
    return list(model.model_fields)
