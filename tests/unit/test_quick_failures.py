"""What counts as a job that died at once."""

import shutil

import pytest
from recorded_runs import install

from gladius_widgets.store.queue_pause import queue_pauses
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.supervisor.quick_failures import QuickFailures
from gladius_widgets.supervisor.settings import Settings


@pytest.mark.parametrize("trained", [True, False])
def test_an_attempt_that_made_a_step_is_no_sign_of_a_broken_machine(home, trained):
    home.runs.mkdir(parents=True)
    job = install(home, "failed")
    if not trained:
        shutil.rmtree(home.run(job.id).metrics)
    settings = Settings(quick_failure_s=3600, quick_failures=1)
    watch = QuickFailures(Registry(home), lambda: settings, lambda _job: None)
    watch.begin(job)
    watch.step(())
    assert bool(queue_pauses(home)) is not trained
