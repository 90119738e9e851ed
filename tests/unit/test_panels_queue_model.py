"""What the queue tab says: slots, cards, their order, and times to plan by."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gladius_widgets.client.waiting import QueuedJob, QueueView
from gladius_widgets.core.machine.gpus import Gpu
from gladius_widgets.core.machine.placement import GIB, GpuStanding
from gladius_widgets.core.queue_plan import UNKNOWN, Cause
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.panels.queue import model
from gladius_widgets.panels.queue import order as queue_order
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.store.queue_pause import QueuePause
from gladius_widgets.store.registry.dependents import Blocker
from gladius_widgets.store.registry.registry import Job

NOON = time.mktime((2026, 3, 17, 12, 0, 0, 0, 0, -1))
NOW = NOON


def job(job_id="a", status=JobStatus.QUEUED, **fields):
    values = {
        "id": job_id, "name": f"job-{job_id}", "status": status, "created_by": "ada",
        "created_at": NOW - 60, "started_at": None, "ended_at": None, "position": 1.0,
        "attempt": 1, "claimed_at": None, "holds_slot": False, "step": 0, "total_steps": None,
        "cost": None, "currency": "USD", "hourly_rate": None, "gpus": 0,
        "config_line": "MoE · Local CPU", "engine": "local", "error": None, "updated_at": NOW,
    }  # fmt: skip
    return Job(**values | fields)


def queued(job_id="a", starts_at=None, reason="", cause=Cause.NONE, **fields):
    return QueuedJob(job(job_id, **fields), 1, starts_at, reason, cause)


def view(*waiting, slots=3, active=(), wait_s=None, per_day=None):
    placed = tuple(replace(one, place=place) for place, one in enumerate(waiting, 1))
    return QueueView(slots, tuple(active), placed, wait_s, per_day)


def content(*waiting, user="eve", **kwargs):
    settings = {key: kwargs.pop(key) for key in ("lift", "most", "stages") if key in kwargs}
    return model.content(view(*waiting, **kwargs), user, NOW, **settings)


def card(one, **kwargs):
    return content(one, **kwargs).cards[0]


def words(one):
    return [badge.text for badge, _ in card(one).badges]


# Slots


def test_slots_say_how_far_and_how_long():
    active = (
        job("a", JobStatus.TRAINING, step=850, total_steps=2000, remaining_s=29_700.0),
        job("b", JobStatus.PROVISIONING),
        job("c", JobStatus.PAUSED, step=1, total_steps=4, remaining_s=59.0),
        job("d", JobStatus.TRAINING, remaining_s=5.0),
    )
    shown = content(active=active, slots=6, stages={"a": Stage.TRAINING, "d": Stage.MODEL_LOADING})
    assert shown.title == "Active Training Jobs: 4 of 6 slots"
    assert [slot.text for slot in shown.slots] == [
        "Training · ~8h 15m remaining",
        "Provisioning",
        "Paused · ~59s remaining",
        "Loading the model · ~5s remaining",
    ]
    assert [slot.percent for slot in shown.slots] == ["42%", "–", "25%", "–"]
    assert [slot.share for slot in shown.slots] == [0.425, None, 0.25, None]
    assert shown.empty == ("Available", "Available")


@pytest.mark.parametrize(
    ("slots", "boxes"),
    [(1, ("Available",)), (9, ("Available",) * 9), (1000, ("1,000 slots available",))],
)
def test_free_slots_are_boxes_until_there_are_too_many(slots, boxes):
    shown = content(slots=slots)
    assert shown.empty == boxes
    assert shown.title.endswith("0 of 1 slot" if slots == 1 else f"0 of {slots:,} slots")


def test_slots_keep_their_order():
    """The one that has just begun comes last: the others' boxes stay where they are."""
    active = [job("b", JobStatus.TRAINING, started_at=NOW - at) for at in (1, 3, 2)]
    active = [replace(one, id=f"{n}") for n, one in enumerate(active)]
    assert [slot.id for slot in content(active=active).slots] == ["1", "2", "0"]


