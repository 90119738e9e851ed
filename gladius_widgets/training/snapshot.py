"""What goes into a checkpoint, and how it comes back: weights, optimizer, random states."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from peft import PeftModel
from transformers import PreTrainedModel

from gladius_widgets.core.atomic import write_json
from gladius_widgets.training.lora import load_adapter, save_adapter
from gladius_widgets.training.model import load_pretrained

OPTIMIZER, STATE = "optimizer.pt", "state.json"


def rng_file(rank: int) -> str:
    """Name of a rank's random states."""
    return f"rng-{rank}.pt"


def save_rng(folder: Path, rank: int) -> None:
    """Python's, numpy's and torch's generators of this process."""
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    python = random.getstate()
    torch.save(
        {
            "python": [python[0], list(python[1]), python[2]],
            "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), position,
                      has_gauss, cached],
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        },
        folder / rng_file(rank),
    )  # fmt: skip


def load_rng(folder: Path, rank: int) -> None:
    """Put this process's generators back; a rank that was not there before keeps its seed."""
    path = folder / rng_file(rank)
    if not path.exists():
        return
    saved = torch.load(path, weights_only=True)
    version, numbers, gauss = saved["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, position, has_gauss, cached = saved["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(saved["torch"])
    if saved["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(saved["cuda"])


def save_model(
    folder: Path, model: torch.nn.Module, optimizer: Any, accelerator: Accelerator
) -> None:
    """Adapter or whole model as safetensors that `from_pretrained` reads, and the optimizer."""
    if isinstance(model, PeftModel):
        save_adapter(model, folder)
    else:
        assert isinstance(model, PreTrainedModel)
        model.save_pretrained(folder)
    saved = {"optimizer": optimizer.state_dict()}
    if accelerator.scaler is not None:
        saved["scaler"] = accelerator.scaler.state_dict()
    torch.save(saved, folder / OPTIMIZER)


def load_weights(folder: Path, model: torch.nn.Module) -> None:
    """Put a checkpoint's weights into a live model."""
    if isinstance(model, PeftModel):
        load_adapter(model, folder)
        return
    dtype = next(model.parameters()).dtype
    model.load_state_dict(load_pretrained(str(folder), dtype).state_dict())


def load_optimizer(folder: Path, optimizer: Any, accelerator: Accelerator) -> None:
    """Put back the optimizer's moments and the fp16 scale."""
    saved = torch.load(folder / OPTIMIZER, weights_only=True, map_location="cpu")
    optimizer.load_state_dict(saved["optimizer"])
    if accelerator.scaler is not None and "scaler" in saved:
        accelerator.scaler.load_state_dict(saved["scaler"])


def save_state(folder: Path, state: dict[str, Any]) -> None:
    """The `TrainState` and what else is JSON."""
    write_json(folder / STATE, state, durable=False)
