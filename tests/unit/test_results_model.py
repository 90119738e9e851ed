"""What a job leaves behind: every figure against the run directory of a recorded run."""

import json
import math
from dataclasses import replace

import pytest
from recorded_runs import install

from gladius_widgets.client import Client
from gladius_widgets.client import client as client_module
from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.money.cost import spent
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.live.reader import RunReader
from gladius_widgets.panels.live.topics import EVENTS, STATE
from gladius_widgets.panels.results import model as results
from gladius_widgets.panels.results.reader import last_words, read_facts
from gladius_widgets.panels.text import alert
from gladius_widgets.store.metrics import MetricReader, newest_attempt
from gladius_widgets.store.metrics.schemas import TRAIN, VALIDATION
from gladius_widgets.store.run.events import Event, append_event
from gladius_widgets.store.run.records import billable_spans


class Recorded:
    """A recorded run in a home, and what the panel makes of it."""

    def __init__(self, home, state, **options):
        self.row = install(home, state, **options)
        self.client = Client(home)
        self.run = self.client.run(self.row.id)
        news = RunReader(self.run, self.client).read({STATE, EVENTS})
        assert news.snapshot is not None
        self.job, self.events = news.snapshot, news.events

    def view(self, **changes):
        job = replace(self.job, **changes)
        return results.view(job, read_facts(self.run), self.events, job.seen_at)

    def figures(self):
        return {one.label: one for one in self.view().figures}

    def table(self, name, schema):
        return newest_attempt(MetricReader(self.run.table(name), schema).read()).to_pylist()


@pytest.fixture
def recorded(home, monkeypatch):
    monkeypatch.setattr(client_module, "ensure_supervisor", lambda _home: None)
    return lambda state, **options: Recorded(home, state, **options)


def test_the_figures_of_a_completed_run_are_those_of_its_tables(recorded):
    one = recorded("completed")
    figures = one.figures()
    train, checks = one.table("train", TRAIN), one.table("validation", VALIDATION)
    validation = [row for row in checks if row["split"] == "validation"]
    test = next(row for row in checks if row["split"] == "test")
    last, best = validation[-1], min(validation, key=lambda row: row["loss"])
    assert figures["Steps"].value == f"{train[-1]['step']:,}"
    assert figures["Tokens"].value == f"{sum(row['tokens'] for row in train):,}"
    size = read_json(one.run.status)["samples_per_epoch"]
    epochs = sum(row["samples"] for row in train) / size
    assert figures["Epochs"].value == f"{epochs:.2f}"
    assert figures["Training loss"].value == f"{train[-1]['loss']:.4f}"
    assert figures["Validation loss"].value == f"{last['loss']:.4f}"
    assert figures["Best validation"].value == f"{best['loss']:.4f}"
    assert figures["Best validation"].aside.startswith(f"step {best['step']:,}")
    assert figures["Perplexity"].value == f"{math.exp(last['loss']):.2f}"
    assert figures["Accuracy"].value == f"{last['accuracy'] * 100:.1f}%"
    assert figures["Test accuracy"].value == f"{test['accuracy'] * 100:.1f}%"
    cost = spent(billable_spans(one.run), 2.49, 0, one.job.ended_at)
    assert figures["Final cost"].value == f"${cost:.2f}"


def test_nothing_while_it_goes_on(recorded):
    one = recorded("completed")
    for status in JobStatus:
        assert (one.view(status=status) is None) == (not status.is_final)


def test_a_cancelled_run_says_who_and_why(recorded):
    one = recorded("cancelled")
    entry = one.client.ledger(one.row.id)[-1]
    cancelled = one.view().cancelled
    assert (cancelled.who, cancelled.reason) == (entry["requested_by"], entry["args"]["reason"])
    assert "at step 188" in one.view().subtitle


# Checkpoints


def test_checkpoints_are_judged_by_their_manifests(recorded):
    one = recorded("completed")  # its weights were left out of the recording
    kept = one.view().checkpoints
    assert [c.path for c in kept] == [str(one.run.checkpoint(s)) for s in (400, 350, 300)]
    assert kept[0].title == "Final checkpoint"
    assert not any(c.is_whole for c in kept)
    assert "is missing" in kept[0].state
    assert one.view().snippet == "", "what is not whole is not to be loaded"
    make_whole(one.run, 400)
    assert one.view().checkpoints[0].state == "Verified (SHA-256)"
    assert str(one.run.checkpoint(400)) in one.view().snippet
    (one.run.checkpoint(400) / "model.safetensors").write_bytes(b"y")  # as long as before
    assert one.view().checkpoints[0].state == "Not whole: model.safetensors is damaged"


def make_whole(run, step):
    """A manifest that says what is there; weights of one byte."""
    import hashlib

    folder = run.checkpoint(step)
    manifest = read_json(folder / "manifest.json")
    for name in manifest["files"]:
        path = folder / name
        if not path.exists():
            path.write_bytes(b"x")
        data = path.read_bytes()
        manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_snippet_quotes_any_path():
    code = results.load_snippet('/tmp/a "b"\\c/step', "")
    names = {}
    exec(code.split("\n")[2], names)  # the line that names the path
    assert names["path"] == '/tmp/a "b"\\c/step'


# Trouble


def test_an_autopsy_is_read_from_its_event(recorded):
    one = recorded("failed")
    payload = next(e.payload for e in one.events if (e.payload or {}).get("kind"))
    trouble = one.view().trouble
    assert trouble.title == "Out of Memory (OOM)"
    assert trouble.text == "Out of memory at step 260 with micro-batches of 2048."
    assert trouble.autopsy.batch_shape == tuple(payload["batch_shapes"][0])
    assert trouble.autopsy.used_bytes == payload["memory_used_bytes"]
    last = payload["memory_samples"][-1]
    assert trouble.autopsy.samples[-1] == (last["time"], last["ram_used_bytes"])
    assert [s.text for s in trouble.suggestions][:2] == [
        "Reduce training.micro_batch_size",
        "Enable training.gradient_checkpointing",
    ]
    assert trouble.suggestions[0].now == "now 2048"