def test_more_jobs_than_slots_after_the_setting_was_lowered():
    active = [job(one, JobStatus.TRAINING) for one in "abc"]
    shown = content(active=active, slots=2)
    assert shown.title == "Active Training Jobs: 3 of 2 slots"
    assert len(shown.slots) == 3
    assert shown.empty == ()


@pytest.mark.parametrize(
    ("active", "title", "text"),
    [
        (0, "Queue is empty. All training capacity available.", "will start immediately"),
        (1, "Queue is empty. 2 of 3 slots are available.", "will start immediately"),
        (2, "Queue is empty. 1 of 3 slots is available.", "will start immediately"),
        (3, "Queue is empty.", "waits here until one is free"),
    ],
)
def test_an_empty_queue_promises_what_is_so(active, title, text):
    shown = content(active=[job(str(n), JobStatus.TRAINING) for n in range(active)])
    assert shown.empty_title == title
    assert text in shown.empty_text


# Cards


def test_tones_of_positions():
    shown = content(*(queued(str(n)) for n in range(9)))
    assert [one.tone for one in shown.cards] == ["green"] * 3 + ["yellow"] * 4 + ["orange"] * 2
    assert [one.place for one in shown.cards] == list(range(1, 10))


def test_a_card_says_whose_it_is():
    assert card(queued()).creator == "Created by: ada"
    assert card(queued(), user="ada").creator == "Created by: you"
    assert card(queued(created_by=""), user="").creator == "Created by: –"
    assert card(queued()).config == "MoE · Local CPU"


@pytest.mark.parametrize(
    ("in_s", "when"),
    [
        (1, "Starting within 15 minutes"),
        (899, "Starting within 15 minutes"),
        (900, "Today at 12:15 PM"),
        (6 * 3600 + 45 * 60, "Today at 6:45 PM"),
        (21.5 * 3600, "Tomorrow at 9:30 AM"),
        (3 * 86400 + 2.25 * 3600, "Fri, Mar 20 at 2:15 PM"),
    ],
)
def test_when_it_starts(in_s, when):
    shown = card(queued(starts_at=NOW + in_s))
    assert (shown.when, shown.starts_at, shown.note) == (when, NOW + in_s, "")


@pytest.mark.parametrize("in_s", [-3600, -5, 0])
def test_a_time_that_has_passed_is_no_countdown(in_s):
    shown = card(queued(starts_at=NOW + in_s))
    assert (shown.when, shown.starts_at, shown.note) == ("Starting soon", None, "")


@pytest.mark.parametrize("in_s", [-5, 60])  # 60: a forecast that was steadied
def test_behind_a_job_that_is_finishing(in_s):
    words = "The job before it is finishing"
    shown = card(queued(starts_at=NOW + in_s, reason=words, cause=Cause.FINISHING))
    assert (shown.when, shown.starts_at, shown.note) == ("Starting soon", None, words)


@pytest.mark.parametrize(
    ("one", "when", "note"),
    [
        (queued(held=True, cause=Cause.HELD), "On hold", "Waits until it is released"),
        (
            queued(reason="Waits for first, which failed", cause=Cause.BLOCKED),
            "Cannot start",
            "What it waits for did not complete",
        ),
        (
            queued(reason="Waits for first", cause=Cause.JOBS),
            "Start time unknown",
            "Nobody knows how long that takes",
        ),
        (queued(reason=UNKNOWN), "Start time unknown", UNKNOWN),
    ],
)
def test_an_unknown_start_is_said_with_its_reason(one, when, note):
    shown = card(one)
    assert (shown.when, shown.starts_at, shown.note) == (when, None, note)


