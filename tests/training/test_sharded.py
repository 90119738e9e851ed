"""FSDP2 and DeepSpeed ZeRO on two CPU processes: figures, checkpoints, resume, live control."""

import math
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import end_processes_on
from training.forked import Zygote
from training.harness import (
    TINY_MOE,
    Trainer,
    accelerate_config,
    cap_memory,
    chat_with_poison,
    events,
    launch,
    losses_hex,
    poisoned_changes,
    rows,
    weights,
    weights_hash,
)
from transformers import AutoModelForCausalLM

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import Command, JobStatus

NewRun = Callable[..., RunDirectory]
TWO: dict[str, Any] = {"resources.processes": 2}
LORA: dict[str, Any] = {
    "lora.enabled": True,
    "lora.r": 4,
    "model.from_scratch": None,
    "model.train_tokenizer_vocab": None,
}
# What `accelerate launch` makes of an accelerate config.
FSDP = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
}


def zero(stage: int) -> dict[str, str]:
    return {
        "ACCELERATE_USE_DEEPSPEED": "true",
        "ACCELERATE_DEEPSPEED_ZERO_STAGE": str(stage),
        "DS_ACCELERATOR": "cpu",
    }


needs_deepspeed = pytest.mark.skipif(find_spec("deepspeed") is None, reason="needs deepspeed")
MODES = {"FSDP": FSDP, "DeepSpeed ZeRO-1": zero(1), "DeepSpeed ZeRO-2": zero(2)}
every_mode = pytest.mark.parametrize(
    "mode", [pytest.param(m, marks=() if m == "FSDP" else needs_deepspeed) for m in MODES]
)


class Runs:
    """Runs on two processes, each made once."""

    def __init__(self, new_run: NewRun, zygote: Zygote) -> None:
        self._new_run, self._zygote = new_run, zygote
        self._done: dict[str, RunDirectory] = {}

    def new(self, name: str, changes: Mapping[str, Any] | None = None) -> RunDirectory:
        run_id = name.lower().replace(" ", "-")
        return self._new_run(run_id, TWO | dict(changes or {}))

    def start(self, run: RunDirectory, mode: str, attempt: int = 1, processes: int = 2) -> Trainer:
        return self._zygote.train(run, attempt, processes, MODES.get(mode))

    def done(self, mode: str, name: str, changes: Mapping[str, Any]) -> RunDirectory:
        """A run from start to end."""
        key = f"{mode}-{name}"
        if key not in self._done:
            self._done[key] = self.new(key, changes)
            self.start(self._done[key], mode).finish()
        return self._done[key]


@pytest.fixture(scope="module")
def runs(new_run: NewRun, zygote: Zygote) -> Runs:
    return Runs(new_run, zygote)


PLAIN: dict[str, Any] = {"training.validation_interval_steps": 5}


