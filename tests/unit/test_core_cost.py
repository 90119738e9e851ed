import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gladius_widgets.core.money.cost import (
    AttemptHistory,
    Basis,
    BillableSpan,
    BudgetState,
    EstimatedCost,
    Projection,
    amount_tone,
    bar_end,
    bar_share,
    before_training_s,
    breakdown,
    budget_left_s,
    budget_state,
    estimate_tone,
    estimated_cost,
    is_over_runtime,
    percent_of_estimate,
    price_of,
    projected,
    projection,
    spent,
    time_for,
    warning_amount,
    whole_time_s,
)

times = st.floats(0, 1e9)
rates = st.floats(0, 1e4)
gpus = st.integers(0, 4096)
spans = st.builds(BillableSpan, times, st.none() | times)
close = pytest.approx


def test_an_hour_of_two_gpus():
    assert spent([BillableSpan(0, 3600)], 2.5, 2, now=9999) == 5.0
    assert spent([BillableSpan(0, None)], 2.5, 0, now=1800) == 1.25  # a machine without GPU
    assert spent([], 2.5, 1, now=0) == 0
    assert projected(1.0, 1800, 2.0, 4) == 5.0


@given(st.lists(spans), gpus, times)
def test_unknown_rate_is_unknown_cost_never_zero(history, count, now):
    assert spent(history, None, count, now) is None
    assert projected(spent(history, None, count, now), 60, None, count) is None
    assert projected(1.0, None, 1.0, count) is None
    assert projected(1.0, 60.0, None, count) is None


@given(spans, times)
def test_no_span_lasts_less_than_nothing(span, now):
    assert span.duration_s(now) >= 0


@given(st.lists(spans, max_size=8), rates, gpus, times, st.floats(0, 1e6))
def test_cost_never_falls_as_time_goes_on(history, rate, count, now, later):
    before, after = spent(history, rate, count, now), spent(history, rate, count, now + later)
    assert before is not None
    assert after is not None
    assert after >= before >= 0


@given(st.lists(spans, max_size=8), st.lists(spans, max_size=8), rates, gpus, times)
def test_attempts_add_up(first, second, rate, count, now):
    parts = [spent(history, rate, count, now) for history in (first, second)]
    assert None not in parts
    assert spent(first + second, rate, count, now) == close(sum(p or 0 for p in parts))


@given(st.lists(spans, max_size=8), rates, st.integers(1, 64), times)
def test_cost_grows_with_gpus_and_rate(history, rate, count, now):
    one = spent(history, rate, 1, now)
    assert one is not None
    assert spent(history, rate, count, now) == close(one * count)
    assert spent(history, 2 * rate, 1, now) == close(2 * one)


@given(st.lists(spans, max_size=8), rates, gpus, times)
def test_closed_spans_do_not_depend_on_now(history, rate, count, now):
    assume(all(span.ended_at is not None for span in history))
    assert spent(history, rate, count, now) == spent(history, rate, count, now + 1e6)


@given(times, st.floats(1, 1e6), rates, st.integers(1, 64))
def test_projection_is_what_will_have_been_spent(start, duration_s, rate, count):
    half = start + duration_s / 2
    so_far = spent([BillableSpan(start)], rate, count, half)
    at_the_end = spent([BillableSpan(start, start + duration_s)], rate, count, half)
    assert projected(so_far, duration_s / 2, rate, count) == close(at_the_end, rel=1e-4, abs=1e-6)


pauses = st.lists(spans, max_size=4).map(tuple)
attempts = st.builds(AttemptHistory, st.integers(1, 99), spans, st.none() | times, pauses)


def test_a_breakdown_by_attempt_and_state():
    first = AttemptHistory(1, BillableSpan(0, 3600), 900, (BillableSpan(1800, 2700),))
    second = AttemptHistory(2, BillableSpan(5000), None)
    told = breakdown([first, second], 4.0, 2, now=5000 + 1800, currency="EUR")
    assert [(a.provisioning.cost, a.training.cost, a.paused.cost) for a in told.attempts] == [
        (2.0, 4.0, 2.0),
        (4.0, 0.0, 0.0),
    ]
    assert (told.attempts[0].ended_at, told.attempts[1].ended_at) == (3600, None)
    assert (told.provisioning.cost, told.training.cost, told.paused.cost) == (6, 4, 2)
    assert told.total.cost == 12.0
    assert (told.currency, told.hourly_rate, told.gpus) == ("EUR", 4.0, 2)


