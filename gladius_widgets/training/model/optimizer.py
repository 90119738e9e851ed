"""AdamW over the trainable weights."""

from typing import Any

import torch

from gladius_widgets.core.config.schema import OptimizationSection


def build_optimizer(model: torch.nn.Module, optimization: OptimizationSection) -> torch.optim.AdamW:
    """AdamW in two groups: matrices decay, biases and norms do not."""
    decayed, plain = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (plain if _undecayed(name, parameter) else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": optimization.weight_decay, "decays": True},
        {"params": plain, "weight_decay": 0.0, "decays": False},
    ]
    first, second = optimization.betas
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=optimization.learning_rate,
        betas=(first, second),
        eps=optimization.epsilon,
    )


def allocate(optimizer: torch.optim.Optimizer) -> None:
    """Have AdamW's moments now and not in the first update, as it would make them itself.

    Running out of memory amid an update would leave some weights updated and others not.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            optimizer.state[parameter] = {
                "step": torch.tensor(0.0),
                "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            }


def _undecayed(name: str, parameter: torch.nn.Parameter) -> bool:
    return parameter.ndim < 2 or name.endswith("bias") or "norm" in name.rsplit(".", 2)[-2].lower()


def apply_settings(optimizer: Any, learning_rate: float, weight_decay: float) -> None:
    """Set what the next optimizer step uses."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
        if group.get("decays", True):
            group["weight_decay"] = weight_decay
