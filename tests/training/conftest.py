"""Small runs that several tests look at, each made once a session."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chitchat_dataset import Dataset
from safetensors.torch import load_file, save_file
from support import end_processes_on
from training.forked import Zygote
from training.harness import TINY_MOE, make_run, merged, start
from transformers import AutoTokenizer

from gladius_widgets.core.paths import Home, RunDirectory


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home for the runs of all tests here; they share its cache."""
    home = Home(tmp_path_factory.mktemp("trainer") / "home")
    home.cache.mkdir(parents=True)
    yield home
    end_processes_on(home.root)


@pytest.fixture(scope="session")
def chat_file(workshop: Home) -> Path:
    """Sixty real conversations as JSONL."""
    path = workshop.root / "chat.jsonl"
    lines = []
    for conversation in Dataset().values():
        turns = [" ".join(part["text"] for part in turn) for turn in conversation["messages"]]
        if len(turns) >= 4 and all(turns):
            roles = ("user", "assistant")
            messages = [{"role": roles[i % 2], "content": t[:60]} for i, t in enumerate(turns[:6])]
            lines.append(json.dumps({"messages": messages}))
        if len(lines) == 60:
            break
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="session")
def new_run(workshop: Home, chat_file: Path) -> Callable[..., RunDirectory]:
    """Makes a run of the tiny MoE on the sixty conversations, with changes."""

    def make(run_id: str, changes: dict[str, Any] | None = None) -> RunDirectory:
        values = merged(TINY_MOE, {"data.path": str(chat_file)} | (changes or {}))
        return make_run(workshop, run_id, values)

    return make


@pytest.fixture(scope="session")
def moe_run(new_run: Callable[..., RunDirectory]) -> RunDirectory:
    """Twenty steps of the tiny MoE, from start to end."""
    run = new_run("moe", {"training.validation_interval_steps": 5, "training.tensorboard": True})
    start(run).finish()
    return run


@pytest.fixture(scope="session")
def base_model(moe_run: RunDirectory) -> Path:
    """A folder with a pretrained model for LoRA: what the MoE run saved."""
    return moe_run.checkpoint(20)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Starts trainers without waiting for their imports."""
    with Zygote() as zygote:
        yield zygote


@pytest.fixture(scope="session")
def poisoned(base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose embedding of one rare token is not a number."""
    folder = tmp_path_factory.mktemp("models") / "poisoned"
    shutil.copytree(base_model, folder)
    (folder / "model.safetensors").chmod(0o644)
    tensors = load_file(folder / "model.safetensors")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tensors["model.embed_tokens.weight"][tokenizer.encode("~")[0]] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
