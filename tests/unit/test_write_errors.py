"""What cannot be written where its user wants it is one sentence, whatever the file system says."""

import errno
import os
from pathlib import Path

import pytest

from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.write_errors import cannot_write, system_error
from gladius_widgets.store.metrics import export
from gladius_widgets.training.checkpoint.merge import merge

NUMBERS = ("EROFS", "EACCES", "EPERM", "ENOSPC", "EDQUOT", "EIO", "ENOENT", "ENAMETOOLONG")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "job")
    run.create()
    run.checkpoint(5).mkdir()
    write_json(run.checkpoint(5) / "manifest.json", {"files": {}})
    return run


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_table_on_a_disk_that_refuses(run, tmp_path, monkeypatch, name, kind):
    """A disk mounted read-only refuses to delete what is not there, too."""
    number = getattr(errno, name)

    def refuse(*_args, **_keywords):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(GladiusError) as caught:
        export(run, "train", kind, tmp_path / "x")
    assert caught.value.message == f"{tmp_path / 'x'} cannot be written: {os.strerror(number)}."


@pytest.mark.parametrize("write", [lambda run, out: export(run, "train", "csv", out), merge])
@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("file/x", "Not a directory"),
        ("n" * 300, "File name too long"),
        ("n" * 300 + "/x", "File name too long"),
    ],
)
def test_a_place_that_cannot_be(run, tmp_path, write, out, reason):
    (tmp_path / "file").touch()
    with pytest.raises(GladiusError, match=f"cannot be written: {reason}"):
        write(run, tmp_path / out)


def test_a_table_is_not_written_over_a_folder(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for out in (tmp_path, Path(), Path("/")):
        with pytest.raises(GladiusError, match=r"Is a directory\. Name a file, not a folder"):
            export(run, "train", "csv", out)


def test_the_longest_name_of_a_file_is_a_name(run, tmp_path):
    out = tmp_path / ("n" * 251 + ".csv")
    export(run, "train", "csv", out)
    assert out.is_file()


def test_a_library_tells_the_number_in_its_text():
    told = "Error while serializing: I/O error: No space left on device (os error 28)"
    error = system_error(RuntimeError(told))
    assert error is not None
    assert str(cannot_write(Path("/x"), error)) == (
        "/x cannot be written: No space left on device. "
        "Free some space there, or name another place."
    )
    assert system_error(RuntimeError("no such layer")) is None


def test_the_model_of_a_full_disk_is_a_sentence(run, tmp_path, monkeypatch):
    def refuse(*_args, **_keywords):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / ".out.tmp"))

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(GladiusError) as caught:
        merge(run, tmp_path / "out")
    assert caught.value.message == f"{tmp_path / 'out'} cannot be written: No space left on device."
