import time
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gladius_widgets.core.machine.gpus import Gpu
from gladius_widgets.core.machine.placement import GIB, GpuStanding, GpuTable
from gladius_widgets.core.queue_plan import (
    BEHIND_GPUS,
    DAY_S,
    UNKNOWN,
    Cause,
    Dependency,
    Running,
    Start,
    Waiting,
    plan,
    provisioning_s,
    queue_stats,
)
from gladius_widgets.core.states import JobStatus

NOW = 1_800_000_000.0
HOUR_S = 3600.0


def test_free_slots_start_at_once_and_the_rest_as_slots_come_free():
    starts = plan(
        2,
        [Running("a", 2 * HOUR_S)],
        [Waiting("b", HOUR_S), Waiting("c", 10 * HOUR_S), Waiting("d", HOUR_S)],
        NOW,
    )
    assert starts == {
        "b": Start(NOW),
        "c": Start(NOW + HOUR_S),  # b's slot
        "d": Start(NOW + 2 * HOUR_S),  # a's slot
    }


def test_a_machine_to_provision_delays_the_job_and_keeps_its_slot():
    waiting = [Waiting(name, HOUR_S, provisioning_s=provisioning_s("remote")) for name in "ab"]
    assert plan(1, [], waiting, NOW) == {
        "a": Start(NOW + 300),
        "b": Start(NOW + 300 + HOUR_S + 300),
    }
    assert provisioning_s("local") == 0


def test_held_jobs_are_passed_over():
    starts = plan(1, [], [Waiting("a", HOUR_S, held=True), Waiting("b", HOUR_S)], NOW)
    assert starts == {"a": Start(None, "Held", Cause.HELD), "b": Start(NOW)}


def test_a_scheduled_job_lets_others_go_first():
    later = NOW + HOUR_S
    waiting = [Waiting("a", HOUR_S, not_before=later), Waiting("b", 3 * HOUR_S), Waiting("c", 1)]
    starts = plan(1, [], waiting, NOW)
    assert starts["b"] == Start(NOW)
    assert starts["a"].at == NOW + 3 * HOUR_S
    assert starts["a"].cause == Cause.SCHEDULED
    assert starts["a"].reason.startswith("Not before ")
    assert str(time.localtime(later).tm_mday) in starts["a"].reason
    assert starts["c"].at == NOW + 4 * HOUR_S
    assert plan(1, [], [Waiting("a", 1, not_before=NOW - 1)], NOW) == {"a": Start(NOW)}


def test_a_dependency_that_runs_or_waits_comes_first():
    names = {"a": Dependency("first", JobStatus.TRAINING), "b": Dependency("second", "queued")}
    waiting = [
        Waiting("c", HOUR_S, depends_on=("b",)),
        Waiting("b", HOUR_S, depends_on=("a",)),
        Waiting("d", HOUR_S),
    ]
    starts = plan(2, [Running("a", 2 * HOUR_S)], waiting, NOW, names)
    assert starts["d"] == Start(NOW)
    assert starts["b"] == Start(NOW + 2 * HOUR_S, "Waits for first", Cause.JOBS)
    assert starts["c"] == Start(NOW + 3 * HOUR_S, "Waits for second", Cause.JOBS)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (JobStatus.FAILED, "Waits for first, which failed"),
        (JobStatus.CANCELLED, "Waits for first, which was cancelled"),
        (JobStatus.PAUSED, "Waits for first, which is paused"),
        (None, "Waits for first, which is deleted"),
    ],
)
def test_a_dependency_that_will_not_complete_blocks_and_says_why(status, reason):
    waiting = [Waiting("b", HOUR_S, depends_on=("a",)), Waiting("c", HOUR_S)]
    starts = plan(1, [], waiting, NOW, {"a": Dependency("first", status)})
    assert starts == {"b": Start(None, reason, Cause.BLOCKED), "c": Start(NOW)}


def test_completed_dependencies_are_no_matter():
    jobs = {"a": Dependency("first", JobStatus.COMPLETED)}
    assert plan(1, [], [Waiting("b", 1, depends_on=("a",))], NOW, jobs) == {"b": Start(NOW)}


def test_jobs_that_wait_for_each_other_never_start():
    waiting = [Waiting("a", 1, depends_on=("b",)), Waiting("b", 1, depends_on=("a",))]
    assert plan(1, [], waiting, NOW) == {
        "a": Start(None, "Waits for b", Cause.JOBS),
        "b": Start(None, "Waits for a", Cause.JOBS),
    }


