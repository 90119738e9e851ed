"""Which files are read, for which split, how often; how large the splits are."""

import bz2
import gzip
import json
import lzma
import os
import shutil
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from training.harness import TINY_MOE, config_of, merged

from gladius_widgets.core.config.file_paths import with_absolute_paths
from gladius_widgets.core.config.schema import DataSection
from gladius_widgets.core.data_files import check_data, split_of
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.money.estimate import rows_key
from gladius_widgets.core.paths import Home
from gladius_widgets.training.data.prepare import PreparedData, prepare_data
from gladius_widgets.training.data.token_writer import TokenFiles
from gladius_widgets.training.data.tokenize import Encoded
from gladius_widgets.training.output.banner import data_lines, sizes_text
from gladius_widgets.training.rows.parts import data_parts, read_rows
from gladius_widgets.training.rows.rows import Row
from gladius_widgets.training.rows.splits import TEST, TRAIN, VALIDATION, assign_splits, repeats_of


def texts(start: int, end: int, word: str = "row") -> list[dict[str, str]]:
    return [{"text": f"{word} {i}"} for i in range(start, end)]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    """Rows as a file of the kind and compression that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "\n".join(map(json.dumps, rows)).encode()
    if path.suffix == ".zst":
        with pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "zstd") as out:
            out.write(content)
        return path
    packers = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
    path.write_bytes(packers.get(path.suffix, bytes)(content))
    return path


def read(path: Path, **settings: Any) -> list[str]:
    rows = list(read_rows(DataSection(path=str(path), **settings)))
    return [row.text for row in rows if isinstance(row, Row)]


def by_split(path: Path, **settings: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    parts = data_parts(DataSection(path=str(path), **settings))
    for place, row in parts.rows():
        assert isinstance(row, Row)
        found.setdefault(parts.parts[place].split, []).append(row.text)
    return found


def prepared(home: Path, path: Path, **changes: Any) -> PreparedData:
    keys = {f"data.{name}": value for name, value in changes.items()}
    values = merged(TINY_MOE, {"data.path": str(path), "data.max_length": 64} | keys)
    return prepare_data(config_of(values), Home(home), "", lambda _text: None)


# Splits by name


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train.jsonl", "train"),
        ("training.json", "train"),
        ("validation.csv", "validation"),
        ("valid.jsonl.gz", "validation"),
        ("val.parquet", "validation"),
        ("dev.tsv", "validation"),
        ("Test.jsonl", "test"),
        ("eval.jsonl", "test"),
        ("train-00000-of-00002.parquet", "train"),
        ("test_sft-00000-of-00001.parquet", "test"),
        ("validation/part-7.jsonl", "validation"),
        ("data/dev/a.jsonl", "validation"),
        ("my_test_set.jsonl", "test"),
        ("chats.train.jsonl", "train"),
        ("test2.csv", "test"),
        ("training-data/test.jsonl", "test"),
        ("train/test-tubes.jsonl", "train"),
        ("contest.jsonl", ""),
        ("values.jsonl", ""),
        ("devices/a.jsonl", ""),
        ("rows.jsonl", ""),
    ],
)
def test_names_say_the_split_as_the_datasets_library_has_it(path: str, split: str) -> None:
    assert split_of(Path(path).parts) == split


def test_a_folder_keeps_its_splits(tmp_path: Path) -> None:
    source = tmp_path / "data"
    write(source / "train.jsonl", texts(0, 20))
    write(source / "validation.jsonl", texts(20, 22))
    write(source / "test.jsonl", texts(22, 25))
    stats = prepared(tmp_path, source).stats
    assert stats["split_rows"] == {"train": 20, "validation": 2, "test": 3}
    assert sizes_text(stats) == "20 train, 2 validation, 3 test rows"
    assert [(Path(f["path"]).name, f["split"], f["rows"]) for f in stats["files"]] == [
        ("train.jsonl", "train", 20),
        ("validation.jsonl", "validation", 2),
        ("test.jsonl", "test", 3),
    ]
    told = "\n".join(data_lines(DataSection(path=str(source)), stats))
    assert f"[INFO] Read {source}/test.jsonl: 3 rows for test" in told


def test_only_the_missing_split_takes_its_share_and_from_the_training_rows(tmp_path: Path) -> None:
    source = tmp_path / "data"
    write(source / "train" / "a.jsonl", texts(0, 100))
    write(source / "test" / "b.jsonl", texts(100, 140))
    stats = prepared(tmp_path, source, validation_share=0.1, test_share=0.3).stats
    assert stats["split_rows"] == {"train": 90, "validation": 10, "test": 40}


def test_validation_and_test_paths_for_other_layouts(tmp_path: Path) -> None:
    train = write(tmp_path / "rows.jsonl", texts(0, 30))
    held = write(tmp_path / "held" / "x.jsonl", texts(30, 34)).parent
    both = tmp_path / "both"
    write(both / "train.jsonl", texts(0, 30))
    write(both / "test.jsonl", texts(34, 39))
    own = {"validation_path": str(held), "test_path": str(both)}
    assert prepared(tmp_path, train, **own).stats["split_rows"] == {
        "train": 30, "validation": 4, "test": 5,
    }  # fmt: skip


def test_held_out_files_alone_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", texts(0, 9))
    with pytest.raises(GladiusError, match="are for test alone"):
        read(tmp_path)
    assert len(read(tmp_path / "test.jsonl")) == 9, "a file that is named is meant"


def test_a_split_may_be_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "train-00000-of-00001.jsonl", texts(0, 4))
    write(tmp_path / "unsupervised-00000-of-00001.jsonl", texts(4, 9))
    assert by_split(tmp_path) == {"train": [row["text"] for row in texts(0, 4)]}
    ((path, why),) = data_parts(DataSection(path=str(tmp_path))).passed_over
    assert (Path(path).name, why) == (
        "unsupervised-00000-of-00001.jsonl", "of the split unsupervised",
    )  # fmt: skip
    assert len(by_split(tmp_path, split="unsupervised")["train"]) == 5
    with pytest.raises(GladiusError, match="has no split supervised") as caught:
        read(tmp_path, split="supervised")
    assert "'unsupervised'" in caught.value.hint
    with pytest.raises(GladiusError, match=r"data\.config is for hub data sets"):
        read(tmp_path, config="en")


# Which files


def test_hidden_files_and_files_about_the_data_are_no_rows(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", texts(0, 24))
    for name in (
        ".ipynb_checkpoints/train-checkpoint.jsonl", "._train.jsonl", "sub/.hidden/deep/a.jsonl",
        "sub/._b.jsonl", "README.json", "LICENSE.json", "dataset_info.json", "state.json",
        "metadata.jsonl", "__pycache__/x.json", ".git/objects/y.json", "sub/__rows.jsonl",
        "~$rows.csv",
    ):  # fmt: skip
        write(tmp_path / name, texts(90, 95, "hidden"))
    for name in ("notes.txt", "README.md", "LICENSE", "dataset_infos.json"):
        (tmp_path / name).write_text("x")
    assert read(tmp_path) == [row["text"] for row in texts(0, 24)]
    passed = data_parts(DataSection(path=str(tmp_path))).passed_over
    assert {str(Path(path).relative_to(tmp_path)): why for path, why in passed} == {
        "notes.txt": "of no known format",
        "__pycache__": "names that begin with __ are skipped",
        "sub/__rows.jsonl": "names that begin with __ are skipped",
        "~$rows.csv": "names that begin with ~$ are skipped",
    } | dict.fromkeys(
        ("LICENSE", "LICENSE.json", "README.json", "README.md", "dataset_info.json",
         "dataset_infos.json", "metadata.jsonl", "state.json"),
        "about the data, by its name",
    )  # fmt: skip
    told = data_lines(DataSection(path=str(tmp_path)), prepared(tmp_path / ".home", tmp_path).stats)
    assert f"[INFO] Passed over {tmp_path}/metadata.jsonl: about the data, by its name" in told


@pytest.mark.parametrize("name", ["metadata.jsonl", "__rows.jsonl", "~$rows.csv"])
def test_a_folder_with_nothing_but_passed_over_files_says_why(tmp_path: Path, name: str) -> None:
    write(tmp_path / "d" / name, texts(0, 5))
    with pytest.raises(GladiusError, match="holds no data file") as refused:
        read(tmp_path / "d")
    assert name in refused.value.message


def test_a_name_that_is_no_text_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    write(folder / "a.jsonl", texts(0, 9)).rename(
        os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jsonl")
    )
    (told,) = prepared(tmp_path, folder).stats["files"]
    assert told["path"].endswith(r"caf\xe9.jsonl")


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst", ".zstd", ".bz2", ".xz"])
def test_compressed_files_are_read_alone_and_in_a_folder(tmp_path: Path, suffix: str) -> None:
    if suffix == ".zstd":
        write(tmp_path / "x.zst", texts(0, 5)).rename(tmp_path / "a.jsonl.zstd")
    else:
        write(tmp_path / f"a.jsonl{suffix}", texts(0, 5))
    for path in (tmp_path / f"a.jsonl{suffix}", tmp_path):
        assert read(path) == [row["text"] for row in texts(0, 5)]


def test_a_compressed_csv_and_a_tsv(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"id,text\n1,one\n2,two\n"))
    (tmp_path / "b.tsv").write_text("id\ttext\n3\tthree, and more\n")
    assert read(tmp_path) == ["one", "two", "three, and more"]


@pytest.mark.parametrize("mark", ",;\t")
def test_a_csv_may_part_its_columns_by_another_mark(tmp_path: Path, mark: str) -> None:
    """As spreadsheets of many countries write it; a text may hold the others."""
    (tmp_path / "a.csv").write_text(f'prompt{mark}completion\nWhy?{mark}"So, so; and\tso."\n')
    [row] = read_rows(DataSection(path=str(tmp_path / "a.csv")))
    assert isinstance(row, Row)
    assert [turn["content"] for turn in row.messages] == ["Why?", "So, so; and\tso."]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", "text\none row\n".encode("utf-16"), "is written in UTF-16"),
        ("a.jsonl", '{"text": "one row"}\n'.encode("utf-16"), "is written in UTF-16"),
        ("a.csv", b"text,text\none,two\n", "names the column 'text' more than once"),
        (
            "a.json",
            b'{"train": [{"text": "one"}], "test": [{"text": "two"}]}',
            "also holds rows for test",
        ),
    ],
)
def test_a_file_that_would_be_read_wrongly_is_refused(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GladiusError, match=reason):
        read(tmp_path / name)


def test_a_line_of_another_encoding_is_called_so(tmp_path: Path) -> None:
    lines = '{"text": "caf\xe9"}\n{"text": "fine here"}\n'.encode("latin-1")
    (tmp_path / "a.jsonl").write_bytes(lines)
    bad, good = read_rows(DataSection(path=str(tmp_path / "a.jsonl")))
    assert str(bad) == "a line is not UTF-8"
    assert isinstance(good, Row)


def test_a_json_file_of_lines_is_read_as_lines(tmp_path: Path) -> None:
    write(tmp_path / "lines.jsonl", texts(0, 3)).rename(tmp_path / "lines.json")
    (tmp_path / "one.json").write_text(json.dumps({"data": texts(3, 5)}))
    assert read(tmp_path) == [row["text"] for row in texts(0, 5)]


def test_arrow_files_of_both_forms(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(texts(0, 4))
    for name, form in (("a [1].arrow", pa.ipc.new_file), ("b.arrow", pa.ipc.new_stream)):
        with pa.OSFile(str(tmp_path / name), "wb") as file, form(file, table.schema) as writer:
            writer.write_table(table)
    pq.write_table(table, tmp_path / "c*.parquet")
    assert read(tmp_path) == [row["text"] for row in texts(0, 4)] * 3


def test_a_file_without_rows_has_none_and_costs_no_other(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(texts(0, 4))
    none = table.slice(0, 0)
    pq.write_table(none, tmp_path / "a.parquet")
    for name, form in (("a.arrow", pa.ipc.new_file), ("b.arrow", pa.ipc.new_stream)):
        with pa.OSFile(str(tmp_path / name), "wb") as file, form(file, table.schema) as writer:
            writer.write_table(none)
    for name, content in (
        ("a.jsonl", b""), ("a.csv", b"text\n"), ("b.csv", b""), ("a.json", b"[]"), ("b.json", b""),
        ("c.json", b'{"data": []}'), ("b.jsonl.gz", gzip.compress(b"")),
        ("d.json.xz", lzma.compress(b"")),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(content)
    for path in tmp_path.iterdir():
        assert list(read_rows(DataSection(path=str(path)))) == [], path.name
    with pytest.raises(GladiusError, match=r"a\.parquet holds no rows"):
        prepared(tmp_path / "home", tmp_path / "a.parquet")
    with pq.ParquetWriter(tmp_path / "z.parquet", table.schema) as writer:
        writer.write_table(none)  # a row group of its own
        writer.write_table(table)
    rows = list(read_rows(DataSection(path=str(tmp_path))))
    assert [row.text for row in rows if isinstance(row, Row)] == [f"row {i}" for i in range(4)]
    assert len(rows) == 4


def test_folders_of_save_to_disk(tmp_path: Path) -> None:
    one, several = tmp_path / "one", tmp_path / "several"
    Dataset.from_list(texts(0, 6)).save_to_disk(str(one), num_shards=2)
    shutil.copy(one / "data-00000-of-00002.arrow", one / "cache-1234.arrow")
    assert read(one) == [row["text"] for row in texts(0, 6)]
    splits = {"train": texts(0, 5), "test": texts(5, 7), "unsupervised": texts(7, 9)}
    DatasetDict({k: Dataset.from_list(v) for k, v in splits.items()}).save_to_disk(str(several))
    assert {k: len(v) for k, v in by_split(several).items()} == {"train": 5, "test": 2}
    assert read(several, split="unsupervised") == [row["text"] for row in texts(7, 9)]
    (one / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(GladiusError, match=r"data-00001-of-00002\.arrow is missing"):
        read(one)


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    source = tmp_path / "data"
    write(source / "a.jsonl", texts(0, 2))
    write(tmp_path / "elsewhere" / "b.jsonl", texts(2, 4))
    (source / "more").symlink_to(tmp_path / "elsewhere")
    (source / "loop").symlink_to(source)
    (tmp_path / "elsewhere" / "back").symlink_to(source)
    assert sorted(read(source)) == [row["text"] for row in texts(0, 4)]
    (source / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    with pytest.raises(GladiusError, match="link to a file that is not there"):
        read(source)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.jsonl.gz", b'{"text": "plain"}', "no gz file"),
        ("a.jsonl.zst", b"", "no zst file"),
        ("a.parquet", b"nothing", "no parquet file"),
        ("a.jsonl.zip", b"PK", "of no known data format"),
        ("a.txt.gz", b"\x1f\x8b", "of no known data format"),
        ("a.parquet.gz", b"\x1f\x8b", "compressed as a whole"),
        ("a.docx", b"x", "of no known data format"),
    ],
)
def test_what_is_known_of_a_file_is_said_before_the_job(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GladiusError, match=sentence):
        check_data(DataSection(path=str(tmp_path / name)))


def test_a_cut_off_file_is_one_sentence(tmp_path: Path) -> None:
    for suffix in (".gz", ".zst", ".bz2", ".xz"):
        path = write(tmp_path / f"a.jsonl{suffix}", texts(0, 2_000))
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(GladiusError, match="cannot be read"):
            read(path)


# The hub


def on_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """`owner/set` on the hub, played by a folder of the same layout; the calls that were made."""
    import datasets

    real, calls = datasets.load_dataset, []

    def load(name: str, config: str | None = None, **options: Any) -> Any:
        if name != "owner/set":
            return real(name, config, **options)
        calls.append((config, options["split"], options["revision"]))
        return real(str(folder), config, split=options["split"], cache_dir=str(folder / ".cache"))

    monkeypatch.setattr(datasets, "load_dataset", load)
    return calls


def test_a_hub_data_set_keeps_its_splits_and_takes_config_split_and_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for config in ("en", "de"):
        write(tmp_path / config / "train.jsonl", texts(0, 5, config))
        write(tmp_path / config / "test.jsonl", texts(5, 7, config))
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n"
        + "".join(
            f"- config_name: {config}\n  data_files:\n"
            f"  - {{split: train, path: {config}/train.jsonl}}\n"
            f"  - {{split: test, path: {config}/test.jsonl}}\n"
            for config in ("en", "de")
        )
        + "---\n"
    )
    calls = on_hub(tmp_path, monkeypatch)
    source = Path("owner/set")
    found = by_split(source, config="de", revision="v1")
    assert {split: len(rows) for split, rows in found.items()} == {"train": 5, "test": 2}
    assert found["test"][0] == "de 5"
    assert by_split(source, config="en", split="test") == {"train": ["en 5", "en 6"]}
    assert calls == [("de", None, "v1"), ("en", "test", None)]
    with pytest.raises(GladiusError, match=r"Config name is missing.*\n*") as caught:
        by_split(source)
    assert "data.config" in caught.value.hint


# Sources and weights


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Any]:
    a, b = (
        write(tmp_path / "a.jsonl", texts(0, 40, "a")),
        write(tmp_path / "b.jsonl", texts(0, 21, "b")),
    )
    held_out = {"validation_share": 0.0, "test_share": 0.0}
    more = [{"path": str(b), "weight": 2.5, "format": "text"}]
    return {"path": a, "weight": 0.5, "sources": more} | held_out


def test_weights_say_how_often_a_row_is_trained_on(tmp_path: Path, sources: dict[str, Any]) -> None:
    done = prepared(tmp_path, sources.pop("path"), **sources)
    order = np.load(done.folder / "train.npy")
    counts = Counter(order.tolist())
    assert sum(counts[i] for i in range(40)) == 20
    assert max(counts[i] for i in range(40)) == 1
    assert Counter(counts[i] for i in range(40, 61)) == {2: 10, 3: 11}
    assert done.stats["split_rows"]["train"] == 61
    assert done.stats["splits"]["train"] == 20 + 53 == len(done.split("train", DATA, 0))


DATA = DataSection(path="x")


def test_weights_are_for_training_rows_alone(tmp_path: Path, sources: dict[str, Any]) -> None:
    sources |= {"validation_share": 0.2}
    done = prepared(tmp_path, sources.pop("path"), **sources)
    assert done.stats["splits"]["validation"] == 12 == len(done.split("validation", DATA, 0))
    held = set(np.flatnonzero(np.load(done.folder / "splits.npy") == VALIDATION))
    assert held.isdisjoint(np.load(done.folder / "train.npy").tolist())


@given(st.integers(1, 400), st.floats(0.01, 5), st.integers(0, 2**32 - 1))
def test_repeats_are_the_weight_to_the_row(count: int, weight: float, seed: int) -> None:
    repeats = repeats_of(count, weight, seed, 0)
    assert abs(repeats.sum() - weight * count) <= 1
    assert repeats.max() - repeats.min() <= 1
    assert (repeats == repeats_of(count, weight, seed, 0)).all()


def test_paths_of_all_sources_become_absolute_and_count_in_the_keys(tmp_path: Path) -> None:
    for name in ("a", "b", "v", "t"):
        write(tmp_path / f"{name}.jsonl", texts(0, 3))
    data = {
        "data.path": "a.jsonl", "data.sources": [{"path": "b.jsonl"}],
        "data.validation_path": "v.jsonl", "data.test_path": "t.jsonl",
    }  # fmt: skip
    config = with_absolute_paths(config_of(merged(TINY_MOE, data)), tmp_path)
    found = [config.data.path, config.data.sources[0].path, config.data.validation_path]
    assert [*found, config.data.test_path] == [
        str(tmp_path / f"{name}.jsonl") for name in ("a", "b", "v", "t")
    ]
    for name in ("a", "b", "v", "t"):
        before = rows_key(config)
        write(tmp_path / f"{name}.jsonl", texts(0, 4))
        assert rows_key(config) != before
    with pytest.raises(GladiusError, match=r"data\.sources\[0\]\.path: there is no file"):
        with_absolute_paths(
            config_of(merged(TINY_MOE, data | {"data.sources": [{"path": "gone.jsonl"}]})), tmp_path
        )
    with pytest.raises(ValidationError, match="extra"):
        DataSection.model_validate({"path": "x", "sources": [{"path": "y", "wieght": 2}]})


# Shares


@given(
    st.integers(0, 500), st.floats(0, 0.45), st.floats(0, 0.45), st.integers(0, 2**32)
)  # fmt: skip
def test_shares_are_held_to_the_row(count: int, validation: float, test: float, seed: int) -> None:
    splits = assign_splits(count, validation, test, seed)
    assert len(splits) == count
    assert (splits == TRAIN).any() or count == 0
    if count >= 10:
        for split, share in ((VALIDATION, validation), (TEST, test)):
            wanted = max(int(share * count + 0.5), share > 0)
            assert (splits == split).sum() == wanted
    more = assign_splits(count + 10, validation, test, seed)[:count]
    moved = more != splits
    assert moved.sum() <= 22, "at most what ten more rows displace in either split, and one more"
    assert count < 10 or ((splits == TRAIN) | (more == TRAIN))[moved].all()


def test_a_tenth_of_300_rows_is_30(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", texts(0, 300))
    for seed in range(3):
        shares = {"validation_share": 0.1, "test_share": 0.0, "split_seed": seed}
        stats = prepared(tmp_path, path, **shares).stats
        assert stats["split_rows"] == {"train": 270, "validation": 30, "test": 0}


def test_bad_rows_take_nothing_from_the_shares(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [*texts(0, 100), *[{"text": ""}] * 100])
    shares = {"validation_share": 0.1, "test_share": 0.1, "max_bad_share": 0.9}
    stats = prepared(tmp_path, path, **shares).stats
    assert stats["split_rows"] == {"train": 80, "validation": 10, "test": 10}


def test_rows_that_are_held_out_and_trained_on_are_told(tmp_path: Path) -> None:
    write(tmp_path / "d" / "train.jsonl", texts(0, 20))
    write(tmp_path / "d" / "test.jsonl", texts(15, 25))
    stats = prepared(tmp_path, tmp_path / "d", validation_share=0.0).stats
    assert stats["repeated_rows"] == 5
    told = data_lines(DataSection(path="d"), stats)
    assert any(line.startswith("[WARN] 5 of 10 validation and test rows stand") for line in told)


def test_max_samples_are_of_each_split(tmp_path: Path) -> None:
    write(tmp_path / "d" / "eval.jsonl", texts(0, 50))
    write(tmp_path / "d" / "train.jsonl", texts(50, 100))
    stats = prepared(tmp_path, tmp_path / "d", max_samples=20, validation_share=0.1).stats
    assert stats["split_rows"] == {"train": 18, "validation": 2, "test": 20}


# Losses and memory


def test_lost_tokens_are_counted_and_warned_of(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "word " * 400}]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([json.dumps({"messages": turns})] * 12))
    stats = prepared(tmp_path, path, endless_answers="warn").stats
    assert stats["lost_tokens"] > stats["tokens"]
    (told,) = [line for line in data_lines(DataSection(path="a"), stats) if "are lost" in line]
    assert told.startswith("[WARN] 12 rows cut to ")
    long = {name: stats[name] for name in stats} | {"lost_tokens": 1}
    assert data_lines(DataSection(path="a"), long)[-1].startswith("[INFO] 12 rows cut")


def test_memory_does_not_grow_with_the_data(tmp_path: Path) -> None:
    """Rows are read, and tokens written, one after the other: what is held is a few bytes a row."""
    sample = Encoded(np.arange(1_000, dtype=np.int32), np.ones(1_000, dtype=bool))
    peaks = []
    for rows in (500, 10_000):
        path = tmp_path / f"{rows}.jsonl"
        line = json.dumps({"text": "lake row word " * 300})
        path.write_text("\n".join([line] * rows))
        data = DataSection(path=str(path))
        parts = data_parts(data)
        (folder := tmp_path / str(rows)).mkdir()
        tracemalloc.start()
        writer = TokenFiles(folder, data, parts)
        for place, row in parts.rows():
            assert isinstance(row, Row)
            writer.add([sample], place, row.number)
        writer.save()
        assert writer.stats()["tokens"] == rows * 1_000
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        saved = np.load(folder / "tokens.npy", mmap_mode="r")
        assert saved.shape == (rows * 1_000,)
        assert (saved[-1_000:] == sample.ids).all()
    assert peaks[1] - peaks[0] < 200 * 10_000, f"bytes: {peaks}, for 50 MB of tokens"