def test_badges():
    later = NOW + 3600
    assert words(queued(starts_at=NOW)) == []
    assert words(queued(held=True, reason="Held", cause=Cause.HELD)) == ["Held"]
    assert words(queued(starts_at=later, not_before=later, reason="Not before …")) == ["Scheduled"]
    assert words(queued(starts_at=NOW, not_before=NOW - 1)) == []
    assert words(queued(starts_at=NOW, attempt=2)) == ["Attempt 2"]
    retry = queued(starts_at=later, not_before=later, retries=1, attempt=2, max_attempts=3)
    [(badge, title)] = card(retry).badges
    assert badge.text == "Retry 1 of 2"
    assert title == f"It failed; tries again {fmt.planned(later, NOW)}"
    waits = queued(starts_at=later, reason="Waits for first", cause=Cause.JOBS)
    assert words(waits) == ["Waits for first"]
    blocked = queued(reason="Waits for first, which is deleted", cause=Cause.BLOCKED)
    [(badge, _)] = card(blocked).badges
    assert (badge.text, badge.tone) == ("Waits for first, which is deleted", "red")


def test_a_name_can_claim_nothing():
    """What blocks a job is known from the plan, not from how a job is called."""
    odd = "Waits for it, which failed"
    shown = card(queued(starts_at=NOW + 1, reason=odd, cause=Cause.JOBS))
    assert shown.when == "Starting within 15 minutes"


def test_the_menu_of_the_first_the_middle_and_the_last():
    cards = content(queued("a", held=True), queued("b"), queued("c")).cards

    def barred(one):
        return {item.name for group in one.menu for item in group if item.reason}

    assert [barred(one) for one in cards] == [{"up", "top"}, set(), {"down", "bottom"}]
    names = [[item.name for item in group] for group in cards[0].menu]
    assert names == [["view"], ["up", "down", "top", "bottom"], ["unhold"], ["remove"]]
    assert cards[1].menu[2][0].name == "hold"


def test_only_so_many_cards_but_all_count():
    shown = content(*(queued(str(n)) for n in range(9)), most=4)
    assert (len(shown.cards), shown.waiting) == (4, 9)
    assert not any(item.reason for group in shown.cards[3].menu for item in group)


# Figures


def test_facts_and_rule():
    shown = content(queued(), wait_s=7_800.0, per_day=6.5)
    assert [(f.label, f.value) for f in shown.facts] == [
        ("Average wait", "2h 10m"),
        ("Throughput", "6.5 jobs/day"),
    ]
    assert [f.value for f in content().facts] == ["–", "–"]
    assert "provision" not in shown.rule
    assert shown.rule.startswith("First in, first out")
    assert "include 5 min to provision" in content(queued(engine="cloud")).rule


def test_a_trembling_forecast_stands_still():
    first = queue_order.steady(None, view(queued(starts_at=NOW + 3600.4)), NOW)
    assert first.waiting[0].starts_at == NOW + 3600
    for new, shown in [(3650, 3600), (3540, 3600), (3700, 3700), (None, None)]:
        fresh = view(queued(starts_at=None if new is None else NOW + new))
        steady = queue_order.steady(first, fresh, NOW).waiting[0].starts_at
        assert steady == (None if shown is None else NOW + shown)


# Order


def test_moves():
    assert queue_order.target("abcd", "c", "up") == ["a", "c", "b", "d"]
    assert queue_order.target("abcd", "b", "down") == ["a", "c", "b", "d"]
    assert queue_order.target("abcd", "c", "top") == ["c", "a", "b", "d"]
    assert queue_order.target("abcd", "b", "bottom") == ["a", "c", "d", "b"]


@given(st.permutations(list("abcde")), st.sampled_from("abcde"), st.integers(0, 4))
def test_what_is_dropped_before_its_follower_stands_where_it_was_shown(jobs, job_id, index):
    shown = queue_order.lifted(jobs, queue_order.Lift(job_id, index))
    assert shown.index(job_id) == index


