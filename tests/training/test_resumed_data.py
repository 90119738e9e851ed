"""A resume goes on with the data and the tokenizer that the run began with, or says that not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from training.forked import Zygote
from training.harness import Trainer, events, losses_hex, rows

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.paths import Home, RunDirectory


@pytest.fixture
def source(tmp_path: Path, chat_file: Path) -> Path:
    """A data file of its own, in a folder of its own name."""
    return Path(shutil.copy(chat_file, tmp_path / "chat.jsonl"))


@pytest.fixture
def halfway(
    new_run: Callable[..., RunDirectory],
    zygote: Zygote,
    source: Path,
    request: pytest.FixtureRequest,
) -> RunDirectory:
    """A run of six steps that has lost its last checkpoint, so that a resume does three again."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    changes = {
        "data.path": str(source),
        "training.max_steps": 6,
        "checkpointing.interval_steps": 3,
        "model.train_tokenizer_vocab": 500,
    }
    run = new_run(name, changes)
    zygote.train(run).finish()
    forget_all_but_step_3(run)
    return run


def forget_all_but_step_3(run: RunDirectory) -> None:
    for folder in run.checkpoints.iterdir():
        if folder != run.checkpoint(3):
            shutil.rmtree(folder)


def resumed(run: RunDirectory, zygote: Zygote) -> Trainer:
    trainer = zygote.train(run, attempt=2)
    trainer.finish()
    assert rows(run)["attempt"].to_pylist() == [1] * 3 + [2] * 3
    return trainer


def warnings(run: RunDirectory) -> list[str]:
    told = [event.message for event in events(run) if event.type == "warning"]
    # Rows are cut short here, and answers with them; that is said at each start.
    return [message for message in told if "teach the model to stop" not in message]


def forget_cache(home: Home, run: RunDirectory) -> None:
    key = read_json(run.checkpoint(3) / "state.json")["data"]["key"]
    shutil.rmtree(home.cache / "data" / key)


def cut(source: Path) -> None:
    source.write_text("\n".join(source.read_text().split("\n")[:25]))


def test_a_touched_source_changes_nothing(
    workshop: Home, halfway: RunDirectory, zygote: Zygote, source: Path
) -> None:
    before, cached = losses_hex(halfway), set((workshop.cache / "data").iterdir())
    source.touch()
    resumed(halfway, zygote)
    assert losses_hex(halfway) == before
    assert warnings(halfway) == []
    assert set((workshop.cache / "data").iterdir()) == cached, "nothing was prepared again"


def test_a_deleted_source_does_not_matter(
    halfway: RunDirectory, zygote: Zygote, source: Path
) -> None:
    before = losses_hex(halfway)
    source.unlink()
    resumed(halfway, zygote)
    assert losses_hex(halfway) == before
    (warning,) = warnings(halfway)
    assert f"{source} is gone" in warning


def test_a_changed_source_is_told_and_left_alone(
    halfway: RunDirectory, zygote: Zygote, source: Path
) -> None:
    before = losses_hex(halfway)
    cut(source)
    resumed(halfway, zygote)
    assert losses_hex(halfway) == before
    (warning,) = warnings(halfway)
    assert "has changed since the run began" in warning


def test_the_same_data_prepared_again_is_exact(
    workshop: Home, halfway: RunDirectory, zygote: Zygote, source: Path
) -> None:
    before = losses_hex(halfway)
    source.touch()
    forget_cache(workshop, halfway)
    resumed(halfway, zygote)
    assert losses_hex(halfway) == before
    assert warnings(halfway) == []


def test_other_data_keeps_the_tokenizer_and_says_that_it_is_not_exact(
    workshop: Home, halfway: RunDirectory, zygote: Zygote, source: Path
) -> None:
    before = rows(halfway)["loss"].to_pylist()
    tokenizer = (halfway.checkpoint(3) / "tokenizer.json").read_bytes()
    cut(source)
    forget_cache(workshop, halfway)
    trainer = resumed(halfway, zygote)
    (warning,) = warnings(halfway)
    assert "not exactly" in warning
    assert warning in trainer.log()
    told = next(event for event in events(halfway) if event.message == warning)
    assert told.payload == {"exact": False}
    assert (halfway.checkpoint(6) / "tokenizer.json").read_bytes() == tokenizer
    after = rows(halfway)["loss"].to_pylist()
    assert after != before
    assert max(after[3:]) < before[0] + 0.2, "a foreign tokenizer's ids would mean nothing"

    forget_all_but_step_3(halfway)
    zygote.train(halfway, attempt=3).finish()
    assert warnings(halfway) == [warning] * 2, "it goes on from before the change once more"


def test_data_that_is_nowhere_is_one_sentence(
    workshop: Home, halfway: RunDirectory, zygote: Zygote, source: Path
) -> None:
    source.unlink()
    forget_cache(workshop, halfway)
    trainer = zygote.train(halfway, attempt=2)
    assert trainer.wait() == 1
    assert f"There is no data file {source}" in trainer.log()
    assert "Traceback" not in trainer.log()


def test_a_checkpoint_of_before_there_was_a_record_resumes(
    halfway: RunDirectory, zygote: Zygote
) -> None:
    before = losses_hex(halfway)
    state = halfway.checkpoint(3) / "state.json"
    values = read_json(state)
    del values["data"]
    state.write_text(json.dumps(values))
    manifest = halfway.checkpoint(3) / "manifest.json"
    facts = read_json(manifest)
    del facts["files"]["state.json"]
    manifest.write_text(json.dumps(facts))
    resumed(halfway, zygote)
    assert losses_hex(halfway) == before
    assert warnings(halfway) == []


def test_a_checkpoint_without_adapters_needs_its_base_no_more(
    new_run: Callable[..., RunDirectory], zygote: Zygote, base_model: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(base_model, tmp_path / "base"))
    model = {"model.name": str(base), "model.from_scratch": None}
    model |= {"model.train_tokenizer_vocab": None}
    steps = {"training.max_steps": 6, "checkpointing.interval_steps": 3}
    run = new_run("base-gone", model | steps)
    zygote.train(run).finish()
    before = losses_hex(run)
    forget_all_but_step_3(run)
    shutil.rmtree(base)
    resumed(run, zygote)
    assert losses_hex(run) == before
    assert warnings(run) == []
