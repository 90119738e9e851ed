"""From a YAML file to a `TrainingConfig`, with errors that name file, line and key."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gladius_widgets.core.config import TrainingConfig
from gladius_widgets.core.errors import ConfigError
from gladius_widgets.core.suggest import did_you_mean
from gladius_widgets.core.yaml_io import Document, KeyPath, parse_scalar, parse_yaml, read_yaml

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


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> TrainingConfig:
    """Read and check a config file.

    Args:
        path: the YAML file.
        overrides: `section.key=value` strings, the value in YAML, applied on top.

    Raises:
        ConfigError: one sentence that names file, line, key and the nearest valid key.
    """
    return _build(read_yaml(path), overrides)


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
    target = document.values
    for key in keys[:-1]:
        child = target.get(key)
        target[key] = dict(child) if isinstance(child, dict) else {}
        target = target[key]
    target[keys[-1]] = parse_scalar(text)
    document.lines = {p: line for p, line in document.lines.items() if p[: len(keys)] != keys}
    document.overrides[keys] = f"--set {' '.join(override.split())[:80]}"


def _validate(document: Document) -> TrainingConfig:
    try:
        return TrainingConfig.model_validate(document.values)
    except ValidationError as error:
        errors = error.errors()
        # A mistyped key also makes the right one missing: the typo is what to tell about.
        unknown = (e for e in errors if e["type"] == "extra_forbidden")
        raise _config_error(document, next(unknown, errors[0])) from None


def _config_error(document: Document, error: ErrorDetails) -> ConfigError:
    path: KeyPath = tuple(error["loc"])
    name = ".".join(str(part) for part in path if _is_key(part))
    where = document.where(path)
    kind = error["type"]
    if kind == "extra_forbidden":
        message = f"{where}: there is no key '{name}'."
        return ConfigError(message, did_you_mean(str(path[-1]), _fields_at(path[:-1])))
    if kind == "missing":
        return ConfigError(f"{where}: the key '{name}' is missing.", "Add it.")
    shown = repr(error["input"])
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    if kind in _TYPE_WORDS:
        return ConfigError(
            f"{where}: '{name}' must be {_TYPE_WORDS[kind]}, but is {shown}.", "Change the value."
        )
    reason = error["msg"].removeprefix("Value error, ")
    reason = reason[0].lower() + reason[1:]
    at = f"'{name}'" if name else "the config"
    value = "" if isinstance(error["input"], dict | BaseModel) else f" (it is {shown})"
    return ConfigError(f"{where}: {at}: {reason}{value}.", "Change the value.")


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
