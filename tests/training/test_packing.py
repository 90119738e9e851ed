"""Packed rows cost what they cost alone, or packing is refused: for every architecture here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from training.forked import Zygote
from training.harness import events, losses_hex, weights_hash
from transformers import AutoConfig, AutoModelForCausalLM, DataCollatorWithFlattening
from transformers.modeling_flash_attention_utils import prepare_fa_kwargs_from_position_ids

from gladius_widgets.core.config.schema import LoraSection, OptimizationSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.training.data.batches import IGNORED, TokenData
from gladius_widgets.training.model.lora import add_adapters
from gladius_widgets.training.parallel.base import Replicated
from gladius_widgets.training.parallel.packing import check_packing, largest_difference
from gladius_widgets.training.parallel.ranks import Ranks
from gladius_widgets.training.parallel.step import forward, token_losses

LENGTHS = [9, 13, 11, 7, 20]
VOCABULARY = 96
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    "moe_intermediate_size": 32, "num_experts": 4, "num_local_experts": 4,
    "num_experts_per_tok": 2, "n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 4,
    "n_layers": 2, "n_heads": 4, "d_model": 32, "max_seq_len": 64, "ffn_dim": 64,
    "word_embed_proj_dim": 32, "sliding_window": 16, "num_layers": 2, "state_size": 8,
}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {  # architectures whose heads come in other sizes
    "deepseek_v3": {
        "num_key_value_heads": 4, "head_dim": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8,
        "v_head_dim": 8, "q_lora_rank": 16, "kv_lora_rank": 16, "n_routed_experts": 4, "n_group": 1,
        "topk_group": 1, "first_k_dense_replace": 1,
    },
    "gptj": {"rotary_dim": 8},
}  # fmt: skip
# Told apart by position ids, so they may be packed.
APART = [
    "llama", "mistral", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "mixtral", "olmo", "olmo2",
    "olmoe", "gemma", "gemma2", "gemma3_text", "phi", "phi3", "phimoe", "gpt2", "gpt_bigcode",
    "gpt_neox", "gptj", "glm", "glm4", "glm4_moe", "cohere", "cohere2", "stablelm", "starcoder2",
    "granite", "granitemoe", "smollm3", "deepseek_v3", "ernie4_5", "exaone4", "nemotron",
    "persimmon", "seed_oss", "apertus", "helium", "arcee",
]  # fmt: skip
# A recurrent state, ALiBi, positions of their own, or a mask that does not ask for them.
LEAKY = [
    "gpt_oss", "opt", "bloom", "mpt", "mamba", "falcon_mamba", "jamba", "rwkv", "recurrent_gemma",
    "biogpt", "xglm", "qwen3_next", "minimax",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokens")
    chance = np.random.default_rng(0)
    total = sum(LENGTHS)
    np.save(folder / "tokens.npy", chance.integers(3, VOCABULARY, total).astype(np.int32))
    np.save(folder / "supervised.npy", np.ones(total, dtype=bool))
    np.save(folder / "offsets.npy", np.concatenate([[0], np.cumsum(LENGTHS)]))
    return folder


def packed_data(folder: Path, *, flatten: bool = False) -> TokenData:
    """Samples of 22, 18 and 20 tokens: two of two rows, one of one."""
    return TokenData(folder, np.arange(len(LENGTHS)), 0, pack_length=24, flatten=flatten)


def tiny(model_type: str, spread: float | None = 0.2) -> torch.nn.Module:
    """A small model; its weights are so large that every path matters, or as they are for None."""
    known = AutoConfig.for_model(model_type)
    sizes = {name: value for name, value in SIZES.items() if hasattr(known, name)}
    config = AutoConfig.for_model(model_type, **sizes | OWN.get(model_type, {}))
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    for parameter in model.parameters():
        if parameter.ndim >= 2 and spread is not None:
            parameter.data.normal_(0, spread)
    return model.train()


@pytest.fixture(autouse=True)
def _one_precision_a_test() -> Iterator[None]:
    """accelerate remembers the first one for the whole process."""
    AcceleratorState._reset_state()
    yield
    AcceleratorState._reset_state()


def prove(model: torch.nn.Module, data: TokenData, precision: str = "no") -> float | None:
    accelerator = Accelerator(cpu=True, mixed_precision=precision)
    ranks = Ranks(accelerator.device)
    parallel = Replicated(model, accelerator, ranks, OptimizationSection())
    return check_packing(parallel, data, accelerator, ranks, micro_batch_size=2)


def losses_by_row(model: torch.nn.Module, data: TokenData) -> tuple[list[float], list[float]]:
    """Mean loss of the first four rows: packed in two samples, and each alone."""
    model.eval()
    with torch.no_grad():
        both = data.batch(np.array([0, 1]))
        found = token_losses(forward(model, both, router_logits=False).logits, both.labels)
        packed = [found[0, :8], found[0, 9:21], found[1, :10], found[1, 11:17]]
        alone = []
        for row in data.unpacked(np.array([0, 1])):
            logits = forward(model, row, router_logits=False).logits
            alone.append(token_losses(logits, row.labels)[0, : row.tokens - 1])
    return ([float(x.mean()) for x in packed], [float(x.mean()) for x in alone])


@pytest.mark.parametrize("model_type", APART)
def test_rows_packed_cost_what_they_cost_alone(folder: Path, model_type: str) -> None:
    model, data = tiny(model_type), packed_data(folder)
    difference = prove(model, data)
    assert difference is not None
    assert difference < 1e-4
    packed, alone = losses_by_row(model, data)
    np.testing.assert_allclose(packed, alone, atol=1e-4)


@pytest.mark.parametrize("model_type", LEAKY)
def test_where_rows_would_see_each_other_packing_is_refused(folder: Path, model_type: str) -> None:
    model, data = tiny(model_type), packed_data(folder)
    packed, alone = losses_by_row(model, data)
    assert max(abs(a - b) for a, b in zip(packed, alone, strict=True)) > 1e-3, "it does not leak"
    with pytest.raises(GladiusError, match=r"data\.packing: this model lets rows .* to false\."):
        prove(model, data)


@pytest.mark.parametrize("model_type", ["mamba", "xglm", "bloom", "jamba", "minimax"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_new_model_whose_losses_hardly_show_it_is_refused_too(
    folder: Path, model_type: str, dtype: torch.dtype
) -> None:
    """Its weights are small, so what it sees of another row moves its losses by 1e-5."""
    model = tiny(model_type, spread=None).to(dtype)
    with pytest.raises(GladiusError, match=r"data\.packing"):
        prove(model, packed_data(folder), "no")


@pytest.mark.parametrize("model_type", ["qwen3", "qwen3_moe", "gemma3_text", "gpt2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_new_model_that_may_be_packed_is_not_refused(
    folder: Path, model_type: str, dtype: torch.dtype
) -> None:
    assert prove(tiny(model_type, spread=None).to(dtype), packed_data(folder), "no") is not None


def test_half_precision_is_told_from_a_leak(folder: Path) -> None:
    data = packed_data(folder)
    difference = prove(tiny("qwen3").to(torch.bfloat16), data, "bf16")
    assert difference is not None
    assert 1e-6 < difference < 2e-2
    with pytest.raises(GladiusError, match=r"data\.packing"):
        prove(tiny("mamba").to(torch.bfloat16), data, "bf16")
    exact = prove(tiny("qwen3"), data, "bf16")  # float32 weights are probed without autocast
    assert exact is not None
    assert exact < 1e-5


def test_the_probe_leaves_no_trace(folder: Path) -> None:
    """Not in the random state, not in the mode, not in dropout; adapters are probed too."""
    model: Any = tiny("qwen3")
    model.config.attention_dropout = 0.5
    adapted = add_adapters(model, LoraSection(enabled=True, r=2, dropout=0.5)).model
    adapted.train()
    before = torch.get_rng_state()
    difference = prove(adapted, packed_data(folder))
    assert torch.equal(torch.get_rng_state(), before)
    assert adapted.training
    assert difference is not None
    assert difference < 1e-4
    assert all(parameter.grad is None for parameter in adapted.parameters())


def test_nothing_is_proved_where_nothing_is_packed(folder: Path) -> None:
    apart = TokenData(folder, np.arange(len(LENGTHS)), 0, pack_length=10)
    assert prove(tiny("mamba"), apart) is None


def test_what_is_not_finite_alone_proves_nothing() -> None:
    nan, infinite = float("nan"), float("inf")
    assert largest_difference([nan, 2.0], [nan, 2.0]) == 0
    assert largest_difference([nan], [2.0]) == infinite
    assert largest_difference([10.1, 0.5], [10.0, 0.6]) == pytest.approx(0.1)


def test_for_flash_attention_a_batch_is_laid_end_to_end(folder: Path) -> None:
    """As transformers' own collator does it, and with the row lengths that its kernels take."""
    data = packed_data(folder, flatten=True)
    batch = data.batch(np.array([1, 0]))
    single = TokenData(folder, np.arange(len(LENGTHS)), 0)
    order = [2, 3, 0, 1]
    rows = [single.batch(np.array([i])) for i in order]
    features = [{"input_ids": row.input_ids[0, : row.tokens].tolist()} for row in rows]
    theirs = DataCollatorWithFlattening(return_tensors="pt", separator_id=IGNORED)(features)
    assert torch.equal(batch.input_ids, theirs["input_ids"])
    assert torch.equal(batch.position_ids, theirs["position_ids"])
    assert torch.equal(batch.labels, theirs["labels"])
    assert bool(batch.attention_mask.all()), "no padding"
    (lengths, _), (longest, _) = prepare_fa_kwargs_from_position_ids(batch.position_ids)
    assert lengths.diff().tolist() == [LENGTHS[i] for i in order]
    assert longest == max(LENGTHS[i] for i in order)
    assert data.shape(np.array([1, 0])) == tuple(batch.input_ids.shape)
    assert data.counts(np.array([1, 0])) == (batch.tokens, batch.supervised)
    assert [end - start for _, start, end in batch.rows()] == [LENGTHS[i] for i in order]