def test_a_lifted_card_is_shown_where_it_would_go():
    waiting = [queued(one) for one in "abc"]
    shown = content(*waiting, lift=queue_order.Lift("c", 0))
    assert [(one.id, one.place, one.is_lifted) for one in shown.cards] == [
        ("c", 1, True),
        ("a", 2, False),
        ("b", 3, False),
    ]
    gone = content(*waiting, lift=queue_order.Lift("x", 0))
    assert [one.id for one in gone.cards] == list("abc")


# GPUs, pauses, and jobs that wait for ever


def standing(index, job_id=None, held="", used=0):
    gpu = Gpu(str(index), f"GPU-{index}", "RTX 6000 Ada", used * GIB, 48 * GIB)
    return GpuStanding(gpu, job_id, held)


def with_gpus(*waiting, active=()):
    gpus = (
        standing(0, "a", used=24), standing(1, held="18 of 48 GiB held by pid 4711", used=18),
        standing(2),
    )  # fmt: skip
    return replace(view(*waiting, active=active), gpus=gpus)


def test_gpus_are_boxes_that_say_who_has_them():
    active = (job("a", JobStatus.TRAINING),)
    shown = model.content(with_gpus(active=active), "eve", NOW).gpus
    assert shown.text == "3× RTX 6000 Ada, 1 free"
    assert [(box.label, box.state, box.fill) for box in shown.boxes] == [
        ("0", "ours", 0.5), ("1", "held", 0.375), ("2", "free", 0.0),
    ]  # fmt: skip
    assert [box.title for box in shown.boxes] == [
        "GPU 0: in use by job-a", "GPU 1: 18 of 48 GiB held by pid 4711", "GPU 2: free",
    ]  # fmt: skip
    assert content().gpus is None
    taken = replace(view(slots=2), gpus=(standing(0, "a"), standing(1, held="by others")))
    assert model.content(taken, "eve", NOW).empty == ("Slot free, no GPU",) * 2
    assert model.content(with_gpus(), "eve", NOW).empty == ("Available",) * 3


def test_a_job_that_waits_for_gpus_says_for_which_and_the_rule_says_who_passes():
    reason = "GPU 1: 18 of 48 GiB held by pid 4711"
    one = queued("b", reason=reason, cause=Cause.GPUS, gpus=1)
    shown = model.content(with_gpus(one), "eve", NOW)
    assert shown.cards[0].why == f"{reason}."
    assert shown.cards[0].is_stuck
    assert (shown.cards[0].when, shown.cards[0].note) == ("Start time unknown", "Waits for GPUs")
    assert "lets no other that needs some pass" in shown.rule
    assert not card(replace(one, starts_at=NOW + 60)).is_stuck


def test_a_job_that_waits_for_one_that_failed_offers_the_ways_out():
    blocker = Blocker("a", "first", JobStatus.FAILED, 1)
    reason = "Waits for first, which failed"
    one = replace(queued("b", reason=reason, cause=Cause.BLOCKED), blocker=blocker)
    shown = card(one)
    assert shown.why == (
        "It never starts by itself. Resume that job, or let this one start without it."
    )
    items = [item for group in shown.menu for item in group]
    assert [i.label for i in items if i.name in ("resume", "alone")] == [
        "Resume first", "Start without waiting",
    ]  # fmt: skip
    cancelled = replace(one, blocker=replace(blocker, status=JobStatus.CANCELLED))
    assert "resume" not in [item.name for group in card(cancelled).menu for item in group]


def test_a_paused_queue_says_why():
    pause = QueuePause("local", NOW, "supervisor", "2 attempts in a row died.")
    one = queued("b", reason="The queue is paused", cause=Cause.PAUSED)
    shown = model.content(replace(view(one), pauses=(pause,)), "eve", NOW)
    assert shown.paused == "2 attempts in a row died."
    assert shown.cards[0].when == "Queue paused"
    assert content().paused == ""
