"""A queue whose jobs die at once pauses itself, and whoever waits for a failed job is told."""

import pytest
from support import wait_until

from gladius_widgets.core.queue_plan import Cause
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.run.events import EventReader


def warnings(lab, job_id, kind):
    events = EventReader(lab.run(job_id)).poll()
    return [event for event in events if (event.payload or {}).get("kind") == kind]


def paused(lab):
    return wait_until(lambda: lab.client.queue().pauses, 60, "a paused queue")


@pytest.mark.parametrize("attempts", [1, 2])
def test_two_quick_deaths_in_a_row_pause_the_queue_and_say_why(lab, attempts):
    """Of two jobs, or of one job that is tried again."""
    lab.home.settings.write_text("slots: 1\n")
    retry = [f"queue.max_attempts={attempts}", "queue.retry_backoff_s=0"]
    failing = [lab.submit("fail", name=f"bad {i}", overrides=retry) for i in range(3 - attempts)]
    # A retry goes to the end of the queue: a good job between the two would end the count.
    good = lab.submit("complete") if attempts == 1 else None
    (pause,) = paused(lab)
    good = good or lab.submit("complete")
    assert pause.engine == "local"
    assert pause.reason.startswith("2 attempts in a row, of 'bad 0'")
    assert "died within 60 s of their start" in pause.reason
    assert pause.reason.endswith("the last one said: ValueError: the data are upside down.")
    view = lab.client.queue()
    assert next(one for one in view.waiting if one.job.id == good).cause == Cause.PAUSED
    (told,) = warnings(lab, failing[-1], "queue")
    assert "gladius queue --resume" in told.message
    assert lab.status(good) == JobStatus.QUEUED
    lab.client.resume_queue()
    lab.wait(good, JobStatus.COMPLETED, timeout_s=60)
    assert lab.client.queue().pauses == ()


def test_a_job_that_completes_between_two_quick_deaths_ends_the_count(lab):
    lab.home.settings.write_text("slots: 1\n")
    ids = [lab.submit(mode) for mode in ("fail", "complete", "fail", "complete")]
    lab.wait(ids[-1], JobStatus.COMPLETED, timeout_s=120)
    assert lab.client.queue().pauses == ()


def test_a_home_can_do_without(lab):
    lab.home.settings.write_text("slots: 1\nquick_failure_s: 0\n")
    ids = [lab.submit(mode) for mode in ("fail", "fail", "fail", "complete")]
    lab.wait(ids[-1], JobStatus.COMPLETED, timeout_s=120)
    assert lab.client.queue().pauses == ()


def test_a_job_that_waits_for_one_that_failed_says_so_once_and_shows_the_way_out(lab):
    failed = lab.submit("fail", name="first")
    second = lab.submit("complete", name="second", after=[failed])
    (told,) = wait_until(lambda: warnings(lab, second, "blocked"), 60, "the word")
    assert told.message == (
        f"Waits for 'first', which failed. `gladius resume {failed}` tries that again, "
        f"`gladius after {second} --none` lets it start without."
    )
    waiting = lab.client.state(second)["waiting"]
    assert waiting["reason"] == "Waits for first, which failed"
    assert waiting["way_out"] in told.message
    third = lab.submit("complete", name="third")  # the supervisor has looked again since
    lab.wait(third, JobStatus.COMPLETED)
    assert len(warnings(lab, second, "blocked")) == 1
    lab.client.after(second)
    lab.wait(second, JobStatus.COMPLETED)
    assert lab.client.ledger(second)[0]["command"] == "after"
