"""Expert figures against a naive count, on every router we know."""

from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from transformers import AutoConfig, AutoModelForCausalLM

from gladius_widgets.core.config.schema import OptimizationSection
from gladius_widgets.training.data.batches import IGNORED, Batch
from gladius_widgets.training.model.build import recompute_activations
from gladius_widgets.training.model.routers import ExpertFigures, RouterWatch, coverage, imbalance
from gladius_widgets.training.parallel.base import Replicated
from gladius_widgets.training.parallel.ranks import Ranks
from gladius_widgets.training.parallel.step import StepRunner, Totals, forward, token_losses

COMMON: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "num_experts_per_tok": 2,
    "pad_token_id": 0,
}
ROUTERS: dict[str, dict[str, Any]] = {
    "qwen2_moe": {
        "num_experts": 4,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
        "decoder_sparse_step": 1,
    },
    "qwen3_moe": {"num_experts": 4, "moe_intermediate_size": 16, "head_dim": 16},
    "mixtral": {"num_local_experts": 4},
    "olmoe": {"num_experts": 4},
}


def tiny(model_type: str) -> torch.nn.Module:
    torch.manual_seed(3)
    config = AutoConfig.for_model(model_type, **COMMON, **ROUTERS[model_type])
    model = AutoModelForCausalLM.from_config(config)
    for name, parameter in model.named_parameters():
        if "gate.weight" in name:  # new routers are near zero: make them choose
            torch.nn.init.normal_(parameter, std=0.5)
    return model.train()


def batch(seed: int = 0) -> Batch:
    """Three samples of different lengths, the first tokens unsupervised."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, 64, (3, 16), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, 10:] = 0
    mask[2, 5:] = 0
    labels = torch.where(mask.bool(), ids, IGNORED)
    labels[:, :3] = IGNORED
    return Batch(ids, labels, mask, torch.arange(16).expand(3, 16), packed=False)


@pytest.mark.parametrize("model_type", ROUTERS)
def test_load_and_expert_loss_are_what_a_naive_count_says(model_type: str) -> None:
    model, data = tiny(model_type), batch()
    watch = RouterWatch(model, torch.device("cpu"))
    assert (watch.layers, watch.experts) == (2, 4)
    with watch.listening(on=True):
        output = forward(model, data, router_logits=True)
    losses = token_losses(output.logits, data.labels)
    watch.add(data, losses)
    figures = watch.figures(watch.take())

    counts = np.zeros((2, 4))
    gates, weighted = np.zeros(4), np.zeros(4)
    normalise = getattr(model.config, "norm_topk_prob", True)  # Mixtral always does
    for layer, logits in enumerate(output.router_logits):
        probabilities = torch.softmax(logits.reshape(3, 16, 4).float(), -1)
        for i in range(3):
            for t in range(16):
                top, chosen = probabilities[i, t].topk(2)
                top = top / top.sum() if normalise else top
                for weight, expert in zip(top.tolist(), chosen.tolist(), strict=True):
                    if data.attention_mask[i, t]:
                        counts[layer, expert] += 1
                    if t < 15 and data.labels[i, t + 1] != IGNORED:
                        gates[expert] += weight
                        weighted[expert] += weight * losses[i, t].item()
    np.testing.assert_allclose(figures.counts, counts)
    np.testing.assert_allclose(figures.load, counts.sum(0) / counts.sum())
    np.testing.assert_allclose(figures.layer_loads, counts / counts.sum(1, keepdims=True))
    np.testing.assert_allclose([x or 0 for x in figures.loss], weighted / gates, rtol=1e-5)
    assert sum(figures.load) == pytest.approx(1)


def one_step(model: torch.nn.Module, *, measure: bool = True) -> tuple[Any, list[torch.Tensor]]:
    accelerator = Accelerator(cpu=True)
    ranks = Ranks(accelerator.device)
    parallel = Replicated(model, accelerator, ranks, OptimizationSection(learning_rate=1e-30))
    watch = RouterWatch(model, accelerator.device)
    runner = StepRunner(parallel, accelerator, ranks, watch, aux_loss_coef=0.1)
    data = [batch(1), batch(2)]
    totals = Totals(supervised=sum(part.supervised for part in data), micro_batches=2)
    outcome = runner.run(data, totals, max_grad_norm=1e9, measure=measure)
    return outcome, [p.grad for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("model_type", ROUTERS)
def test_gradient_checkpointing_counts_nothing_twice(model_type: str) -> None:
    plain, plain_gradients = one_step(tiny(model_type))
    model = tiny(model_type)
    recompute_activations(model)
    again, gradients = one_step(model)
    assert again.experts.counts == plain.experts.counts
    assert again.loss == pytest.approx(plain.loss, rel=1e-6)
    assert again.aux_loss == pytest.approx(plain.aux_loss, rel=1e-6)
    for a, b in zip(gradients, plain_gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model_type", ROUTERS)
def test_the_auxiliary_loss_is_apart_from_the_loss_and_in_the_gradient(model_type: str) -> None:
    model = tiny(model_type)
    outcome, gradients = one_step(model)
    data = [batch(1), batch(2)]
    outputs = [forward(model, part, router_logits=True) for part in data]
    loss_sum = sum(
        token_losses(out.logits, part.labels).sum() for out, part in zip(outputs, data, strict=True)
    )
    mean = loss_sum / sum(part.supervised for part in data)
    aux = sum(out.aux_loss for out in outputs) / 2
    assert outcome.loss == pytest.approx(mean.item(), rel=1e-5)
    assert outcome.aux_loss == pytest.approx(aux.item(), rel=1e-5)
    model.zero_grad()
    (mean + 0.1 * aux).backward()
    expected = [p.grad for p in model.parameters() if p.grad is not None]
    for a, b in zip(gradients, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_steps_that_are_not_measured_say_nothing() -> None:
    outcome, _ = one_step(tiny("qwen3_moe"), measure=False)
    assert outcome.experts is None
    assert outcome.aux_loss is not None


def test_coverage_and_imbalance() -> None:
    figures = ExpertFigures([[2, 1, 1, 0], [4, 2, 2, 0]], [1, 1, 0, 2], [3, 1, 0, 4])
    assert figures.load == [0.5, 0.25, 0.25, 0]
    assert figures.loss == [3, 1, None, 2]
    assert coverage(figures.load) == [1, 1, 1, 0]
    assert imbalance(figures.load) == pytest.approx((3 / 16) ** 0.5)
    assert (figures + figures).load == figures.load
