"""What goes into a checkpoint, and how it comes back: weights, optimizer, random states."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from peft.utils import get_peft_model_state_dict
from transformers import PreTrainedModel

from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.model.build import load_pretrained
from gladius_widgets.training.model.lora import load_adapter, read_adapter, save_adapter

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


def save_weights(folder: Path, model: Any, state: dict[str, torch.Tensor] | None = None) -> None:
    """Adapter or whole model as safetensors that `from_pretrained` reads.

    `state` is what `live_weights` gives, whole, when the model itself holds only shards.
    """
    if isinstance(model, PeftModel):
        save_adapter(model, folder, state)
        return
    assert isinstance(model, PreTrainedModel)
    model.save_pretrained(folder, state_dict=state)


def live_weights(model: Any) -> dict[str, torch.Tensor]:
    """What a checkpoint holds of a model, by its name there: its own parameters and buffers."""
    state = model.state_dict(keep_vars=True)
    if isinstance(model, PeftModel):
        return get_peft_model_state_dict(model, state_dict=state)
    return state


def saved_weights(folder: Path, model: Any) -> dict[str, torch.Tensor]:
    """The same from a checkpoint, whole and on the CPU."""
    if isinstance(model, PeftModel):
        return read_adapter(folder)
    dtype = next(model.parameters()).dtype
    return load_pretrained(str(folder), dtype).state_dict()


def load_weights(folder: Path, model: torch.nn.Module) -> None:
    """Put a checkpoint's weights into a live model."""
    if isinstance(model, PeftModel):
        load_adapter(model, folder)
        return
    model.load_state_dict(saved_weights(folder, model))


def save_optimizer(folder: Path, optimizer: dict[str, Any], scaler: Any) -> None:
    """The optimizer's whole state, and the fp16 scale if there is one."""
    saved = {"optimizer": optimizer}
    if scaler is not None:
        saved["scaler"] = scaler.state_dict()
    torch.save(saved, folder / OPTIMIZER)


def read_optimizer(folder: Path, scaler: Any) -> dict[str, Any]:
    """The optimizer's state of a checkpoint; puts the fp16 scale back.

    Raises:
        GladiusError: DeepSpeed made the checkpoint, which keeps the optimizer in its own shards.
    """
    path = folder / OPTIMIZER
    if not path.exists():
        raise GladiusError(
            f"{folder.name} was made under DeepSpeed, which alone can go on from it.",
            "Resume with the accelerate config it was made with.",
        )
    saved = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
    if scaler is not None and "scaler" in saved:
        scaler.load_state_dict(saved["scaler"])
    return saved["optimizer"]


def save_state(folder: Path, state: dict[str, Any]) -> None:
    """The `TrainState` and what else is JSON."""
    write_json(folder / STATE, state, durable=False)
