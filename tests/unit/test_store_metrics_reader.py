import shutil
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest
from support import wait_until

from gladius_widgets.store.metrics import MetricReader, MetricWriter, schemas, tidy
from gladius_widgets.store.metrics.segments import TableFile, list_table

LOSS = pa.schema([("step", pa.int64()), ("attempt", pa.int32()), ("loss", pa.float64())])


@pytest.fixture
def writer(tmp_path):
    """A writer whose every row is readable as soon as `append` returns."""
    with MetricWriter(tmp_path, LOSS, 1, flush_s=0) as writer:
        yield writer


def append(writer, numbers):
    for step in numbers:
        writer.append({"step": step, "loss": step / 2})


def copied(folder):
    """The folder as it is now, with no writer at work on it."""
    return Path(shutil.copytree(folder, folder.with_name(f"{folder.name}-copy")))


def steps(table):
    return table["step"].to_pylist()


def test_poll_gives_what_is_new(tmp_path, writer):
    reader = MetricReader(tmp_path, LOSS)
    assert reader.poll().schema == LOSS
    append(writer, range(3))
    assert steps(reader.poll()) == [0, 1, 2]
    assert reader.poll().num_rows == 0
    append(writer, range(3, 5))
    assert steps(reader.poll()) == [3, 4]
    assert steps(reader.read()) == [0, 1, 2, 3, 4]
    assert steps(MetricReader(tmp_path).poll()) == [0, 1, 2, 3, 4]


def test_poll_goes_on_where_it_was_after_a_roll(tmp_path, writer):
    reader = MetricReader(tmp_path, LOSS)
    append(writer, range(3))
    assert steps(reader.poll()) == [0, 1, 2]
    append(writer, range(3, 6))
    writer.roll()
    append(writer, range(6, 8))
    assert steps(reader.poll()) == [3, 4, 5, 6, 7]
    writer.roll()
    assert reader.poll().num_rows == 0


def test_poll_goes_on_where_it_was_after_compaction(tmp_path, writer):
    reader = MetricReader(tmp_path, LOSS)
    for block in range(6):
        append(writer, range(block * 10, block * 10 + 10))
        if block == 1:
            writer.roll()
            assert steps(reader.poll()) == list(range(20))
        if block == 2:
            writer.roll()
        if block == 4:
            append(writer, [1000])  # in the file that is live now
    last = MetricReader(tmp_path, LOSS)
    assert last.poll().num_rows == 61
    writer.close()
    assert [f.name for f in list_table(tmp_path).files] == ["seg-1-0-2.parquet"]
    assert steps(reader.poll()) == [*range(20, 50), 1000, *range(50, 60)]
    assert last.poll().num_rows == 0


def test_poll_opens_no_file_that_it_has_done_with(tmp_path, writer, monkeypatch):
    append(writer, range(10))
    writer.roll()
    append(writer, range(10, 12))
    reader = MetricReader(tmp_path, LOSS)
    reader.poll()
    opened = []
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda p, *a, **k: opened.append(p.name) or real(p, *a, **k))
    monkeypatch.setattr(pa, "OSFile", lambda path: pytest.fail(f"{path} was read again"))
    assert reader.poll().num_rows == 0
    assert opened == ["live-1-1.arrows"]


def test_read_of_some_columns(tmp_path, writer):
    append(writer, range(5))
    writer.roll()
    append(writer, range(5, 7))
    assert MetricReader(tmp_path, LOSS).read(["loss"]).to_pydict() == {
        "loss": [s / 2 for s in range(7)]
    }
    assert MetricReader(tmp_path).read(["loss", "step"]).column_names == ["loss", "step"]
    with pytest.raises(KeyError, match="Did you mean 'loss'"):
        MetricReader(tmp_path, LOSS).read(["los"])


def test_missing_and_empty_folders_are_empty_tables(tmp_path):
    for reader in (MetricReader(tmp_path / "none", schemas.TRAIN), MetricReader(tmp_path)):
        assert reader.poll().num_rows == 0
        assert reader.read().num_rows == 0
        assert reader.problems == []
    assert MetricReader(tmp_path / "none", schemas.TRAIN).read().schema == schemas.TRAIN


