"""The files of a data source: which are read, how they are packed, and for which split.

Only names and first bytes are looked at, so that a mistake is told before a job is queued.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gladius_widgets.core.config.schema import DataSection, DataSource
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.text.suggest import did_you_mean

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
KINDS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv",
    ".parquet": "parquet", ".arrow": "arrow",
}  # fmt: skip
COMPRESSIONS = {".gz": "gz", ".zst": "zst", ".zstd": "zst", ".bz2": "bz2", ".xz": "xz"}
_FIRST_BYTES = {
    "gz": b"\x1f\x8b", "zst": b"\x28\xb5\x2f\xfd", "bz2": b"BZh", "xz": b"\xfd7zXZ\x00",
    "parquet": b"PAR1",
}  # fmt: skip
_NO_FORMAT = "of no known format"
_ABOUT_DATA = "about the data, by its name"
_SKIPPED = {start: f"names that begin with {start} are skipped" for start in ("__", "~$")}
NO_ROWS = {_NO_FORMAT, _ABOUT_DATA, *_SKIPPED.values()}  # why a name says that a file has none
FORMATS_WORDS = "JSONL, JSON, CSV, TSV, Parquet or Arrow files, also as .gz, .zst, .bz2 or .xz"

# The words by which the `datasets` library tells a split, too.
_WORDS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("validation", "valid", "val", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), TEST),
}
_WORD = re.compile(rf"(?:^|[-._ 0-9])({'|'.join(_WORDS)})(?=$|[-._ 0-9])", re.IGNORECASE)
_SHARD = re.compile(r"(.+)-\d{5}-of-\d{5}", re.IGNORECASE)
_NO_SPLIT = {"data", "part", "shard", "chunk", "file"}
# What lies beside rows and holds none: of any ending, and as JSON alone.
_ABOUT = {
    "readme", "license", "licence", "metadata", "dataset_info", "dataset_infos", "dataset_dict",
    "croissant",
}  # fmt: skip
_ABOUT_JSON = {"config", "state"}
_SAVED, _SAVED_SPLITS = "state.json", "dataset_dict.json"


@dataclass(frozen=True)
class DataFile:
    """A file of rows.

    Attributes:
        path: where it is.
        split: `train`, `validation` or `test`; rows without a split of their own are `train`.
        named: the split as the data set itself names it; empty where it names none.
    """

    path: Path
    split: str = TRAIN
    named: str = ""

    @property
    def kind(self) -> str:
        """How its rows are written, a value of `KINDS`; empty when that is not known."""
        return _parsed(self.path.name)[1]

    @property
    def compression(self) -> str:
        """A value of `COMPRESSIONS`; empty for none."""
        return _parsed(self.path.name)[2]


@dataclass(frozen=True)
class SourceFiles:
    """The files of a source in the order in which they are read, and those passed over.

    `passed_over` has files that hold no rows as far as their name says, and files of a split
    that is none of the three, each with the reason.
    """

    read: tuple[DataFile, ...]
    passed_over: tuple[tuple[Path, str], ...] = ()


def find_files(source: DataSource, held_out: str = "") -> SourceFiles | None:
    """The files of a source; None when it is the name of a hub data set or package.

    Args:
        source: the path, and which split of it.
        held_out: the split that all its rows are for; empty takes each for its own.

    Raises:
        GladiusError: it can only be a path, and nothing is there that could be read.
    """
    if source.path.startswith("pypi:"):
        return None
    path = Path(source.path).expanduser()
    try:
        if path.is_dir():
            return _chosen(_in_folder(path), path, source, held_out)
        if path.exists():
            _refuse_other_options(path, source)
            return SourceFiles((_known(DataFile(path.absolute(), held_out or TRAIN)),))
    except OSError as error:
        where = error.filename or path
        raise GladiusError(
            f"{where} cannot be read: {error.strerror or error}.", "Check its rights."
        ) from None
    if _looks_like_path(source.path):
        raise GladiusError(f"There is no data file {path}.", "Check data.path in the config.")
    return None


def all_files(data: DataSection) -> list[DataFile]:
    """The files of all sources of a config's data, in the order in which they are read.

    Raises:
        GladiusError: a source can only be a path, and nothing is there that could be read.
    """
    found = [find_files(source) for source in data.all_sources()]
    found += [find_files(source, split) for split, source in data.held_out_sources().items()]
    return [file for files in found if files is not None for file in files.read]


def check_data(data: DataSection) -> None:
    """What can be said about the files of a config's data without reading them.

    Raises:
        GladiusError: a file is of no known format or not packed as its name says, a folder
            holds none, or a split is not there.
    """
    for file in all_files(data):
        _check_first_bytes(file)


def split_of(parts: tuple[str, ...]) -> str:
    """The split that a path inside a folder names; empty for none.

    A file's whole name says it first, then the folders from the nearest on, then a part of the
    file's name.
    """
    *folders, name = parts
    stem = _stem(name)
    whole = _WORDS.get((_shard_name(name) or stem).lower())
    if whole:
        return whole
    found = next(filter(None, map(_WORD.search, [*reversed(folders), stem])), None)
    return _WORDS[found[1].lower()] if found else ""


def _in_folder(folder: Path) -> SourceFiles:
    """All files under a folder, split by their names; `split` is empty where none is named."""
    found: list[DataFile] = []
    passed: list[tuple[Path, str]] = []
    for path, saved_as in _walk(folder, {}):
        parts = path.relative_to(folder).parts
        if why := _why_no_rows(path.name):
            passed.append((path, why))
        else:
            named = saved_as or _shard_name(path.name)
            split = split_of((*parts[:-1], named)) if named else split_of(parts)
            found.append(DataFile(path, split, named))
    return SourceFiles(tuple(sorted(found, key=lambda file: file.path)), tuple(sorted(passed)))


def _walk(folder: Path, seen: dict[tuple[int, int], Path]) -> Iterator[tuple[Path, str]]:
    """Every file under a folder with the split that `save_to_disk` gave it, linked ones too.

    Each folder is read once, however many links lead to it. Of hidden names there is no word; a
    folder whose name is skipped stands for all in it.
    """
    stat = folder.stat()
    if seen.setdefault((stat.st_dev, stat.st_ino), folder) is not folder:
        return
    saved = _saved_files(folder)
    if saved is not None:
        yield from saved
        return
    splits = _saved_json(folder / _SAVED_SPLITS).get("splits")
    for entry in _entries(folder):
        path = folder / entry.name
        if entry.name.startswith(tuple(_SKIPPED)):
            yield path, ""
        elif entry.is_dir():
            if isinstance(splits, list) and entry.name in splits:
                yield from ((file, entry.name) for file, _ in _walk(path, seen))
            elif not isinstance(splits, list):
                yield from _walk(path, seen)
        elif entry.is_file():
            yield path, ""
        elif entry.is_symlink() and DataFile(path).kind:
            raise GladiusError(
                f"{path} is a link to a file that is not there.", "Mend or remove the link."
            )


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    """What is in a folder, by name, without what is hidden."""
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(".")]
    return sorted(shown, key=lambda entry: entry.name)


def _shard_name(name: str) -> str:
    """`unsupervised` of `unsupervised-00000-of-00002.parquet`; empty for a name of no split."""
    shard = _SHARD.fullmatch(_stem(name))
    return shard[1] if shard and shard[1].lower() not in _NO_SPLIT else ""


def _saved_files(folder: Path) -> list[tuple[Path, str]] | None:
    """The files of a data set that `save_to_disk` wrote; None when the folder is none."""
    listed = _saved_json(folder / _SAVED).get("_data_files")
    if not isinstance(listed, list):
        return None
    names = [entry.get("filename") for entry in listed if isinstance(entry, dict)]
    # Base names: a data set reads nothing outside its own folder.
    files = [folder / Path(name).name for name in names if isinstance(name, str)]
    for file in files:
        if not file.is_file():
            raise GladiusError(
                f"{file} is missing, which {folder / _SAVED} lists.", "Copy the whole folder again."
            )
    return [(file, "") for file in files]


def _saved_json(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _chosen(found: SourceFiles, folder: Path, source: DataSource, held_out: str) -> SourceFiles:
    """The files that are read, each with its split."""
    if source.config is not None or source.revision is not None:
        _refuse_other_options(folder, source)
    files, passed = found.read, found.passed_over
    if not files:
        why = f": {passed[0][0].name} is passed over ({passed[0][1]})" if passed else ""
        raise GladiusError(
            f"The folder {folder} holds no data file{why}.", f"Put {FORMATS_WORDS} there."
        )
    if source.split is not None:
        files = tuple(file for file in files if source.split in _names(file))
        if not files:
            known = sorted({name for file in found.read for name in _names(file)})
            raise GladiusError(
                f"The folder {folder} has no split {source.split}.",
                did_you_mean(source.split, known) if known else "Leave out data.split.",
            )
        return SourceFiles(tuple(replace(file, split=held_out or TRAIN) for file in files), passed)
    if held_out:
        own = tuple(file for file in files if file.split == held_out) or files
        return SourceFiles(tuple(replace(file, split=held_out) for file in own), passed)
    if any(file.split == TRAIN for file in files):
        others = tuple(file for file in files if file.named and not file.split)
        passed += tuple((file.path, f"of the split {file.named}") for file in others)
        files = tuple(file for file in files if file not in others)
    elif all(file.split for file in files):
        splits = " and ".join(sorted({file.split for file in files}))
        raise GladiusError(
            f"By their names, the files in {folder} are for {splits} alone.",
            "Name those to train on train, or name them one by one in data.path and data.sources.",
        )
    return SourceFiles(tuple(replace(file, split=file.split or TRAIN) for file in files), passed)


def _names(file: DataFile) -> set[str]:
    return {file.split, file.named} - {""}


def _refuse_other_options(path: Path, source: DataSource) -> None:
    """A file or folder has no hub's options: refused, as nothing would read them."""
    for name in ("config", "revision", *(["split"] if path.is_file() else [])):
        if getattr(source, name) is not None:
            raise GladiusError(
                f"data.{name} is for hub data sets{' and folders' if name == 'split' else ''}, "
                f"and {path} is a {'file' if path.is_file() else 'folder'}.",
                f"Leave out data.{name}, or name a hub data set.",
            )