def test_unknown_lengths_are_said_not_guessed():
    waiting = [Waiting("b"), Waiting("c", HOUR_S)]
    assert plan(2, [Running("a", None)], waiting, NOW) == {
        "b": Start(NOW),
        "c": Start(None, UNKNOWN, Cause.UNKNOWN),
    }
    # one slot of two comes free at a known time: later ones can be told
    starts = plan(2, [Running("a", None), Running("x", HOUR_S)], [Waiting("c", 1)], NOW)
    assert starts == {"c": Start(NOW + HOUR_S)}


def test_a_running_job_that_is_overdue_is_not_taken_for_a_free_slot():
    waiting = [Waiting("b", HOUR_S), Waiting("c", HOUR_S)]
    finishing = Start(NOW, "The job before it is finishing", Cause.FINISHING)
    assert plan(1, [Running("a", 0.0)], waiting, NOW) == {
        "b": finishing,
        "c": Start(NOW + HOUR_S),
    }
    assert plan(2, [Running("a", 0.0)], waiting, NOW) == {"b": Start(NOW), "c": finishing}
    needs = [Waiting("b", HOUR_S, depends_on=("a",))]
    jobs = {"a": Dependency("first", JobStatus.TRAINING)}
    assert plan(2, [Running("a", 0.0)], needs, NOW, jobs) == {
        "b": Start(NOW, "Waits for first", Cause.JOBS)
    }


def test_more_jobs_than_slots_after_the_setting_was_lowered():
    running = [Running(str(hours), hours * HOUR_S) for hours in (1, 2, 3)]
    assert plan(1, running, [Waiting("a", 1)], NOW)["a"].at == NOW + 3 * HOUR_S


jobs = st.builds(
    Waiting,
    id=st.uuids().map(str),
    expected_s=st.none() | st.floats(0, 1e6),
    held=st.booleans(),
    not_before=st.none() | st.floats(NOW - 1e5, NOW + 1e6),
    provisioning_s=st.sampled_from([0.0, 300.0]),
)


@given(
    st.integers(1, 4),
    st.lists(st.none() | st.floats(0, 1e6), max_size=5),
    st.lists(jobs, max_size=12, unique_by=lambda job: job.id),
)
def test_no_plan_uses_more_slots_than_there_are_or_starts_too_early(slots, remaining, waiting):
    running = [Running(f"r{i}", left) for i, left in enumerate(remaining[:slots])]
    starts = plan(slots, running, waiting, NOW)
    assert set(starts) == {job.id for job in waiting}
    spans = [(NOW, NOW + left if left is not None else None) for left in remaining[:slots]]
    for job in waiting:
        start = starts[job.id]
        assert start.at is not None or start.reason
        if start.at is None:
            continue
        claimed = start.at - job.provisioning_s
        assert not job.held
        assert claimed >= NOW - 1e-6
        assert job.not_before is None or claimed >= job.not_before - 1e-6
        end = None if job.expected_s is None else start.at + job.expected_s
        spans.append((claimed, end))
    for moment, _ in spans:
        at_once = sum(a <= moment and (b is None or moment < b - 1e-6) for a, b in spans)
        assert at_once <= slots


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.integers(1, 5))
def test_first_in_first_out(lengths, slots):
    waiting = [Waiting(str(i), length) for i, length in enumerate(lengths)]
    starts = [start.at for start in plan(slots, [], waiting, NOW).values()]
    assert starts == sorted(starts)


def test_ten_thousand_jobs_are_planned_in_no_time():
    waiting = [Waiting(str(i), 60, depends_on=(str(i - 1),) if i % 2 else ()) for i in range(10000)]
    began = time.process_time()  # whatever else the machine does
    starts = plan(3, [], waiting, NOW)
    assert time.process_time() - began < 1.5
    assert all(start.at is not None for start in starts.values())


@dataclass(frozen=True)
class Row:
    status: JobStatus
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None


def test_statistics_of_the_last_week():
    old = Row(JobStatus.COMPLETED, NOW - 30 * DAY_S, NOW - 29 * DAY_S, NOW - 28 * DAY_S)
    done = [
        Row(JobStatus.COMPLETED, NOW - 2 * DAY_S, NOW - 2 * DAY_S + 600, NOW - DAY_S)
        for _ in range(7)
    ]
    failed = Row(JobStatus.FAILED, NOW - DAY_S, NOW - DAY_S + 1400, NOW)
    waiting = Row(JobStatus.QUEUED, NOW - DAY_S)
    stats = queue_stats([old, *done, failed, waiting], NOW)
    assert stats.jobs_per_day == 1
    assert stats.average_wait_s == pytest.approx(700)
    assert queue_stats([], NOW).average_wait_s is None
    assert queue_stats([waiting], NOW).jobs_per_day is None


