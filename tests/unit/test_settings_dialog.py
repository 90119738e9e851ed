"""The dialog that changes settings: what was typed stays until it is right."""

import asyncio
from dataclasses import replace

import pytest

from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.controls import settings_dialog
from gladius_widgets.panels.controls import settings_model as model
from gladius_widgets.panels.live.snapshot import JobSnapshot

CONFIG = TrainingConfig.model_validate(
    {
        "model": {"name": "org/model"},
        "data": {"path": "org/data"},
        "optimization": {"learning_rate_bounds": [1e-6, 1e-2]},
    }
)
RUN = RunStatus(state=JobStatus.TRAINING, learning_rate=1e-4)
JOB = JobSnapshot("job-1", "moe", JobStatus.TRAINING, 0.0, run=RUN, config=CONFIG)


@pytest.mark.parametrize(
    ("typed", "name", "said"),
    [
        ({"learning_rate": "5"}, "learning_rate", "between 1e-06 and 0.01"),
        ({"learning_rate": "fast"}, "learning_rate", "is no number"),
        ({"micro_batch_size": "2.5"}, "micro_batch_size", "whole number"),
        ({"weight_decay": ""}, "weight_decay", "must be a number"),
    ],
)
def test_each_mistake_is_told_at_its_field(typed, name, said):
    found = model.mistakes(JOB, model.fields(JOB), typed)
    assert list(found) == [name]
    assert said in found[name]


def test_a_schedule_of_a_newer_version_leaves_the_rate_of_the_last_step():
    newer = RUN.model_copy(update={"schedule": {"kind": "cosine", "bends": 3}})
    shown = {field.name: field.text for field in model.fields(replace(JOB, run=newer))}
    assert shown["learning_rate"] == "1e-4"


def test_what_can_be_off_may_be_emptied():
    assert model.mistakes(JOB, model.fields(JOB), {"checkpoint_interval_minutes": ""}) == {}


def test_a_value_out_of_range_keeps_the_dialog_and_what_was_typed(monkeypatch):
    shown = []
    real = settings_dialog.Dialog

    def remember(*args, **kwargs):
        shown.append(real(*args, **kwargs))
        return shown[-1]

    monkeypatch.setattr(settings_dialog, "Dialog", remember)

    async def use():
        asked = asyncio.ensure_future(settings_dialog.ask_settings(JOB))
        await asyncio.sleep(0)
        (dialog,) = shown
        dialog.emit("weight_decay", {"value": "0.1"})
        dialog.emit("learning_rate", {"value": "5"})
        dialog.emit("apply", {})
        assert dialog.shown
        first, *_ = [node for node in dialog.body if node["t"] == "label"]
        text = str(first)
        assert "'5'" in text
        assert "between 1e-06 and 0.01" in text
        dialog.emit("learning_rate", {"value": "0.0001"})  # as it is
        dialog.emit("weight_decay", {"value": "0.01"})
        dialog.emit("apply", {})
        assert dialog.shown
        assert "Nothing is changed" in str(dialog.body)
        dialog.emit("learning_rate", {"value": "0.005"})
        dialog.emit("apply", {})
        assert not dialog.shown
        return await asked

    assert asyncio.run(use()) == {"learning_rate": 0.005}
