import numpy as np
import pyarrow as pa
import pytest

from gladius_widgets.panels.live.history import TRAIN, VALIDATION, Columns, History
from gladius_widgets.panels.live.series import Extremes, MovingAverage


def train_rows(steps, *, attempt=1, loss=None, load=None):
    rows = [
        {
            "step": step,
            "attempt": attempt,
            "time": 1000.0 + step,
            "epoch": step / 10,
            "loss": loss[i] if loss is not None else 5.0 - 0.01 * step,
            "tokens": 100,
            "step_time_s": 1.0,
            "expert_load": load,
            "expert_loss": load,
        }
        for i, step in enumerate(steps)
    ]
    return pa.Table.from_pylist(rows, schema=TRAIN)


def validation_rows(steps, *, attempt=1, split="validation"):
    rows = [
        {"step": s, "attempt": attempt, "epoch": s / 10, "split": split, "loss": 4 - s / 100}
        for s in steps
    ]
    return pa.Table.from_pylist(rows, schema=VALIDATION)


def test_columns_grow_and_are_cut():
    columns = Columns("a", "b")
    for start in range(0, 5000, 500):
        block = np.arange(start, start + 500, dtype=float)
        columns.extend({"a": block, "b": -block})
    assert len(columns) == 5000
    np.testing.assert_array_equal(columns["a"], np.arange(5000))
    columns.truncate(10)
    columns.drop_first(4)
    np.testing.assert_array_equal(columns["b"], -np.arange(4.0, 10.0))


def test_rows_are_appended_in_order():
    history = History()
    assert history.add_train(train_rows(range(1, 4)))
    assert history.add_train(train_rows(range(4, 6)))
    assert not history.add_train(train_rows([]))
    np.testing.assert_array_equal(history.train["step"], [1, 2, 3, 4, 5])
    assert history.cuts == [0]


def test_new_attempt_takes_over_from_its_first_step():
    history = History()
    history.add_train(train_rows(range(1, 101)))
    history.add_validation(validation_rows([40, 80]))
    history.add_train(train_rows([61, 62], attempt=2, loss=[1.0, 1.1]))
    np.testing.assert_array_equal(history.train["step"], [*range(1, 61), 61, 62])
    assert history.train["loss"][-2:].tolist() == [1.0, 1.1]
    np.testing.assert_array_equal(history.validation["step"], [40])


@pytest.mark.parametrize("validation_first", [True, False])
def test_order_of_tables_does_not_matter(validation_first):
    history = History()
    train = pa.concat_tables([train_rows(range(1, 101)), train_rows(range(61, 71), attempt=2)])
    validation = pa.concat_tables([validation_rows([40, 60, 80]), validation_rows([70], attempt=2)])
    adders = [lambda: history.add_train(train), lambda: history.add_validation(validation)]
    for add in reversed(adders) if validation_first else adders:
        add()
    np.testing.assert_array_equal(history.validation["step"], [40, 60, 70])


def test_roll_back_within_an_attempt_is_a_new_branch():
    history = History()
    history.add_train(train_rows(range(1, 11)))
    history.add_train(train_rows([6, 7], loss=[9.0, 9.0]))
    np.testing.assert_array_equal(history.train["step"], [1, 2, 3, 4, 5, 6, 7])


def test_rows_of_several_attempts_in_one_poll():
    history = History()
    both = pa.concat_tables([train_rows(range(1, 11)), train_rows([5, 6], attempt=2)])
    history.add_train(both)
    np.testing.assert_array_equal(history.train["step"], [1, 2, 3, 4, 5, 6])


def test_late_rows_of_an_old_attempt_are_left_out():
    history = History()
    history.add_train(train_rows([5, 6], attempt=2))
    history.add_train(train_rows([1, 2], attempt=1))
    np.testing.assert_array_equal(history.train["step"], [5, 6])


def test_only_the_last_minutes_of_speed_are_kept():
    history = History()
    for start in range(0, 20000, 1000):
        history.add_train(train_rows(range(start + 1, start + 1001)))
    times = history.recent["time"]
    assert len(history.train) == 20000
    assert times[-1] - times[0] >= 600
    assert len(times) < 4000


