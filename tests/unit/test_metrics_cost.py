"""Every figure of the metrics panel and the cost tracker, worked out again from the files."""

import json
import math
import statistics
import time
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from held_runs import GIB, TOTAL_STEPS, HeldRun, holder
from hypothesis import given
from hypothesis import strategies as st
from recorded_runs import STATES, install

import gladius_widgets.client.client as client_module
from gladius_widgets.client import Client
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.cost import model as cost
from gladius_widgets.panels.cost.guard import Told
from gladius_widgets.panels.jobs import row_model as jobs
from gladius_widgets.panels.live.feed import JobFeed
from gladius_widgets.panels.overview import metrics_model as metrics


@pytest.fixture(autouse=True)
def _no_supervisor(monkeypatch):
    monkeypatch.setattr(client_module, "ensure_supervisor", lambda _home: None)


@pytest.fixture(scope="module")
def someone():
    with holder() as identity:
        yield identity


@pytest.fixture
def make(home, someone):
    def make(name="run-1", config=None, **fields):
        return HeldRun(home, name, someone, config, **fields)

    return make


def feed_of(home, job_id):
    client = Client(home)
    return JobFeed(client.run(job_id), client)


def metrics_of(feed, now=None):
    found = metrics.view(feed.job, feed.history, now or time.time())
    return found, {row.key: row for row in found.rows}


def cost_of(feed, now):
    told = Told()
    told.take(feed.events)
    pace_s = cost.first_pace(feed.history.train)
    breakdown = cost.breakdown_of(feed.job, now)
    return cost.view(feed.job, breakdown, now, told=told, pace_s=pace_s)


def facts(view):
    return {fact.label: fact.value for fact in view.facts}


def table(run, name):
    """All rows of a table, from its Parquet files alone, by time."""
    files = sorted(run.table(name).glob("*.parquet"))
    return pa.concat_tables([pq.read_table(file) for file in files]).sort_by("time").to_pylist()


# Recorded runs


@pytest.mark.parametrize("state", STATES)
def test_every_metric_of_a_recorded_run(home, state):
    job = install(home, state)
    feed = feed_of(home, job.id)
    view, rows = metrics_of(feed)
    run = feed.run
    steps = table(run, "train")
    validations = [row for row in table(run, "validation") if row["split"] == "validation"]
    samples = [row for row in table(run, "system") if row["time"] <= steps[-1]["time"]]
    titles = {
        "completed": "Final Metrics",
        "failed": "Metrics at Failure",
        "cancelled": "Metrics at Cancellation",
    }
    assert view.title == titles[state]
    assert view.stale_since is None
    assert rows["loss"].value == f"{steps[-1]['loss']:.4f}"
    assert rows["validation"].value == f"{validations[-1]['loss']:.4f}"
    assert f"step {validations[-1]['step']}" in rows["validation"].help
    assert float(rows["rate"].value) == pytest.approx(steps[-1]["learning_rate"], rel=5e-3)
    assert rows["use"].value == f"{samples[-1]['cpu_percent']:.0f}%"
    assert (rows["use"].label, rows["use"].note) == ("CPU Utilization", "no GPU")
    assert rows["perplexity"].value == f"{math.exp(validations[-1]['loss']):,.2f}"
    assert float(rows["norm"].value) == pytest.approx(steps[-1]["grad_norm"], abs=5e-4)
    assert rows["memory"].value == f"{samples[-1]['process_rss_bytes'] / GIB:.1f} GiB"
    recent = [row for row in steps if row["time"] >= steps[-1]["time"] - 240]
    last_second = [row for row in recent if int(row["time"]) == int(steps[-1]["time"])]
    speed = sum(r["tokens"] for r in last_second) / sum(r["step_time_s"] for r in last_second)
    assert rows["tokens"].value == f"{speed:,.0f}"
    hourly = 3600 / statistics.mean(row["step_time_s"] for row in recent)
    assert rows["steps"].value == f"{hourly:,.0f}"
    assert rows["loss"].trend is None  # what it was doing no longer goes on


