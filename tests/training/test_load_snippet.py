"""The lines that the results card offers for loading a checkpoint, run as they stand."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from training.forked import Zygote

from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.panels.results.model import load_snippet
from gladius_widgets.panels.results.reader import read_facts

LORA: dict[str, Any] = {"lora.enabled": True, "lora.r": 2, "training.max_steps": 2}
FORWARD = """
ids = tokenizer("Hello, how are you?", return_tensors="pt").input_ids
print(type(model).__name__, tuple(model(ids).logits.shape[:2]) == tuple(ids.shape))
"""


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("moe", "Qwen3MoeForCausalLM True"),
        ("lora", "PeftModelForCausalLM True"),
        ("lora-untrained-base", "PeftModelForCausalLM True"),
    ],
)
def test_it_loads_the_checkpoint(
    new_run: Callable[..., RunDirectory],
    zygote: Zygote,
    moe_run: RunDirectory,
    base_model: Path,
    kind: str,
    wanted: str,
) -> None:
    run = moe_run
    if kind != "moe":
        base = {"model.name": str(base_model), "model.from_scratch": None,
                "model.train_tokenizer_vocab": None}  # fmt: skip
        run = new_run(f"snippet-{kind}", LORA | (base if kind == "lora" else {}))
        zygote.train(run).finish()
    facts = read_facts(run)
    newest = facts.checkpoints[0]
    assert (newest.problem, newest.is_hashed) == ("", True)
    code = load_snippet(str(newest.folder), facts.base)
    done = subprocess.run(
        [sys.executable, "-c", code + FORWARD], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == wanted, done.stderr
