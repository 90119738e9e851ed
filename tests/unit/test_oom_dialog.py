"""The dialog of a run that memory has paused: for whoever comes, or loads the page anew."""

import time
from typing import Any

from held_runs import GIB, HeldRun, holder

from gladius_widgets import Client
from gladius_widgets.core.run_state import RunError
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.alerts.error_alert import ErrorAlert
from gladius_widgets.store.run.events import append_event


def run_out(home, who, **payload: Any) -> Client:
    held = HeldRun(home, "oom", who)
    held.attempt(1, time.time() - 60)
    error = RunError(type="OutOfMemoryError", message="CUDA out of memory.")
    held.beat(JobStatus.PAUSED, step=300, error=error)
    told = {"kind": "out_of_memory", "step": 300, "micro_batch_size": 8, **payload}
    append_event(held.run, "error", "Out of memory", told, source="trainer", attempt=1)
    client = Client(home)
    client.reindex()
    return client


def test_each_page_that_opens_shows_it_with_how_full_the_device_was(home):
    with holder() as who:
        client = run_out(home, who, memory_used_bytes=78 * GIB, memory_total_bytes=80 * GIB)
        for _ in range(2):  # a page, and the same one after a reload
            alert = ErrorAlert("oom", client=client)
            assert alert._dialog.shown
            body = str(alert._dialog.body)
            assert "78.0 / 80.0 GiB" in body
            assert "'width': '97.5%'" in body
            alert.close()


def test_a_device_that_tells_no_size_has_no_bar(home):
    with holder() as who:
        client = run_out(home, who)
        alert = ErrorAlert("oom", client=client)
        assert "gw-bar" not in str(alert._dialog.body)
        alert.close()