def test_a_pause_that_goes_on_counts_until_now_and_overlaps_count_once():
    held = AttemptHistory(
        1, BillableSpan(0), 100, (BillableSpan(200, 400), BillableSpan(300, None))
    )
    part = breakdown([held], 1.0, 1, now=1000).attempts[0]
    assert (part.provisioning.duration_s, part.training.duration_s) == (100, 100)
    assert part.paused.duration_s == 800


@given(st.lists(attempts, max_size=5), st.none() | rates, gpus, times)
def test_the_parts_sum_to_the_whole_and_none_is_negative(history, rate, count, now):
    told = breakdown(history, rate, count, now)
    whole = spent([one.span for one in history], rate, count, now)
    assert told.total.cost == (None if whole is None else close(whole))
    for one in [*told.attempts, told]:
        parts = [one.provisioning, one.training, one.paused]
        assert sum(p.duration_s for p in parts) == close(one.total.duration_s, abs=1e-3)
        assert all(p.duration_s >= 0 for p in parts)
        if rate is None:
            assert {p.cost for p in [*parts, one.total]} == {None}
        else:
            assert sum(p.cost for p in parts) == close(one.total.cost, rel=1e-6, abs=1e-3)
            assert all(p.cost >= 0 for p in parts)


@given(st.lists(attempts, max_size=5), rates, gpus, times, st.floats(0, 1e6))
def test_no_total_falls_as_time_goes_on(history, rate, count, now, later):
    before = breakdown(history, rate, count, now)
    after = breakdown(history, rate, count, now + later)
    assert after.total.cost >= before.total.cost
    assert after.total.duration_s >= before.total.duration_s


@given(st.floats(0, 1e9), st.floats(1e-3, 1e4), st.integers(1, 64))
def test_what_a_time_costs_lasts_that_time(duration_s, rate, count):
    cost = price_of(duration_s, rate, count)
    assert cost is not None
    assert time_for(cost, rate, count) == close(duration_s, rel=1e-6, abs=1e-6)


def test_free_or_unknown_amounts_last_no_known_time():
    assert time_for(10.0, None, 1) is None
    assert time_for(10.0, 0.0, 1) is None
    assert time_for(None, 1.0, 1) is None
    assert price_of(None, 1.0, 1) is None


@given(rates, st.floats(0, 1e6), rates, st.integers(0, 64), st.floats(0, 2))
def test_a_projection_lies_within_its_bounds_and_above_what_is_spent(so_far, left, rate, n, spread):
    told = projection(so_far, left, rate, n, spread)
    assert told is not None
    assert so_far <= told.low <= told.amount * (1 + 1e-12)
    assert told.amount <= told.high * (1 + 1e-12)
    assert told.amount == projected(so_far, left, rate, n)
    assert told.high - told.amount == close(told.amount - told.low, rel=1e-6, abs=1e-6)


def test_a_projection_of_unknowns_is_unknown():
    assert projection(None, 1, 1, 1) is None
    assert projection(1, None, 1, 1) is None
    assert projection(1, 1, None, 1) is None
    assert projection(10.0, 3600, 10.0, 1) == Projection(20.0, 18.5, 21.5)


def test_the_specified_cost_tracker():
    percent = percent_of_estimate(22.18, 45)
    assert round(percent) == 49
    assert bar_share(22.18, 55) == close(0.403, abs=1e-3)
    assert bar_share(45, 55) == close(0.818, abs=1e-3)
    assert estimate_tone(percent) == "green"
    assert [estimate_tone(p) for p in (None, 0, 79.9, 80, 100, 100.1)] == [
        "", "green", "green", "yellow", "yellow", "red",
    ]  # fmt: skip
    assert amount_tone(float("nan")) == ""
    assert [amount_tone(a) for a in (None, 0, 49.99, 50, 100, 100.01)] == [
        "", "green", "green", "yellow", "yellow", "red",
    ]  # fmt: skip


