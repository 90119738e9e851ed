"""What other programs and later versions rely on: columns, files, and what a SIGKILL may cost."""

import csv
import json
import mmap
import random
import struct
import subprocess
import sys
import time

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from support import wait_until

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.store.metrics import MetricReader, MetricWriter, export, schemas, tidy

COLUMNS = {
    "train": "step attempt time epoch batch loss aux_loss learning_rate grad_norm weight_decay "
    "tokens tokens_per_s samples step_time_s expert_load expert_loss",
    "validation": "step attempt time epoch split loss perplexity accuracy tokens duration_s",
    "system": "time attempt step gpu_memory_used_bytes gpu_memory_total_bytes "
    "gpu_utilization_percent gpu_temperature_c gpu_power_w gpu_throttled cpu_percent "
    "ram_used_bytes ram_total_bytes swap_used_bytes swap_total_bytes process_rss_bytes "
    "disk_free_bytes",
    "experts": "step attempt time layer load",
}


@pytest.mark.parametrize("table", COLUMNS)
def test_columns_of_the_tables(table):
    assert schemas.TABLES[table].names == COLUMNS[table].split()


def test_types_of_the_train_table():
    types = {field.name: str(field.type) for field in schemas.TRAIN}
    assert types == dict.fromkeys(COLUMNS["train"].split(), "double") | {
        "step": "int64",
        "attempt": "int32",
        "batch": "int64",
        "tokens": "int64",
        "samples": "int64",
        "expert_load": "list<item: float>",
        "expert_loss": "list<item: float>",
    }


@pytest.fixture
def run(tmp_path):
    """A run of 60 steps over two attempts, the second from step 41; three are odd."""
    run = RunDirectory(tmp_path / "job")
    run.create()
    for attempt, numbers in ((1, range(1, 51)), (2, range(41, 61))):
        with MetricWriter(run.table("train"), schemas.TRAIN, attempt, roll_rows=16) as writer:
            for step in numbers:
                writer.append(
                    {
                        "step": step,
                        "time": 1000.0 + step,
                        "loss": float("nan") if step == 3 else 6 - step / 20,
                        "tokens": step * 10,
                        "expert_load": None if step == 4 else [0.25, 0.75],
                        "expert_loss": [None, 1.5] if step == 5 else [1.0, 1.5],
                    }
                )
    return run


# Other readers, on the run directory itself


def test_pandas_pyarrow_and_duckdb_read_the_folder(run):
    folder = run.table("train")
    assert all(path.suffix == ".parquet" for path in folder.iterdir())
    wanted = [*range(1, 51), *range(41, 61)]
    assert pd.read_parquet(folder).sort_values(["attempt", "step"])["step"].tolist() == wanted
    assert sorted(pq.read_table(folder)["step"].to_pylist()) == sorted(wanted)
    query = f"select step, loss, expert_load from '{folder}/*.parquet' order by attempt, step"
    rows = duckdb.sql(query).fetchall()
    assert [row[0] for row in rows] == wanted
    assert rows[0][2] == [0.25, 0.75]
    assert rows[3][2] is None


def test_arrow_reads_a_live_file_as_a_stream(tmp_path):
    with MetricWriter(tmp_path, schemas.TRAIN, 1, flush_s=0) as writer:
        for step in range(5):
            writer.append({"step": step})
        with pa.OSFile(str(tmp_path / "live-1-0.arrows")) as file:
            batches = list(pa.ipc.open_stream(file))
    assert pa.Table.from_batches(batches)["step"].to_pylist() == list(range(5))


# Export


@pytest.mark.parametrize("newest_only", [False, True])
@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_export_has_the_columns_and_all_rows(run, tmp_path, kind, newest_only):
    out = tmp_path / f"train.{kind}"
    done = export(run, "train", kind, out, newest_only=newest_only)
    steps = [*range(1, 41 if newest_only else 51), *range(41, 61)]
    assert (done.rows, done.problems) == (len(steps), [])
    frame = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[kind](out)
    assert list(frame.columns) == COLUMNS["train"].split()
    assert frame["step"].tolist() == steps
    assert frame["loss"][0] == 5.95
    assert frame["loss"].isna().sum() == 1
    assert frame["batch"].isna().all()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_csv_has_lists_as_json_and_nothing_for_null(run, tmp_path):
    out = tmp_path / "train.csv"
    export(run, "train", "csv", out)
    rows = list(csv.DictReader(out.open()))
    assert json.loads(rows[0]["expert_load"]) == [0.25, 0.75]
    assert rows[3]["expert_load"] == ""
    assert json.loads(rows[4]["expert_loss"]) == [None, 1.5]
    assert rows[0]["batch"] == ""
    assert duckdb.sql(f"select count(*), max(step) from '{out}'").fetchall() == [(70, 60)]
    assert pa.csv.read_csv(out).num_rows == 70


def test_json_is_a_list_of_objects(run, tmp_path):
    out = tmp_path / "train.json"
    export(run, "train", "json", out)
    rows = json.loads(out.read_text())
    assert rows[0]["expert_load"] == [0.25, 0.75]
    assert rows[2]["loss"] is None
    assert len(rows) == duckdb.sql(f"select count(*) from '{out}'").fetchall()[0][0] == 70


