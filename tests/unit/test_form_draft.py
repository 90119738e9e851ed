"""A draft that outlives its kernel."""

import json

import pytest

from gladius_widgets.panels.new_job.draft import NAME, START_AT, Draft
from gladius_widgets.panels.new_job.presets import Start


def test_nothing_written_is_nothing_kept():
    assert Draft(Start("training: {max_steps: 5}", "a")).to_kept() is None


def test_all_that_was_written_comes_back():
    draft = Draft(Start("training: {max_steps: 5}", "a"))
    draft.name, draft.held, draft.after, draft.start_at = "b", True, "job-1", "soon"
    draft.touched |= {NAME, START_AT}
    draft.form.edit("training.max_steps", "12")
    draft.form.edit("optimization.learning_rate", "a lot")
    kept = json.loads(json.dumps(draft.to_kept()))
    other = Draft(Start("training: {max_steps: 5}", "a"))
    other.take_kept(kept)
    assert (other.name, other.held, other.after, other.start_at) == ("b", True, "job-1", "soon")
    assert other.form.text == draft.form.text
    assert other.form.shown("optimization.learning_rate") == draft.form.shown(
        "optimization.learning_rate"
    )
    assert other.touched == draft.touched
    assert other.rewritten
    assert other.to_kept() == draft.to_kept()


@pytest.mark.parametrize("kept", [{}, {"text": 1, "typed": 2, "touched": 3, "name": None}])
def test_what_is_no_draft_is_passed_over(kept):
    draft = Draft(Start("training: {max_steps: 5}", "a"))
    draft.take_kept(kept)
    assert draft.held is False
    assert draft.touched == set()