def test_test_split_is_no_validation():
    history = History()
    assert not history.add_validation(validation_rows([10], split="test"))
    assert history.add_validation(validation_rows([10, 20]))
    assert len(history.validation) == 2


def test_expert_rows():
    history = History()
    history.add_train(train_rows([1, 2], load=[0.5, 0.5]))
    history.add_train(train_rows([3]))
    assert list(history.loads) == [[0.5, 0.5]] * 2
    assert history.expert_loss == [0.5, 0.5]


@pytest.mark.parametrize("span", [1, 5, 50])
def test_moving_average_grows_as_if_computed_at_once(span):
    rng = np.random.default_rng(0)
    losses = rng.normal(5, 1, 60)
    losses[[7, 30, 31]] = [np.nan, np.inf, np.nan]
    history, average = History(), MovingAverage(span)
    for start in range(0, 60, 7):
        steps = list(range(start + 1, min(start + 8, 61)))
        history.add_train(train_rows(steps, loss=losses[start : start + 7]))
        average.follow(history.train["loss"], history.cuts)
    alpha, expected, last = 2 / (span + 1), [], None
    for value in losses:
        if np.isfinite(value):
            last = value if last is None else alpha * value + (1 - alpha) * last
        expected.append(last)
    np.testing.assert_allclose(average.follow(history.train["loss"], history.cuts), expected)


def test_moving_average_follows_a_cut():
    history, average = History(), MovingAverage(10)
    history.add_train(train_rows(range(1, 21)))
    average.follow(history.train["loss"], history.cuts)
    history.add_train(train_rows([6, 7], attempt=2, loss=[0.0, 0.0]))
    fresh = MovingAverage(10).follow(history.train["loss"])
    np.testing.assert_allclose(average.follow(history.train["loss"], history.cuts), fresh)
    assert len(fresh) == 7


def test_extremes_grow_as_if_found_at_once():
    rng = np.random.default_rng(1)
    values = rng.normal(size=200_000)
    values[[70_000, 70_001, 150_000]] = np.nan
    grown, whole = Extremes(), Extremes()
    for end in (10, 64, 100_000, 200_000):
        grown.follow(values[:end])
    grown.follow(values[:90_010], cuts=[90_010])
    grown.follow(values, cuts=[90_010])
    whole.follow(values)
    rows = whole.standing_out(7, 199_999)
    np.testing.assert_array_equal(grown.standing_out(7, 199_999), rows)
    assert rows[0] == 7
    assert rows[-1] == 199_998
    assert len(rows) < 10_000
    assert {70_000, 150_000} <= set(rows.tolist())
    for low in range(64, 199_000, 6400):
        block = values[low : low + 64]
        assert {low + np.nanargmin(block), low + np.nanargmax(block)} <= set(rows.tolist())


def test_epoch_means_grow_and_are_cut():
    history = History()
    losses = np.linspace(5, 1, 40)
    for start in range(0, 40, 7):
        history.add_train(
            train_rows(range(start + 1, min(start + 8, 41)), loss=losses[start : start + 7])
        )
    means = [epoch.mean for epoch in history.epochs]
    np.testing.assert_allclose(means, losses.reshape(4, 10).mean(axis=1))
    history.add_train(train_rows([16], attempt=2, loss=[9.0]))
    means = [(epoch.number, epoch.mean) for epoch in history.epochs]
    assert means == [
        (1, pytest.approx(losses[:10].mean())),
        (2, pytest.approx((losses[10:15].sum() + 9) / 6)),
    ]


def test_a_clock_set_back_does_not_turn_the_time_axis_around():
    history = History()
    history.add_train(train_rows([1, 2, 3]))
    late = train_rows([4, 5]).set_column(2, "time", pa.array([500.0, 1010.0]))
    history.add_train(late.cast(TRAIN))
    assert history.train["time"].tolist() == [1001, 1002, 1003, 1003, 1010]