def test_parquet_keeps_lists_and_nan(run, tmp_path):
    out = tmp_path / "train.parquet"
    export(run, "train", "parquet", out)
    table = pq.read_table(out, page_checksum_verification=True)
    assert table.schema.equals(schemas.TRAIN)
    assert table["loss"][2].as_py() != table["loss"][2].as_py()
    loads = duckdb.sql(f"select expert_load from '{out}' where step = 1").fetchall()
    assert loads == [([0.25, 0.75],)]


def test_export_of_a_table_without_rows_has_its_columns(run, tmp_path):
    for kind, read in {"csv": pd.read_csv, "parquet": pd.read_parquet}.items():
        out = tmp_path / f"v.{kind}"
        assert export(run, "validation", kind, out).rows == 0
        assert list(read(out).columns) == COLUMNS["validation"].split()
    export(run, "validation", "json", tmp_path / "v.json")
    assert json.loads((tmp_path / "v.json").read_text()) == []


def test_export_has_metrics_that_a_run_added(run, tmp_path):
    with MetricWriter(run.table("train"), schemas.TRAIN, 3) as writer:
        writer.append({"step": 61, "reward": 0.5})
    export(run, "train", "csv", tmp_path / "t.csv")
    frame = pd.read_csv(tmp_path / "t.csv")
    assert list(frame.columns) == [*COLUMNS["train"].split(), "reward"]
    assert frame["reward"].dropna().tolist() == [0.5]


def test_export_tells_of_damage(run, tmp_path):
    victim = min(run.table("train").iterdir())
    victim.write_bytes(victim.read_bytes()[:100])
    done = export(run, "train", "csv", tmp_path / "t.csv")
    assert done.rows == 20
    assert victim.name in done.problems[0]


@pytest.mark.parametrize(
    ("table", "kind", "out", "sentence"),
    [
        ("trian", "csv", "t.csv", "no table 'trian'. Did you mean 'train'?"),
        ("train", "cvs", "t.csv", "no format 'cvs'. Did you mean 'csv'?"),
        ("train", "csv", "missing/t.csv", "cannot be written: No such file"),
        ("train", "csv", ".", "cannot be written"),
    ],
)
def test_export_refusals(run, tmp_path, table, kind, out, sentence):
    with pytest.raises(GladiusError) as caught:
        export(run, table, kind, tmp_path / out)
    assert sentence in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["job"]


# SIGKILL

CHILD = """
import mmap, random, struct, sys, time
from pathlib import Path
from gladius_widgets.store.metrics import MetricWriter, schemas
folder, shared = Path(sys.argv[1]), sys.argv[2]
attempt, pause_s = int(sys.argv[3]), float(sys.argv[4])
random.seed(attempt)
with open(shared, "r+b") as file:
    memory = mmap.mmap(file.fileno(), 0)
writer = MetricWriter(folder, schemas.TRAIN, attempt, roll_rows=100, roll_s=0.2)
for step in range(100_000):
    struct.pack_into("<d", memory, 8 * step, time.time())
    writer.append({"step": step, "loss": step * 0.25, "expert_load": [step, attempt]})
    if step % 97 == 0:
        writer.roll()
    time.sleep(random.random() * 2 * pause_s)
"""


def killed_writer(folder, shared, attempt, pause_s, life_s):
    """Let a process append rows, SIGKILL it, and return when each row was given to the writer."""
    shared.write_bytes(bytes(8 * 100_000))
    arguments = [str(folder), str(shared), str(attempt), str(pause_s)]
    child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments])
    with shared.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as memory:
        wait_until(lambda: memory[:8] != bytes(8))
        time.sleep(life_s)  # the moment of death is what varies
        child.kill()
        child.wait()
        times = struct.unpack("<100000d", memory)
    return [moment for moment in times if moment]


@pytest.mark.parametrize("pause_s", [0, 0.002, 0.02])
def test_sigkill_loses_nothing_older_than_the_flush_time(tmp_path, pause_s):
    moments = random.Random(pause_s)
    folder = tmp_path / "train"
    kept = []
    for attempt in range(1, 8):
        life_s = moments.uniform(0.05, 0.6)
        times = killed_writer(folder, tmp_path / "times", attempt, pause_s, life_s)
        rows = MetricReader(folder, schemas.TRAIN).read().to_pylist()
        rows = [row for row in rows if row["attempt"] == attempt]
        # no row is wrong, missing in between, or doubled
        assert [row["step"] for row in rows] == list(range(len(rows)))
        assert all(row["loss"] == row["step"] * 0.25 for row in rows)
        assert all(row["expert_load"] == [row["step"], attempt] for row in rows)
        # The last append that returned (the one before the last that was begun) had either
        # written all or had seen a flush less than 50 ms before.
        safe = sum(moment < times[-2] - 0.05 for moment in times) if len(times) > 1 else 0
        assert safe <= len(rows) <= len(times)
        kept.append(len(rows))
    tidy(folder)
    reader = MetricReader(folder, schemas.TRAIN)
    assert reader.read()["attempt"].value_counts().to_pylist() == [
        {"values": attempt, "counts": count} for attempt, count in enumerate(kept, 1) if count
    ]
    assert reader.problems == []
    assert list(folder.glob("*.arrows")) == []
