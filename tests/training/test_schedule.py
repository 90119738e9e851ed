"""The learning-rate schedule and live settings: pure functions, checked as such."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training.harness import TINY_MOE, config_of, merged
from transformers import get_scheduler

from gladius_widgets.core.config.live import (
    LIVE_KEYS,
    LiveSettings,
    check_changes,
    config_values,
    diff,
    is_live,
)
from gladius_widgets.core.config.schedule import Schedule
from gladius_widgets.core.errors import GladiusError

CONFIG = config_of(merged(TINY_MOE, {"data.path": "x.jsonl"}))


@pytest.mark.parametrize("kind", ["cosine", "linear", "constant"])
@pytest.mark.parametrize("warmup", [0, 7])
def test_it_is_the_schedule_of_transformers(kind: str, warmup: int) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    name = "constant_with_warmup" if kind == "constant" else kind
    reference: Any = get_scheduler(name, optimizer, warmup, 50)
    schedule = Schedule(kind, peak=0.01, warmup_steps=warmup, total_steps=50)
    for step in range(50):
        assert schedule.learning_rate(step) == pytest.approx(reference.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        reference.step()


def test_the_floor_holds() -> None:
    schedule = Schedule("cosine", 0.1, 0, 10, floor_ratio=0.2)
    assert schedule.learning_rate(10) == pytest.approx(0.02)
    assert schedule.learning_rate(1000) == pytest.approx(0.02)


def test_a_warm_up_that_is_longer_than_the_run_is_told() -> None:
    assert Schedule("cosine", 0.01, warmup_steps=19, total_steps=20).warning == ""
    assert Schedule("cosine", 0.01, warmup_steps=0, total_steps=0x7FFF).warning == ""
    assert Schedule("cosine", 0.001, warmup_steps=500, total_steps=20).warning == (
        "The warm-up takes 500 steps and the run has 20, so the learning rate comes to 3.8e-05 "
        "and never to its peak of 0.001. Lower optimization.warmup_steps."
    )


steps = st.integers(0, 200)


@given(steps, st.integers(0, 50), st.integers(1, 200), st.floats(1e-6, 1e-1))
def test_a_new_rate_holds_at_its_step_and_keeps_the_shape(
    step: int, warmup: int, total: int, rate: float
) -> None:
    schedule = Schedule("linear", 0.01, warmup, total)
    changed = schedule.with_learning_rate(step, rate)
    if step < warmup:
        assert changed.learning_rate(step) == rate
    elif schedule.factor(step) > 0:
        assert changed.learning_rate(step) == pytest.approx(rate)
        assert changed.learning_rate(step + 5) * schedule.learning_rate(step) == pytest.approx(
            schedule.learning_rate(step + 5) * rate
        )
    else:
        assert changed.peak == rate


@given(
    st.sampled_from(["cosine", "linear", "constant"]),
    steps,
    st.integers(0, 50),
    st.integers(1, 200),
    st.floats(1e-6, 1e-1),
    st.integers(0, 60),
)
def test_no_step_from_a_change_on_exceeds_what_was_asked_for(
    kind: str, step: int, warmup: int, total: int, rate: float, earlier: int
) -> None:
    """Else a change in warm-up would lead far out of the bounds that it was checked against."""
    schedule = Schedule(kind, 0.01, warmup, total).with_learning_rate(min(step, earlier), 0.02)
    changed = schedule.with_learning_rate(step, rate)
    highest = max(changed.learning_rate(s) for s in range(step, max(step, total) + 60))
    assert highest <= rate * (1 + 1e-9)
    assert schedule.with_factor(3).highest(step) == pytest.approx(3 * schedule.highest(step))
    ahead = [schedule.learning_rate(s) for s in range(step, max(step, total, warmup) + 60)]
    assert schedule.highest(step) == max(ahead)


def test_a_rate_asked_for_in_warm_up_ends_it() -> None:
    schedule = Schedule("linear", 0.002, 300, 4000)
    for step in (0, 1, 17, 299, 300):
        changed = schedule.with_learning_rate(step, 0.004)
        assert changed.learning_rate(step) == pytest.approx(0.004)
        assert changed.learning_rate((step + 4000) // 2) == pytest.approx(0.002, rel=1e-3)
        assert changed.learning_rate(4000) == 0
    assert schedule.highest(17) == 0.002
    with pytest.raises(GladiusError, match="must be between 1e-08 and 1, but is 2"):
        check_changes(CONFIG, {"learning_rate_factor": 1000}, schedule.highest(17))


@given(steps, st.integers(0, 50), st.integers(1, 300), st.integers(1, 300))
def test_a_new_length_makes_no_jump_and_ends_at_the_end(
    step: int, warmup: int, total: int, new_total: int
) -> None:
    schedule = Schedule("cosine", 0.01, warmup, total)
    changed = schedule.with_total_steps(step, new_total)
    if step > warmup:
        assert changed.learning_rate(step) == pytest.approx(schedule.learning_rate(step))
    if new_total > max(step, warmup):
        assert changed.learning_rate(new_total) == pytest.approx(0, abs=1e-12)
    rates = [changed.learning_rate(s) for s in range(max(step, warmup), new_total)]
    assert rates == sorted(rates, reverse=True)


def test_the_preview_is_the_schedule() -> None:
    schedule = Schedule("cosine", 0.01, 5, 1000)
    curve = schedule.with_factor(0.5).curve(first_step=100, points=50)
    assert curve[0] == (100, schedule.learning_rate(100) / 2)
    assert curve[-1][0] == 1000
    assert len(curve) == 50
    assert Schedule("linear", 0.1, 0, 3).curve() == [
        (0, pytest.approx(0.1)),
        (1, pytest.approx(0.1 * 2 / 3)),
        (2, pytest.approx(0.1 / 3)),
        (3, 0),
    ]


def test_every_live_setting_is_a_config_value() -> None:
    values = config_values(CONFIG)
    assert values.keys() == LIVE_KEYS.keys()
    assert LiveSettings.of(CONFIG).micro_batch_size == 2


def test_names_may_be_short_or_dotted() -> None:
    given_ = {"optimization.learning_rate": 0.1, "max_grad_norm": 2, "gradient_accumulation": 4}
    assert check_changes(CONFIG, given_) == {
        "learning_rate": 0.1,
        "max_grad_norm": 2.0,
        "gradient_accumulation": 4,
    }
    assert check_changes(CONFIG, {"validation_interval_steps": None}) == {
        "validation_interval_steps": None
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": float("nan")}, "between 1e-08 and 1"),
        ({"learning_rate": None}, "must be a number"),
        ({"learning_rate": 0.1, "learning_rate_factor": 2}, "Give one of them"),
        ({"learning_rate_factor": 1000}, "learning_rate must be between"),
        ({"lora.r": 8}, "lora.r holds for a run from its first step to its last"),
        ({"micro_batch_siz": 8}, "Did you mean 'micro_batch_size'"),
    ],
)
def test_changes_are_refused_with_the_reason(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(GladiusError) as refused:
        check_changes(CONFIG, changes, learning_rate=0.01)
    assert message in str(refused.value)


def test_a_diff_tells_live_changes_from_those_that_need_a_restart() -> None:
    changes = {"optimization.weight_decay": 0.2, "lora.r": 4, "checkpointing.interval_steps": 9}
    new = config_of(merged(CONFIG.to_plain(), changes))
    found = diff(CONFIG, new)
    assert found == {
        "optimization.weight_decay": (0.01, 0.2),
        "lora.r": (16, 4),
        "checkpointing.interval_steps": (5, 9),
    }
    assert [key for key in found if is_live(key)] == [
        "checkpointing.interval_steps",
        "optimization.weight_decay",
    ]