def test_a_size_that_fitted_before_is_not_halved(recorded):
    """The run goes back to it by itself."""
    offer = recorded("failed").view().trouble.offer
    assert (offer.label, dict(offer.changes)) == ("Resume with micro-batch 4", {})
    assert offer.why == "It fitted before; 2,048 did not."


@pytest.mark.parametrize(
    ("size", "accumulation", "half", "doubled"), [(2048, 2, 1024, 4), (9, 1, 3, 3), (7, 2, 1, 14)]
)
def test_a_smaller_micro_batch_keeps_the_samples_a_step(
    recorded, size, accumulation, half, doubled
):
    config = {"training.micro_batch_size": size, "training.gradient_accumulation": accumulation}
    one = recorded("failed", config=config)
    job = replace(one.job, config=load_config(one.run.config))
    offer = alert.view(job, []).offer
    assert offer.label == f"Resume with micro-batch {half}"
    assert offer.changes == {"micro_batch_size": half, "gradient_accumulation": doubled}
    assert half * doubled == size * accumulation


def failing(one, kind, message):
    return alert.view(replace(one.job, error={"type": kind, "message": message}), one.events)


def test_a_loss_that_is_not_finite_asks_for_half_the_learning_rate(recorded):
    one = recorded("failed")
    offer = failing(one, "GladiusError", "3 steps in a row had a loss that is not finite").offer
    assert offer.label == "Resume with learning rate 1e-3"
    assert offer.changes == {"peak_learning_rate": 0.001}, "half of the config's 0.002"


@pytest.mark.parametrize(
    ("kind", "message", "title", "why"),
    [
        ("hang", "The run made no progress", "The run stood still and was ended", "stack"),
        ("SIGKILL", "A process was killed", "The training process was ended by SIGKILL", ""),
        ("SIGTERM", "Interrupted at step 259", "ended by SIGTERM", "machine was taken away"),
        ("OSError", "No space left on device", "Training failed: OSError", "Free some disk space"),
    ],
)
def test_what_needs_no_change_resumes_from_its_checkpoint(recorded, kind, message, title, why):
    view = failing(recorded("failed"), kind, message)
    assert title in view.title
    assert view.offer.label == "Resume from step 259"
    assert why in view.offer.why
    assert not view.offer.changes


def test_without_a_checkpoint_it_starts_again(recorded):
    one = recorded("failed")
    run = one.job.run.model_copy(update={"checkpoints": type(one.job.run.checkpoints)()})
    view = alert.view(replace(one.job, run=run, error={"type": "SIGKILL", "message": "x"}))
    assert view.offer.label == "Start Again"


def test_a_cancelled_job_is_offered_nothing(recorded):
    assert alert.view(recorded("cancelled").job) is None


def test_the_log_ends_with_the_trainers_error(recorded):
    one = recorded("failed")
    lines = last_words(one.run)
    assert len(lines) == 10
    assert lines[-1].startswith("[ERROR] Out of memory at step 260")
    with one.run.log.open("a") as log:
        log.write("[ERROR] \x1b[31mred\x1b[0m <b>bold</b> \u202eright to left\n" + "x" * 1_000_000)
    lines = last_words(one.run)
    assert lines[-1] == "[ERROR] red <b>bold</b> \\u202eright to left"
    with one.run.log.open("a") as log:
        log.write("y" * 5_000_000)
    assert all(len(line) <= 300 for line in last_words(one.run))


def test_the_launchers_own_traceback_is_left_out_where_the_trainer_said_nothing(recorded):
    one = recorded("completed")
    with one.run.log.open("a") as log:
        log.write("Batch 9\nTraceback (most recent call last):\n")
        log.write('  File "/x/bin/accelerate", line 8, in <module>\nCalledProcessError: -9\n')
    assert last_words(one.run)[-1] == "Batch 9"


def test_a_summary_that_somebody_spoiled_hides_nothing_else(recorded):
    one = recorded("completed")
    one.run.summary_json.write_text('{"epochs": "x", "tokens": [1], "loss": true, "elapsed_s": 4}')
    assert read_facts(one.run).summary == {"elapsed_s": 4}
    view = results.view(one.job, read_facts(one.run), one.events, one.job.seen_at)
    assert view is not None
    assert view.figures
    one.run.summary_json.write_text("[]")
    assert read_facts(one.run).summary == {}


# Samples


def samples(step, attempt=1, text="I am fine"):
    payload = {"kind": "samples", "step": step, "samples": [{"prompt": "Hi", "text": text}]}
    return Event(float(step), "metrics", "Samples", payload, "trainer", attempt)


def test_samples_come_latest_first_and_a_resume_takes_back():
    events = [samples(50), samples(100), samples(150), samples(100, 2, "better")]
    shown = results.sample_sets(events)
    assert [one.title for one in shown] == ["Step 100", "Step 50"]
    assert shown[0].samples[0].text == "better"


def test_what_is_no_sample_is_left_out(recorded):
    one = recorded("completed")
    for payload in ({"kind": "samples"}, {"kind": "samples", "step": 3, "samples": "x"}):
        append_event(one.run, "metrics", "odd", payload, source="trainer")
    events = RunReader(one.run, one.client).read({EVENTS}).events
    assert results.sample_sets(events) == ()
