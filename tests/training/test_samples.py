"""Samples at validations: what the model writes, and that training does not notice."""

import json
from collections.abc import Callable

import pytest
from training.forked import Zygote
from training.harness import events, losses_hex, rows, weights_hash

from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.training.loop import generations

NewRun = Callable[..., RunDirectory]
PROMPTS = ["hello, how are you?", "tell me of your day"]
BASE = {"training.validation_interval_steps": 4, "training.max_steps": 12}


def written(run: RunDirectory) -> list[dict]:
    found = [event.payload for event in events(run) if event.type == "metrics"]
    return [payload for payload in found if payload and payload.get("kind") == "samples"]


def test_training_goes_on_to_the_bit_as_without_them(new_run: NewRun, zygote: Zygote) -> None:
    """Dropout is on, so that a touched random state would show; so are routing figures."""
    plain, sampled = (
        new_run(name, BASE | more)
        for name, more in (
            ("samples-none", {}),
            ("samples-two", {"training.sample_prompts": PROMPTS, "training.sample_tokens": 16}),
        )
    )
    for run in (plain, sampled):
        assert zygote.start(run, 1).wait() == 0, run.log.read_text()
    assert losses_hex(sampled) == losses_hex(plain)
    assert weights_hash(sampled, 12) == weights_hash(plain, 12)
    for column in ("expert_load", "expert_loss", "tokens"):
        assert rows(sampled)[column].to_pylist() == rows(plain)[column].to_pylist()
    assert written(plain) == []
    made = written(sampled)
    assert [payload["step"] for payload in made] == [4, 8, 12]
    for payload in made:
        assert [one["prompt"] for one in payload["samples"]] == PROMPTS
        assert all(0 < one["tokens"] <= 16 for one in payload["samples"])
        assert all(isinstance(one["text"], str) for one in payload["samples"])


def test_adapters_write_too(new_run: NewRun, zygote: Zygote, base_model) -> None:
    changes = {
        "lora.enabled": True, "lora.r": 2, "model.name": str(base_model), "training.max_steps": 2,
        "model.from_scratch": None, "model.train_tokenizer_vocab": None,
        "training.sample_prompts": PROMPTS[:1], "training.validation_interval_steps": 2,
        "training.sample_tokens": 500,
    }  # fmt: skip
    run = new_run("samples-lora", changes)
    assert zygote.start(run, 1).wait() == 0, run.log.read_text()
    assert [len(payload["samples"]) for payload in written(run)] == [1]


@pytest.mark.parametrize("text", ["x" * 40_000, "\x00" * 40_000, "é" * 40_000])
def test_a_flood_of_text_fits_into_an_event(text: str) -> None:
    made = [{"prompt": "p", "text": text, "is_cut": False} for _ in range(8)]
    payload = generations._fitted({"kind": "samples", "step": 1, "samples": made})
    assert len(json.dumps(payload, ensure_ascii=False).encode()) < 32 * 1024
    assert all(one["text"] and one["is_cut"] for one in payload["samples"])