def test_a_young_home_is_not_multiplied_up():
    done = [Row(JobStatus.COMPLETED, NOW - 600, NOW - 600, NOW) for _ in range(5)]
    assert queue_stats(done, NOW).jobs_per_day == 5


# GPUs


def gpus(total, *, free=None, held=0):
    """GPUs of this machine: the first `held` by a stranger, the last `free` free."""
    free = total - held if free is None else free
    return GpuTable(
        tuple(
            GpuStanding(
                Gpu(str(index), f"GPU-{index}", "A6000", 0, 48 * GIB),
                job_id="other" if held <= index < total - free else None,
                held="18 of 48 GiB held by pid 4711" if index < held else "",
            )
            for index in range(total)
        )
    )


def test_a_job_starts_when_its_gpus_come_free():
    starts = plan(
        8,
        [Running("a", HOUR_S, gpus=1), Running("b", 2 * HOUR_S, gpus=1)],
        [Waiting("c", HOUR_S, gpus=1), Waiting("d", HOUR_S, gpus=1)],
        NOW,
        gpus=gpus(2, free=0),
    )
    assert starts == {
        "c": Start(NOW + HOUR_S, "2 GPUs in use by other jobs", Cause.GPUS),
        "d": Start(NOW + 2 * HOUR_S, BEHIND_GPUS, Cause.GPUS),
    }


def test_a_small_job_does_not_pass_one_that_waits_for_more_gpus():
    starts = plan(
        8,
        [Running("a", HOUR_S, gpus=1)],
        [Waiting("large", HOUR_S, gpus=2), Waiting("small", HOUR_S, gpus=1), Waiting("cpu", 1)],
        NOW,
        gpus=gpus(2, free=1),
    )
    assert starts["large"].at == NOW + HOUR_S
    assert starts["large"].reason.startswith("Needs 2 GPUs at once, 1 is free")
    assert starts["small"].at == NOW + 2 * HOUR_S
    assert starts["cpu"] == Start(NOW)


def test_the_last_slot_is_kept_for_the_one_that_waits():
    waiting = [Waiting("large", HOUR_S, gpus=2), Waiting("cpu", HOUR_S)]
    starts = plan(2, [Running("a", HOUR_S, gpus=1)], waiting, NOW, gpus=gpus(2, free=1))
    assert starts["large"].at == NOW + HOUR_S
    assert starts["cpu"].at == NOW + HOUR_S  # in the slot that the running one leaves


def test_nobody_knows_when_a_stranger_leaves():
    starts = plan(8, [], [Waiting("a", HOUR_S, gpus=1)], NOW, gpus=gpus(1, held=1))
    reason = "GPU 0: 18 of 48 GiB held by pid 4711"
    assert starts == {"a": Start(None, reason, Cause.GPUS)}


def test_a_job_that_this_machine_can_never_place_holds_up_nobody():
    waiting = [Waiting("a", HOUR_S, gpus=4), Waiting("b", HOUR_S, gpus=1)]
    starts = plan(8, [], waiting, NOW, gpus=gpus(2))
    assert starts["a"].cause == Cause.GPUS
    assert starts["a"].reason == "The job needs 4 GPUs, and this machine has 2"
    assert starts["b"] == Start(NOW)


def test_while_the_driver_is_silent_nobody_knows():
    silent = GpuTable(problem="The NVIDIA driver does not answer", is_known=False)
    waiting = [Waiting("a", HOUR_S, gpus=1), Waiting("b", HOUR_S)]
    starts = plan(8, [], waiting, NOW, gpus=silent)
    assert starts["a"] == Start(None, "The NVIDIA driver does not answer", Cause.GPUS)
    assert starts["b"] == Start(NOW)


def test_a_paused_queue_starts_nothing():
    waiting = [Waiting("a", HOUR_S, paused="The queue is paused"), Waiting("b", HOUR_S)]
    starts = plan(1, [], waiting, NOW)
    assert starts == {
        "a": Start(None, "The queue is paused", Cause.PAUSED), "b": Start(NOW),
    }  # fmt: skip