@pytest.mark.parametrize("state", STATES)
def test_every_amount_of_a_recorded_run(home, state):
    job = install(home, state, config={"cost.estimate_low": 0.05, "cost.estimate_high": 0.07})
    feed = feed_of(home, job.id)
    record = json.loads(feed.run.job.read_text())
    folder = feed.run.attempt(1)
    began = json.loads(folder.proc.read_text())["started_at"]
    ended = json.loads(folder.exit.read_text())["ended_at"]
    stages = json.loads(feed.run.status.read_text())["stages"]
    amount = (ended - began) / 3600 * record["hourly_rate"]
    view = cost_of(feed, time.time())
    percent = 100 * amount / 0.05
    assert (view.spend, view.spend_label) == (f"${amount:.2f}", "Final cost")
    assert (view.percent, view.estimate) == (f"{percent:.0f}%", "$0.05–0.07")
    word = "Over" if percent > 100 else "Near" if percent >= 80 else "Within"
    assert view.verdict == f"{word} estimate"
    assert view.is_over == (percent > 100)
    assert facts(view) == {"Hourly rate": "$2.49/hr", "Charged": f"${amount:.2f}"}
    assert view.accessible_name == (
        f"Final cost ${amount:.2f}, {percent:.0f}% of estimated $0.05 to $0.07"
    )
    (row,) = view.rows
    before_s = stages["training"]["started_at"] - began
    told = [cell.cost for cell in row.cells]
    assert told[0] == f"${before_s / 3600 * 2.49:.2f}"
    assert told[2:] == ["$0.00", f"${amount:.2f}"]
    assert [cell.counts_from for cell in row.cells] == [None] * 4
    assert cost_of(feed, time.time() + 1e6).spend == view.spend  # its machine is free


# Metrics of a job that runs


def test_trends_compare_the_last_fifty_steps_with_those_before(home, make):
    run = make()
    run.attempt(1, time.time() - 3600)
    run.beat(step=130)
    run.steps(130)
    run.validate(1.2, 0.9, 0.94)
    run.sample(87.0)
    feed = feed_of(home, run.index().id)
    view, rows = metrics_of(feed)
    losses = [row["loss"] for row in table(feed.run, "train")]
    percent = 100 * (np.mean(losses[-50:]) / np.mean(losses[-100:-50]) - 1)
    assert view.title == "Current Metrics"
    assert rows["loss"].trend.text == f"{percent:+.1f}%"
    assert (rows["loss"].trend.icon, rows["loss"].trend.tone) == ("arr-d", "green")
    assert rows["loss"].accessible_name == (
        f"Training loss {losses[-1]:.4f}, down {-percent:.1f}% from previous"
    )
    assert rows["validation"].trend.text == "+4.4%"
    assert (rows["validation"].trend.icon, rows["validation"].trend.tone) == ("arr-u", "red")
    assert rows["rate"].value == "0.000182"
    assert rows["rate"].aside == "Cosine decay"
    assert rows["use"].accessible_name == "GPU utilization 87%"
    assert (rows["use"].meter.share, rows["use"].meter.tone) == (0.87, "green")


def test_too_few_rows_have_no_trend_and_say_why(home, make):
    run = make()
    run.attempt(1, time.time() - 3600)
    run.beat(step=99)
    run.steps(99)
    run.validate(1.2)
    _, rows = metrics_of(feed_of(home, run.index().id))
    assert rows["loss"].trend is None
    assert "it needs 100 steps" in rows["loss"].help
    assert rows["validation"].trend is None
    assert "it needs two" in rows["validation"].help


@pytest.mark.parametrize(
    ("percent", "text", "tone"),
    [(0.49, "~0%", ""), (-0.49, "~0%", ""), (0.5, "+0.5%", "red"), (-0.5, "-0.5%", "green")],
)
def test_a_trend_under_half_a_percent_is_stable(percent, text, tone):
    found = metrics.trend_words(percent)
    assert (found.text, found.tone) == (text, tone)


finite = st.floats(0.01, 100)


