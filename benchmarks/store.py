"""What the metric store costs the training loop, and how fast it is read.

python -m benchmarks.store
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gladius_widgets.store.metrics import MetricReader, MetricWriter, decimate
from gladius_widgets.store.metrics.segments import write_segment

# 20 columns: 18 scalars and two lists of 8 experts.
SCALARS = [f"metric_{i}" for i in range(15)]
SCHEMA = pa.schema(
    [("step", pa.int64()), ("attempt", pa.int32()), ("time", pa.float64())]
    + [(name, pa.float64()) for name in SCALARS]
    + [(name, pa.list_(pa.float32())) for name in ("expert_load", "expert_loss")]
)
SEGMENT_ROWS = 262_144  # what compaction ends at
PACES = (
    ("as fast as it goes", 40_000, 0.0),
    ("with 12 ms of arithmetic between (4 a flush)", 400, 0.0125),
    ("with 55 ms of arithmetic between (1 a flush)", 100, 0.055),
)
"""How it is called, how many rows are written, how many seconds of arithmetic are between two."""

ROLLS, POLLS, POINTS, SPIKES, TIMES = 12, 1_000, 1_000_000, 100, 7
QUICK = {
    "SEGMENT_ROWS": 1_000,
    "PACES": (("as fast as it goes", 100, 0.0), ("with 12 ms of arithmetic between", 5, 0.0125)),
    "ROLLS": 1,
    "POLLS": 5,
    "POINTS": 10_000,
    "SPIKES": 5,
    "TIMES": 1,
}
CHANCE = np.random.default_rng(0)
MATRIX = CHANCE.random((256, 256))


def main() -> None:
    """Measure and print one line a figure."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        print("Writing, 20 columns of which 2 are lists of 8: processor time of the loop, a row")
        mean_us = 0.0
        for label, count, pause_s in PACES:
            rows = [row(step) for step in range(count)]
            line_us = write_json_lines(root / f"{label}.jsonl", rows, pause_s)
            mean_us = write_rows(root / label, rows, pause_s)
            note = f"{mean_us / line_us:.1f} × a JSON line and write() ({line_us:.1f} µs)"
            show(label, mean_us, "µs", note)
        show("the last, of a step of 100 ms", mean_us / 100e3 * 100, "%")
        show("roll() at a checkpoint, 200 rows, fsynced", roll(root / "roll"), "ms")
        print("Following")
        idle, one, visible = follow(root / "follow")
        show("poll, nothing new", idle, "µs")
        show("poll, one row new", one, "µs")
        show("append → row in the reader's hands", visible, "µs", "writer and reader in turn")
        print("Reading")
        read(root / "read")
        print(f"Decimating {POINTS:,} points to 2,000")
        decimation()


def show(what: str, value: float, unit: str, note: str = "") -> None:
    """Print one figure."""
    print(f"  {what:<48}{value:>10,.1f} {unit}  {note}".rstrip(), flush=True)


def row(step: int) -> dict[str, Any]:
    """One row as a training loop makes it."""
    numbers = CHANCE.random(len(SCALARS) + 16).tolist()
    values: dict[str, Any] = dict(zip(SCALARS, numbers, strict=False))
    return values | {"step": step, "expert_load": numbers[-16:-8], "expert_loss": numbers[-8:]}


# Means of processor time, because others may share the machine.


