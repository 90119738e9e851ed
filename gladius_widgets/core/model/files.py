"""What can be said of a model before torch is loaded: its folder, its config, its type."""

import ast
import importlib.util
import json
import os
import struct
from collections.abc import Mapping
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

from gladius_widgets.core.config.schema import ModelSection
from gladius_widgets.core.errors import ConfigError
from gladius_widgets.core.text.suggest import nearest

# What `from_pretrained` looks for; an index names the files of a model in several parts.
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_ADAPTER = "adapter_config.json"
_LFS_POINTER = b"version https://git-lfs"
_MOST_BYTES = 64 * 1024**2
_MOST_PARAMETERS = 2**60  # more are an error of the file
_CAUSAL = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"


def check_model(model: ModelSection) -> None:
    """Raise ConfigError when the model can be seen to be none that could be trained.

    A hub name passes: only the network knows. So does the folder of an adapter, which names its
    base.
    """
    if model.from_scratch is not None:
        _check_type(str(model.from_scratch["model_type"]), "model.from_scratch.model_type")
        return
    path = Path(model.name)
    if _is_file(path):
        raise ConfigError(
            f"model.name: {path} is a file, not a model folder.",
            "Name the folder that holds config.json and the weights.",
        )
    if not _is_folder(path) or _is_file(path / _ADAPTER):
        return
    if not _is_file(path / "config.json"):
        raise ConfigError(
            f"model.name: the folder {path} has no config.json, so it is no model.",
            "Name a folder that `save_pretrained` wrote, or a name on the hub.",
        )
    fields = read_json_file(path / "config.json")
    if fields is None:
        raise ConfigError(
            f"model.name: config.json in {path} is no JSON object.", "Copy the model again."
        )
    if isinstance(fields.get("model_type"), str):
        _check_type(fields["model_type"], f"model.name: the model_type in {path}/config.json")
    _check_weights(path)


def model_folder(model: ModelSection) -> Path | None:
    """The folder of a model that is on this machine: its own, or its snapshot in the hub's cache.

    None for one from scratch, and for one that is not here.
    """
    if model.from_scratch is not None:
        return None
    return named_folder(model.name, model.revision)


def named_folder(name: str, revision: str | None = None) -> Path | None:
    """The folder that a path or a hub name stands for, if it is on this machine.

    The cache's layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
    """
    if (path := Path(name)).is_absolute():
        return path if _is_folder(path) else None
    cache = _hub_cache() / f"models--{name.replace('/', '--')}"
    try:
        commit = (cache / "refs" / (revision or "main")).read_text().strip()
    except (OSError, ValueError):
        commit = revision or ""
    folder = cache / "snapshots" / commit
    return folder if commit and _is_file(folder / "config.json") else None


def read_json_file(path: Path) -> dict[str, Any] | None:
    """A JSON object from a file of a sensible size; None where it is none."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def stored_parameters(folder: Path) -> int | None:
    """Parameters in the folder's safetensors, by their headers alone; None where it has none.

    Weights that are tied are stored once. Format: https://github.com/huggingface/safetensors
    """
    names = _files_of_index(folder / _INDEXES[0]) or [_WEIGHTS[0]]
    headers = [_header(folder / name) for name in names]
    if any(header is None for header in headers):
        return None
    try:
        total = sum(
            prod(tensor["shape"])
            for header in headers
            for name, tensor in (header or {}).items()
            if name != "__metadata__"
        )
    except (KeyError, TypeError):
        return None
    return total if isinstance(total, int) and 0 < total < _MOST_PARAMETERS else None


@lru_cache(maxsize=1)
def causal_model_types() -> frozenset[str]:
    """Model types of which transformers has a causal language model.

    Read from its source, as importing it takes seconds. Empty where it is not installed, or was
    laid out in another way.
    """
    spec = importlib.util.find_spec("transformers")
    if spec is None or spec.origin is None:
        return frozenset()
    return _keys(Path(spec.origin).parent / "models" / "auto" / "modeling_auto.py", _CAUSAL)


def _check_type(model_type: str, where: str) -> None:
    known = causal_model_types()
    if not known or model_type in known:
        return
    near = nearest(model_type, known)
    raise ConfigError(
        f"{where}: transformers has no causal language model of the type {model_type[:60]!r}.",
        f"Did you mean '{near}'?" if near else "There are llama, qwen3, qwen3_moe and many more.",
    )


def _check_weights(folder: Path) -> None:
    parts = [name for index in _INDEXES for name in _files_of_index(folder / index)]
    files = [name for name in _WEIGHTS if _is_file(folder / name)]
    if not files and not parts:
        raise ConfigError(
            f"model.name: the folder {folder} has no weights (model.safetensors).",
            "Copy them there, or build a new model with model.from_scratch.",
        )
    gone = [] if files else [name for name in parts if not _is_file(folder / name)]
    if gone:
        raise ConfigError(
            f"model.name: {gone[0]} is missing in {folder}, which its index names.",
            "Copy the model again.",
        )
    for name in files or parts:
        if _starts_with(folder / name, _LFS_POINTER):
            raise ConfigError(
                f"model.name: {folder / name} is a pointer of Git LFS, not the weights.",
                "Run `git lfs pull` there.",
            )


def _is_file(path: Path) -> bool:
    """False also where nobody may look, or no name is so long."""
    try:
        return path.is_file()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _starts_with(path: Path, beginning: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(beginning)) == beginning
    except OSError:
        return False


def _files_of_index(index: Path) -> list[str]:
    """The files that an index of weights names, each once; empty where there is none."""
    named = (read_json_file(index) or {}).get("weight_map")
    if not isinstance(named, Mapping):
        return []
    return list(dict.fromkeys(name for name in named.values() if isinstance(name, str)))


def _header(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            (size_bytes,) = struct.unpack("<Q", file.read(8))
            if size_bytes > _MOST_BYTES:
                return None
            found = json.loads(file.read(size_bytes))
    except (OSError, ValueError, struct.error, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _hub_cache() -> Path:
    if told := os.environ.get("HF_HUB_CACHE"):
        return Path(told).expanduser()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = Path(os.environ.get("HF_HOME") or cache / "huggingface")
    return home.expanduser() / "hub"


def _keys(path: Path, name: str) -> frozenset[str]:
    """The string keys of the pairs that a module assigns to a name at its top."""
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except (OSError, ValueError, SyntaxError):
        return frozenset()
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            pairs = (pair for pair in ast.walk(node) if isinstance(pair, ast.Tuple) and pair.elts)
            firsts = [pair.elts[0] for pair in pairs]
            return frozenset(
                first.value
                for first in firsts
                if isinstance(first, ast.Constant) and isinstance(first.value, str)
            )
    return frozenset()
