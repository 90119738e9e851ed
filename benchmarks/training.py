"""What watching and commanding a run costs it, how fast it obeys, and how fast it learns.

python -m benchmarks.training
"""

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.config.yaml_io import dump_yaml
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.run_state import read_status
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.store.metrics import MetricReader
from gladius_widgets.store.metrics.schemas import TRAIN
from gladius_widgets.store.run.events import EventReader
from gladius_widgets.store.run.requests import request, wait_ack

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
MOE, LORA = CONFIGS / "moe_chitchat.yaml", CONFIGS / "lora_smollm2.yaml"
QUIET = ["training.tensorboard=false", "training.validation_interval_steps=null"]
ENDLESS = [*QUIET, "training.max_steps=1000000", "data.test_share=0"]
SMALLER: list[str] = []
"""What every run's config has besides."""

LEARNING_S, SETTLED_S, PROCESSES, COMMANDS, PAIRS, SAVES = 60.0, 3.0, (1, 2), 30, 60, 7
SAVED = LORA
"""The config whose checkpoints are timed."""

QUICK = {
    "SMALLER": [
        "data.max_samples=200",
        "data.max_length=64",
        "data.max_bad_share=0.5",
        "model.train_tokenizer_vocab=300",
    ],
    "LEARNING_S": 0.5,
    "SETTLED_S": 0.1,
    "PROCESSES": (1,),
    "COMMANDS": 2,
    "PAIRS": 2,
    "SAVES": 1,
    "SAVED": MOE,  # nothing to download
}


def main() -> None:
    """Measure and print one line a figure."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        home = Home(folder)
        print("Learning: the example MoE")
        learning(home)
        print(f"Obeying: request → ack, median of {COMMANDS}")
        for processes in PROCESSES:
            latency(home, processes)
        print("Watching: rows, expert figures, control, status and log against the bare loop")
        overhead(home)
        print(f"Saving: checkpoints of {SAVED.stem}, training waits")
        saving(home)


def show(label: str, value: float, unit: str, note: str = "") -> None:
    """One aligned line."""
    print(f"  {label:<52} {value:>10,.2f} {unit:<4} {note}", flush=True)


def learning(home: Home) -> None:
    """How far the loss falls in a minute of training."""
    run = make_run(home, "learning", MOE, [*QUIET, "training.max_steps=6000"])
    with training(run):
        wait(lambda: active_s(run) >= LEARNING_S, LEARNING_S + 120)
        losses = table(run)["loss"]
    fall = losses[0] - statistics.mean(losses[-20:])
    show(f"fall of the loss in {LEARNING_S:.0f} s (at least 1.5)", fall, "", f"{len(losses)} steps")


def latency(home: Home, processes: int) -> None:
    """Request → ack, over the step time of the same run."""
    overrides = [*ENDLESS, f"resources.processes={processes}", "training.gradient_accumulation=1"]
    run = make_run(home, f"latency-{processes}", MOE, overrides)
    with training(run, processes):
        wait(lambda: active_s(run) > SETTLED_S, 180)
        latencies = []
        for i in range(COMMANDS):
            asked = request(run, Command.SET, {"weight_decay": 0.02 + i / 1000}, "bench")
            ack = wait_ack(run, asked.id, 30)
            assert ack is not None
            latencies.append((ack.latency_s or 0.0) * 1000)
        step_ms = statistics.median(table(run)["step_time_s"][-60:]) * 1000
    median_ms = statistics.median(latencies)
    note = f"a step takes {step_ms:.0f} ms: {median_ms / step_ms:.2f} steps (at most 1 + 50 ms)"
    show(f"{processes} process{'es' if processes > 1 else ''}", median_ms, "ms", note)


def overhead(home: Home) -> None:
    """Full and bare steps in turn, and the time spent in what only the full ones do.

    In CPU time of the training thread: on a busy machine the wall time of a step is a lottery,
    and so is, by some percent, the difference of two steps; the accounting is not.
    """
    from gladius_widgets.training.loop.step_report import StepReport
    from gladius_widgets.training.loop.trainer import Trainer
    from gladius_widgets.training.model.routers import RouterWatch
    from gladius_widgets.training.output.process import Interruption
    from gladius_widgets.training.output.status import StatusReporter
    from gladius_widgets.training.session.inbox import Control
    from gladius_widgets.training.session.session import build_session

    overrides = [*ENDLESS, "checkpointing.interval_steps=null", "training.tensorboard=true"]
    run = make_run(home, "overhead", MOE, overrides)
    run.attempt(1).ranks.mkdir(parents=True)
    reporter = StatusReporter(run, 1).start()
    spent: dict[str, float] = {}
    full: list[float] = []
    bare: list[float] = []
    with run.log.open("w") as log, redirected_stdout(log):
        session = build_session(load_config(run.config), run, 1, reporter, Interruption(25))
        trainer = Trainer(session)
        trainer.begin()
        trainer.advance()
        for owner, name in (
            (RouterWatch, "add"),
            (RouterWatch, "take"),
            (RouterWatch, "figures"),
            (StepReport, "step"),
            (Control, "waiting"),
        ):
            account(owner, name, spent)
        for _ in range(PAIRS):
            for step, times in ((trainer.advance, full), (trainer.bare_step, bare)):
                started = time.thread_time()
                step()
                times.append((time.thread_time() - started) * 1000)
        started = time.thread_time()
        for _ in range(50):
            reporter.change()
        snapshot_ms = (time.thread_time() - started) / 50 * 1000
        session.recorder.close()
        reporter.close()
    full_ms, bare_ms = statistics.median(full), statistics.median(bare)
    show("bare step", bare_ms, "ms")
    show("full step, every step measured", full_ms, "ms", f"ratio {full_ms / bare_ms:.3f}")
    for name, seconds in spent.items():
        show(f"  in {name}", seconds / PAIRS * 1000, "ms", "a step")
    total_ms = sum(spent.values()) / PAIRS * 1000 + snapshot_ms / 10
    show("status.json, once a second", snapshot_ms, "ms", "from a thread of its own")
    show("sum, as a share of a step of 100 ms (under 2)", total_ms, "%")


def account(owner: type, name: str, spent: dict[str, float]) -> None:
    """Add up the CPU time of a method's calls."""
    original = getattr(owner, name)
    label = f"{owner.__name__}.{name.strip('_')}"
    spent[label] = 0.0

    @functools.wraps(original)
    def timed(*args: Any, **kwargs: Any) -> Any:
        started = time.thread_time()
        try:
            return original(*args, **kwargs)
        finally:
            spent[label] += time.thread_time() - started

    setattr(owner, name, timed)


