"""Our loop against the HF Trainer: same data, order, seed and schedule give the same losses.

Tolerance: both compute in float32, but sum token losses in a different order, which costs about
1e-7 a step; Adam divides by the root of tiny second moments at the start and carries that on.
Twenty steps stay within 1e-4 of the loss and 1e-3 of the weights (absolute, their scale is 1).
A wrong normaliser, schedule, clip or decay group is off by 1e-2 and more.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel, get_peft_model_state_dict
from training.forked import Zygote
from training.harness import TINY_MOE, rows, weights
from transformers import Trainer, TrainingArguments

from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.training.data import sample_order
from gladius_widgets.training.data.batches import TokenData
from gladius_widgets.training.data.prepare import prepare_data
from gladius_widgets.training.data.tokenizer import pad_token_id
from gladius_widgets.training.model.build import build_model
from gladius_widgets.training.model.lora import add_adapters
from gladius_widgets.training.model.sources import resolve_source

STEPS = 20


class InOurOrder(Trainer):
    """The HF Trainer on our batches; it keeps every step's loss unrounded."""

    losses: list[float]

    def get_train_dataloader(self) -> Any:
        return self.batches

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss = super().training_step(*args, **kwargs)
        self.losses.append(loss.item())
        return loss


def reference(
    config: TrainingConfig, model: torch.nn.Module, data: TokenData, folder: Path, steps: int
) -> list[float]:
    """Train `model` with the HF Trainer; its loss at every step."""
    training, optimization = config.training, config.optimization
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=training.micro_batch_size,
        gradient_accumulation_steps=training.gradient_accumulation,
        learning_rate=optimization.learning_rate,
        lr_scheduler_type=optimization.schedule,
        warmup_steps=optimization.warmup_steps,
        weight_decay=optimization.weight_decay,
        max_grad_norm=optimization.max_grad_norm,
        optim="adamw_torch",
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        logging_strategy="no",
        seed=training.seed,
    )
    trainer = InOurOrder(model=model, args=arguments, train_dataset=[0])
    trainer.losses = []
    size, accumulation = training.micro_batch_size, training.gradient_accumulation
    samples = steps * size * accumulation
    if training.max_steps is None:
        samples = training.epochs * len(data)
    order = sample_order.stream(len(data), training.seed, 0, samples)
    parts = [data.batch(order[at : at + size]) for at in range(0, samples, size)]
    trainer.batches = [
        {"input_ids": p.input_ids, "attention_mask": p.attention_mask, "labels": p.labels}
        for p in parts
    ]
    trainer.train()
    starts = range(0, len(parts), accumulation)
    return [sum(trainer.losses[at : at + accumulation]) for at in starts]


@pytest.fixture
def calm_base(base_model: Path, tmp_path: Path) -> Path:
    """The base model without dropout, whose draws would differ."""
    folder = tmp_path / "calm-base"
    shutil.copytree(base_model, folder)
    settings = json.loads((folder / "config.json").read_text()) | {"attention_dropout": 0.0}
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


def changes_for(kind: str, calm_base: Path) -> dict[str, Any]:
    changes: dict[str, Any] = {"training.max_steps": STEPS, "optimization.weight_decay": 0.05}
    if kind == "short last step":  # 48 rows in steps of 10
        changes |= {"training.max_steps": None, "training.micro_batch_size": 5}
    if kind != "moe":
        return changes | {
            "model.name": str(calm_base),
            "model.from_scratch": None,
            "model.train_tokenizer_vocab": None,
            "lora.enabled": True,
            "lora.targets": "attention",
            "moe.aux_loss_coef": 0.0,
        }
    scratch = TINY_MOE["model"]["from_scratch"] | {"attention_dropout": 0.0}
    # The HF Trainer adds the auxiliary losses of micro-batches up instead of taking their mean.
    return changes | {
        "model.from_scratch": scratch,
        "training.gradient_accumulation": 1,
        "moe.aux_loss_coef": 0.02,
    }


@pytest.mark.parametrize("kind", ["moe", "lora", "short last step"])
def test_losses_and_weights_agree_with_the_hf_trainer(
    new_run: Callable[..., RunDirectory],
    zygote: Zygote,
    workshop: Home,
    calm_base: Path,
    tmp_path: Path,
    kind: str,
) -> None:
    run = new_run(f"agree-{kind.replace(' ', '-')}", changes_for(kind, calm_base))
    zygote.train(run).finish()

    config = load_config(run.config)
    source = resolve_source(config.model, workshop, print)
    prepared = prepare_data(config, workshop, source.folder if source else "", print)
    data = prepared.split("train", config.data, pad_token_id(prepared.tokenizer()))
    model: Any = build_model(config, source, prepared.tokenizer())
    if config.lora.enabled:
        torch.manual_seed(config.training.seed)
        model = add_adapters(model, config.lora).model
    else:
        model.config.output_router_logits = True
        model.router_aux_loss_coef = config.moe.aux_loss_coef
    first = {name: tensor.clone() for name, tensor in trainable(model).items()}
    steps = len(rows(run))
    expected = reference(config, model, data, tmp_path / "hf", steps)

    ours = [
        row["loss"] + config.moe.aux_loss_coef * row["aux_loss"] for row in rows(run).to_pylist()
    ]
    np.testing.assert_allclose(ours, expected, rtol=1e-4)
    saved = weights(run, steps)
    compared = [name for name in trainable(model) if name in saved]
    assert compared
    for name in compared:
        torch.testing.assert_close(trainable(model)[name], saved[name], rtol=0, atol=1e-3)
    moved = max((saved[name] - first[name]).abs().max().item() for name in compared)
    assert moved > 0.02, "much more than the tolerance"


def trainable(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The trained tensors under the names that they are saved by."""
    if isinstance(model, PeftModel):
        return get_peft_model_state_dict(model)
    return model.state_dict()
