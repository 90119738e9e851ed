"""The progress card and the stages: their numbers against recorded runs, their words by state."""

import json
from dataclasses import replace

import pytest
from recorded_runs import STATES, install

from gladius_widgets.client import Client
from gladius_widgets.core.run_state import CheckpointState, RunStatus, StageState
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.pages.job import age
from gladius_widgets.panels.live.reader import RunReader
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.overview import header_model as job_progress
from gladius_widgets.panels.overview import stages_model as stages
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text import job as job_words
from gladius_widgets.panels.text import progress
from gladius_widgets.store.metrics import MetricReader

S = JobStatus
NOW = 1_766_000_000.0
HOUR = 3600.0


class Recorded:
    """A recorded run, as the page reads it and as its files have it."""

    def __init__(self, home, state):
        job = install(home, state)
        self.run = home.run(job.id)
        self.snapshot = RunReader(self.run, Client(home)).read({"state"}).snapshot
        self.rows = MetricReader(self.run.table("train")).read()
        lines = self.run.events.read_text(encoding="utf-8").splitlines()
        self.events = [json.loads(line) for line in lines]

    def event(self, words):
        """The time of the only event that begins so."""
        (found,) = [e["time"] for e in self.events if e["message"].startswith(words)]
        return found


@pytest.fixture(params=STATES)
def recorded(request, home):
    home.runs.mkdir(parents=True)
    return Recorded(home, request.param)


@pytest.fixture
def failed(home):
    home.runs.mkdir(parents=True)
    return Recorded(home, "failed")


# Every number by the formulas of reading.md, from the rows and events themselves


def test_the_progress_card_is_what_the_rows_say(recorded):
    view = job_progress.view(recorded.snapshot, NOW)
    facts = {fact.icon: fact for fact in view.facts}
    step, total = max(recorded.rows["step"].to_pylist()), 400  # training.max_steps
    assert view.share == step / total
    assert facts["hash"].value == f"Step {step}"
    assert facts["hash"].after == " of 400"
    epoch = max(recorded.rows["epoch"].to_pylist())
    assert facts["repeat"].value == f"Epoch {-int(-epoch // 1)}"
    saved = [e["payload"]["step"] for e in recorded.events if e["type"] == "checkpoint"]
    assert facts["save"].value == f"step {saved[-1]}"
    assert view.name.endswith(f"Step {step} of 400")


def test_the_elapsed_time_is_since_training_began(recorded):
    """`elapsed`: since training began; the last thing that the trainer did is its end."""
    began = recorded.event("Training from step")
    own = [e["time"] for e in recorded.events if e["source"] == "trainer"]
    elapsed_s = max(own) - began
    shown = next(fact for fact in job_progress.view(recorded.snapshot, NOW).facts
                 if fact.icon == "clock")  # fmt: skip
    around = [fmt.duration(elapsed_s + more) for more in (-1.0, 0.0, 1.0)]
    assert shown.value in around
    if recorded.snapshot.status == S.COMPLETED:
        assert job_progress.view(recorded.snapshot, NOW).headline in [
            f"Completed in {words}" for words in around
        ]


def test_stages_last_as_long_as_the_events_say(recorded):
    segments = {segment.stage: segment for segment in stages.view(recorded.snapshot, NOW)}
    record = recorded.snapshot.run.stages
    prepared, began = recorded.event("Data prepared"), recorded.event("Training from step")
    preprocessing = segments[Stage.PREPROCESSING]
    assert preprocessing.duration_s == pytest.approx(
        prepared - record[Stage.PREPROCESSING].started_at, abs=0.5
    )
    assert segments[Stage.MODEL_LOADING].duration_s == pytest.approx(began - prepared, abs=0.5)
    steps_s = recorded.rows["time"][-1].as_py() - began
    assert segments[Stage.TRAINING].duration_s >= steps_s - 0.5
    assert segments[Stage.TRAINING].share == max(recorded.rows["step"].to_pylist()) / 400


def test_a_completed_run_is_green_all_over(home):
    home.runs.mkdir(parents=True)
    job = Recorded(home, "completed").snapshot
    assert [segment.state for segment in stages.view(job, NOW)] == ["done"] * 4
    view = job_progress.view(job, NOW)
    assert (view.tone, view.badge.text, view.trouble) == ("green", "Completed", None)


def test_a_run_out_of_memory_says_where_and_why(failed):
    view = job_progress.view(failed.snapshot, NOW)
    assert view.headline == "Failed at Step 259"
    assert view.tone == "red"
    assert view.trouble.title == "Out of Memory (OOM)"
    assert view.trouble.message == "Out of memory at step 260 with micro-batches of 2048"
    training, finalization = stages.view(failed.snapshot, NOW)[2:]
    assert (training.state, training.text) == ("failed", "Out of Memory...")
    assert training.badge == ("Failed", "red")
    assert training.name == "Stage 3 of 4: Training, failed, Out of Memory..."
    assert (finalization.state, finalization.text) == ("pending", "Not reached")


