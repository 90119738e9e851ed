"""Precisions, gradient checkpointing, packing and several processes, in real runs."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training.forked import Zygote
from training.harness import TINY_MOE, losses_hex, rows, weights

from gladius_widgets.core.paths import RunDirectory

NewRun = Callable[..., RunDirectory]
LORA: dict[str, Any] = {
    "lora.enabled": True,
    "model.from_scratch": None,
    "model.train_tokenizer_vocab": None,
}


@pytest.mark.parametrize("kind", ["moe", "lora"])
def test_bf16_with_gradient_checkpointing_and_packing(
    new_run: NewRun, zygote: Zygote, base_model: Path, kind: str
) -> None:
    changes: dict[str, Any] = {
        "training.precision": "bf16",
        "training.gradient_checkpointing": True,
        "data.packing": True,
        "data.max_length": 96,
    }
    if kind == "lora":
        changes |= LORA | {"model.name": str(base_model)}
    run = new_run(f"bf16-{kind}", changes)
    zygote.train(run).finish()
    table = rows(run).to_pylist()
    assert all(np.isfinite(row["loss"]) and row["grad_norm"] > 0 for row in table)
    assert all(sum(row["expert_load"]) == pytest.approx(1) for row in table)
    assert {str(tensor.dtype) for tensor in weights(run, 20).values()} == {"torch.float32"}
    if kind == "moe":
        assert table[-1]["loss"] < table[0]["loss"] - 0.5


def test_fp16_learns_and_resumes_exactly(new_run: NewRun, zygote: Zygote) -> None:
    whole = new_run("fp16", {"training.precision": "fp16"})
    zygote.train(whole).finish()
    table = rows(whole).to_pylist()
    assert table[-1]["loss"] < table[0]["loss"] - 0.5
    shutil.rmtree(whole.checkpoint(20))
    shutil.rmtree(whole.checkpoint(15))
    before = losses_hex(whole)
    zygote.train(whole, attempt=2).finish()
    assert losses_hex(whole) == before


def test_two_processes_take_the_same_steps_as_one(new_run: NewRun, zygote: Zygote) -> None:
    """A step's samples are the same, so the losses agree but for the order of sums (1e-4)."""
    scratch = TINY_MOE["model"]["from_scratch"] | {"attention_dropout": 0.0}
    changes = {"model.from_scratch": scratch, "training.validation_interval_steps": 10}
    changes["moe.aux_loss_coef"] = 0.01
    one, two = new_run("one-process", changes), new_run(
        "two-processes",
        changes | {"training.gradient_accumulation": 1, "resources.processes": 2},
    )  # fmt: skip
    zygote.train(one).finish()
    zygote.train(two, processes=2).finish()
    ours, theirs = rows(one).to_pydict(), rows(two).to_pydict()
    for name in ("loss", "aux_loss", "grad_norm"):
        np.testing.assert_allclose(theirs[name], ours[name], rtol=1e-3, err_msg=name)
    for name in ("tokens", "samples", "step"):
        assert theirs[name] == ours[name]
    np.testing.assert_allclose(theirs["expert_load"], ours["expert_load"], atol=0.02)
    for a, b in zip(rows(one, "validation").to_pylist(), rows(two, "validation").to_pylist(),
                    strict=True):  # fmt: skip
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-3)
        assert b["tokens"] == a["tokens"]