@given(st.lists(finite, min_size=4, max_size=40), st.integers(1, 10))
def test_a_trend_is_the_means_compared(values, window):
    found = metrics.trend(np.array(values), window)
    if len(values) < 2 * window:
        assert found is None
    else:
        last, before = values[-window:], values[-2 * window : -window]
        expected = 100 * (statistics.mean(last) / statistics.mean(before) - 1)
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_values_that_are_not_finite_are_left_out_of_a_trend():
    assert metrics.trend(np.array([2.0, math.nan, 1.0, math.inf]), 2) == -50
    assert metrics.trend(np.array([math.nan, 1.0]), 1) is None
    assert metrics.trend(np.array([0.0, 1.0]), 1) is None


def test_unknown_is_a_dash_and_never_zero(home, make):
    run = make(config={"training.validation_interval_steps": None})
    run.attempt(1, time.time() - 10)
    run.beat(JobStatus.PROVISIONING)
    view, rows = metrics_of(feed_of(home, run.index().id))
    assert {row.value for row in view.rows} == {"–"}
    assert rows["validation"].help == "Validation is off."
    assert rows["loss"].accessible_name == "Training loss unknown"


def test_a_loss_that_is_not_finite_is_said_so(home, make):
    run = make()
    run.attempt(1, time.time() - 60)
    run.beat(step=5)
    run.steps(5, lambda step: math.nan if step == 5 else 1.0)
    _, rows = metrics_of(feed_of(home, run.index().id))
    assert rows["loss"].value == "–"
    assert "not finite" in rows["loss"].help


def test_without_validation_perplexity_is_of_training_and_named_so(home, make):
    run = make()
    run.attempt(1, time.time() - 60)
    run.beat(step=20)
    run.steps(20)
    feed = feed_of(home, run.index().id)
    _, rows = metrics_of(feed)
    last = table(feed.run, "train")[-1]["loss"]
    assert rows["perplexity"].label == "Training Perplexity"
    assert rows["perplexity"].value == f"{math.exp(last):.2f}"
    assert rows["validation"].value == "–"


def test_several_gpus_are_one_mean_and_each_in_the_help(home, make):
    run = make()
    run.attempt(1, time.time() - 60)
    run.beat(step=20)
    run.steps(20)
    run.sample(90.0, 10.0, None)
    feed = feed_of(home, run.index().id)
    _, rows = metrics_of(feed)
    (sample,) = table(feed.run, "system")
    known = [p for p in sample["gpu_utilization_percent"] if p is not None]
    assert rows["use"].value == f"{statistics.mean(known):.0f}%" == "50%"
    assert rows["use"].meter.tone == "yellow"  # green only above
    assert "GPU0 90%, GPU1 10%, GPU2 –" in rows["use"].help
    assert rows["memory"].label == "GPU Memory"
    used = sum(sample["gpu_memory_used_bytes"]) / GIB
    assert rows["memory"].value == f"{used:.1f} / 240.0 GiB"


def test_gpus_that_tell_nothing_are_unknown_and_not_absent(home, make):
    run = make()
    run.attempt(1, time.time() - 60)
    run.beat(step=2)
    run.sample(None, gpu_memory_used_bytes=[None], gpu_memory_total_bytes=[None])
    _, rows = metrics_of(feed_of(home, run.index().id))
    assert (rows["use"].label, rows["use"].value, rows["use"].meter) == (
        "GPU Utilization", "–", None,
    )  # fmt: skip
    assert (rows["memory"].label, rows["memory"].value) == ("GPU Memory", "–")


def test_paused_throughput_says_so(home, make):
    run = make()
    run.attempt(1, time.time() - 60)
    run.steps(20, until=time.time() - 30)
    run.beat(JobStatus.PAUSED, step=20)
    _, rows = metrics_of(feed_of(home, run.index().id))
    assert rows["tokens"].accessible_name == "Tokens/s Paused"
    assert rows["steps"].value == "Paused"
    assert rows["loss"].value != "–"


