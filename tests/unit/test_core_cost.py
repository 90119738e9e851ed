import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gladius_widgets.core.cost import BillableSpan, projected, spent

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
