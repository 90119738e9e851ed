"""What the cancel dialog says, from records of real runs."""

from dataclasses import replace

import pytest
from recorded_runs import install

from gladius_widgets.client import Client
from gladius_widgets.client import client as client_module
from gladius_widgets.core.run_state import read_status
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.controls import cancel_model as model
from gladius_widgets.panels.live.reader import RunReader
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.live.topics import STATE
from gladius_widgets.panels.text import format as fmt


@pytest.fixture
def job(home, monkeypatch) -> JobSnapshot:
    """A recorded run, seen as if it still trained."""
    monkeypatch.setattr(client_module, "ensure_supervisor", lambda _home: None)
    row = install(home, "cancelled", hourly_rate=2.49)
    client = Client(home)
    snapshot = RunReader(client.run(row.id), client).read({STATE}).snapshot
    assert snapshot is not None
    assert snapshot.run is not None
    return as_status(snapshot, JobStatus.TRAINING)


def as_status(job: JobSnapshot, status: JobStatus) -> JobSnapshot:
    return replace(job, status=status)


def test_it_says_what_the_run_directory_says(job, home):
    view = model.view(job, job.run.heartbeat)
    status = read_status(home.run(job.id))
    share = status.step / status.total_steps
    assert view.share == pytest.approx(share)
    assert view.complete == (
        f"{share * 100:.0f}% Complete (Step {status.step:,} of {status.total_steps:,})"
    )
    assert view.where == (
        f"Training - Epoch {status.epoch} of {status.total_epochs} · "
        f"{fmt.duration(status.elapsed_s)} elapsed"
    )
    assert view.spent == fmt.money(job.cost)
    assert [item.text for item in view.impact] == [
        "Training will stop immediately at current step",
        "The machine is released within 60 seconds",
        "Partial progress will be saved for review",
        "This job cannot be resumed",
        f"Final cost: {view.spent} based on elapsed time",
    ]
    assert [item.icon for item in view.impact] == ["x", "x", "check", "x", "info"]
    assert view.over == ""


def test_it_goes_on_while_the_job_does(job):
    later = model.view(job, job.run.heartbeat + 3600)
    assert fmt.duration(job.run.elapsed_s + 3600) in later.where


def test_a_queued_job_has_no_machine_to_release(job):
    texts = [item.text for item in model.view(as_status(job, JobStatus.QUEUED), 0).impact]
    assert texts[:2] == ["The job leaves the queue", "Partial progress will be saved for review"]
    assert not model.view(as_status(job, JobStatus.QUEUED), 0).can_stop


@pytest.mark.parametrize(
    ("status", "who", "words"),
    [
        (JobStatus.COMPLETED, "", "It has completed in the meantime, so there is nothing left"),
        (JobStatus.FAILED, "", "It failed in the meantime"),
        (JobStatus.CANCELLING, "bob", "bob is cancelling it already."),
        (JobStatus.CANCELLED, "bob", "bob has cancelled it."),
        (JobStatus.CANCELLING, model.YOU, "You are cancelling it already, from elsewhere."),
        (JobStatus.CANCELLED, model.YOU, "You have cancelled it, from elsewhere."),
        (JobStatus.CANCELLED, "", "Somebody else has cancelled it."),
        (JobStatus.PAUSED, "", ""),
    ],
)
def test_what_is_over_is_said(job, status, who, words):
    over = model.view(as_status(job, status), 0, who).over
    assert over.startswith(words)
    assert bool(over) == bool(words)


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        (model.Answer(), "Select a reason"),
        (model.Answer("Testing"), "Tick the box"),
        (model.Answer("Testing", sure=True), ""),
        (model.Answer("Other", sure=True), "Say why in the notes"),
        (model.Answer("Other", "  ", sure=True), "Say why in the notes"),
        (model.Answer("Other", "a better idea", sure=True), ""),
    ],
)
def test_the_button_is_gated(answer, missing):
    assert answer.missing.startswith(missing)
    assert bool(answer.missing) == bool(missing)


def test_what_the_ledger_gets():
    assert model.Answer("Testing", " ", True).args == {"reason": "Testing"}
    assert model.Answer("Other", " x ", True).args == {"reason": "Other", "note": "x"}
