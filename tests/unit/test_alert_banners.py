"""Alerts of heat, memory and pace stand on the pages while they are on, and go as they end."""

import asyncio
import time

import pytest
from held_runs import HeldRun, holder
from wire import until

from gladius_widgets import Client, JobDashboard, TrainingConsole
from gladius_widgets.core.config.schema import AlertsSection
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.alerts.banners_model import Firing
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.runner.alerts import SystemAlerts
from gladius_widgets.store.run.events import Event, append_event

GIB = 2**30


def told_by_the_runner(*samples: tuple[float, float, float]) -> list[Event]:
    """What it says of these samples: heat (°C), share of a GPU's memory, share of the RAM."""
    events: list[Event] = []

    def say(kind, text, payload):
        events.append(Event(float(len(events)), kind, text, payload, "runner", 1))

    alerts = SystemAlerts(AlertsSection(gpu_temperature_c=80, memory_share=0.9), say)
    for step, (heat, gpu, ram) in enumerate(samples):
        alerts.look(
            {
                "step": step,
                "gpu_temperature_c": [heat],
                "gpu_memory_used_bytes": [gpu * GIB],
                "gpu_memory_total_bytes": [GIB],
                "ram_used_bytes": ram * GIB,
                "ram_total_bytes": GIB,
            }
        )
    return events


def job(status=JobStatus.TRAINING, attempt=1) -> JobSnapshot:
    return JobSnapshot("one", "one", status, 0.0, attempt=attempt)


def shown(events: list[Event], seen: JobSnapshot) -> list[str]:
    firing = Firing()
    firing.take(events)
    return [f"{alert.title} {alert.text}" for alert in firing.view(seen)]


def test_what_is_on_stands_and_what_is_resolved_goes():
    events = told_by_the_runner((90, 0.5, 0.5), (90, 0.95, 0.97))
    assert shown(events, job()) == [
        "GPU temperature. GPU 0 is at 90 °C, above the limit of 80 °C (step 0)",
        "Memory. 95% of the memory of GPU 0 is used, above the limit of 90% (step 1)",
        "Memory. 97% of the system memory is used, above the limit of 90% (step 1)",
    ]
    events = told_by_the_runner((90, 0.95, 0.97), (60, 0.95, 0.5))
    assert shown(events, job()) == [
        "Memory. 95% of the memory of GPU 0 is used, above the limit of 90% (step 0)"
    ]


@pytest.mark.parametrize("seen", [job(JobStatus.FAILED), job(JobStatus.QUEUED), job(attempt=2)])
def test_nothing_stands_once_its_attempt_is_over(seen):
    assert shown(told_by_the_runner((90, 0.5, 0.5)), seen) == []


def test_a_later_attempt_begins_with_none():
    again = Event(9.0, "status", "Provisioning", {"status": "provisioning"}, "runner", 2)
    events = [*told_by_the_runner((90, 0.5, 0.5)), again]
    assert shown(events, job(attempt=2)) == []


def test_a_run_that_is_paused_is_not_slow():
    payload = {"kind": "slow", "state": "on", "step": 40}
    events = [Event(1.0, "warning", "Throughput is low at step 40", payload, "trainer", 1)]
    assert len(shown(events, job())) == 1
    assert shown(events, job(JobStatus.PAUSED)) == []


@pytest.mark.parametrize("kind", [JobDashboard, TrainingConsole])
def test_the_pages_show_it_while_it_is_on(home, kind):
    with holder() as who:
        held = HeldRun(home, "hot", who)
        held.attempt(1, time.time() - 60)
        held.beat(step=5)
        payload = {"kind": "temperature", "state": "on", "gpu": 0}
        append_event(held.run, "warning", "GPU 0 is hot", payload, source="runner", attempt=1)
        client = Client(home)
        client.reindex()
        opened = kind("hot", client=client)
        banners = opened.slots["alerts"]
        assert "GPU 0 is hot" in str(banners.tree)
        assert "Since " in str(banners.tree)

        async def cool() -> None:
            banners.feed.start()
            resolved = payload | {"state": "resolved"}
            append_event(held.run, "status", "cool", resolved, source="runner", attempt=1)
            await until(lambda: banners.tree["a"] == {"hidden": True})
            banners.feed.stop()

        asyncio.run(cool())
        opened.close()
