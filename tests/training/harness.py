"""Runs made by hand and the trainer started on them, with no supervisor and no runner."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psutil
import pyarrow as pa
from safetensors.torch import load_file
from support import wait_until

from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.config.load import config_from_values, load_config
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.config.yaml_io import dump_yaml
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import Command
from gladius_widgets.runner.launch import launch_command
from gladius_widgets.store.metrics import MetricReader, newest_attempt
from gladius_widgets.store.metrics.schemas import TABLES, TRAIN
from gladius_widgets.store.run.events import Event, EventReader
from gladius_widgets.store.run.requests import Ack, request, wait_ack

TINY_MOE: dict[str, Any] = {
    "model": {
        "name": "tiny-moe",
        "train_tokenizer_vocab": 384,
        "from_scratch": {
            "model_type": "qwen3_moe",
            "hidden_size": 32,
            "intermediate_size": 64,
            "moe_intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "max_position_embeddings": 256,
            "attention_dropout": 0.1,
        },
    },
    "data": {"max_length": 48, "validation_share": 0.1, "test_share": 0.1},
    "training": {
        "max_steps": 20,
        "micro_batch_size": 2,
        "gradient_accumulation": 2,
        "tensorboard": False,
    },
    "optimization": {"learning_rate": 0.01, "warmup_steps": 2},
    "checkpointing": {"interval_steps": 5, "interval_minutes": None},
    "resources": {"device": "cpu"},
}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `section.key` → value changes."""
    values = json.loads(json.dumps(base))
    for path, value in changes.items():
        section, key = path.split(".", 1)
        values.setdefault(section, {})[key] = value
    return values


def make_run(home: Home, run_id: str, values: Mapping[str, Any]) -> RunDirectory:
    """A run directory as the client makes it at submit."""
    run = home.run(run_id)
    run.create()
    config = config_from_values(values)
    run.config.write_text(dump_yaml(config.to_plain()))
    source = run.root / "original.yaml"
    source.write_text(dump_yaml(dict(values)))
    write_json(run.job, {"version": 1, "id": run_id, "config_file": str(source)})
    return run


def config_of(values: Mapping[str, Any]) -> TrainingConfig:
    return config_from_values(values)


class Process(Protocol):
    """What a Popen and a forked trainer have in common."""

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


@dataclass
class Trainer:
    """A trainer process, or several under the launcher."""

    run: RunDirectory
    attempt: int
    process: "Process"
    started_at: float = field(default_factory=time.time)

    @property
    def status(self) -> RunStatus:
        return read_status(self.run) or RunStatus()

    def wait(self, timeout_s: float = 120) -> int:
        return self.process.wait(timeout_s)

    def finish(self, timeout_s: float = 120) -> int:
        """Wait for the end, and fail with the log when it was a bad one."""
        rc = self.wait(timeout_s)
        assert rc == 0, self.log()
        return rc

    def log(self) -> str:
        return self.run.log.read_text()

    def until(self, condition: Callable[[RunStatus], Any], timeout_s: float = 60) -> RunStatus:
        """Wait until the snapshot says so; fails when the process ends before."""

        def look() -> RunStatus | None:
            status = self.status
            if status.attempt == self.attempt and condition(status):
                return status
            assert self.process.poll() is None, f"it ended before:\n{self.log()}"
            return None

        return wait_until(look, timeout_s, "the status to say so")

    def until_step(self, step: int, timeout_s: float = 60) -> None:
        """Wait until this attempt has made the step; the train table knows before the snapshot."""
        reader = MetricReader(self.run.table("train"), TRAIN)

        def look() -> bool:
            assert self.process.poll() is None, f"it ended before:\n{self.log()}"
            found = reader.poll().to_pylist()
            return any(r["step"] >= step and r["attempt"] == self.attempt for r in found)

        wait_until(look, timeout_s, f"step {step}")

    def ask(self, command: Command, timeout_s: float = 30, by: str = "test", **args: Any) -> Ack:
        """Request, and wait for the answer."""
        asked = request(self.run, command, args, by)
        ack = wait_ack(self.run, asked.id, timeout_s)
        assert ack is not None, f"no answer to {command}:\n{self.log()}"
        return ack