def write_json_lines(path: Path, rows: list[dict[str, Any]], pause_s: float) -> float:
    """Mean µs a row of the plainest way that survives a SIGKILL."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    mean_us = mean_processor_us(
        lambda values: os.write(descriptor, json.dumps(values).encode() + b"\n"), rows, pause_s
    )
    os.close(descriptor)
    return mean_us


def write_rows(folder: Path, rows: list[dict[str, Any]], pause_s: float) -> float:
    """Mean µs a row of the metric writer."""
    with MetricWriter(folder, SCHEMA, 1) as writer:
        return mean_processor_us(writer.append, rows, pause_s)


def mean_processor_us(
    write: Callable[[dict[str, Any]], object], rows: list[dict[str, Any]], pause_s: float
) -> float:
    """What one call takes from this thread, on average."""
    taken_s = 0.0
    for values in rows:
        compute(pause_s)
        before_s = time.thread_time()
        write(values)
        taken_s += time.thread_time() - before_s
    return taken_s / len(rows) * 1e6


def compute(duration_s: float) -> None:
    """Keep the processor as busy as a training step does: no append meets warm caches."""
    deadline = time.perf_counter() + duration_s
    while time.perf_counter() < deadline:
        _ = MATRIX @ MATRIX


def roll(folder: Path) -> float:
    """Median ms of rolling 200 rows."""
    taken = []
    with MetricWriter(folder, SCHEMA, 1) as writer:
        for block in range(ROLLS):
            for step in range(200):
                writer.append(row(block * 200 + step))
            taken.append(timed_s(writer.roll))
    return statistics.median(taken) * 1e3


def follow(folder: Path) -> tuple[float, float, float]:
    """Median µs of an idle poll, of a poll with one new row, and from append to that row."""
    idle, one, visible = [], [], []
    with MetricWriter(folder, SCHEMA, 1, flush_s=0) as writer:
        for step in range(2000):
            writer.append(row(step))
        reader = MetricReader(folder, SCHEMA)
        reader.poll()
        for step in range(POLLS):
            idle.append(timed_s(reader.poll))
            values = row(step)
            started = time.perf_counter()
            writer.append(values)
            appended = time.perf_counter()
            found = reader.poll().num_rows
            ended = time.perf_counter()
            assert found == 1
            one.append(ended - appended)
            visible.append(ended - started)
    return tuple(statistics.median(times) * 1e6 for times in (idle, one, visible))  # type: ignore[return-value]  # three in, three out


def read(folder: Path) -> None:
    """Print how long whole columns take."""
    folder.mkdir()
    for k in range(4):
        write_segment(folder, f"seg-1-{k}.parquet", table(k * SEGMENT_ROWS), [(k, SEGMENT_ROWS)])
    rows = 4 * SEGMENT_ROWS
    reader = MetricReader(folder, SCHEMA)
    for columns in (["metric_0"], ["step", "metric_0"], ["expert_load"]):
        taken = best_s(lambda names=columns: reader.read(names)) * 1e3
        show(f"{' and '.join(columns)} of {rows:,} rows", taken, "ms")
    small = folder.with_name("small")
    small.mkdir()
    rows = min(100_000, SEGMENT_ROWS)
    write_segment(small, "seg-1-0.parquet", table(0).slice(0, rows), [(0, rows)])
    taken = best_s(lambda: MetricReader(small, SCHEMA).read()) * 1e3
    show(f"all 20 columns of {rows:,} rows", taken, "ms")
    taken = best_s(lambda: MetricReader(small, SCHEMA).poll()) * 1e3
    show("the same by a new reader's first poll", taken, "ms")


def table(first: int) -> pa.Table:
    """A segment's worth of random rows."""
    chance = np.random.default_rng(first)
    steps = np.arange(first, first + SEGMENT_ROWS)
    columns: dict[str, Any] = {"step": steps, "attempt": np.ones_like(steps), "time": steps * 0.1}
    columns |= {name: chance.normal(size=SEGMENT_ROWS) for name in SCALARS}
    offsets = pa.array(np.arange(0, 8 * SEGMENT_ROWS + 1, 8), pa.int32())
    for name in ("expert_load", "expert_loss"):
        values = pa.array(chance.random(8 * SEGMENT_ROWS, np.float32))
        columns[name] = pa.ListArray.from_arrays(offsets, values)
    return pa.table(columns).cast(SCHEMA)


def decimation() -> None:
    """Print how long it takes and what becomes of spikes."""
    chance = np.random.default_rng(0)
    x, y = np.arange(POINTS), chance.normal(size=POINTS)
    show("finite values", best_s(lambda: decimate(x, y)) * 1e3, "ms")
    holed = y.copy()
    holed[chance.integers(0, y.size, y.size // 1000)] = np.nan
    show("one in 1,000 of them NaN", best_s(lambda: decimate(x, holed)) * 1e3, "ms")
    kept = 0
    for at in chance.integers(0, y.size, SPIKES):
        spiked = y.copy()
        spiked[at] = 30.0
        kept += at in decimate(x, spiked)
    show(f"one-step spikes kept, of {SPIKES} at random places", kept, "")


def timed_s(action: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def best_s(action: Callable[[], object]) -> float:
    """The best of some calls: what the work itself takes on a shared machine."""
    return min(timed_s(action) for _ in range(TIMES))


if __name__ == "__main__":
    main()
