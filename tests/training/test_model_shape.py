"""Parameters by formula against transformers' own, counted on models without memory."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from gladius_widgets.core.model.files import causal_model_types
from gladius_widgets.core.model.shape import Shape

SIZES = {
    "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "vocab_size": 96, "intermediate_size": 80,
}  # fmt: skip
MOE = {"num_experts": 4, "moe_intermediate_size": 48, "num_experts_per_tok": 2}


def count(fields: dict) -> int:
    config = AutoConfig.for_model(**fields)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize(
    "fields",
    [
        {"model_type": "llama", **SIZES},
        {"model_type": "llama", **SIZES, "attention_bias": True, "mlp_bias": True},
        {"model_type": "llama", **SIZES, "tie_word_embeddings": True, "head_dim": 24},
        {"model_type": "mistral", **SIZES, "head_dim": 24},
        {"model_type": "qwen2", **SIZES, "tie_word_embeddings": True},
        {"model_type": "qwen3", **SIZES},
        {"model_type": "qwen3", **SIZES, "head_dim": 16, "attention_bias": True},
        {"model_type": "qwen3_moe", **SIZES, **MOE},
        {"model_type": "qwen3_moe", **SIZES, **MOE, "head_dim": 24, "attention_bias": True},
        {"model_type": "mixtral", **SIZES, "num_local_experts": 4},
        {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 96},
        {"model_type": "gpt2", "n_embd": 64, "n_head": 4, "n_inner": 72, "n_positions": 32},
        # Nothing but the type: transformers' own defaults, which are large.
        *({"model_type": name} for name in
          ("llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe", "gpt2")),
    ],
    ids=lambda fields: f"{fields['model_type']}-{len(fields)}",
)  # fmt: skip
def test_parameters_are_those_of_transformers(fields):
    shape = Shape.of(fields)
    assert shape is not None
    assert shape.parameters == count(fields)


def test_a_saved_config_says_the_same():
    config = AutoConfig.for_model("qwen3_moe", **SIZES, **MOE)
    shape = Shape.of(config.to_diff_dict())
    assert shape is not None
    assert shape.parameters == count({"model_type": "qwen3_moe", **SIZES, **MOE})


def test_the_types_are_those_that_transformers_loads():
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    assert causal_model_types() == set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