@every_mode
def test_figures_are_those_of_copies_that_sum_their_gradients(runs: Runs, mode: str) -> None:
    """The same sums in another order: float32 rounding (6e-8) over twenty steps, so 1e-5."""
    ours, theirs = runs.done(mode, "plain", PLAIN), runs.done("copies", "plain", PLAIN)
    a, b = rows(ours).to_pydict(), rows(theirs).to_pydict()
    for name in ("loss", "aux_loss", "grad_norm"):
        np.testing.assert_allclose(a[name], b[name], rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(a["expert_load"], b["expert_load"], atol=1e-6)
    assert a["tokens"] == b["tokens"]
    pairs = zip(
        rows(ours, "validation").to_pylist(), rows(theirs, "validation").to_pylist(), strict=True
    )
    for x, y in pairs:
        assert x["loss"] == pytest.approx(y["loss"], rel=1e-5)
        assert x["tokens"] == y["tokens"]
    manifest = read_json(ours.checkpoint(20) / "manifest.json")
    assert manifest["parallel"] == mode
    warnings = [e for e in events(ours) if e.type == "warning" and "has limits" in e.message]
    assert len(warnings) == 1
    assert warnings[0].payload is not None
    assert warnings[0].payload["parallel"] == mode
    assert f"[WARN] {mode} training has limits. Out of memory ends" in ours.log.read_text()


@every_mode
def test_a_checkpoint_is_whole_and_loads(runs: Runs, mode: str) -> None:
    ours, theirs = runs.done(mode, "plain", PLAIN), runs.done("copies", "plain", PLAIN)
    model = AutoModelForCausalLM.from_pretrained(ours.checkpoint(20))
    assert model.config.architectures == ["Qwen3MoeForCausalLM"]
    a, b = weights(ours, 20), weights(theirs, 20)
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        # Adam divides by a moment, so where that is near zero rounding grows; one step is 1e-2.
        torch.testing.assert_close(tensor, b[name], rtol=1e-4, atol=2e-4)
    files = read_json(ours.checkpoint(20) / "manifest.json")["files"]
    shards = {"optimizer.pt"} if mode == "FSDP" else {"zero-0.pt", "zero-1.pt"}
    assert shards <= files.keys()


@every_mode
@pytest.mark.parametrize("kind", ["moe", "lora"])
def test_killed_and_resumed_is_bit_identical(
    runs: Runs, request: pytest.FixtureRequest, mode: str, kind: str
) -> None:
    changes: dict[str, Any] = {"checkpointing.interval_steps": 4, "training.max_steps": 30}
    if kind == "lora":
        base = request.getfixturevalue("base_model")
        changes |= LORA | {"model.name": str(base), "lora.dropout": 0.1}
    calm = runs.done(mode, f"calm-{kind}", changes)
    killed = runs.new(f"{mode}-killed-{kind}", changes)
    for attempt, step in ((1, 6), (2, 14)):
        trainer = runs.start(killed, mode, attempt)
        trainer.until_step(step)
        trainer.process.kill()
    runs.start(killed, mode, 3).finish()
    assert losses_hex(killed) == losses_hex(calm)
    assert len(losses_hex(killed)) == 30
    shown = [weights_hash(run, 28) for run in (killed, calm)]
    assert shown[0] == shown[1]
    resumed = [e.message for e in events(killed) if e.message.startswith("Resumed from")]
    assert len(resumed) == 2


@every_mode
def test_live_commands(runs: Runs, mode: str) -> None:
    endless = {"training.max_steps": 100_000, "checkpointing.interval_steps": None}
    run = runs.new(f"{mode}-live", endless)
    trainer = runs.start(run, mode)
    trainer.until_step(3)
    ack = trainer.ask(Command.PAUSE)
    assert ack.outcome == "applied"
    trainer.until(lambda s: s.state == JobStatus.PAUSED)
    ack = trainer.ask(Command.SET, learning_rate=0.002, max_grad_norm=0.5, gradient_accumulation=3)
    assert ack.outcome == "applied"
    assert trainer.ask(Command.RESUME).outcome == "applied"
    trainer.until_step(ack.step + 2)
    row = next(r for r in rows(run).to_pylist() if r["step"] == ack.step + 1)
    assert row["learning_rate"] == pytest.approx(0.002)
    assert row["samples"] == 2 * 3 * 2
    saved = trainer.ask(Command.CHECKPOINT)
    assert saved.outcome == "applied"
    AutoModelForCausalLM.from_pretrained(run.checkpoint(saved.new["step"]))
    assert trainer.ask(Command.VALIDATE, split="test").outcome == "applied"
    assert trainer.ask(Command.STOP).outcome == "applied"
    assert trainer.wait() == 0


@every_mode
@pytest.mark.parametrize("kind", ["moe", "lora"])
def test_bf16_with_gradient_checkpointing_and_packing(
    runs: Runs, base_model: Path, mode: str, kind: str
) -> None:
    changes: dict[str, Any] = {
        "training.precision": "bf16",
        "training.gradient_checkpointing": True,
        "data.packing": True,
        "data.max_length": 96,
    }
    if kind == "lora":
        changes |= LORA | {"model.name": str(base_model)}
    table = rows(runs.done(mode, f"bf16-{kind}", changes)).to_pylist()
    assert all(math.isfinite(row["loss"]) and row["grad_norm"] > 0 for row in table)
    assert all(sum(row["expert_load"]) == pytest.approx(1) for row in table)
    if kind == "moe":
        assert table[-1]["loss"] < table[0]["loss"] - 0.5


TIED = TINY_MOE["model"]["from_scratch"] | {"tie_word_embeddings": True}


@every_mode
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"lora.targets": "all-linear", **LORA}, id="all-linear"),
        pytest.param({"lora.targets": "experts", **LORA}, id="experts"),
        pytest.param({"model.from_scratch": TIED}, id="tied"),
    ],
)
def test_other_models_agree_with_copies_too(
    runs: Runs, base_model: Path, mode: str, changes: dict[str, Any], request: Any
) -> None:
    if "lora.enabled" in changes:
        changes = changes | {"model.name": str(base_model)}
    name = request.node.callspec.id.rpartition("-")[2]
    short = changes | {"training.max_steps": 8}
    ours, theirs = runs.done(mode, name, short), runs.done("copies", name, short)
    np.testing.assert_allclose(
        rows(ours)["loss"].to_numpy(), rows(theirs)["loss"].to_numpy(), rtol=1e-5
    )
    a, b = weights(ours, 8), weights(theirs, 8)
    assert a.keys() == b.keys()


