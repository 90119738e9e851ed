import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import wait_until

from gladius_widgets.store.metrics import MetricReader, MetricWriter, schemas, tidy
from gladius_widgets.store.metrics.encode import squeeze

LOSS = pa.schema([("step", pa.int64()), ("attempt", pa.int32()), ("loss", pa.float64())])
NEVER_S = 3600.0


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def steps(directory):
    return MetricReader(directory).read()["step"].to_pylist()


def append(writer, numbers):
    for step in numbers:
        writer.append({"step": step, "loss": step / 2})


def test_first_row_is_in_the_file_when_append_returns(tmp_path):
    with MetricWriter(tmp_path, LOSS, 1, flush_s=NEVER_S) as writer:
        append(writer, [1])
        assert steps(tmp_path) == [1]


def test_row_is_written_at_once_when_the_last_flush_is_long_ago(tmp_path):
    with MetricWriter(tmp_path, LOSS, 1, flush_s=0.02) as writer:
        append(writer, [1])
        time.sleep(0.02)  # the rule under test is about time passing
        append(writer, [2])
        assert steps(tmp_path) == [1, 2]


def test_row_that_nothing_follows_is_written_by_the_clock(tmp_path):
    with MetricWriter(tmp_path, LOSS, 1, flush_s=0.05) as writer:
        append(writer, [1, 2])
        assert steps(tmp_path) == [1]
        wait_until(lambda: steps(tmp_path) == [1, 2], timeout_s=5)


def test_one_write_a_batch(tmp_path, monkeypatch):
    writes = []
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda *a: writes.append(a) or real(*a))
    with MetricWriter(tmp_path, LOSS, 1, flush_s=NEVER_S) as writer:
        append(writer, range(1))
        append(writer, range(1, 100))
        writer.flush()
    assert len(writes) == 2


def test_rows_that_belong_together_are_one_batch(tmp_path):
    with MetricWriter(tmp_path, schemas.EXPERTS, 1, flush_s=0) as writer:
        writer.extend({"step": 1, "layer": layer, "load": [0.5, 0.5]} for layer in range(4))
        writer.extend([])
        with pa.OSFile(str(tmp_path / "live-1-0.arrows")) as file:
            assert [batch.num_rows for batch in pa.ipc.open_stream(file)] == [4]
    table = MetricReader(tmp_path).read()
    assert table["layer"].to_pylist() == [0, 1, 2, 3]
    assert len(set(table["time"].to_pylist())) == 1


def test_attempt_and_time_are_filled_in_and_the_callers_dict_is_left_alone(tmp_path):
    row = {"step": 1}
    before = time.time()
    with MetricWriter(tmp_path, schemas.TRAIN, 7) as writer:
        writer.append(row)
        row["step"] = 99
        writer.append({"step": 2, "attempt": 3, "time": 5.0})
    rows = MetricReader(tmp_path).read().to_pylist()
    assert [r["attempt"] for r in rows] == [7, 3]
    assert before <= rows[0]["time"] <= time.time()
    assert rows[1]["time"] == 5.0
    assert rows[0]["step"] == 1
    assert row == {"step": 99}


def test_rolls_by_rows_by_age_and_on_request(tmp_path):
    with MetricWriter(tmp_path, LOSS, 1, roll_rows=10, flush_s=0) as writer:
        append(writer, range(10))
        wait_until(lambda: names(tmp_path) == ["seg-1-0.parquet"])
        append(writer, range(10, 12))
        assert names(tmp_path) == ["live-1-1.arrows", "seg-1-0.parquet"]
        writer.roll()
        assert names(tmp_path) == ["seg-1-0.parquet", "seg-1-1.parquet"]
        writer.roll()  # nothing new: no empty file
        assert names(tmp_path) == ["seg-1-0.parquet", "seg-1-1.parquet"]
    with MetricWriter(tmp_path, LOSS, 2, roll_s=0.05) as writer:
        append(writer, [12])
        wait_until(lambda: "seg-2-0.parquet" in names(tmp_path))
    assert steps(tmp_path) == list(range(13))


