"""The fields of a config, read off its model: label, help, bounds, choices, default.

There is no second list of fields: a new one in `core.config.schema` shows in the form by itself.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.panels.text import format as fmt

Kind = Literal["text", "integer", "number", "switch", "choice", "yaml"]

_WORDS = {"moe": "MoE", "lora": "LoRA", "gpu": "GPU", "oom": "OOM", "r": "Rank (r)"}
_UNITS = {"_s": ", seconds", "_c": ", °C", "_minutes": ", minutes", "_hours": ", hours"}
_SCALARS: dict[Any, Kind] = {str: "text", int: "integer", float: "number", bool: "switch"}


@dataclass(frozen=True)
class Field:
    """One key of the config.

    Attributes:
        kind: how it is edited; `yaml` for lists, tuples and mappings, as a fragment.
        choices: of a `choice`.
        optional: it may be null.
        required: the config needs it.
        default: plain values; None where there is none.
        bounds: in words, such as `1 to 4,096`; empty without.
    """

    section: str
    name: str
    label: str
    help: str
    kind: Kind
    choices: tuple[str, ...] = ()
    optional: bool = False
    required: bool = False
    default: Any = None
    bounds: str = ""

    @property
    def key(self) -> str:
        """`section.name`."""
        return f"{self.section}.{self.name}"


@dataclass(frozen=True)
class Section:
    """A section of the config, its fields in their order."""

    name: str
    label: str
    help: str
    fields: tuple[Field, ...]


@cache
def sections() -> Mapping[str, Section]:
    """All sections of the config by name, in their order."""
    found = {}
    for name, info in TrainingConfig.model_fields.items():
        model = info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            listed = tuple(_field(name, key, field) for key, field in model.model_fields.items())
            found[name] = Section(name, label_of(name), inspect.getdoc(model) or "", listed)
    return found


@cache
def fields() -> Mapping[str, Field]:
    """All fields by key."""
    return {field.key: field for section in sections().values() for field in section.fields}


def label_of(name: str) -> str:
    """A key as words: `hang_timeout_s` → `Hang timeout, seconds`."""
    unit = next((end for end in _UNITS if name.endswith(end) and name != end[1:]), "")
    words = name.removesuffix(unit).split("_")
    text = " ".join(_WORDS.get(word, word) for word in words)
    return text[:1].upper() + text[1:] + _UNITS.get(unit, "")


def plain(value: Any) -> Any:
    """Tuples as lists, as YAML has them."""
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def value_text(value: Any) -> str:
    """A scalar as it stands in YAML; null as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = re.sub(r"e([+-])0*(\d)", r"e\1\2", repr(value)).replace("e+", "e")
        return text.removesuffix(".0")
    return str(value)


def _field(section: str, name: str, info: FieldInfo) -> Field:
    kinds = list(_kinds(info.annotation))
    choices = tuple(str(choice) for kind in kinds for choice in get_args(kind) if _is_choice(kind))
    kind = _kind_of(kinds)
    default = info.get_default(call_default_factory=True)
    return Field(
        section=section,
        name=name,
        label=info.title or label_of(name),
        help=info.description or "",
        kind=kind,
        choices=choices if kind == "choice" else (),
        optional=type(None) in _members(info.annotation),
        required=info.is_required(),
        default=None if default is PydanticUndefined else plain(default),
        bounds=_bounds([*info.metadata, *_inner_metadata(info.annotation)]),
    )


def _kind_of(kinds: list[Any]) -> Kind:
    if any(not _is_choice(kind) and kind not in _SCALARS for kind in kinds):
        return "yaml"
    return "choice" if any(map(_is_choice, kinds)) else _SCALARS[kinds[0]]


def _members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, UnionType):
        return get_args(annotation)
    return (annotation,)


def _kinds(annotation: Any) -> Iterator[Any]:
    for member in _members(annotation):
        if member is not type(None):
            yield get_args(member)[0] if get_origin(member) is Annotated else member


def _inner_metadata(annotation: Any) -> Iterator[Any]:
    for member in _members(annotation):
        if get_origin(member) is Annotated:
            for extra in get_args(member)[1:]:
                yield from extra.metadata if isinstance(extra, FieldInfo) else [extra]


def _is_choice(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _bounds(metadata: list[Any]) -> str:
    limits: dict[str, float] = {}
    for item in metadata:
        for name in ("ge", "gt", "le", "lt"):
            if isinstance(getattr(item, name, None), int | float):
                limits[name] = getattr(item, name)
    if "ge" in limits and "le" in limits:
        return f"{_number(limits['ge'])} to {_number(limits['le'])}"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return ", ".join(f"{words[name]} {_number(limits[name])}" for name in words if name in limits)


def _number(value: float) -> str:
    small = 0 < abs(value) < 1e-3
    return fmt.rate(value) if small else fmt.plain(value)