@every_mode
def test_steps_that_are_not_finite_are_skipped_and_rolled_back(
    runs: Runs, poisoned: Path, tmp_path_factory: pytest.TempPathFactory, mode: str
) -> None:
    """As copies do: the losses after each skip and each roll-back tell whether it was whole."""
    data = chat_with_poison(tmp_path_factory.getbasetemp() / "poison.jsonl", clean=30, bad=8)
    changes = poisoned_changes(poisoned, data) | {
        "training.max_steps": 40,
        "training.max_nonfinite_in_row": 2,
        "checkpointing.interval_steps": 3,
        "training.max_rollbacks": 100,
        "optimization.learning_rate": 0.01,
    }
    ours, theirs = runs.done(mode, "poison", changes), runs.done("copies", "poison", changes)
    a, b = rows(ours)["loss"].to_numpy(), rows(theirs)["loss"].to_numpy()
    assert 5 < np.isnan(a).sum() < 30
    np.testing.assert_allclose(a, b, rtol=1e-4)
    rolled = [
        [e.message for e in events(run) if "rolled back" in e.message] for run in (ours, theirs)
    ]
    assert rolled[0] == rolled[1]
    assert len(rolled[0]) > 1


@every_mode
def test_out_of_memory_ends_the_run_in_a_sentence(runs: Runs, mode: str) -> None:
    changes = {"training.max_steps": 100_000, "checkpointing.interval_steps": None}
    run = runs.new(f"{mode}-oom", changes)
    trainer = runs.start(run, mode)
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > 2)
    cap_memory(trainer, spare_bytes=120 * 2**20)
    trainer.ask(Command.SET, micro_batch_size=512, gradient_accumulation=1)
    assert trainer.wait() != 0
    fail = read_json(run.attempt(1).fail(0))
    assert fail["type"] == "OutOfMemory"
    assert f"which {mode} cannot recover from by itself" in fail["message"]


def test_one_format_with_and_without_fsdp(runs: Runs) -> None:
    """Ten steps one way, ten the other, and both ways agree with copies all through."""
    calm = rows(runs.done("copies", "plain", PLAIN))["loss"].to_numpy()
    for name, modes in (("in", ("copies", "FSDP")), ("out", ("FSDP", "copies"))):
        run = runs.new(f"fsdp-{name}", PLAIN)
        trainer = runs.start(run, modes[0])
        trainer.until_step(12)
        trainer.process.kill()
        runs.start(run, modes[1], attempt=2).finish()
        resumed = next(e.message for e in events(run) if e.message.startswith("Resumed from"))
        assert resumed.endswith("step-00000010")
        np.testing.assert_allclose(rows(run)["loss"].to_numpy(), calm, rtol=1e-5)


def test_fsdp_resumes_with_another_number_of_processes(runs: Runs) -> None:
    """Its checkpoints are whole; the samples of a step are what the config says they are now."""
    run = runs.new("fsdp-three", {"training.max_steps": 12, "checkpointing.interval_steps": 4})
    trainer = runs.start(run, "FSDP")
    trainer.until_step(6)
    trainer.process.kill()
    config = run.config.read_text()
    run.config.write_text(config.replace("processes: 2", "processes: 3"))
    runs.start(run, "FSDP", attempt=2, processes=3).finish()
    table = rows(run).to_pylist()
    assert [row["step"] for row in table] == list(range(1, 13))
    assert [row["samples"] for row in table] == [8] * 4 + [12] * 8
    assert table[-1]["loss"] < table[0]["loss"]