@given(st.none() | rates, st.none() | rates)
def test_shares_stay_within_the_bar(amount, high):
    share, percent = bar_share(amount, high), percent_of_estimate(amount, high)
    assert (share is None) == (amount is None or not high)
    assert share is None or 0 <= share <= 1
    assert percent is None or percent >= 0


@pytest.mark.parametrize(
    ("so_far", "state"), [(0, "ok"), (79.99, "ok"), (80, "warn"), (99.99, "warn"), (100, "over")]
)
def test_a_budget_is_ok_then_near_then_over(so_far, state):
    assert budget_state(so_far, 100, 80) == state


@given(rates, rates, st.floats(1, 100), rates)
def test_spending_more_never_makes_a_budget_look_better(so_far, budget, warn, more):
    order = list(BudgetState)
    before, after = (budget_state(s, budget, warn) for s in (so_far, so_far + more))
    assert order.index(after) >= order.index(before)
    assert budget_state(None, budget, warn) == budget_state(so_far, None, warn) == "ok"


def test_the_runtime_limit():
    assert not is_over_runtime(3599, 1)
    assert is_over_runtime(3600, 1)
    assert not is_over_runtime(1e9, None)


@given(st.none() | rates, st.none() | rates, st.none() | times, st.none() | times,
       st.none() | rates, gpus)  # fmt: skip
def test_an_estimate_is_what_the_config_says_else_measured_time_at_the_rate(
    low, high, low_s, high_s, rate, count
):
    told = estimated_cost((low, high), (low_s, high_s), rate, count)
    if low is not None and high is not None:
        assert told == EstimatedCost(low, high, Basis.CONFIG)
    elif None in (low_s, high_s, rate):
        assert told is None
    else:
        assert told is not None
        assert told.basis == Basis.EARLIER_RUNS
        assert told.low == price_of(low_s, rate, count)
        assert told.high == price_of(high_s, rate, count)


@given(st.integers(0, 10**6), st.floats(0, 1e4), st.floats(0, 1e6), st.floats(0, 1))
def test_a_whole_run_lasts_what_came_before_and_its_steps(steps, step_s, aside_s, spread):
    low_s, high_s = whole_time_s(steps, step_s, aside_s, spread)
    assert low_s is not None
    assert high_s is not None
    assert 0 <= low_s <= high_s
    assert (low_s + high_s) / 2 == close(aside_s + steps * step_s)


def test_a_run_of_unknown_length_or_pace_has_no_known_time():
    assert whole_time_s(None, 1.0, 0.0) == (None, None)
    assert whole_time_s(10, None, 0.0) == (None, None)
    assert whole_time_s(10, float("nan"), 0.0) == (None, None)


def test_what_came_before_training_is_of_the_first_attempt_that_trained():
    broken = AttemptHistory(1, BillableSpan(0, 50))
    good = AttemptHistory(2, BillableSpan(100), 160)
    assert before_training_s([broken, good]) == 60
    assert before_training_s([broken]) == before_training_s([]) == 0


@given(st.none() | rates, st.floats(0.01, 1e4), st.floats(0, 1))
def test_the_bar_holds_the_spending_and_both_marks(so_far, high, part):
    end, low = bar_end(so_far, high), high * part
    assert end is not None
    assert bar_share(low, end) <= bar_share(high, end) <= 1
    assert bar_share(so_far or 0.0, end) == close((so_far or 0.0) / end)
    assert bar_end(so_far, None) is None
    assert bar_end(so_far, 0.0) is None


@given(rates, rates, st.floats(0.01, 1e4), st.integers(1, 64))
def test_a_budget_lasts_until_it_is_spent(so_far, budget, rate, count):
    left_s = budget_left_s(so_far, budget, rate, count)
    assert left_s is not None
    if so_far >= budget:
        assert left_s == 0
    else:
        more = price_of(left_s, rate, count)
        assert more is not None
        assert so_far + more == close(budget, rel=1e-6)
    assert budget_left_s(None, budget, rate, count) is None
    assert budget_left_s(so_far, None, rate, count) is None
    assert budget_left_s(so_far, budget, None, count) is None


def test_where_a_budget_warns():
    assert warning_amount(60.0, 80) == 48
    assert warning_amount(None, 80) is None
