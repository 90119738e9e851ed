"""The forecast of logits and activations against what torch allocates in one pass."""

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig, AutoModelForCausalLM

from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.model.memory import memory_forecast
from gladius_widgets.training.model.build import recompute_activations
from gladius_widgets.training.parallel.step import token_losses

SIZES = {
    "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 4, "intermediate_size": 704,
}  # fmt: skip
LLAMA = {"model_type": "llama", **SIZES, "vocab_size": 300}
MOE = {
    "model_type": "qwen3_moe", **SIZES, "vocab_size": 300, "head_dim": 64,
    "moe_intermediate_size": 256, "num_experts": 4, "num_experts_per_tok": 2,
}  # fmt: skip
SAMPLES, LENGTH = 4, 256


def peak_bytes(config: TrainingConfig, fields: dict) -> int:
    """The most that a forward and backward pass holds beside weights and gradients."""
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**fields), attn_implementation=config.model.attention
    ).train()
    if config.training.gradient_checkpointing:
        recompute_activations(model)
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    ids = torch.randint(0, fields["vocab_size"], (SAMPLES, LENGTH))
    half = config.training.precision == "bf16"
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            output = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
        token_losses(output.logits, ids).sum().backward()
    profiler = profiled.profiler
    assert profiler is not None
    results = profiler.kineto_results
    held = most = 0
    for event in results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most


@pytest.mark.parametrize(
    ("fields", "training", "attention"),
    [
        (LLAMA, {}, "sdpa"),
        (LLAMA, {}, "eager"),
        (LLAMA, {"gradient_checkpointing": True}, "sdpa"),
        (LLAMA, {"precision": "bf16"}, "sdpa"),
        ({**LLAMA, "vocab_size": 20_000}, {}, "sdpa"),
        ({**LLAMA, "vocab_size": 20_000}, {"precision": "bf16"}, "sdpa"),
        (MOE, {}, "sdpa"),
    ],
)
def test_it_is_near_what_torch_allocates(fields, training, attention):
    config = TrainingConfig.model_validate(
        {
            "model": {
                "name": "new", "from_scratch": fields, "train_tokenizer_vocab": 300,
                "attention": attention,
            },
            "data": {"path": "org/data", "max_length": LENGTH},
            "training": {"micro_batch_size": SAMPLES, **training},
        }
    )  # fmt: skip
    told = memory_forecast(config)
    assert told is not None
    copy = told.weights - told.gradients  # in half precision, made in the pass
    forecast = told.logits + told.activations + copy
    assert forecast == pytest.approx(peak_bytes(config, fields), rel=0.35)
