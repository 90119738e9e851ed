"""What only a GPU can show. Without one these are listed as not run."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import REPOSITORY, end_processes_on
from training.harness import (
    Trainer,
    accelerate_config,
    events,
    launch,
    losses_hex,
    make_run,
    merged,
    rows,
    start,
)
from transformers import AutoModelForCausalLM

from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.states import Command, JobStatus

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
SMALL: dict[str, Any] = {
    "training.precision": "bf16",
    "training.tensorboard": False,
    "training.validation_max_batches": 2,
    "training.max_steps": 30,
    "data.max_samples": 400,
    "data.max_bad_share": 0.3,
    "resources.device": "gpu",
    "checkpointing.interval_steps": 10,
}


@pytest.fixture(scope="module")
def gpu_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("gpu") / "home")
    yield home
    end_processes_on(home.root)


def example(home: Home, run_id: str, config: str, **changes: Any) -> RunDirectory:
    values = load_config(REPOSITORY / "configs" / config).to_plain()
    return make_run(home, run_id, merged(values, SMALL | changes))


@pytest.mark.parametrize(
    ("config", "precision"),
    [("moe_chitchat.yaml", "bf16"), ("lora_smollm2.yaml", "bf16"), ("moe_chitchat.yaml", "fp16")],
)
def test_half_precision_trains_and_resumes(gpu_home: Home, config: str, precision: str) -> None:
    run_id = f"{precision}-{Path(config).stem.replace('_', '-')}"
    run = example(gpu_home, run_id, config, **{"training.precision": precision})
    first = start(run)
    first.until_step(15, timeout_s=240)
    first.process.kill()
    first.process.wait()
    before = dict(line.split() for line in losses_hex(run))
    start(run, attempt=2).finish(timeout_s=240)
    table = rows(run).to_pylist()
    assert [row["step"] for row in table] == list(range(1, 31))
    assert all(np.isfinite(row["loss"]) for row in table)
    # Atomic adds in some CUDA kernels differ in their order, so equality is not asked here.
    for line in losses_hex(run):
        step, loss = line.split()
        if step in before:
            expected = float.fromhex(before[step])
            assert float.fromhex(loss) == pytest.approx(expected, rel=2e-2)


def test_a_real_out_of_memory_is_recovered_from(gpu_home: Home) -> None:
    run = example(
        gpu_home,
        "oom",
        "lora_smollm2.yaml",
        **{
            "training.max_steps": 100_000,
            "training.max_oom_recoveries": 16,
            "training.gradient_accumulation": 1,
            "data.max_length": 512,
        },
    )
    trainer = start(run)
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > 2, timeout_s=240)
    ack = trainer.ask(Command.SET, micro_batch_size=4096)
    recovered(trainer, ack.step)
    trainer.process.kill()
    trainer.process.wait()


def recovered(trainer: Trainer, step: int | None) -> None:
    """Until the step after the change is made, with smaller micro-batches."""
    assert step is not None
    trainer.until(lambda s: s.step > step, timeout_s=300)
    live = trainer.status.live
    assert live["micro_batch_size"] < 4096
    assert live["micro_batch_size"] * live["gradient_accumulation"] == 4096
    autopsy = next(e for e in events(trainer.run) if (e.payload or {}).get("kind"))
    assert autopsy.payload is not None
    assert autopsy.payload["memory_total_bytes"] > 0


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
@pytest.mark.parametrize(
    ("kind", "precision"), [("FSDP", "bf16"), ("DEEPSPEED", "bf16"), ("DEEPSPEED", "fp16")]
)
def test_sharded_models_train_and_resume(
    gpu_home: Home, tmp_path: Path, kind: str, precision: str
) -> None:
    if kind == "DEEPSPEED" and find_spec("deepspeed") is None:
        pytest.skip("needs deepspeed")
    changes = {
        "training.precision": precision,
        "resources.processes": 2,
        "resources.accelerate_config": str(accelerate_config(tmp_path / "accelerate.yaml", kind)),
    }
    run = example(gpu_home, f"{kind.lower()}-{precision}", "moe_chitchat.yaml", **changes)
    first = launch(run, gpus=2)
    first.until_step(15, timeout_s=240)
    end_processes_on(run.root)
    first.process.wait()
    before = dict(line.split() for line in losses_hex(run))
    launch(run, attempt=2, gpus=2).finish(timeout_s=240)
    table = rows(run).to_pylist()
    assert [row["step"] for row in table] == list(range(1, 31))
    assert table[-1]["loss"] < table[0]["loss"]
    for line in losses_hex(run):
        step, loss = line.split()
        if step in before:
            expected = float.fromhex(before[step])
            assert float.fromhex(loss) == pytest.approx(expected, rel=2e-2)
    AutoModelForCausalLM.from_pretrained(run.checkpoint(30))
