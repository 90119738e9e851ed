"""One run, one number: the list, the pages, the shell and the export agree on each quantity."""

import csv
import json
import time

import pytest
from recorded_runs import install

from gladius_widgets.client import Client
from gladius_widgets.core.text.amounts import amount_text
from gladius_widgets.core.text.durations import ACTIVE, DURATION, ELAPSED, duration_text
from gladius_widgets.panels.compare import table_model as compare
from gladius_widgets.panels.jobs import row_model as jobs
from gladius_widgets.panels.live.history import History
from gladius_widgets.panels.live.reader import RunReader
from gladius_widgets.panels.live.topics import ALL
from gladius_widgets.panels.overview import header_model as job_progress
from gladius_widgets.panels.overview import metrics_model as metrics
from gladius_widgets.panels.results import model as results
from gladius_widgets.panels.results.model import Facts
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text import progress


@pytest.fixture
def seen(home, in_process, tmp_path):
    """A completed run through every door."""
    home.runs.mkdir(parents=True)
    job = install(home, "completed", hourly_rate=7.2)
    client = Client(home)
    news = RunReader(home.run(job.id), client).read(ALL)
    history = History()
    history.add_train(news.tables["train"])
    history.add_validation(news.tables["validation"])
    history.add_system(news.tables["system"])
    snapshot, now = news.snapshot, time.time()
    out = tmp_path / "train.csv"
    assert in_process("export", job.id, "--format", "csv", "--out", out)[0] == 0
    with out.open(newline="") as file:
        exported = list(csv.DictReader(file))
    lines = in_process("show", job.id)[1].splitlines()
    return {
        "job": job,
        "snapshot": snapshot,
        "exported": exported,
        "list": jobs.rows([client.job(job.id)], "ann", now)[0],
        "show": {key: text.strip() for key, text in (line.split(":", 1) for line in lines)},
        "json": json.loads(in_process("show", job.id, "--json")[1]),
        "jobs": in_process("jobs")[1].splitlines()[1],
        "console": {
            fact.label: fact.value
            for group in progress.view(snapshot, now).groups
            for fact in group.facts
        },
        "dashboard": job_progress.view(snapshot, now),
        "metrics": {row.label: row.value for row in metrics.view(snapshot, history, now).rows},
        "results": {
            figure.label: figure.value
            for figure in results.view(snapshot, Facts({}), [], now).figures
        },
        "compare": compare.figures(snapshot, history, now),
    }


def test_duration_is_the_time_on_a_machine(seen):
    duration_s = seen["compare"].duration_s
    text = duration_text(duration_s)
    assert seen["list"].duration == text
    assert seen["show"][DURATION.label] == text
    assert seen["results"][DURATION.label] == text
    assert text in seen["jobs"]
    assert seen["json"]["timing"]["duration"] == pytest.approx(duration_s)


def test_elapsed_is_the_time_since_training_began(seen):
    run = seen["snapshot"].run
    text = duration_text(run.elapsed_s)
    assert seen["console"][ELAPSED.label] == text
    assert seen["results"][ELAPSED.label] == text
    assert seen["show"][ELAPSED.label] == text
    assert seen["dashboard"].headline == f"Completed in {text}"
    assert text in [fact.value for fact in seen["dashboard"].facts]
    assert seen["show"][ACTIVE.label] == duration_text(run.active_s)
    assert seen["json"]["timing"]["active"] == run.active_s


def test_the_learning_rate_is_that_of_the_last_step(seen):
    rate = float(seen["exported"][-1]["learning_rate"])
    assert int(seen["exported"][-1]["step"]) == seen["json"]["step"]
    assert seen["json"]["metrics"]["learning_rate"] == pytest.approx(rate)
    assert float(seen["show"]["Learning rate"]) == pytest.approx(rate, rel=0.01)
    assert seen["console"]["Learning rate"] == fmt.rate(rate)
    assert seen["metrics"]["Learning Rate"] == fmt.decimal_rate(rate)


def test_losses_are_the_exported_ones(seen):
    loss = float(seen["exported"][-1]["loss"])
    assert seen["show"]["Loss"] == fmt.loss(loss)
    assert seen["metrics"]["Training Loss"] == fmt.loss(loss)
    assert seen["results"]["Training loss"] == fmt.loss(loss)
    validated = seen["compare"].final_loss
    assert seen["metrics"]["Validation Loss"] == fmt.loss(validated)
    assert seen["results"]["Validation loss"] == fmt.loss(validated)


def test_tokens_a_second_of_the_last_step_and_over_the_run(seen):
    last = float(seen["exported"][-1]["tokens_per_s"])
    assert seen["show"]["Tokens/s"] == f"{last:,.0f} in the last step"
    tokens = sum(float(row["tokens"]) for row in seen["exported"])
    mean = tokens / seen["snapshot"].run.active_s
    assert seen["compare"].tokens_per_s == pytest.approx(mean)


def test_the_cost_is_the_duration_at_its_price(seen):
    cost = seen["compare"].duration_s / 3600 * 7.2 * max(1, seen["job"].gpus)
    assert seen["compare"].cost == pytest.approx(cost, rel=1e-6)
    assert seen["list"].cost == fmt.money(cost)
    assert seen["show"]["Cost"] == f"{amount_text(cost)} USD"
    assert seen["results"]["Final cost"] == fmt.money(cost)
