import json

import pytest

from gladius_widgets.core.config.schema import LoraSection, TrainingConfig
from gladius_widgets.core.model.memory import adapter_parameters, memory_forecast
from gladius_widgets.core.model.shape import Shape

# 2 layers of width 8 with 2 heads of 4, one of them for keys and values; MLP of 16; 10 tokens.
# Embedding and head 2·80 = 160; a layer: q 64, k 32, v 32, o 64, MLP 3·128, norms 16 = 592; last
# norm 8.
TINY = {
    "model_type": "llama", "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "intermediate_size": 16, "vocab_size": 10,
}  # fmt: skip
PARAMETERS = 160 + 2 * 592 + 8


def tiny(model=None, training=None, **sections) -> TrainingConfig:
    scratch = {"from_scratch": TINY, "train_tokenizer_vocab": 300}
    return TrainingConfig.model_validate(
        {
            "model": {"name": "new", **scratch, **(model or {})},
            "data": {"path": "org/data", "max_length": 32},
            "training": {"micro_batch_size": 4, **(training or {})},
            **sections,
        }
    )


def test_full_training_in_float32():
    found = memory_forecast(tiny())
    assert found is not None
    assert (found.weights, found.gradients, found.optimizer) == (
        4 * PARAMETERS, 4 * PARAMETERS, 8 * PARAMETERS,
    )  # fmt: skip
    tokens = 4 * 32
    assert found.logits == tokens * 10 * (4 + 12)
    # Korthikanti's 34·s·b·h at 2 bytes, of which 16 are a GeLU MLP of 4h; ours is gated and of
    # 2h, which makes 8·2h = 16h too. At 4 bytes twice that.
    assert found.activations == 2 * tokens * 8 * 34 * 2
    assert found.total_bytes == 16 * PARAMETERS + found.logits + found.activations


def test_half_precision_keeps_float32_weights_and_a_copy():
    found = memory_forecast(tiny(training={"precision": "bf16"}))
    assert found is not None
    assert found.weights == (4 + 2) * PARAMETERS
    assert found.optimizer == 8 * PARAMETERS
    assert found.activations == 2 * 128 * 8 * 34
    assert found.logits == 128 * 10 * (2 + 12)


def test_checkpointing_keeps_inputs_and_one_layer():
    found = memory_forecast(tiny(training={"precision": "bf16", "gradient_checkpointing": True}))
    assert found is not None
    assert found.activations == 128 * 8 * 2 * 2 + 128 * 8 * 34


def test_eager_attention_holds_the_scores():
    found = memory_forecast(tiny({"attention": "eager"}, {"precision": "bf16"}))
    assert found is not None
    assert found.activations == 2 * 128 * (8 * 34 + 5 * 2 * 32)  # 5·a·s²·b a layer


def test_experts_hold_their_own_tokens():
    moe = {**TINY, "model_type": "mixtral", "num_local_experts": 3, "num_experts_per_tok": 2}
    found = memory_forecast(tiny({"from_scratch": moe}, {"precision": "bf16"}))
    assert found is not None
    assert found.activations == 2 * 128 * (18 * 8 + 2 * (8 * 16 + 3 * 8 * 2))


def test_adapters_alone_have_gradients_and_moments():
    lora = {"enabled": True, "r": 4, "targets": "attention"}
    found = memory_forecast(tiny(training={"precision": "bf16"}, lora=lora))
    adapters = 2 * 4 * ((8 + 8) + (8 + 4) + (8 + 4) + (8 + 8))
    assert found is not None
    assert found.weights == 2 * PARAMETERS + 4 * adapters
    assert (found.gradients, found.optimizer) == (4 * adapters, 8 * adapters)


def test_adapters_by_name_and_on_experts():
    shape = Shape.of({**TINY, "model_type": "mixtral", "num_local_experts": 3})
    assert shape is not None
    named = LoraSection(enabled=True, r=2, targets=["q_proj", "nothing"])
    assert adapter_parameters(shape, named) == 2 * 2 * 16
    experts = LoraSection(enabled=True, r=2, targets="experts")
    assert adapter_parameters(shape, experts) == 2 * 2 * 3 * 3 * (8 + 16)


def test_a_folder_tells_its_own_size(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(TINY))
    model = {"name": str(tmp_path), "from_scratch": None, "train_tokenizer_vocab": None}
    found = memory_forecast(tiny(model))
    assert found is not None
    assert found.gradients == 4 * PARAMETERS


@pytest.mark.parametrize(
    "model",
    [
        {"name": "org/unknown", "from_scratch": None, "train_tokenizer_vocab": None},
        {"from_scratch": {"model_type": "mamba", "hidden_size": 8}},
        {"from_scratch": {**TINY, "hidden_size": "many"}},
        {"from_scratch": {**TINY, "num_attention_heads": 0}},
        {"from_scratch": {**TINY, "hidden_size": 10**400}},
        {"from_scratch": {"model_type": "gpt2", "n_positions": "many"}},
        {"from_scratch": {**TINY, "model_type": "qwen3_moe", "mlp_only_layers": [1]}},
    ],
)
def test_what_is_not_known_has_no_forecast(model, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert memory_forecast(tiny(model)) is None


def test_a_model_in_parts_on_several_devices_has_no_forecast(tmp_path):
    resources = {"accelerate_config": str(tmp_path / "fsdp.yaml")}
    assert memory_forecast(tiny(resources=resources)) is None