def _known(file: DataFile) -> DataFile:
    if not file.kind:
        raise GladiusError(
            f"{file.path} is of no known data format.", f"These are read: {FORMATS_WORDS}."
        )
    if file.compression and file.kind in ("parquet", "arrow"):
        raise GladiusError(
            f"{file.path} is compressed as a whole.",
            f"Decompress it: a {file.kind} file has its own compression inside.",
        )
    return file


def _check_first_bytes(file: DataFile) -> None:
    expected = _FIRST_BYTES.get(file.compression or file.kind)
    _known(file)
    if expected is None or not file.path.is_file():  # a pipe can be read only once
        return
    try:
        with file.path.open("rb") as opened:
            first = opened.read(len(expected))
    except OSError as error:
        raise GladiusError(
            f"{file.path} cannot be read: {error.strerror}.", "Check its rights."
        ) from None
    if first != expected:
        raise GladiusError(
            f"{file.path} is not what its name says: no {file.compression or file.kind} file.",
            "Check the file; it may be cut off, or named wrongly.",
        )


def _parsed(name: str) -> tuple[str, str, str]:
    """A file's name without its suffixes, and the kind and compression that they say."""
    path = Path(name)
    compression = COMPRESSIONS.get(path.suffix.lower(), "")
    if compression:
        path = path.with_suffix("")
    kind = KINDS.get(path.suffix.lower(), "")
    return path.stem if kind else path.name, kind, compression


def _why_no_rows(name: str) -> str:
    """Why a file in a folder holds no rows, as far as its name says; empty when it may."""
    if skipped := next((why for start, why in _SKIPPED.items() if name.startswith(start)), ""):
        return skipped
    stem, kind, _ = _parsed(name)
    word = (stem if kind else name.split(".", maxsplit=1)[0]).lower()
    if word in _ABOUT or (kind == "json" and word in _ABOUT_JSON):
        return _ABOUT_DATA
    return "" if kind else _NO_FORMAT


def _stem(name: str) -> str:
    return _parsed(name)[0]


def _looks_like_path(source: str) -> bool:
    known = Path(source).suffix.lower() in {*KINDS, *COMPRESSIONS}
    return source.startswith((".", "/", "~")) or known
