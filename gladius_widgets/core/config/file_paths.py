"""Files that a config names, as absolute paths: a run starts in a folder of its own."""

from pathlib import Path

from gladius_widgets.core.config.accelerate import check_accelerate_file
from gladius_widgets.core.config.schema import (
    CHAT_TEMPLATES,
    DataSection,
    TrainingConfig,
    is_template_text,
)
from gladius_widgets.core.data_files import COMPRESSIONS, KINDS
from gladius_widgets.core.errors import ConfigError

_SUFFIXES = (*KINDS, *COMPRESSIONS, ".txt", ".yaml", ".gguf")


def with_absolute_paths(config: TrainingConfig, folder: Path | None) -> TrainingConfig:
    """The config with files named by absolute paths, as the run starts in another folder.

    A relative path is looked for beside the config file, then in the current folder.

    Raises:
        ConfigError: something that can only be a path is not there, or the accelerate config
            is none.
    """
    data, model, resources = config.data, config.model, config.resources
    data = _with_absolute_sources(data, folder)
    changes = {}
    if model.from_scratch is None:
        changes["name"] = _located("model.name", model.name, folder)
    if model.tokenizer is not None:
        changes["tokenizer"] = _located("model.tokenizer", model.tokenizer, folder)
    template = model.chat_template
    if template is not None and not (template in CHAT_TEMPLATES or is_template_text(template)):
        path = _find(template, folder)
        if path is None:
            raise _missing("model.chat_template", template, folder)
        changes["chat_template"] = str(path)
    if resources.accelerate_config is not None:
        path = _find(resources.accelerate_config, folder)
        if path is None:
            raise _missing("resources.accelerate_config", resources.accelerate_config, folder)
        check_accelerate_file(path)
        resources = resources.model_copy(update={"accelerate_config": str(path)})
    model = model.model_copy(update=changes)
    return config.model_copy(update={"data": data, "model": model, "resources": resources})


def _with_absolute_sources(data: DataSection, folder: Path | None) -> DataSection:
    paths = {
        key: _located(f"data.{key}", value, folder)
        for key in ("path", "validation_path", "test_path")
        if (value := getattr(data, key)) is not None
    }
    sources = [
        source.model_copy(update={"path": _located(f"data.sources[{i}].path", source.path, folder)})
        for i, source in enumerate(data.sources)
    ]
    return data.model_copy(update={**paths, "sources": sources})


def _located(key: str, value: str, folder: Path | None) -> str:
    """The absolute path of an existing file or folder; a hub or package name as it is."""
    if value.startswith("pypi:"):
        return value
    path = _find(value, folder)
    if path is not None:
        return str(path)
    if _can_only_be_path(value):
        raise _missing(key, value, folder)
    return value


def _find(value: str, folder: Path | None) -> Path | None:
    path = Path(value).expanduser()
    bases = [] if path.is_absolute() or folder is None else [folder]
    for candidate in (*(base / path for base in bases), path):
        try:
            if candidate.exists():
                return candidate.absolute()
        except (OSError, ValueError):  # no right to look, or nothing that could be a path
            continue
    return None


def _can_only_be_path(value: str) -> bool:
    """Hub names are `name` or `owner/name`; anything else is meant as a path."""
    starts = value.startswith(("/", "./", "../", "~"))
    return starts or value.count("/") > 1 or value.lower().endswith(_SUFFIXES)


def _missing(key: str, value: str, folder: Path | None) -> ConfigError:
    start = "the config file" if folder else f"the folder {Path.cwd()}"
    return ConfigError(
        f"{key}: there is no file or folder {value}.",
        f"Check the path; relative ones start at {start}.",
    )