@needs_deepspeed
def test_deepspeed_refuses_what_it_cannot_go_on_from(runs: Runs) -> None:
    run = runs.new("zero-mixed", {"training.max_steps": 100_000})
    trainer = runs.start(run, "DeepSpeed ZeRO-1")
    trainer.until_step(6)
    trainer.process.kill()
    for attempt, mode, sentence in (
        (2, "DeepSpeed ZeRO-2", "was made by 2 processes under DeepSpeed ZeRO-1; DeepSpeed ZeRO-2"),
        (3, "FSDP", "was made under DeepSpeed, which alone can go on from it"),
        (4, "copies", "was made under DeepSpeed, which alone can go on from it"),
    ):
        refused = runs.start(run, mode, attempt)
        assert refused.wait() != 0
        assert sentence in read_json(run.attempt(attempt).fail(0))["message"]
    other = runs.new("copies-to-zero", {"training.max_steps": 100_000})
    trainer = runs.start(other, "copies")
    trainer.until_step(6)
    trainer.process.kill()
    refused = runs.start(other, "DeepSpeed ZeRO-1", attempt=2)
    assert refused.wait() != 0
    assert "was made without DeepSpeed" in read_json(other.attempt(2).fail(0))["message"]


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        pytest.param(FSDP | {"FSDP_VERSION": "1"}, "asks for FSDP 1", id="fsdp1"),
        pytest.param(
            zero(3), "asks for DeepSpeed ZeRO stage 3, which", marks=needs_deepspeed, id="zero3"
        ),
        pytest.param(
            zero(2) | {"ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE": "cpu"},
            "ZeRO stage 2 with offloading, which",
            marks=needs_deepspeed,
            id="offload",
        ),
        pytest.param(
            zero(2),
            "asks for DeepSpeed, which is not installed here",
            marks=pytest.mark.skipif(find_spec("deepspeed") is not None, reason="it is installed"),
            id="missing",
        ),
    ],
)
def test_what_is_not_known_is_refused_in_a_sentence(
    runs: Runs, zygote: Zygote, environment: dict[str, str], sentence: str, request: Any
) -> None:
    run = runs.new(f"refused-{request.node.callspec.id}")
    trainer = zygote.train(run, processes=2, environment=environment)
    assert trainer.wait() != 0
    fail = read_json(run.attempt(1).fail(0))
    assert fail["type"] == "GladiusError"
    assert sentence in fail["message"]
    assert "Traceback" not in trainer.log()


def test_fp16_learns(runs: Runs) -> None:
    """Under FSDP; DeepSpeed has no fp16 on CPUs, see tests/gpu."""
    table = rows(runs.done("FSDP", "fp16", {"training.precision": "fp16"})).to_pylist()
    assert table[-1]["loss"] < table[0]["loss"] - 0.5


@pytest.mark.parametrize("mode", ["FSDP", pytest.param("DeepSpeed ZeRO-2", marks=needs_deepspeed)])
def test_an_accelerate_config_is_launched_as_it_says(runs: Runs, tmp_path: Path, mode: str) -> None:
    """On CPUs too, where accelerate itself ignores it; with the options that change the model."""
    kind = "FSDP" if mode == "FSDP" else "DEEPSPEED"
    file = accelerate_config(tmp_path / "accelerate.yaml", kind)
    run = runs.new(f"launched-{mode}", PLAIN | {"resources.accelerate_config": str(file)})
    first = launch(run)
    first.until_step(12)
    end_processes_on(run.root)
    first.process.wait()
    launch(run, attempt=2).finish()
    calm = rows(runs.done(mode, "plain", PLAIN))["loss"].to_numpy()
    np.testing.assert_allclose(rows(run)["loss"].to_numpy(), calm, rtol=1e-5)
    AutoModelForCausalLM.from_pretrained(run.checkpoint(20))
