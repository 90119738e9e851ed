"""The configs that we ship: valid, with their launch line, and the two examples really train."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import AutoPeftModelForCausalLM
from support import REPOSITORY
from training.harness import make_run, merged, rows, start
from transformers import AutoModelForCausalLM, AutoTokenizer

from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.paths import Home
from gladius_widgets.training.prefetch import main as prepare

CONFIGS = sorted((REPOSITORY / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs_are_valid_and_say_how_to_launch_them(path: Path) -> None:
    config = load_config(path)
    first = path.read_text().splitlines()[0]
    assert first == f"# gladius submit configs/{path.name}"
    assert config.samples_per_step >= 1


def values_of(name: str, changes: dict[str, Any]) -> dict[str, Any]:
    return merged(load_config(REPOSITORY / "configs" / name).to_plain(), changes)


def replies(model: Any, folder: Path) -> str:
    """What the model says to hello."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello!"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    with torch.no_grad():
        output = model.generate(**prompt, max_new_tokens=6, do_sample=False)
    return tokenizer.decode(output[0, prompt["input_ids"].shape[1] :])


def test_the_example_moe_learns_and_its_checkpoint_generates(workshop: Home) -> None:
    changes = {"training.max_steps": 60, "training.gradient_accumulation": 1}
    changes |= {"data.max_samples": 1500, "training.tensorboard": False}
    changes |= {"training.validation_max_batches": 4}
    run = make_run(workshop, "example-moe", values_of("moe_chitchat.yaml", changes))
    start(run).finish(timeout_s=200)
    losses = rows(run)["loss"].to_pylist()
    assert len(losses) == 60
    assert losses[-1] < losses[0] - 1.0
    model = AutoModelForCausalLM.from_pretrained(run.checkpoint(60))
    assert replies(model, run.checkpoint(60))


@pytest.mark.timeout(600)  # 135 million parameters, and others may want the cores too
def test_lora_on_smollm2_runs_offline_once_prepared(
    workshop: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {
        "training.max_steps": 4,
        "training.gradient_accumulation": 1,
        "data.max_samples": 60,
        "data.max_length": 64,  # short for a test: some answers fall behind the cut
        "data.max_bad_share": 0.2,
        "training.validation_max_batches": 1,
        "training.tensorboard": False,
    }
    run = make_run(workshop, "example-lora", values_of("lora_smollm2.yaml", changes))
    monkeypatch.setenv("HF_HOME", str(tmp_path))  # no hub cache of the developer's
    assert prepare(["--home", str(workshop.root), str(run.config)]) == 0
    offline = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    offline |= {name.upper(): value for name, value in offline.items()} | {"PIP_NO_INDEX": "1"}
    start(run, **offline).finish(timeout_s=280)
    losses = rows(run)["loss"].to_pylist()
    assert len(losses) == 4
    assert max(losses) < 6, "a pretrained model starts far below chance (10.8)"
    model = AutoPeftModelForCausalLM.from_pretrained(run.checkpoint(4))
    assert replies(model, run.checkpoint(4)).strip()
