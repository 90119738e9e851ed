import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gladius_widgets.store.metrics import decimate, newest_attempt

# Branches


def rows(*triples):
    attempts, steps, values = zip(*triples, strict=True)
    return pa.table(
        {
            "attempt": pa.array(attempts, pa.int32()),
            "step": pa.array(steps, pa.int64()),
            "value": pa.array(values),
        }
    )


def values(table):
    return "".join(table["value"].to_pylist())


def test_newest_attempt_wins_and_older_rows_past_its_start_go():
    table = rows(*[(1, s, "a") for s in range(1, 9)], *[(2, s, "b") for s in range(5, 7)])
    assert values(newest_attempt(table)) == "aaaabb"


def test_three_attempts_that_went_back_further_and_less_far():
    table = rows(
        *[(1, s, "a") for s in range(1, 11)],
        *[(2, s, "b") for s in range(8, 15)],
        *[(3, s, "c") for s in range(4, 7)],
    )
    assert values(newest_attempt(table)) == "aaaccc"  # 1..3 of a, none of b
    table = rows((1, 1, "a"), (1, 2, "a"), (2, 3, "b"), (2, 4, "b"), (3, 4, "c"))
    assert values(newest_attempt(table)) == "aabc"


def test_rollback_within_an_attempt():
    table = rows(*[(1, s, "a") for s in (1, 2, 3, 4)], *[(1, s, "b") for s in (3, 4, 5)])
    assert values(newest_attempt(table)) == "aabbb"


def test_rows_of_one_step_stay_together():
    table = rows((1, 5, "v"), (1, 5, "t"), (1, 10, "v"), (1, 10, "t"), (2, 10, "V"), (2, 10, "T"))
    assert values(newest_attempt(table)) == "vtVT"


def test_attempts_may_come_in_any_order():
    table = rows((2, 2, "b"), (1, 1, "a"), (1, 2, "a"))
    assert values(newest_attempt(table)) == "ab"


def test_rows_without_a_step_stay():
    table = rows((1, None, "s"), (1, 1, "a"), (1, 2, "a"), (2, None, "s"), (2, 1, "b"))
    assert values(newest_attempt(table)) == "ssb"
    assert values(newest_attempt(rows((1, None, "s"), (2, None, "s")))) == "ss"


def test_empty_table():
    table = rows((1, 1, "a")).slice(0, 0)
    assert newest_attempt(table).num_rows == 0


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 12)), min_size=1, max_size=6))
def test_each_step_is_told_by_the_last_attempt_that_reached_back_to_it(attempts):
    triples = [
        (number, step, str(number))
        for number, (first, length) in enumerate(attempts, 1)
        for step in range(first, first + length)
    ]
    kept = newest_attempt(rows(*triples))
    expected = [
        (number, step)
        for number, step, _ in triples
        if all(step < first for first, _ in attempts[number:])
    ]
    assert list(zip(kept["attempt"].to_pylist(), kept["step"].to_pylist(), strict=True)) == expected


# Decimation


def test_one_step_spike_among_a_million_survives_wherever_it_is():
    rng = np.random.default_rng(0)
    x = np.arange(1_000_000)
    y = rng.normal(3, 0.1, x.size)
    for at in [0, 1, x.size - 1, *rng.integers(0, x.size, 30)]:
        for spike in (50.0, -50.0):
            spiked = y.copy()
            spiked[at] = spike
            chosen = decimate(x, spiked)
            assert at in chosen
            assert len(chosen) <= 2000


def test_many_spikes_up_and_down_all_survive():
    rng = np.random.default_rng(1)
    y = rng.normal(0, 1, 500_000)
    places = rng.choice(np.arange(0, y.size, 1000), 300, replace=False)
    y[places] = np.where(np.arange(300) % 2, 99.0, -99.0)
    assert set(places) <= set(decimate(np.arange(y.size), y))


numbers = st.floats(-1e9, 1e9) | st.sampled_from([float("nan"), float("inf"), float("-inf")])


@settings(max_examples=150)
@given(st.lists(numbers, max_size=400), st.integers(16, 100))
def test_indices_ascend_within_the_budget_and_keep_the_extremes(y, points):
    chosen = decimate(np.arange(len(y)), y, points)
    assert len(chosen) == min(len(y), points) or len(chosen) <= points
    assert np.all(np.diff(chosen) > 0)
    known = [v for v in y if np.isfinite(v)]
    if known:
        kept = [y[i] for i in chosen if np.isfinite(y[i])]
        assert max(kept) == max(known)
        assert min(kept) == min(known)


def test_gaps_are_marked_so_that_a_line_breaks():
    y = np.sin(np.arange(100_000) / 1000)
    y[40_000:45_000] = np.nan
    y[70_000] = np.inf
    chosen = decimate(np.arange(y.size), y, 500)
    assert {40_000, 70_000} <= set(chosen)
    assert len(chosen) <= 500
    y[::2] = np.nan
    assert len(decimate(np.arange(y.size), y, 500)) <= 500


def test_all_missing_constant_and_short_series():
    assert len(decimate(np.arange(5000), np.full(5000, np.nan), 100)) <= 100
    chosen = decimate(np.arange(5000), np.ones(5000), 100)
    assert {0, 4999} <= set(chosen)
    assert decimate([], []).tolist() == []
    assert decimate([5, 6], [1, None], 16).tolist() == [0, 1]


def test_positions_that_do_not_ascend():
    y = np.random.default_rng(2).normal(size=5000)
    assert y.argmax() in decimate(np.zeros(5000), y, 100)
    assert y.argmin() in decimate(np.arange(5000)[::-1], y, 100)


def test_bad_arguments():
    with pytest.raises(ValueError, match="equally long"):
        decimate([1, 2], [1])
    with pytest.raises(ValueError, match="at least 16"):
        decimate([1], [1], 2)