def test_a_run_that_fell_silent_keeps_its_values_and_says_so(home, make):
    run = make()
    run.attempt(1, time.time() - 3600)
    run.steps(200, until=time.time() - 600)
    run.beat(step=200, heartbeat=time.time() - 600)
    feed = feed_of(home, run.index().id)
    view, rows = metrics_of(feed)
    assert view.stale_since == feed.job.run.heartbeat
    assert rows["loss"].value == f"{table(feed.run, 'train')[-1]['loss']:.4f}"
    assert (rows["tokens"].value, rows["tokens"].aside) == ("–", "Stalled")
    assert rows["steps"].value == "–"
    lately = metrics_of(feed, feed.job.run.heartbeat + 60)[1]
    assert (lately["tokens"].value, lately["steps"].value) == ("0", "0")


@pytest.mark.parametrize(
    ("kind", "step", "warmup", "words"),
    [
        ("cosine", 10, 50, "Warm-up"),
        ("cosine", 50, 50, "Warm-up"),
        ("cosine", 51, 50, "Cosine decay"),
        ("linear", 60, 50, "Linear decay"),
        ("constant", 60, 50, "Constant"),
        ("constant", 60, 0, "Constant"),
        ("cosine", 0, 50, ""),
    ],
)
def test_the_phase_of_the_schedule(home, make, kind, step, warmup, words):
    run = make(config={"optimization.schedule": kind, "optimization.warmup_steps": warmup})
    run.attempt(1, time.time() - 60)
    run.beat(step=step)
    job = feed_of(home, run.index().id).job
    assert metrics.phase(job) == words
    # the run's own schedule outranks the config's
    run.beat(step=step, schedule={"kind": "constant", "peak": 1.0, "warmup_steps": 0,
                                  "total_steps": 9})  # fmt: skip
    assert metrics.phase(feed_of(home, "run-1").job) == ("Constant" if step else "")


# Cost of a job that has, or had, a machine

ESTIMATE = {"cost.estimate_low": 45.0, "cost.estimate_high": 55.0}
SPOT = {"resources.gpu_type": "H100", "resources.spot": True}


def money_of(seconds, rate=2.49, gpus=1):
    return seconds / 3600 * rate * gpus


def test_a_job_that_will_cost_more_than_estimated_is_not_called_within(home, make):
    now = time.time()
    run = make(config=ESTIMATE | SPOT)
    run.attempt(1, now - 3600)
    run.say(now - 3600, 1, status="training")
    run.beat(step=10, remaining_s=40 * 3600)
    view = cost_of(feed_of(home, run.index().id), now)
    coming = f"${money_of(41 * 3600):.2f}"
    assert (view.verdict, view.verdict_tone) == ("Heading over estimate", "yellow")
    assert (view.tone, view.is_over) == ("green", False)  # what is spent is still little
    (banner,) = view.banners
    assert (banner.tone, banner.title) == ("yellow", "Cost will exceed the estimate")
    assert banner.figures == f"{coming} projected vs $45–55 estimated"


def test_a_job_that_trains(home, make):
    now = time.time()
    run = make(config=ESTIMATE | SPOT)
    began = now - 22.18 / 2.49 * 3600
    run.attempt(1, began)
    run.say(began, 1, status="provisioning")
    run.say(began + 900, 1, status="training")
    run.beat(step=850, remaining_s=8.25 * 3600)
    feed = feed_of(home, run.index().id)
    view = cost_of(feed, now)
    assert (view.spend, view.spend_label, view.percent) == ("$22.18", "Current spend", "49%")
    assert view.accessible_name == "Current spend $22.18, 49% of estimated $45 to $55"
    assert (view.verdict, view.tone, view.is_over) == ("Within estimate", "green", False)
    rest = money_of(8.25 * 3600)
    assert facts(view) == {
        "Hourly rate": "$2.49/hr (spot)",
        "Projected": f"${22.18 + rest:.2f}",
        "Between": f"${22.18 + 0.85 * rest:.2f}–{22.18 + 1.15 * rest:.2f}",
    }
    assert view.bar.filled == pytest.approx(22.18 / 55)
    assert (view.bar.low, view.bar.high) == (45 / 55, 1)
    assert (view.banners, view.note) == ((), "")
    (row,) = view.rows
    assert [c.cost for c in row.cells] == [
        f"${money_of(900):.2f}", f"${22.18 - money_of(900):.2f}", "$0.00", "$22.18",
    ]  # fmt: skip
    assert row.cells[1].counts_from == pytest.approx(began + 900, abs=0.2)
    assert row.cells[3].counts_from == pytest.approx(began, abs=0.2)
    assert (row.cells[0].counts_from, row.cells[2].counts_from) == (None, None)
    assert cost_of(feed, now + 3600).spend == "$24.67"  # it ticks on