def test_schema_of_the_reader_wins(tmp_path):
    old = pa.schema([("step", pa.int64()), ("loss", pa.float64()), ("gone", pa.string())])
    with MetricWriter(tmp_path, old, 1) as writer:
        writer.append({"step": 1, "loss": 0.5, "gone": "x"})
    with MetricWriter(tmp_path, pa.schema([("step", pa.int32()), ("loss", pa.string())]), 2) as w:
        w.append({"step": 2, "loss": "high"})
    wanted = pa.schema([("step", pa.int64()), ("loss", pa.float64()), ("new", pa.float64())])
    assert MetricReader(tmp_path, wanted).read().to_pylist() == [
        {"step": 1, "loss": 0.5, "new": None},
        {"step": 2, "loss": None, "new": None},
    ]
    everything = MetricReader(tmp_path).read()
    assert everything.column_names == ["step", "loss", "gone"]
    assert everything["loss"].to_pylist() == ["0.5", "high"]


def test_attempts_come_in_order(tmp_path):
    for attempt in (1, 2, 10):
        with MetricWriter(tmp_path, LOSS, attempt) as writer:
            append(writer, [1, 2])
    assert MetricReader(tmp_path).read()["attempt"].to_pylist() == [1, 1, 2, 2, 10, 10]


def test_readers_change_nothing(tmp_path, writer):
    append(writer, range(10))
    writer.roll()
    append(writer, range(10, 12))
    folder = copied(tmp_path)
    (folder / "seg-1-2.parquet").write_bytes(b"rubbish")
    folder.chmod(0o555)
    before = {p.name: (p.stat().st_mtime_ns, p.stat().st_ino) for p in folder.iterdir()}
    reader = MetricReader(folder)
    assert steps(reader.poll()) == steps(reader.read()) == list(range(12))
    after = {p.name: (p.stat().st_mtime_ns, p.stat().st_ino) for p in folder.iterdir()}
    folder.chmod(0o755)
    assert before == after
    assert len(reader.problems) == 1
    assert "seg-1-2.parquet" in reader.problems[0]


# Damage


@pytest.mark.parametrize("harm", ["flip", "cut", "zero", "empty", "swap"])
def test_damaged_segment_is_left_out_and_told_once(tmp_path, writer, harm):
    for block in range(3):
        append(writer, range(block * 100, block * 100 + 100))
        writer.roll()
    folder = copied(tmp_path)
    path = folder / "seg-1-1.parquet"
    good = path.read_bytes()
    half = len(good) // 2
    path.write_bytes(
        {
            "flip": good[:half] + bytes([good[half] ^ 4]) + good[half + 1 :],
            "cut": good[:half],
            "zero": good[:half] + bytes(len(good) - half),
            "empty": b"",
            "swap": good[half:] + good[:half],
        }[harm]
    )
    reader = MetricReader(folder, LOSS)
    assert steps(reader.poll()) == [*range(100), *range(200, 300)]
    assert steps(reader.read()) == [*range(100), *range(200, 300)]
    assert len(reader.problems) == 1
    path.write_bytes(good)  # restored from a backup
    assert steps(reader.poll()) == list(range(100, 200))


def test_every_flipped_byte_of_a_segment_is_noticed_or_harmless(tmp_path, writer):
    append(writer, range(40))
    writer.roll()
    folder = copied(tmp_path)
    (path,) = folder.iterdir()
    good = path.read_bytes()
    noticed = 0
    for at in range(len(good)):
        data = bytearray(good)
        data[at] ^= 1 << at % 8
        path.write_bytes(data)
        reader = MetricReader(folder, LOSS)
        table = reader.read()
        if reader.problems:
            noticed += 1
            assert table.num_rows == 0
        else:
            assert steps(table) == list(range(40))
            assert table["loss"].to_pylist() == [s / 2 for s in range(40)]
    assert noticed > 0.9 * len(good)


