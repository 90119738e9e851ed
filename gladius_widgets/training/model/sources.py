"""Where the base model's weights come from: a folder, the hub, or a wheel with a GGUF file."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from gladius_widgets.core.config.names import Package
from gladius_widgets.core.config.schema import ModelSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home

_HUB_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
_DOWNLOAD_TIMEOUT_S = 900
_GGUF = ".gguf"


@dataclass(frozen=True)
class ModelSource:
    """A folder to load from, and the name an adapter should remember its base by."""

    folder: str
    base_name: str
    kind: str  # folder, hub or package


def resolve_source(
    model: ModelSection, home: Home, progress: Callable[[str], None]
) -> ModelSource | None:
    """Find the base model, downloading it when it is not on this machine yet.

    A model that was taken once from the fallback stays with it, so that a resume never mixes
    two versions of the weights. None for a model from scratch.

    Raises:
        GladiusError: it is nowhere to be had.
    """
    if model.from_scratch is not None:
        return None
    if (path := Path(model.name).expanduser()).is_dir():
        return ModelSource(str(path), str(path), "folder")
    if model.name.startswith((".", "/", "~")):
        raise GladiusError(f"There is no model folder {path}.", "Check model.name in the config.")
    if folder := _from_hub(model, offline=True):
        return ModelSource(folder, model.name, "hub")
    package = Package.parse(model.fallback) if model.fallback else None
    target = package and packaged_folder(package, home)
    if target and (target / "config.json").exists():
        return _packaged(target)
    progress(f"looking for {model.name} on the hub")
    if folder := _from_hub(model, offline=False):
        return ModelSource(folder, model.name, "hub")
    if package is None or target is None:
        raise GladiusError(
            f"The model {model.name} is not on this machine and the hub cannot be reached or "
            "does not have it.",
            "Check model.name and the network, or log in with `hf auth login` if it is gated.",
        )
    return _packaged(_from_package(package, target, progress))


def packaged_folder(package: Package, home: Home) -> Path:
    """Where the model of a package is kept once it was converted: inside the cache, always.

    Raises:
        GladiusError: something in the cache leads out of it.
    """
    models = home.cache / "models"
    target = models / package.folder
    if not target.resolve().is_relative_to(models.resolve()):
        raise GladiusError(
            f"{target} leads out of the cache.", "Delete it, so that the model is converted again."
        )
    return target


def _packaged(folder: Path) -> ModelSource:
    """Named by its folder: where a package stands in for the hub, the hub's name would not load."""
    return ModelSource(str(folder), str(folder), "package")


def source_again(
    record: dict[str, Any] | None, model: ModelSection, home: Home, progress: Callable[[str], None]
) -> ModelSource | None:
    """The same base weights as a checkpoint's, wherever they came from; `record` is its own.

    Raises:
        GladiusError: they are gone, and nowhere to be had.
    """
    if record and Path(record["folder"]).is_dir():
        return ModelSource(**record)
    return resolve_source(model, home, progress)


def _from_hub(model: ModelSection, *, offline: bool) -> str | None:
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(
            model.name,
            revision=model.revision,
            allow_patterns=_HUB_FILES,
            local_files_only=offline,
        )
    except Exception:  # offline, gated, unknown: the client raises many unrelated kinds
        return None


def _from_package(package: Package, target: Path, progress: Callable[[str], None]) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        FileLock(target.with_name(f"{target.name}.lock")),
        tempfile.TemporaryDirectory(dir=target.parent) as scratch,
    ):
        if not (target / "config.json").exists():
            gguf = _installed_gguf(package) or _download_gguf(package, Path(scratch), progress)
            progress(f"converting {gguf.name} to safetensors")
            converted = Path(scratch) / "converted"
            _convert(gguf, converted, Path(scratch) / "gguf")
            shutil.rmtree(target, ignore_errors=True)
            converted.rename(target)
    return target


def _installed_gguf(package: Package) -> Path | None:
    """The GGUF file of an installed package; nothing of the package is imported to find it."""
    try:
        installed = importlib.metadata.distribution(package.name)
    except importlib.metadata.PackageNotFoundError:
        return None
    if package.version not in (None, installed.version):
        return None
    files = (installed.locate_file(file) for file in installed.files or () if file.suffix == _GGUF)
    return next((Path(str(file)) for file in sorted(files, key=str)), None)


def _download_gguf(package: Package, scratch: Path, progress: Callable[[str], None]) -> Path:
    """The GGUF file of the package's wheel, which is downloaded and unpacked but never run."""
    progress(f"downloading the package {package.requirement}")
    folder = scratch / "wheel"
    folder.mkdir()
    # A wheel is data to pip; anything else it would build, which runs the package's own code. In
    # an empty folder (-P and cwd) no file can be taken for pip, or for the package.
    # fmt: off
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps",
               "--only-binary", ":all:", "--dest", str(folder), "--", package.requirement]
    # fmt: on
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_DOWNLOAD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _no_package(package, "it took too long") from None
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise _no_package(package, lines[-1] if lines else "pip gave no wheel")
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = [name for name in wheel.namelist() if name.endswith(_GGUF)]
        if not names:
            raise _no_package(package, "it holds no GGUF file")
        return Path(wheel.extract(names[0], scratch / "unpacked"))


def _no_package(package: Package, reason: str) -> GladiusError:
    return GladiusError(
        f"The package {package.requirement} cannot be downloaded: {reason.rstrip('.')}.",
        "Check the network, or run `python -m gladius_widgets.training.prefetch CONFIG` where "
        "there is one.",
    )


def _convert(gguf: Path, folder: Path, alone: Path) -> None:
    """GGUF to plain float32 safetensors with its tokenizer.

    Read through a link in the new folder `alone`: what else a package holds is not looked at.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    alone.mkdir()
    (alone / gguf.name).symlink_to(gguf.absolute())
    tokenizer = AutoTokenizer.from_pretrained(alone, gguf_file=gguf.name, trust_remote_code=False)
    model = AutoModelForCausalLM.from_pretrained(
        alone, gguf_file=gguf.name, dtype=torch.float32, trust_remote_code=False
    )
    # The weights are dequantized now; without this transformers refuses to save or train them.
    dequantized: Any = model
    dequantized.is_quantized = False
    dequantized.hf_quantizer = None
    if hasattr(dequantized.config, "quantization_config"):
        del dequantized.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
