"""What watching and commanding a run costs it, how fast it obeys, and how fast it learns.

python -m benchmarks.training
"""

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
from gladius_widgets.core.config_file import load_config
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.run_state import read_status
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.core.yaml_io import dump_yaml
from gladius_widgets.store.control import request, wait_ack
from gladius_widgets.store.events import EventReader
from gladius_widgets.store.metrics import MetricReader
from gladius_widgets.store.metrics.schemas import TRAIN

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
MOE, LORA = CONFIGS / "moe_chitchat.yaml", CONFIGS / "lora_smollm2.yaml"
QUIET = ["training.tensorboard=false", "training.validation_interval_steps=null"]
ENDLESS = [*QUIET, "training.max_steps=1000000", "data.test_share=0"]


def main() -> None:
    """Measure and print one line a figure."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        home = Home(folder)
        print("Learning: the example MoE")
        learning(home)
        print("Obeying: request → ack, median of 30")
        for processes in (1, 2):
            latency(home, processes)
        print("Watching: rows, expert figures, control, status and log against the bare loop")
        overhead(home)
        print("Saving: LoRA adapters of SmolLM2, training waits")
        saving(home)


def show(label: str, value: float, unit: str, note: str = "") -> None:
    """One aligned line."""
    print(f"  {label:<52} {value:>10,.2f} {unit:<4} {note}", flush=True)


def learning(home: Home, training_s: float = 60.0) -> None:
    """How far the loss falls in a minute of training."""
    run = make_run(home, "learning", MOE, [*QUIET, "training.max_steps=6000"])
    with training(run):
        wait(lambda: active_s(run) >= training_s, training_s + 120)
        losses = table(run)["loss"]
    fall = losses[0] - statistics.mean(losses[-20:])
    show(f"fall of the loss in {training_s:.0f} s (at least 1.5)", fall, "", f"{len(losses)} steps")


def latency(home: Home, processes: int) -> None:
    """Request → ack, over the step time of the same run."""
    overrides = [*ENDLESS, f"resources.processes={processes}", "training.gradient_accumulation=1"]
    run = make_run(home, f"latency-{processes}", MOE, overrides)
    with training(run, processes):
        wait(lambda: active_s(run) > 3, 180)
        latencies = []
        for i in range(30):
            asked = request(run, Command.SET, {"weight_decay": 0.02 + i / 1000}, "bench")
            ack = wait_ack(run, asked.id, 30)
            assert ack is not None
            latencies.append((ack.latency_s or 0.0) * 1000)
        step_ms = statistics.median(table(run)["step_time_s"][-60:]) * 1000
    median_ms = statistics.median(latencies)
    note = f"a step takes {step_ms:.0f} ms: {median_ms / step_ms:.2f} steps (at most 1 + 50 ms)"
    show(f"{processes} process{'es' if processes > 1 else ''}", median_ms, "ms", note)


def overhead(home: Home, blocks: int = 12, steps: int = 8) -> None:
    """Full and bare steps of one process in turn, so that both meet the same machine."""
    from gladius_widgets.training.loop import Trainer
    from gladius_widgets.training.process import Interruption
    from gladius_widgets.training.reporter import StatusReporter
    from gladius_widgets.training.session import build_session

    run = make_run(home, "overhead", MOE, [*ENDLESS, "checkpointing.interval_steps=null"])
    run.attempt(1).ranks.mkdir(parents=True)
    reporter = StatusReporter(run, 1).start()
    with run.log.open("w") as log, redirected_stdout(log):
        session = build_session(load_config(run.config), run, 1, reporter, Interruption(25))
        trainer = Trainer(session)
        trainer.begin()
        full: list[float] = []
        bare: list[float] = []
        for block in range(blocks):
            times = full if block % 2 else bare
            for _ in range(steps):
                started = time.perf_counter()
                (trainer.advance if block % 2 else trainer.bare_step)()
                times.append((time.perf_counter() - started) * 1000)
        session.recorder.close()
        reporter.close()
    full_ms, bare_ms = statistics.median(full[2:]), statistics.median(bare[2:])
    show("bare step", bare_ms, "ms")
    show("step with everything, every step measured", full_ms, "ms")
    difference = full_ms - bare_ms
    show("of a step of 100 ms (under 2)", difference, "%", f"ratio here {full_ms / bare_ms:.3f}")


def saving(home: Home) -> None:
    """How long a checkpoint of the adapters holds training up."""
    overrides = [*ENDLESS, "data.max_samples=60", "data.max_length=64", "data.max_bad_share=0.5"]
    run = make_run(home, "saving", LORA, [*overrides, "training.gradient_accumulation=1"])
    with training(run):
        wait(lambda: active_s(run) > 1, 300)
        for _ in range(7):
            asked = request(run, Command.CHECKPOINT, {}, "bench")
            assert wait_ack(run, asked.id, 60)
    saved = [e.payload for e in EventReader(run).poll() if e.type == "checkpoint"]
    times_ms = [payload["duration_s"] * 1000 for payload in saved if payload]
    show("checkpoint, median (under 150)", statistics.median(times_ms), "ms", f"of {len(times_ms)}")


def make_run(home: Home, run_id: str, config: Path, overrides: list[str]) -> RunDirectory:
    """A run directory as the client makes it."""
    run = home.run(run_id)
    run.create()
    run.config.write_text(dump_yaml(load_config(config, overrides).to_plain()))
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
    """The trainer's lines are not ours."""
    previous, sys.stdout = sys.stdout, target
    try:
        yield
    finally:
        sys.stdout = previous


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