def test_a_job_over_its_estimate(home, make):
    now = time.time()
    run = make(config=ESTIMATE | SPOT)
    run.attempt(1, now - 58.12 / 2.49 * 3600)
    run.beat(step=1820, remaining_s=8280.0)
    view = cost_of(feed_of(home, run.index().id), now)
    assert (view.percent, view.verdict, view.tone, view.is_over) == (
        "129%", "Over estimate", "red", True,
    )  # fmt: skip
    (banner,) = view.banners
    assert f"{banner.title}: {banner.figures}" == (
        "Cost exceeding estimate: $58.12 vs $45–55 estimated"
    )
    assert banner.text == "Spend grows by $2.49 an hour until the job ends."
    assert view.bar.filled == 1
    assert (view.bar.low, view.bar.high) == (
        pytest.approx(45 / 58.12, rel=1e-4), pytest.approx(55 / 58.12, rel=1e-4),
    )  # fmt: skip


def test_several_gpus_cost_as_many_times_as_much(home, make):
    now = time.time()
    run = make(config=ESTIMATE | {"resources.gpu_type": "H100"}, gpus=4)
    run.attempt(1, now - 3600)
    run.beat()
    view = cost_of(feed_of(home, run.index().id), now)
    assert view.spend == "$9.96"
    assert facts(view)["Hourly rate"] == "$2.49/hr (on-demand) × 4 GPUs"
    assert facts(view)["Projected"] == "–"


def test_paused_with_its_machine_goes_on_costing_and_released_stands_still(home, make):
    now = time.time()
    run = make(config=ESTIMATE)
    run.attempt(1, now - 7200)
    run.say(now - 7200, 1, status="provisioning")
    run.say(now - 6600, 1, status="training")
    run.say(now - 3600, 1, status="paused")
    run.beat(JobStatus.PAUSED, step=100, remaining_s=1000.0)
    feed = feed_of(home, run.index().id)
    view = cost_of(feed, now)
    (row,) = view.rows
    assert [c.cost for c in row.cells] == [f"${money_of(s):.2f}" for s in (600, 3000, 3600, 7200)]
    assert row.cells[2].counts_from == pytest.approx(now - 3600, abs=0.2)
    assert cost_of(feed, now + 3600).spend == f"${money_of(10800):.2f}"
    run.end(1, now)
    freed = feed_of(home, "run-1")
    assert freed.job.status == JobStatus.PAUSED
    for later in (0, 3600, 1e6):
        view = cost_of(freed, now + later)
        assert view.spend == f"${money_of(7200):.2f}"
        assert view.note == "No machine is held, so nothing is being charged."
        assert [c.counts_from for c in view.rows[0].cells] == [None] * 4


def test_two_attempts_add_up(home, make):
    now = time.time()
    run = make(config=ESTIMATE)
    run.attempt(1, now - 20_000, now - 10_000)
    run.say(now - 19_000, 1, status="training")
    run.attempt(2, now - 5000)
    run.say(now - 4700, 2, status="training")
    run.beat(step=400, remaining_s=100.0)
    view = cost_of(feed_of(home, run.index().id), now)
    first, second, both = view.rows
    assert [c.cost for c in first.cells] == [f"${money_of(s):.2f}" for s in (1000, 9000, 0, 10_000)]
    assert [c.cost for c in second.cells] == [f"${money_of(s):.2f}" for s in (300, 4700, 0, 5000)]
    assert [c.cost for c in both.cells] == [
        f"${money_of(s):.2f}" for s in (1300, 13_700, 0, 15_000)
    ]
    assert (both.title, view.spend) == ("All attempts", f"${money_of(15_000):.2f}")
    assert first.cells[3].counts_from is None
    assert both.cells[3].counts_from == pytest.approx(now - 15_000, abs=0.2)