def test_live_file_cut_at_any_byte_gives_a_prefix_of_its_rows(tmp_path, writer):
    rows, ends = [], []
    for step in range(6):
        append(writer, [step])
        rows.append({"step": step, "attempt": 1, "loss": step / 2})
        ends.append((tmp_path / "live-1-0.arrows").stat().st_size)
    data = (tmp_path / "live-1-0.arrows").read_bytes()
    folder = tmp_path / "cut"
    folder.mkdir()
    for length in range(len(data) + 1):
        (folder / "live-1-0.arrows").write_bytes(data[:length])
        whole = sum(end <= length for end in ends)
        reader = MetricReader(folder, LOSS)
        assert reader.read().to_pylist() == rows[:whole]
        assert reader.problems == []


def test_live_file_that_grows_by_single_bytes_gives_each_row_once(tmp_path, writer):
    append(writer, range(3))
    data = (tmp_path / "live-1-0.arrows").read_bytes()
    folder = tmp_path / "slow"
    folder.mkdir()
    reader = MetricReader(folder, LOSS)
    seen = []
    with (folder / "live-1-0.arrows").open("ab", buffering=0) as file:
        for i in range(len(data)):
            file.write(data[i : i + 1])
            seen += steps(reader.poll())
    assert seen == [0, 1, 2]


