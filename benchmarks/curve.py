"""What the loss curve costs a kernel that shows a run of a million steps.

python -m benchmarks.curve
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from gladius_widgets.client import Client
from gladius_widgets.core.paths import Home
from gladius_widgets.panels.live import history
from gladius_widgets.panels.loss.axis import X_KINDS
from gladius_widgets.panels.loss.curve import LossCurve
from gladius_widgets.panels.loss.export import loss_csv

ROOT = Path(__file__).parents[1]
ROWS = 1_000_000
STEP_S = 0.1  # ten steps a second
QUICK = {"ROWS": 10_000}


def main() -> None:
    """Measure and print one line a figure."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        client = Client(Home(Path(folder) / "home"))
        job = client.submit(ROOT / "configs" / "moe_chitchat.yaml", "curve", held=True)
        curve = LossCurve(job.id, client=client)
        curve.feed.history.add_train(rows(1, ROWS))
        measure(curve)


def measure(curve: LossCurve) -> None:
    """All figures of one curve over a million rows."""
    plot = curve.plot
    print(f"Loss curve over {ROWS:,} steps, ms of the kernel's processor (median, worst)")
    show("first painting", [timed_ms(plot.paint)])
    updates = [update_ms(curve, ROWS + 1 + i) for i in range(50)]
    show("update by one new row, all parts", updates)
    share = statistics.mean(updates) / 1000 / 1.0  # the line is painted once a second
    print(f"  {'of a core, one update a second':<46}{share:>10.2%}")
    chance = np.random.default_rng(0)
    for kind in X_KINDS:
        plot.count(kind)
        whole = plot.visible[1]
        zooms = []
        for _ in range(40):
            width = whole * 10 ** chance.uniform(-4, -0.05)
            start = chance.uniform(0, whole - width)
            zooms.append(timed_ms(lambda a=start, b=start + width: plot.zoom.show((a, b))))
        show(f"zoom into a random range, x by {kind}", zooms)
        plot.zoom.reset()
    plot.count("step")
    plot.log = True
    show("to a logarithmic axis", [timed_ms(plot.paint)])
    for span in (10, 1000):
        plot.span = span
        show(f"smoothing with another span, {span} steps", [timed_ms(plot.paint)])
    updates = [update_ms(curve, ROWS + 51 + i) for i in range(50)]
    show("update by one new row, log and smoothed", updates)
    started = time.perf_counter()
    size = len(loss_csv(plot.axis, None))
    print(
        f"  {f'CSV of all rows, {size / 1e6:.0f} MB':<46}{time.perf_counter() - started:>10.2f} s"
    )


def update_ms(curve: LossCurve, step: int) -> float:
    """One new row taken in, and every part of the curve painted."""
    table = rows(step, 1)

    def update() -> None:
        curve.feed.history.add_train(table)
        for part in curve.parts():
            part.paint()

    return timed_ms(update)


def rows(first: int, count: int) -> pa.Table:
    """Rows of the train table: a noisy decay."""
    chance = np.random.default_rng(first)
    steps = np.arange(first, first + count)
    columns = {
        "step": steps,
        "attempt": np.ones_like(steps),
        "time": 1.7e9 + steps * STEP_S,
        "epoch": steps / 3e5,
        "loss": 2 + 4 * np.exp(-steps / 2e5) + chance.normal(0, 0.1, count),
        "learning_rate": np.full(count, 1e-4),
        "grad_norm": np.ones(count),
        "tokens": np.full(count, 4096),
        "step_time_s": np.full(count, STEP_S),
    }
    nothing = {
        name: pa.nulls(count, history.TRAIN.field(name).type) for name in history.TRAIN.names
    }
    return pa.table(nothing | columns).select(history.TRAIN.names).cast(history.TRAIN)


def timed_ms(action: Callable[[], object]) -> float:
    """Processor time of this thread: others may share the machine."""
    before = time.thread_time()
    action()
    return (time.thread_time() - before) * 1e3


def show(what: str, taken_ms: list[float]) -> None:
    """Print one figure."""
    worst = f"{max(taken_ms):>10.1f}" if len(taken_ms) > 1 else ""
    print(f"  {what:<46}{statistics.median(taken_ms):>10.1f}{worst}", flush=True)


if __name__ == "__main__":
    main()