def test_segments_have_page_checksums(tmp_path):
    with MetricWriter(tmp_path, LOSS, 1) as writer:
        append(writer, range(100))
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    loss = pq.ParquetFile(path).metadata.row_group(0).column(2)
    data[loss.data_page_offset + loss.total_compressed_size - 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(path, page_checksum_verification=True)


def test_close_twice_and_append_after_it_do_no_harm(tmp_path):
    writer = MetricWriter(tmp_path, LOSS, 1)
    append(writer, [1])
    writer.close()
    writer.close()
    append(writer, [2])
    assert steps(tmp_path) == [1]
    assert writer.errors == 1
    assert "closed" in str(writer.last_error)


def test_threads_may_append_together(tmp_path):
    with MetricWriter(tmp_path, LOSS, 1, roll_rows=50, flush_s=0.001) as writer:
        threads = [
            threading.Thread(target=append, args=(writer, range(i * 1000, i * 1000 + 500)))
            for i in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert writer.errors == 0
    assert sorted(steps(tmp_path)) == [i * 1000 + j for i in range(4) for j in range(500)]


def test_values_of_a_wrong_type_become_null_and_are_counted(tmp_path):
    class Hostile:
        def __float__(self):
            raise RuntimeError("no")

        def tolist(self):
            raise RuntimeError("no")

    with MetricWriter(tmp_path, schemas.TRAIN, 1) as writer:
        writer.append({"step": 1, "loss": "a lot", "expert_load": [0.5, 0.5]})
        writer.append({"step": 2, "loss": Hostile(), "expert_load": 3})
        writer.append({"step": 3, "loss": float("nan"), "expert_load": np.array([0.25, 0.75])})
        writer.append({"step": np.int64(4), "loss": np.float32(0.5), "expert_load": None})
        writer.append({"step": 10**30})
    rows = MetricReader(tmp_path).read().to_pylist()
    assert [r["step"] for r in rows] == [1, 2, 3, 4, None]
    assert [r["loss"] for r in rows[:2]] == [None, None]
    assert np.isnan(rows[2]["loss"])
    assert rows[3]["loss"] == 0.5
    assert [r["expert_load"] for r in rows] == [[0.5, 0.5], None, [0.25, 0.75], None, None]
    assert writer.errors == 4


def test_tensors_of_torch_are_numbers_and_lists(tmp_path):
    torch = pytest.importorskip("torch")
    with MetricWriter(tmp_path, schemas.TRAIN, 1) as writer:
        writer.append(
            {
                "step": 1,
                "loss": torch.tensor(2.5, requires_grad=True),
                "expert_load": torch.tensor([0.5, 0.5], dtype=torch.bfloat16),
            }
        )
    row = MetricReader(tmp_path).read().to_pylist()[0]
    assert (row["loss"], row["expert_load"]) == (2.5, [0.5, 0.5])
    assert writer.errors == 0


def test_new_metric_begins_a_new_file_and_is_null_before(tmp_path):
    with MetricWriter(tmp_path, LOSS, 1) as writer:
        append(writer, [1])
        writer.append({"step": 2, "reward": 1, "note": "x", "per_head": [1, None], "ok": True})
        writer.append({"step": 3, "reward": 0.5, "nothing": None, "strange": object()})
        writer.flush()
        assert "live-1-1.arrows" in names(tmp_path)
    rows = MetricReader(tmp_path).read().to_pylist()
    assert [r["reward"] for r in rows] == [None, 1.0, 0.5]
    assert rows[1]["note"] == "x"
    assert rows[1]["per_head"] == [1.0, None]
    assert rows[1]["ok"] is True
    assert "strange" not in rows[0]


def test_number_goes_on_after_earlier_files_of_the_attempt(tmp_path):
    for start in (0, 10, 20):
        with MetricWriter(tmp_path, LOSS, 1) as writer:
            append(writer, range(start, start + 10))
    assert steps(tmp_path) == list(range(30))


def test_segments_stay_few_and_each_row_is_there_once(tmp_path):
    with MetricWriter(tmp_path, LOSS, 1) as writer:
        for block in range(200):
            append(writer, range(block * 3, block * 3 + 3))
            writer.roll()
            wait_until(lambda: len(names(tmp_path)) <= 30)
        assert steps(tmp_path) == list(range(600))
    assert len(names(tmp_path)) == 1
    assert steps(tmp_path) == list(range(600))


def test_forked_child_leaves_the_files_alone(tmp_path):
    writer = MetricWriter(tmp_path, LOSS, 1, flush_s=NEVER_S)
    append(writer, [1, 2, 3])
    child = os.fork()
    if child == 0:
        writer.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert names(tmp_path) == ["live-1-0.arrows"]
    writer.close()
    assert steps(tmp_path) == [1, 2, 3]


def test_exit_without_close_keeps_the_rows(tmp_path):
    script = f"""
        import pyarrow as pa
        from gladius_widgets.store.metrics import MetricWriter
        schema = pa.schema([("step", pa.int64())])
        writer = MetricWriter({str(tmp_path)!r}, schema, 1, flush_s=3600)
        for step in range(10):
            writer.append({{"step": step}})
        raise ValueError("the training script fails")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True)
    assert done.returncode == 1
    assert names(tmp_path) == ["seg-1-0.parquet"]
    assert steps(tmp_path) == list(range(10))


# The disk


@pytest.fixture
def file_size_limit():
    """Sets the size past which the system really cuts and refuses writes of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size or soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def test_full_disk_delays_rows_but_loses_none(tmp_path, file_size_limit):
    with MetricWriter(tmp_path, LOSS, 1, flush_s=0) as writer:
        append(writer, range(5))
        file_size_limit((tmp_path / "live-1-0.arrows").stat().st_size + 100)
        append(writer, range(5, 200))  # the first of these is cut short by the system
        assert steps(tmp_path) == list(range(5))
        assert writer.errors >= 195
        assert "OSError" in str(writer.last_error)
        file_size_limit(None)
        append(writer, [200])
        assert steps(tmp_path) == list(range(201))
    assert writer.dropped_rows == 0
    assert steps(tmp_path) == list(range(201))


def test_disk_full_at_the_roll_leaves_the_live_file(tmp_path, file_size_limit):
    with MetricWriter(tmp_path, LOSS, 1) as writer:
        append(writer, range(5))
        writer.flush()
        file_size_limit(10)
        writer.roll()
        assert (tmp_path / "live-1-0.arrows").exists()
        assert steps(tmp_path) == list(range(5))
        assert writer.errors > 0
        file_size_limit(None)
        writer.roll()
        assert names(tmp_path) == ["seg-1-0.parquet"]


def test_folder_that_cannot_be_made_is_an_error_in_the_count_only(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with MetricWriter(tmp_path / "file" / "train", LOSS, 1, flush_s=0) as writer:
        append(writer, range(3))
    assert writer.errors > 0
    assert writer.dropped_rows == 3


def test_waiting_rows_are_squeezed_and_bounded():
    batches = [pa.record_batch({"step": [i]}) for i in range(100)]
    kept, dropped = squeeze(batches, 1000)
    assert len(kept) == 1
    assert dropped == 0
    kept, dropped = squeeze([*kept, *batches[:3]], 5)
    assert dropped == 98
    assert pa.Table.from_batches(kept)["step"].to_pylist() == [98, 99, 0, 1, 2]


# Leftovers of writers that died


def leave(directory, numbers, attempt=1):
    """What a writer leaves when it dies: no close, no roll, the lock gone."""
    writer = MetricWriter(directory, LOSS, attempt, flush_s=0)
    append(writer, numbers)
    live = writer._live
    assert live is not None
    live.close()
    writer._live = None
    writer._closed = True
    with writer._changed:
        writer._changed.notify_all()
    writer._retired.set()
    return directory / f"live-{attempt}-0.arrows"


def test_leftovers_of_an_earlier_attempt_are_salvaged_at_start(tmp_path):
    leave(tmp_path, range(10))
    with MetricWriter(tmp_path, LOSS, 2) as writer:
        assert names(tmp_path) == ["seg-1-0.parquet"]
        append(writer, [10])
    assert steps(tmp_path) == list(range(11))
    assert writer.errors == 0


def test_torn_tail_is_dropped_without_a_complaint(tmp_path):
    path = leave(tmp_path, range(10))
    data = path.read_bytes()
    path.write_bytes(data[:-7])
    done = tidy(tmp_path)
    assert (done.rolled, done.problems) == (1, [])
    assert names(tmp_path) == ["seg-1-0.parquet"]
    assert steps(tmp_path) == list(range(9))


def test_damage_inside_a_live_file_costs_its_batch_and_keeps_the_file_aside(tmp_path):
    path = leave(tmp_path, range(10))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with MetricWriter(tmp_path, LOSS, 2) as writer:
        assert writer.errors == 1
        assert "damaged" in str(writer.last_error)
    assert names(tmp_path) == ["_live-1-0.arrows.bad", "seg-1-0.parquet"]
    assert (tmp_path / "_live-1-0.arrows.bad").read_bytes() == bytes(data)
    assert len(steps(tmp_path)) == 9
    reader = MetricReader(tmp_path)
    reader.poll()
    assert any("live-1-0" in problem for problem in reader.problems)


def test_zeros_at_the_end_as_after_a_power_cut(tmp_path):
    path = leave(tmp_path, range(10))
    path.write_bytes(path.read_bytes() + bytes(4096))
    tidy(tmp_path)
    assert steps(tmp_path) == list(range(10))


def test_live_file_of_a_writer_at_work_is_not_touched(tmp_path):
    with MetricWriter(tmp_path, LOSS, 1, flush_s=0) as writer:
        append(writer, range(3))
        assert tidy(tmp_path).rolled == 0
        assert names(tmp_path) == ["live-1-0.arrows"]
        append(writer, range(3, 5))
    assert steps(tmp_path) == list(range(5))


def test_death_between_the_rename_and_the_unlink(tmp_path):
    live = leave(tmp_path, range(10))
    data = live.read_bytes()
    tidy(tmp_path)
    live.write_bytes(data)
    assert steps(tmp_path) == list(range(10))
    tidy(tmp_path)
    assert names(tmp_path) == ["seg-1-0.parquet"]
    assert steps(tmp_path) == list(range(10))


def test_last_good_copy_is_not_dropped_for_a_damaged_one(tmp_path):
    live = leave(tmp_path, range(10))
    data = live.read_bytes()
    tidy(tmp_path)
    live.write_bytes(data)
    segment = tmp_path / "seg-1-0.parquet"
    segment.write_bytes(segment.read_bytes()[:-20])
    assert steps(tmp_path) == list(range(10))
    assert len(tidy(tmp_path).problems) == 1
    assert names(tmp_path) == ["_seg-1-0.parquet.bad", "live-1-0.arrows"]
    tidy(tmp_path)
    assert names(tmp_path) == ["_seg-1-0.parquet.bad", "seg-1-0.parquet"]
    assert steps(tmp_path) == list(range(10))


def test_damaged_segment_is_set_aside_and_the_others_are_compacted(tmp_path):
    with MetricWriter(tmp_path, LOSS, 1) as writer:
        for block in range(5):
            append(writer, range(block * 10, block * 10 + 10))
            writer.roll()
        bad = tmp_path / "seg-1-2.parquet"
        bad.write_bytes(bytes(100))
    assert names(tmp_path) == ["_seg-1-2.parquet.bad", "seg-1-0-1.parquet", "seg-1-3-4.parquet"]
    assert steps(tmp_path) == [*range(20), *range(30, 50)]
    assert writer.errors == 1


def test_tidy_of_a_missing_folder_raises_and_of_an_empty_one_does_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        tidy(tmp_path / "none")
    assert tidy(tmp_path).rolled == 0