def test_flipped_byte_of_a_live_file_costs_one_batch_at_most(tmp_path, writer):
    append(writer, range(5))
    data = (tmp_path / "live-1-0.arrows").read_bytes()
    rows = [{"step": s, "attempt": 1, "loss": s / 2} for s in range(5)]
    folder = tmp_path / "flipped"
    folder.mkdir()
    schema_end = len(data) - 5 * ((len(data) - 400) // 5)
    for at in range(0, len(data), 3):
        flipped = bytearray(data)
        flipped[at] ^= 1 << at % 8
        (folder / "live-1-0.arrows").write_bytes(flipped)
        found = MetricReader(folder, LOSS).read().to_pylist()
        assert all(row in rows for row in found)
        if at > schema_end:
            assert len(found) >= 4


def test_damage_in_a_live_file_is_told(tmp_path, writer):
    append(writer, range(5))
    path = tmp_path / "live-1-0.arrows"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    reader = MetricReader(tmp_path, LOSS)
    assert reader.poll().num_rows == 4
    assert "live-1-0.arrows" in reader.problems[0]


def test_files_that_are_not_ours_are_ignored(tmp_path, writer):
    append(writer, range(3))
    for name in ("notes.txt", "seg-x.parquet", ".seg-1-0.parquet.1.tmp", "live-1.arrows"):
        (tmp_path / name).write_text("?")
    (tmp_path / "seg-1-99.parquet.d").mkdir()
    reader = MetricReader(tmp_path)
    assert steps(reader.read()) == [0, 1, 2]
    assert reader.problems == []


def test_file_that_cannot_be_opened_is_told_and_tried_again(tmp_path, writer):
    append(writer, range(3))
    (tmp_path / "live-1-0.arrows").rename(tmp_path / "kept")
    (tmp_path / "live-1-0.arrows").mkdir()
    reader = MetricReader(tmp_path, LOSS)
    assert reader.poll().num_rows == 0
    assert "cannot be read now" in reader.problems[0]
    (tmp_path / "live-1-0.arrows").rmdir()
    (tmp_path / "kept").rename(tmp_path / "live-1-0.arrows")
    assert steps(reader.poll()) == [0, 1, 2]


@pytest.mark.parametrize("name", ["seg-1-1.parquet", "seg-1-0.parquet", "live-1-2.arrows"])
@pytest.mark.parametrize("harm", ["dangling", "to itself", "folder", "empty"])
def test_one_file_that_is_not_there_hides_its_own_rows_only(tmp_path, writer, name, harm):
    for block in range(2):
        append(writer, range(block * 10, block * 10 + 10))
        writer.roll()
    append(writer, range(20, 30))
    folder = copied(tmp_path)
    path = folder / name
    path.unlink()
    if harm == "folder":
        path.mkdir()
    elif harm == "empty":
        path.touch()
    else:
        path.symlink_to(path if harm == "to itself" else folder / "on a disk that is gone")
    number = TableFile.parse(name).first
    rest = [step for step in range(30) if step // 10 != number]
    reader = MetricReader(folder, LOSS)
    assert steps(reader.poll()) == rest
    assert steps(reader.read()) == rest
    assert steps(reader.poll()) == []
    if (harm, name[:4]) != ("empty", "live"):  # as one that has just been made
        assert [problem.split()[0] for problem in reader.problems] == [name]


# Readers beside a writer


def test_no_row_is_lost_or_doubled_while_files_roll_and_merge(tmp_path):
    total, stop, failures = 6000, threading.Event(), []

    def follow(seen):
        reader = MetricReader(tmp_path, LOSS)
        while not stop.is_set():
            seen.extend(steps(reader.poll()))
        seen.extend(steps(reader.poll()))
        failures.extend(reader.problems)

    def read_all():
        reader, before = MetricReader(tmp_path, LOSS), 0
        while not stop.is_set():
            found = steps(reader.read())
            if found != list(range(len(found))) or len(found) < before:
                failures.append(f"{len(found)} rows after {before}, not in a row")
            before = len(found)
        failures.extend(reader.problems)

    followers: list[list[int]] = [[], []]
    threads = [threading.Thread(target=follow, args=(seen,)) for seen in followers]
    threads.append(threading.Thread(target=read_all))
    for thread in threads:
        thread.start()
    with MetricWriter(tmp_path, LOSS, 1, roll_rows=25, flush_s=0.001) as writer:
        for step in range(total):
            append(writer, [step])
            if step % 100 == 0:
                time.sleep(0.002)  # lets the others have the interpreter
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert writer.errors == 0
    assert [sorted(seen) for seen in followers] == [list(range(total))] * 2


def test_hole_on_the_move_is_looked_at_again(tmp_path, writer, monkeypatch):
    for block in range(3):
        append(writer, range(block * 10, block * 10 + 10))
        writer.roll()
    whole = list_table(tmp_path)
    moving = type(whole)(tuple(f for f in whole.files if f.first != 1), ())
    answers = [moving, whole]
    monkeypatch.setattr(
        "gladius_widgets.store.metrics.reader.list_table",
        lambda directory: answers.pop(0) if answers else list_table(directory),
    )
    assert steps(MetricReader(tmp_path, LOSS).poll()) == list(range(30))


def test_hole_that_stays_is_accepted_and_told(tmp_path, writer):
    for block in range(3):
        append(writer, range(block * 10, block * 10 + 10))
        writer.roll()
    folder = copied(tmp_path)
    (folder / "seg-1-1.parquet").unlink()
    reader = MetricReader(folder, LOSS)
    assert steps(reader.poll()) == [*range(10), *range(20, 30)]
    tidy(folder, fan_in=2)
    assert steps(reader.read()) == [*range(10), *range(20, 30)]
    assert reader.problems == ["Missing with the rows held there: seg-1-1.parquet."]


def test_live_rows_are_seen_within_the_flush_time(tmp_path):
    reader = MetricReader(tmp_path, LOSS)
    with MetricWriter(tmp_path, LOSS, 1, flush_s=0.05) as writer:
        append(writer, [0, 1])
        wait_until(lambda: reader.poll().num_rows, timeout_s=1)
        wait_until(lambda: reader.poll().num_rows, timeout_s=1)


def test_file_names():
    assert TableFile.parse("seg-2-3-9.parquet") == TableFile("seg-2-3-9.parquet", 2, 3, 9, False)
    assert TableFile.parse("live-2-3.arrows") == TableFile("live-2-3.arrows", 2, 3, 3, True)
    assert TableFile.parse("seg-2.parquet") is None


def test_tidy_leaves_what_a_reader_needs(tmp_path):
    with MetricWriter(tmp_path, LOSS, 1, flush_s=0) as writer:
        reader = MetricReader(tmp_path, LOSS)
        seen = []
        for block in range(40):
            append(writer, range(block * 5, block * 5 + 5))
            writer.roll()
            tidy(tmp_path, fan_in=2)
            seen += steps(reader.poll())
    assert seen == list(range(200))
    assert reader.problems == []
    assert [path.name for path in tmp_path.iterdir()] == ["seg-1-0-39.parquet"]
