"""The model: from random weights, a base model, or a checkpoint."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from textwrap import shorten
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from gladius_widgets.core.atomic import fsync_directory
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.training.model.sources import ModelSource

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def build_model(
    config: TrainingConfig,
    source: ModelSource | None,
    tokenizer: PreTrainedTokenizerBase,
    checkpoint: Path | None = None,
) -> PreTrainedModel:
    """The model without adapters, in training mode's dtype, on the CPU.

    A fully trained model resumes from `checkpoint`; with LoRA the base is loaded as ever and
    the adapter comes later. Full training keeps float32 weights under autocast, a frozen base
    takes the compute precision.

    Raises:
        GladiusError: the folder holds no causal language model, or the config is not one.
    """
    if checkpoint is not None and not config.lora.enabled:
        model = load_pretrained(str(checkpoint), torch.float32, config.model.attention)
    elif source is None:
        model = _from_scratch(config, tokenizer)
    else:
        frozen = config.lora.enabled
        dtype = DTYPES[config.training.precision] if frozen else torch.float32
        model = load_pretrained(source.folder, dtype, config.model.attention)
        model.name_or_path = source.base_name  # what an adapter names as its base
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:  # type: ignore[union-attr]  # an nn.Embedding in causal models
        raise GladiusError(
            f"The tokenizer has {len(tokenizer):,} tokens, more than the model's embedding.",
            "Use the model's own tokenizer.",
        )
    if config.training.gradient_checkpointing:
        recompute_activations(model)
    model.train()
    return model


def stop_at(model: Any, end_ids: Sequence[int]) -> None:
    """Let a generation end at the tokens that the training teaches as ends, and at its former ones.

    A saved model takes this along as its generation config.
    """
    settings = getattr(model, "generation_config", None)
    if settings is None or not end_ids:
        return
    former = settings.eos_token_id
    known = former if isinstance(former, list) else [] if former is None else [former]
    ids = list(dict.fromkeys([*end_ids, *known]))
    settings.eos_token_id = ids[0] if len(ids) == 1 else ids


def recompute_activations(model: Any) -> None:
    """Gradient checkpointing: activations are computed again in the backward pass."""
    # Renamed in transformers 5.2x, where the old name warns.
    enable = getattr(model, "activation_checkpointing_enable", None)
    (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})


def load_pretrained(
    folder: str, dtype: torch.dtype, attention: str | None = None
) -> PreTrainedModel:
    """A causal language model from a folder of safetensors.

    Raises:
        GladiusError: the folder holds none.
    """
    try:
        return AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, attn_implementation=attention, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, UnpicklingError) as error:
        raise GladiusError(
            f"There is no causal language model in '{folder}': {str(error).splitlines()[0]}.",
            "Check model.name in the config.",
        ) from None


def _from_scratch(config: TrainingConfig, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    fields: dict[str, Any] = dict(config.model.from_scratch or {})
    model_type = fields.pop("model_type")
    fields.setdefault("vocab_size", len(tokenizer))
    fields.setdefault("eos_token_id", tokenizer.eos_token_id)
    fields.setdefault("pad_token_id", tokenizer.pad_token_id)
    fields.setdefault("bos_token_id", tokenizer.bos_token_id)
    try:
        model_config = AutoConfig.for_model(model_type, **fields)
        torch.manual_seed(config.training.seed)
        return AutoModelForCausalLM.from_config(
            model_config,
            dtype=torch.float32,
            attn_implementation=config.model.attention,
            trust_remote_code=False,
        )
    except (ValueError, TypeError, KeyError) as error:
        reason = shorten(str(error), 200, placeholder=" …")  # transformers lists all it knows
        raise GladiusError(
            f"model.from_scratch is not a {model_type} model: {reason.rstrip('.')}.",
            "Check its fields against the transformers documentation.",
        ) from None


def scratch_base(
    config: TrainingConfig, run: RunDirectory, tokenizer: PreTrainedTokenizerBase
) -> ModelSource:
    """The untrained model that adapters go on, made once and kept with the run.

    Nobody else has it, and another version of torch would draw other weights from the seed.

    Raises:
        GladiusError: the config is not one of a causal language model, or the disk refuses it.
    """
    if not run.base.is_dir():
        building = run.base.with_name(f".{run.base.name}.tmp")
        shutil.rmtree(building, ignore_errors=True)
        model = _from_scratch(config, tokenizer)
        try:
            model.save_pretrained(building)
            for file in building.iterdir():
                with file.open("rb") as saved:
                    os.fsync(saved.fileno())
            building.rename(run.base)
            fsync_directory(run.root)
        except (OSError, SafetensorError) as error:
            raise GladiusError(
                f"The base model cannot be saved in {run.root}: {error}.", "Make room on the disk."
            ) from None
    return ModelSource(str(run.base), str(run.base), "folder")


def describe(model: torch.nn.Module, config: TrainingConfig) -> dict[str, Any]:
    """Name, kind and sizes, for status.json."""
    model_config: Any = getattr(model, "config", None)
    experts = next(
        (
            getattr(model_config, name)
            for name in ("num_experts", "num_local_experts", "n_routed_experts")
            if getattr(model_config, name, None)
        ),
        None,
    )
    return {
        "name": config.model.name,
        "type": getattr(model_config, "model_type", None),
        "parameters": sum(p.numel() for p in model.parameters()),
        "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "experts": experts,
        "active_experts": getattr(model_config, "num_experts_per_tok", None) if experts else None,
        "lora": config.lora.enabled,
        "precision": config.training.precision,
    }