def test_without_a_rate_nothing_is_zero_and_the_reason_is_said(home, make):
    reason = "rates.yaml has no GPU type 'H9'. Add it there, or set cost.hourly_rate."
    run = make(config=ESTIMATE | {"cost.budget": 60.0}, hourly_rate=None, cost_note=reason)
    run.attempt(1, time.time() - 3600)
    run.beat(remaining_s=100.0)
    view = cost_of(feed_of(home, run.index().id), time.time())
    assert (view.spend, view.percent, view.verdict, view.note) == ("–", "", "", reason)
    assert view.accessible_name == "Current spend unknown"
    assert facts(view)["Hourly rate"] == "–"
    assert facts(view)["Projected"] == "–"
    assert "nobody watches it" in next(f.hint for f in view.facts if f.label == "Budget")
    assert [c.cost for c in view.rows[0].cells] == ["–"] * 4
    assert view.rows[0].cells[3].time == "1h 00m"


def test_a_job_without_a_machine_yet_has_cost_nothing_known(home, make):
    run = make(config=ESTIMATE)
    run.beat(JobStatus.QUEUED)
    job = run.index()
    view = cost_of(feed_of(home, job.id), time.time())
    assert (job.cost, view.spend, view.rows) == (None, "–", ())
    assert view.note == "It has had no machine, so nothing is charged."
    assert view.estimate == "$45–55"


NO_ESTIMATE = {"cost.estimate_low": None, "cost.estimate_high": None}


def test_an_estimate_of_earlier_runs_is_marked_measured(home, make):
    run = make(config=NO_ESTIMATE, estimate_low_s=36_000.0, estimate_high_s=43_200.0)
    run.attempt(1, time.time() - 3600)
    run.beat()
    now = time.time()
    view = cost_of(feed_of(home, run.index().id), now)
    assert (view.estimate, view.is_measured) == ("$24.90–29.88", True)
    assert "earlier runs" in view.source
    assert view.percent == "10%"


def test_an_estimate_of_the_first_steps_stands(home, make):
    now = time.time()
    run = make(config=NO_ESTIMATE, estimate_low_s=None, estimate_high_s=None)
    run.attempt(1, now - 1000)
    run.say(now - 900, 1, status="training")
    run.beat(step=30)
    run.steps(30, step_s=2.0)
    view = cost_of(feed_of(home, run.index().id), now)
    assert (view.percent, view.estimate, view.bar) == ("", "", None)
    assert "measured in the first steps" in view.source
    run.steps(1, first=31, step_s=2.0)
    run.steps(200, first=32, step_s=9.0, until=now + 1800)
    feed = feed_of(home, run.run.id)
    times = [row["time"] for row in table(feed.run, "train")]
    pace_s = statistics.median(b - a for a, b in pairwise(times[10:31]))
    assert cost.first_pace(feed.history.train) == pytest.approx(pace_s)
    whole = money_of(100 + TOTAL_STEPS * pace_s)
    view = cost_of(feed, now)
    assert view.estimate == f"${0.85 * whole:.2f}–{1.15 * whole:.2f}"
    assert view.is_measured


@pytest.mark.parametrize(
    ("action", "status", "released", "done"),
    [
        ("warn", JobStatus.TRAINING, False, "The job goes on"),
        ("pause", JobStatus.TRAINING, False, "Saving and freeing the machine."),
        ("pause", JobStatus.PAUSED, True, "It was paused and its machine freed."),
        ("stop", JobStatus.STOPPING, False, "Saving and stopping."),
        ("stop", JobStatus.STOPPED, True, "A checkpoint was saved and it was stopped."),
    ],
)
def test_the_budget_guard_says_what_it_did(home, make, action, status, released, done):
    now = time.time()
    run = make(config=ESTIMATE | {"cost.budget": 20.0, "cost.on_budget": action})
    began = now - 20.5 / 2.49 * 3600
    run.attempt(1, began)
    run.say(now - 60, 1, "warning", kind="budget", state="over", on_budget=action)
    run.beat(status, step=100)
    if released:
        run.end(1, now, status)
    view = cost_of(feed_of(home, run.index().id), now)
    (banner,) = view.banners
    assert (banner.title, banner.figures) == ("Budget reached", "$20.50 of $20")
    assert banner.text.startswith(done)
    assert facts(view)["Budget"] == "102% of $20"