def start(run: RunDirectory, attempt: int = 1, processes: int = 1, **environment: str) -> Trainer:
    """Start the trainer, alone or under `accelerate launch`."""
    attempt_directory = run.attempt(attempt)
    attempt_directory.ranks.mkdir(parents=True, exist_ok=True)
    write_json(attempt_directory.proc, {"started_at": time.time()})
    trainer = ["-m", "gladius_widgets.training", "--run", str(run.root), "--attempt", str(attempt)]
    if processes == 1:
        command = [sys.executable, *trainer]
    else:
        launcher = str(Path(sys.executable).with_name("accelerate"))
        command = [launcher, "launch", "--num_machines", "1", "--dynamo_backend", "no"]
        command += ["--mixed_precision", "no", "--num_processes", str(processes)]
        command += ["--multi_gpu", "--main_process_port", "0", *trainer]
        environment |= {"ACCELERATE_USE_CPU": "true"}
    with run.log.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"GLADIUS_HOME": str(run.root.parent.parent)} | environment,
        )
    return Trainer(run, attempt, process)


def launch(run: RunDirectory, attempt: int = 1, gpus: int = 0) -> Trainer:
    """Start the trainer as the runner does, by the config's own accelerate config."""
    run.attempt(attempt).ranks.mkdir(parents=True, exist_ok=True)
    write_json(run.attempt(attempt).proc, {"started_at": time.time()})
    command, more = launch_command(load_config(run.config), run, attempt, gpus)
    environment = os.environ | {"GLADIUS_HOME": str(run.root.parent.parent)} | more
    with run.log.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    return Trainer(run, attempt, process)


def accelerate_config(path: Path, kind: str, processes: int = 2) -> Path:
    """An accelerate config file that shards: `kind` is FSDP or DEEPSPEED."""
    common = f"distributed_type: {kind}\nnum_machines: 1\nnum_processes: {processes}\n"
    common += "main_process_port: 0\nmixed_precision: 'no'\n"
    path.write_text(common + _SHARDING[kind])
    return path


_SHARDING = {
    "FSDP": """
fsdp_config:
  fsdp_version: 2
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_cpu_ram_efficient_loading: true
  fsdp_activation_checkpointing: true
""",
    "DEEPSPEED": """
deepspeed_config:
  zero_stage: 2
  gradient_accumulation_steps: 4
""",
}


def rows(run: RunDirectory, table: str = "train") -> pa.Table:
    """All rows of a table, each step's newest attempt only."""
    return newest_attempt(MetricReader(run.table(table), TABLES[table]).read()).sort_by("step")


def losses_hex(run: RunDirectory) -> list[str]:
    """Every step's loss, exactly."""
    return [f"{step} {loss.hex()}" for step, loss in zip(
        rows(run)["step"].to_pylist(), rows(run)["loss"].to_pylist(), strict=True)]  # fmt: skip


def weights(run: RunDirectory, step: int) -> dict[str, Any]:
    """The tensors of a checkpoint's safetensors file."""
    folder = run.checkpoint(step)
    files = sorted(folder.glob("*.safetensors"))
    assert files, f"no weights in {list(folder.iterdir())}"
    return {name: tensor for file in files for name, tensor in load_file(file).items()}


def weights_hash(run: RunDirectory, step: int) -> dict[str, str]:
    """sha256 of the weights and the optimizer of a checkpoint, from its verified manifest."""
    files = (read_json(run.checkpoint(step) / "manifest.json") or {})["files"]
    return {
        name: facts["sha256"]
        for name, facts in files.items()
        if name.endswith((".safetensors", "optimizer.pt")) or name.startswith("rng-")
    }


def events(run: RunDirectory) -> list[Event]:
    return EventReader(run).poll()


def chat_with_poison(path: Path, clean: int, bad: int) -> Path:
    """Rows, of which some hold the poisoned token."""
    texts = ["how are you"] * clean + ["well ~ thanks"] * bad
    lines = [
        {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": text}]}
        for text in texts
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def poisoned_changes(model: Path, data: Path) -> dict[str, Any]:
    """Settings of a run that meets the poison."""
    return {
        "model.name": str(model),
        "model.from_scratch": None,
        "model.train_tokenizer_vocab": None,
        "data.path": str(data),
        "data.validation_share": 0.0,
        "data.test_share": 0.0,
        "training.micro_batch_size": 1,
        "training.gradient_accumulation": 1,
        "optimization.learning_rate": 0.0001,
    }


def cap_memory(trainer: Trainer, spare_bytes: int) -> None:
    """From now on the trainer gets only so much more address space: malloc fails, for real."""
    pid = trainer.process.pids[0]  # type: ignore[attr-defined]  # a Forked
    limit = psutil.Process(pid).memory_info().vms + spare_bytes
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