def saving(home: Home) -> None:
    """How long a checkpoint of the adapters holds training up."""
    overrides = [*ENDLESS, "data.max_samples=60", "data.max_length=64", "data.max_bad_share=0.5"]
    run = make_run(home, "saving", SAVED, [*overrides, "training.gradient_accumulation=1"])
    with training(run):
        wait(lambda: active_s(run) > 1, 300)
        for _ in range(SAVES):
            asked = request(run, Command.CHECKPOINT, {}, "bench")
            assert wait_ack(run, asked.id, 60)
    saved = [e.payload for e in EventReader(run).poll() if e.type == "checkpoint"]
    times_ms = [payload["duration_s"] * 1000 for payload in saved if payload]
    show("checkpoint, median (under 150)", statistics.median(times_ms), "ms", f"of {len(times_ms)}")


def make_run(home: Home, run_id: str, config: Path, overrides: list[str]) -> RunDirectory:
    """A run directory as the client makes it."""
    run = home.run(run_id)
    run.create()
    run.config.write_text(dump_yaml(load_config(config, [*overrides, *SMALLER]).to_plain()))
    write_json(run.job, {"version": 1, "id": run_id, "config_file": str(config)})
    return run


@contextmanager
def training(run: RunDirectory, processes: int = 1) -> Iterator[None]:
    """The trainer on a run, killed at the end."""
    command = [sys.executable, "-m", "gladius_widgets.training"]
    environment = dict(os.environ)
    if processes > 1:
        launcher = str(Path(sys.executable).with_name("accelerate"))
        command = [launcher, "launch", "--num_machines", "1", "--dynamo_backend", "no"]
        command += ["--mixed_precision", "no", "--num_processes", str(processes), "--multi_gpu"]
        command += ["--main_process_port", "0", "-m", "gladius_widgets.training"]
        environment["ACCELERATE_USE_CPU"] = "true"
    with run.log.open("ab") as log:
        process = subprocess.Popen(
            [*command, "--run", str(run.root), "--attempt", "1"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            yield
        finally:
            process.kill()
            process.wait()


@contextmanager
def redirected_stdout(target: Any) -> Iterator[None]:
    """The trainer's lines are not ours; it writes them to the descriptor itself."""
    sys.stdout.flush()
    ours = os.dup(1)
    os.dup2(target.fileno(), 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(ours, 1)
        os.close(ours)


def active_s(run: RunDirectory) -> float:
    """Seconds of training so far."""
    status = read_status(run)
    if status is not None and status.state == JobStatus.FAILED:
        raise RuntimeError(json.dumps(status.error.model_dump() if status.error else None))
    return status.active_s if status else 0.0


def table(run: RunDirectory) -> dict[str, list[Any]]:
    """The train table so far."""
    return MetricReader(run.table("train"), TRAIN).read().to_pydict()


def wait(condition: Callable[[], bool], timeout_s: float) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)


if __name__ == "__main__":
    main()