def test_flattened_rows_train_as_padded_ones(folder: Path) -> None:
    """The same sum of losses; our CPU's attention tells rows apart either way."""
    model = tiny("qwen3").eval()
    both = np.array([0, 1])
    sums = []
    for flatten in (False, True):
        batch = packed_data(folder, flatten=flatten).batch(both)
        logits = forward(model, batch, router_logits=False).logits
        sums.append(token_losses(logits, batch.labels).sum())
    torch.testing.assert_close(sums[0], sums[1], rtol=1e-5, atol=1e-5)


PACKED = {"data.packing": True, "data.max_length": 400, "training.max_steps": 6}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_packed_run_is_probed_and_resumes_exactly(
    new_run: Callable[..., RunDirectory], zygote: Zygote, processes: int
) -> None:
    changes = PACKED | {"resources.processes": processes, "checkpointing.interval_steps": 3}
    calm = new_run(f"packed-calm-{processes}", changes)
    assert zygote.start(calm, 1, processes).wait() == 0, calm.log.read_text()
    broken = new_run(f"packed-broken-{processes}", changes)
    zygote.start(broken, 1, processes, dies_on_commit=True).wait()
    assert zygote.start(broken, 2, processes).wait() == 0, broken.log.read_text()
    assert losses_hex(broken) == losses_hex(calm)
    assert weights_hash(broken, 6) == weights_hash(calm, 6)
    found = [e.payload for e in events(calm) if "packing_difference" in (e.payload or {})]
    assert len(found) == 1
    assert found[0] is not None
    assert found[0]["packing_difference"] < 1e-4


def test_a_run_whose_model_cannot_be_packed_ends_before_its_first_step(
    new_run: Callable[..., RunDirectory], zygote: Zygote
) -> None:
    scratch = {"model_type": "mamba", "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}
    run = new_run("packed-mamba", PACKED | {"model.from_scratch": scratch})
    trainer = zygote.train(run)
    assert trainer.wait() == 1
    log = trainer.log()
    assert "[ERROR] data.packing: this model lets rows of one sequence see each other" in log
    assert "Traceback" not in log
    assert trainer.status.step == 0