def test_a_cancel_is_no_failure(home):
    """The trainer calls the stage it was torn out of failed, whoever tore."""
    home.runs.mkdir(parents=True)
    job = Recorded(home, "cancelled").snapshot
    assert job.run.stages[Stage.TRAINING].state == "failed"
    view = job_progress.view(job, NOW)
    assert (view.headline, view.tone, view.trouble) == ("Cancelled at 47%", "orange", None)
    training = stages.view(job, NOW)[2]
    assert (training.state, training.badge) == ("ended", ("Cancelled", "orange"))
    assert training.name == "Stage 3 of 4: Training, cancelled after 7 seconds"


# Words by state


def snapshot(status=S.TRAINING, *, step=850, stage="active", attempt=1, **more):
    """The job of the design: 42.5 %, 6h 23m since training began, about 8h 15m to go."""
    began = NOW - 6 * HOUR - 23 * 60
    run = RunStatus(
        state=status,
        heartbeat=NOW,
        step=step,
        total_steps=2000,
        epoch=2 if step else 0,
        total_epochs=3,
        training_started_at=began if step else None,
        elapsed_s=NOW - began,
        remaining_s=8 * HOUR + 15 * 60,
        checkpoints=CheckpointState(count=2, last_step=800),
        stages={
            Stage.PREPROCESSING: StageState(state="done", started_at=NOW, duration_s=222.0),
            Stage.MODEL_LOADING: StageState(state="done", started_at=NOW, duration_s=668.0),
            Stage.TRAINING: StageState(state=stage, started_at=began),
        },
    )
    return JobSnapshot("job-1", "support-chat", status, NOW, run=run, started_at=began,
                       attempt=attempt, **more)  # fmt: skip


def shown(view):
    return [f"{fact.before}{fact.value}{fact.after}" for fact in view.facts]


def test_an_active_job_reads_as_in_the_design():
    view = job_progress.view(snapshot(), NOW)
    assert view.headline == "42% Complete"
    assert view.name == "42% Complete, Step 850 of 2,000"
    assert (view.tone, view.badge.text, view.badge.tone) == ("blue", "Training", "blue")
    assert shown(view) == [
        "Step 850 of 2,000", "Epoch 2 of 3", "6h 23m elapsed", "~8h 15m remaining",
    ]  # fmt: skip
    assert view.facts[2].since == NOW - 6 * HOUR - 23 * 60


def test_stages_of_an_active_job_read_as_in_the_design():
    segments = stages.view(snapshot(), NOW)
    assert [segment.state for segment in segments] == ["done", "done", "active", "pending"]
    assert [segment.text for segment in segments] == [
        "3m 42s", "11m 08s", "Epoch 2/3 - Step 850 of 2,000", "Waiting...",
    ]  # fmt: skip
    assert segments[0].name == ("Stage 1 of 4: Preprocessing, completed in 3 minutes 42 seconds")
    assert segments[2].name == "Stage 3 of 4: Training, active, 6 hours 23 minutes elapsed"
    assert segments[2].share == 0.425
    assert segments[2].motion == "gw-pulse"


@pytest.mark.parametrize(
    ("status", "step", "headline", "tone", "badge"),
    [
        (S.QUEUED, 0, "Queued", "gray", "Queued"),
        (S.QUEUED, 850, "42% Complete", "gray", "Queued"),
        (S.PROVISIONING, 0, "Starting", "sky", "Provisioning"),
        (S.PAUSED, 850, "42% Complete", "yellow", "Paused"),
        (S.STOPPING, 850, "42% Complete", "yellow", "Stopping"),
        (S.CANCELLING, 850, "42% Complete", "orange", "Cancelling"),
        (S.COMPLETED, 2000, "Completed in 6h 23m", "green", "Completed"),
        (S.STOPPED, 850, "Stopped at 42%", "gray", "Stopped"),
        (S.FAILED, 850, "Failed at Step 850", "red", "Failed"),
        (S.FAILED, 0, "Failed before the first step", "red", "Failed"),
        (S.CANCELLED, 850, "Cancelled at 42%", "orange", "Cancelled"),
        (S.LOST, 850, "Lost at Step 850", "red", "Lost"),
    ],
)
def test_every_state_has_its_words(status, step, headline, tone, badge):
    view = job_progress.view(snapshot(status, step=step, ended_at=NOW), NOW)
    assert (view.headline, view.tone, view.badge.text) == (headline, tone, badge)
    assert (view.trouble is not None) == (status in (S.FAILED, S.LOST))


