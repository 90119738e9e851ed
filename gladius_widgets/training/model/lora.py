"""LoRA adapters: which weights they go on, and proof that they did."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from gladius_widgets.core.config.schema import LoraSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.text.suggest import did_you_mean

ADAPTER_FILE = "adapter_model.safetensors"
_ATTENTION = {
    "q_proj", "k_proj", "v_proj", "o_proj", "out_proj", "qkv_proj", "query_key_value", "c_attn",
    "Wqkv",
}  # fmt: skip
_ADAPTABLE = (torch.nn.Linear, torch.nn.Embedding, Conv1D)


@dataclass(frozen=True)
class Adapted:
    """A model with adapters, and the short names of the weights that got one."""

    model: PeftModel
    targets: dict[str, int]  # name, such as q_proj → how many
    trainable: int


def add_adapters(model: PreTrainedModel, lora: LoraSection, revision: str | None = None) -> Adapted:
    """Put trainable float32 adapters on a frozen model.

    Args:
        model: becomes a part of what is returned.
        lora: which weights get adapters, and how large ones.
        revision: of the base on the hub, for those who load the adapter.

    Raises:
        GladiusError: a target matches nothing, or the model has no such weights. PEFT itself
            ignores wrong names in silence, as long as one is right.
    """
    config = _peft_config(model, lora)
    try:
        adapted = get_peft_model(model, config, revision=revision)
    except (ValueError, TypeError) as error:
        raise GladiusError(
            f"lora.targets: PEFT refuses {lora.targets}: {str(error).splitlines()[0].rstrip('.')}.",
            "Name other modules in lora.targets.",
        ) from None
    matched = _matched(adapted)
    trainable = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    if not matched or not trainable:
        raise GladiusError(
            f"lora.targets: {lora.targets} matches nothing in this model.",
            "Name its modules in lora.targets.",
        )
    counts: dict[str, int] = {}
    for full in matched:
        short = full.rsplit(".", 1)[-1]
        counts[short] = counts.get(short, 0) + 1
    return Adapted(adapted, counts, trainable)


def _peft_config(model: PreTrainedModel, lora: LoraSection) -> LoraConfig:
    common: dict[str, Any] = {
        "r": lora.r,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "task_type": "CAUSAL_LM",
    }
    if lora.targets == "experts":
        if lora.dropout:
            raise GladiusError(
                "lora.dropout cannot be used on experts, as their weights are fused.",
                "Set lora.dropout to 0.",
            )
        return LoraConfig(**common, target_modules=[], target_parameters=_expert_weights(model))
    if lora.targets == "attention":
        names = sorted(_adaptable(model) & _ATTENTION)
        if not names:
            raise GladiusError(
                "lora.targets: attention, but no module of the model has a usual attention's name.",
                f"Name some in lora.targets. It has {', '.join(sorted(_adaptable(model)))}.",
            )
        return LoraConfig(**common, target_modules=names)
    targets = _linears(model) if lora.targets == "all-linear" else lora.targets
    _check_names(model, targets)
    return LoraConfig(**common, target_modules=targets)


def _check_names(model: PreTrainedModel, targets: Sequence[str]) -> None:
    """Every name is that of a module that can have an adapter, or the end of its path."""
    modules = dict(model.named_modules())
    if not targets:
        raise GladiusError("lora.targets: there is none.", "Name modules of the model there.")
    for name in targets:
        found = [m for path, m in modules.items() if path == name or path.endswith(f".{name}")]
        if not found:
            raise GladiusError(
                f"lora.targets: no weight of the model is called '{name}'.",
                did_you_mean(name.rsplit(".", 1)[-1], _adaptable(model)),
            )
        if not any(isinstance(module, _ADAPTABLE) for module in found):
            raise GladiusError(
                f"lora.targets: '{name}' is no layer that can have an adapter.",
                f"Valid: {', '.join(sorted(_adaptable(model)))}.",
            )


def _adaptable(model: PreTrainedModel) -> set[str]:
    """Short names of the modules that can have adapters."""
    named = model.named_modules()
    return {path.rsplit(".", 1)[-1] for path, module in named if isinstance(module, _ADAPTABLE)}


def _linears(model: PreTrainedModel) -> list[str]:
    """Short names of all linear layers but the output layer and gates.

    PEFT's own "all-linear" takes fused experts and the router too where a model has them.
    """
    output = model.get_output_embeddings()
    names = {
        name.rsplit(".", 1)[-1]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not output
    }
    return sorted(name for name in names if not name.endswith("gate"))


def _expert_weights(model: PreTrainedModel) -> list[str]:
    """Fused expert weights (experts, out, in), by the end of their names."""
    names = {
        re.sub(r"^.*\.\d+\.", "", name)
        for name, parameter in model.named_parameters()
        if parameter.ndim == 3 and ".experts." in name
    }
    if not names:
        raise GladiusError(
            "lora.targets: experts, but the model has no fused expert weights.",
            "Use attention or all-linear.",
        )
    return sorted(names)


def _matched(adapted: PeftModel) -> list[str]:
    tuner: Any = adapted.base_model
    names = list(getattr(tuner, "targeted_module_names", []))
    return names + list(getattr(tuner, "targeted_parameter_names", []))


def save_adapter(
    model: PeftModel, folder: Path, state: dict[str, torch.Tensor] | None = None
) -> None:
    """Write the adapter as PEFT reads it; the base weights are not copied.

    `state` holds its tensors by their names in the file; by default they are the model's own.
    """
    state = state or get_peft_model_state_dict(model)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    save_file(tensors, folder / ADAPTER_FILE, metadata={"format": "pt"})
    peft_config = model.peft_config["default"]
    inference_mode, peft_config.inference_mode = peft_config.inference_mode, True
    peft_config.save_pretrained(str(folder))
    peft_config.inference_mode = inference_mode


def read_adapter(folder: Path) -> dict[str, torch.Tensor]:
    """A checkpoint's adapter tensors, on the CPU."""
    return load_file(folder / ADAPTER_FILE)


def load_adapter(model: PeftModel, folder: Path) -> None:
    """Put a checkpoint's adapter weights into the model's adapters.

    Raises:
        GladiusError: it is an adapter of another shape.
    """
    try:
        result = set_peft_model_state_dict(model, read_adapter(folder))
    except RuntimeError as error:
        raise GladiusError(
            f"The adapter in {folder.name} does not fit: {str(error).splitlines()[0]}.",
            "Resume with the config it was made with.",
        ) from None
    unexpected = getattr(result, "unexpected_keys", [])
    if unexpected:
        raise GladiusError(
            f"The adapter in {folder.name} has weights this model lacks: {unexpected[0]}.",
            "Resume with the config it was made with.",
        )
