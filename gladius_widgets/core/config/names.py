"""What a config may name: packages, models, data, revisions; names, and nothing that is obeyed.

A config may come from somebody else, and through the form of a page. So a value that reaches a
program, an address or a path in a cache is held to the grammar of what it is meant to be.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Self

from gladius_widgets.core.text.terminal_text import first_reordering

PREFIX = "pypi:"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_VERSION = re.compile(r"[0-9](?:[0-9A-Za-z.!+_-]{0,98}[0-9A-Za-z])?")
# pip takes a name with such an ending for a file of the current folder.
_ARCHIVES = (".whl", ".zip", ".gz", ".tgz", ".tar", ".bz2", ".tbz", ".xz", ".txz", ".tlz", ".lzma")
_REVISION = re.compile(r"(?![./-])(?!.*\.\.)[\w./+-]{1,200}", re.ASCII)
_MODEL_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_MODEL_FIELD = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}")
# Fields of a transformers config that name code, or files to load, instead of describing a model.
_CODE_FIELDS = frozenset(
    {
        "auto_map", "trust_remote_code", "code_revision", "custom_pipelines", "name_or_path",
        "attn_implementation", "experts_implementation", "use_kernels", "kernel_config",
        "quantization_config", "tokenizer_class", "processor_class", "peft_config",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Package:
    """A package's name as it was given, and its exact version; None for the newest.

    pip takes options, paths, addresses and archives where it takes a name, and runs what is in
    them. So the grammar is that of a name (PEP 508) with at most one exact version (PEP 440).
    """

    name: str
    version: str | None = None

    @classmethod
    def parse(cls, source: str) -> Self:
        """Read `pypi:NAME` or `pypi:NAME==VERSION`.

        Raises:
            ValueError: it is anything else; says what is expected.
        """
        name, equals, version = source.removeprefix(PREFIX).partition("==")
        is_right = (
            source.startswith(PREFIX)
            and _NAME.fullmatch(name)
            and not name.lower().endswith(_ARCHIVES)
            and (not equals or _VERSION.fullmatch(version))
        )
        if not is_right:
            raise ValueError(
                "must be pypi:NAME or pypi:NAME==VERSION, the name of a package and no path, "
                "address or option"
            )
        return cls(name, version or None)

    @property
    def requirement(self) -> str:
        """As pip takes it."""
        return f"{self.name}=={self.version}" if self.version else self.name

    @property
    def folder(self) -> str:
        """A folder name of its own: the name as PEP 503 normalises it, with the version."""
        name = re.sub(r"[-_.]+", "-", self.name).lower()
        return f"{name}-{self.version}" if self.version else name


def check_package(source: str) -> str:
    """`pypi:NAME` or `pypi:NAME==VERSION` as it was given; raises ValueError for all else."""
    Package.parse(source)
    return source


def check_source(source: str) -> str:
    """A file, folder, hub name or package as it was given.

    Raises:
        ValueError: it is a web address, an option, or holds characters that no name has.
    """
    if source.startswith(PREFIX):
        return check_package(source)
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in source):
        raise ValueError("holds a control character")
    if mark := first_reordering(source):
        raise ValueError(f"holds a character that reorders text (U+{ord(mark):04X})")
    if "://" in source:
        raise ValueError("must be a file, a folder or a name, not an address; download it first")
    if source.startswith("-"):
        raise ValueError("must not begin with a dash")
    return source


def check_revision(revision: str) -> str:
    """A branch, tag or commit; raises ValueError for what could lead out of the hub's cache."""
    if not _REVISION.fullmatch(revision):
        raise ValueError("must be a branch, a tag or a commit")
    return revision


def check_model_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields that describe a model to transformers, as they were given.

    Raises:
        ValueError: one names code to run or files to load.
    """
    if not _MODEL_TYPE.fullmatch(str(fields.get("model_type", "none"))):
        raise ValueError("model_type must be a name that transformers knows, such as qwen3_moe")
    _check_fields(fields)
    return fields


def _check_fields(value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _check_fields(item)
    if isinstance(value, dict):
        for name, item in value.items():
            if name in _CODE_FIELDS or not _MODEL_FIELD.fullmatch(str(name)):
                raise ValueError(
                    f"'{str(name)[:40]}' does not describe a model; code and files are not loaded "
                    "from a config"
                )
            _check_fields(item)