def test_near_its_budget_a_job_warns_and_says_how_long_it_lasts(home, make):
    now = time.time()
    run = make(config=ESTIMATE | {"cost.budget": 20.0, "cost.on_budget": "stop"})
    run.attempt(1, now - 17.51 / 2.49 * 3600)
    run.beat(step=100)
    view = cost_of(feed_of(home, run.index().id), now)
    (banner,) = view.banners
    assert (banner.tone, banner.title) == ("yellow", "Budget nearly spent")
    assert banner.text == "It saves and stops at the cap."
    hint = next(fact.hint for fact in view.facts if fact.label == "Budget")
    assert hint == (
        "Warns at 80% ($16.00); saves and stops at the cap. "
        "It lasts for 1h 00m more on the machine."
    )


def test_whoever_resumes_a_job_after_its_cap_is_told(home, make):
    now = time.time()
    run = make(config=ESTIMATE | {"cost.budget": 5.0, "cost.on_budget": "pause"})
    run.attempt(1, now - 20_000, now - 10_000)
    run.say(now - 10_100, 1, "warning", kind="budget", state="over", on_budget="pause")
    run.attempt(2, now - 100)
    run.beat(step=100)
    (banner,) = cost_of(feed_of(home, run.index().id), now).banners
    assert "somebody has resumed it" in banner.text


def test_the_time_limit_is_a_cap_too(home, make):
    now = time.time()
    run = make(config=ESTIMATE | {"queue.max_runtime_hours": 2})
    run.attempt(1, now - 7300)
    run.beat(step=100)
    view = cost_of(feed_of(home, run.index().id), now)
    assert facts(view)["Time limit"] == "2h 01m of 2 h"
    assert view.banners[0].title == "Time limit reached"


def test_another_currency(home, make):
    now = time.time()
    run = make(config=ESTIMATE | {"cost.currency": "CHF"}, currency="CHF")
    run.attempt(1, now - 36_000)
    run.beat(remaining_s=72_000.0)
    view = cost_of(feed_of(home, run.index().id), now)
    assert (view.spend, view.estimate) == ("CHF 24.90", "CHF 45–55")
    assert facts(view)["Between"] == "CHF 67.23–82.17"


# The jobs list says the same


@pytest.mark.parametrize("status", [JobStatus.TRAINING, JobStatus.PAUSED, JobStatus.PROVISIONING])
def test_the_jobs_list_and_the_tracker_agree_to_the_cent(home, make, status):
    now = time.time()
    run = make(config=ESTIMATE, gpus=2)
    run.attempt(1, now - 20_000, now - 10_000)
    run.attempt(2, now - 5000.5)
    run.beat(status, step=100)
    run.index()
    feed = feed_of(home, "run-1")
    (row,) = jobs.rows(Client(home).jobs(), "ann", now)
    view = cost_of(feed, feed.job.seen_at)
    assert row.cost == view.spend == f"${money_of(15_000.5, gpus=2):.2f}"
    assert facts(view)["Hourly rate"] == row.cost_hint == "$2.49/hr × 2 GPUs"


@pytest.mark.parametrize("state", STATES)
def test_they_agree_on_jobs_that_are_over(home, state):
    job = install(home, state, hourly_rate=299.0)
    feed = feed_of(home, job.id)
    (row,) = jobs.rows(Client(home).jobs(), "ann", time.time())
    assert row.cost == cost_of(feed, time.time() + 1e5).spend
    assert feed.job.cost == pytest.approx(cost.breakdown_of(feed.job, time.time()).total.cost)