def test_a_job_that_never_ran_was_cancelled_before_it_started():
    job = replace(snapshot(S.CANCELLED, step=0), started_at=None, run=None)
    assert job_progress.view(job, NOW).headline == "Cancelled before it started"
    assert {segment.text for segment in stages.view(job, NOW)} == {"Not reached"}


def test_a_pause_keeps_the_forecast_and_stops_the_motion():
    job = snapshot(S.PAUSED)
    assert shown(job_progress.view(job, NOW))[-1] == "~8h 15m remaining once resumed"
    training = stages.view(job, NOW)[2]
    assert (training.badge, training.motion) == (("Paused", "yellow"), "")
    assert training.name == "Stage 3 of 4: Training, paused, 6 hours 23 minutes elapsed"


def test_a_failure_before_the_first_stage_shows_in_it():
    run = RunStatus(state=S.FAILED)
    job = replace(snapshot(S.FAILED), run=run, error={"type": "error", "message": "No such file."})
    segments = stages.view(job, NOW)
    assert [segment.state for segment in segments] == ["failed", *["pending"] * 3]
    assert segments[0].text == "No such file."


def test_a_retry_waits_with_what_is_done_but_without_the_old_error():
    job = snapshot(S.QUEUED, attempt=2, stage="failed",
                   error={"type": "error", "message": "Broken."}, created_at=NOW - 60)  # fmt: skip
    view = job_progress.view(job, NOW)
    assert view.trouble is None
    assert shown(view)[-2:] == ["Waiting for 1m 00s", "Attempt 2"]
    assert {segment.text for segment in stages.view(job, NOW)} == {"Waiting..."}


# How and when it ended


def test_how_a_job_ended():
    ended = job_words.on_day(NOW, NOW)
    assert " at " in ended
    assert job_words.ended_line(snapshot(), NOW) is None
    assert job_words.final_line(snapshot(), NOW) == ""
    job = snapshot(S.FAILED, ended_at=NOW)
    assert job_words.ended_line(job, NOW) == ("fail", "Job failed on", ended)
    assert job_words.final_line(job, NOW) == (
        f"Final values. Updates stopped when the job failed, {ended}."
    )
    job = snapshot(S.CANCELLED, ended_at=NOW)
    assert job_words.ended_line(job, NOW) == ("stopc", "Job Cancelled on", ended)
    unknown = job_words.final_line(snapshot(S.LOST), NOW)
    assert unknown == "Final values. Updates stopped when the job's process was lost."


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "less than a minute"), (59, "less than a minute"), (61, "1 minute"),
     (22_980, "6 hours 23 minutes"), (90_000, "1 day 1 hour"), (None, "an unknown time")],
)  # fmt: skip
def test_times_are_spoken_to_the_minute(seconds, words):
    assert job_words.spoken(seconds) == words


def test_hostile_text_is_one_short_harmless_line():
    text = (
        "\x1b[31mred\x1b[0m \x1b]0;title\x07<b>bold</b>\n\u202etxt.exe\u202c\x00" + "x" * 5_000_000
    )
    line = job_words.one_line(text)
    assert line.startswith("red <b>bold</b> txt.exe")
    assert len(line) == 300
    assert not set(line) & {"\x1b", "\n", "\x00", "\u202e", "\u202c"}


# How current it is


def test_the_foot_tells_how_current_the_figures_are():
    fresh = age.view(snapshot(), NOW + 2)
    assert (fresh.words, fresh.since, fresh.is_stale) == ("Last updated: ", NOW, False)
    silent = age.view(snapshot(), NOW + 60)
    assert (silent.since, silent.is_stale) == (NOW, True)
    assert "last values" in silent.words
    over = age.view(snapshot(S.FAILED, ended_at=NOW), NOW + 60)
    assert over.words.startswith("Final values. Updates stopped when the job failed, ")
    assert (over.since, over.is_stale) == (None, False)


def test_before_there_is_data_the_foot_says_so():
    queued = age.view(replace(snapshot(S.QUEUED), run=None), NOW)
    assert queued.words.startswith("Waiting for a slot")
    starting = age.view(replace(snapshot(S.PROVISIONING), run=None), NOW)
    assert "no data yet" in starting.words


def test_total_samples_are_those_of_the_training_split_beside_what_is_held_out():
    run = RunStatus(samples=300, total_samples=810, samples_per_epoch=270)
    run = run.model_copy(update={"split_rows": {"train": 270, "validation": 30, "test": 0}})
    groups = progress.view(replace(snapshot(), run=run), NOW).groups
    (facts,) = [group.facts for group in groups if group.title == "Dataset"]
    shown = {fact.label: (fact.value, fact.aside) for fact in facts}
    assert shown["Total samples"] == ("270", "30 val · 0 test")
    assert shown["Processed"] == ("300", "of 810")
    assert shown["Remaining"] == ("510", "")
