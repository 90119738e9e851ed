"""A very dear machine: the guard warns, pauses or stops, once, and everybody can see it."""

import pytest
from support import wait_until

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.states import JobStatus
from gladius_widgets.runner.budget import NAME
from gladius_widgets.store.run.events import EventReader

# 3600 an hour: a second costs 1.
RATE = 3600.0


def submit(lab, **values):
    overrides = [f"{key.replace('__', '.')}={value}" for key, value in values.items()]
    return lab.client.submit(lab.config("train"), "dear", overrides).id


def warnings(lab, job_id):
    events = EventReader(lab.run(job_id)).poll()
    payloads = [event.payload or {} for event in events if event.type == "warning"]
    return [(p["kind"], p["state"]) for p in payloads if "state" in p]


def guards_requests(lab, job_id):
    return [entry for entry in lab.client.ledger(job_id) if entry["requested_by"] == NAME]


def test_it_stops_at_the_cap_after_warning_before(lab):
    job_id = submit(lab, cost__budget=6.0, cost__warn_percent=10, cost__on_budget="stop")
    lab.wait(job_id, JobStatus.STOPPED)
    assert warnings(lab, job_id) == [("budget", "warn"), ("budget", "over")]
    (asked,) = guards_requests(lab, job_id)
    assert (asked["command"], asked["outcome"]) == ("stop", "applied")
    assert asked["args"] == {"reason": "the budget of 6.00 USD is spent", "cap": "budget"}
    assert lab.exit_record(job_id)["status"] == "stopped"
    assert 6.0 <= lab.client.job(job_id).cost < 6.0 + 5
    warning = next(
        e for e in EventReader(lab.run(job_id)).poll() if (e.payload or {}).get("state") == "warn"
    )
    assert warning.payload["budget"] == 6.0
    assert 0.6 <= warning.payload["spent"] < 6.0
    assert f"{warning.payload['spent']:.2f} of 6.00 USD" in warning.message


def test_it_pauses_frees_the_machine_and_goes_on_with_a_new_cap_only(lab):
    job_id = submit(lab, cost__budget=1.0, cost__on_budget="pause")
    lab.wait(job_id, JobStatus.PAUSED)
    wait_until(lambda: not lab.client.job(job_id).holds_slot, what="the slot")
    wait_until(lambda: not lab.living(job_id), what="no process of it")
    (asked,) = guards_requests(lab, job_id)
    assert (asked["command"], asked["args"]["release"]) == ("pause", True)
    cost = lab.client.job(job_id).cost
    assert lab.client.cost(job_id).total.cost == pytest.approx(cost)
    with pytest.raises(GladiusError) as refused:
        lab.client.resume(job_id)
    assert str(refused.value) == (
        f"'dear' has spent {cost:.2f} of its budget of 1.00 USD, so it would be paused again at "
        f"once. Give it a new cap: gladius resume {job_id} --set cost.budget=AMOUNT."
    )
    with pytest.raises(GladiusError, match=r"of its budget of 1\.01 USD"):
        lab.client.resume(job_id, {"cost.budget": 1.01})
    assert lab.status(job_id) == JobStatus.PAUSED
    assert lab.client.config(job_id).cost.budget == 1.0

    lab.client.resume(job_id, {"cost.budget": cost + 3})
    assert lab.client.ledger(job_id)[-1]["args"]["caps"] == {"cost.budget": cost + 3}
    wait_until(lambda: lab.client.job(job_id).attempt == 2 and not lab.client.job(job_id).holds_slot
               and lab.status(job_id) == JobStatus.PAUSED, what="the new cap")  # fmt: skip
    assert cost + 3 <= lab.client.job(job_id).cost < cost + 3 + 5
    assert [one["outcome"] for one in guards_requests(lab, job_id)] == ["applied", "applied"]
    told = lab.client.cost(job_id)
    assert [attempt.number for attempt in told.attempts] == [1, 2]
    assert told.attempts[0].total.cost == pytest.approx(cost)


@pytest.mark.parametrize(("on_budget", "end"), [("pause", "paused"), ("stop", "stopped")])
def test_before_the_first_step_it_ends_at_once(lab, on_budget, end):
    """Data are prepared and the model is loading: nobody obeys requests, nothing is to be saved."""
    overrides = ["cost.budget=2.0", f"cost.on_budget={on_budget}"]
    job_id = lab.submit("loading", overrides=overrides)
    lab.wait(job_id, JobStatus(end))
    wait_until(lambda: not lab.client.job(job_id).holds_slot, what="the slot")
    wait_until(lambda: not lab.living(job_id), what="no process of it")
    assert lab.exit_record(job_id)["status"] == end
    assert 2.0 <= lab.client.job(job_id).cost < 2.0 + 8
    (asked,) = guards_requests(lab, job_id)
    assert (asked["command"], asked["outcome"]) == (on_budget, "applied")
    assert lab.client.job(job_id).error is None


def test_a_new_cap_is_for_a_job_without_a_machine(lab):
    job_id = submit(lab, cost__budget=1000.0, cost__on_budget="pause")
    lab.wait(job_id, JobStatus.TRAINING)
    (lab.run(job_id).root / "obeys-pause").touch()
    lab.client.pause(job_id, wait_s=20)
    lab.wait(job_id, JobStatus.PAUSED)
    with pytest.raises(GladiusError, match="still has its machine"):
        lab.client.resume(job_id, {"cost.budget": 2000.0})
    assert lab.client.config(job_id).cost.budget == 1000.0
    lab.client.resume(job_id, wait_s=20)
    lab.wait(job_id, JobStatus.TRAINING)


def test_it_only_warns_when_told_to(lab):
    job_id = submit(lab, cost__budget=0.5)
    wait_until(lambda: ("budget", "over") in warnings(lab, job_id), what="the warning")
    wait_until(lambda: lab.client.job(job_id).cost > 3, what="some more seconds")
    assert lab.status(job_id) == JobStatus.TRAINING
    assert guards_requests(lab, job_id) == []
    assert warnings(lab, job_id).count(("budget", "over")) == 1


def test_the_time_on_a_machine_has_a_cap_of_its_own(lab):
    job_id = submit(lab, cost__hourly_rate="null", queue__max_runtime_hours=1 / 3600)
    lab.wait(job_id, JobStatus.STOPPED)
    (asked,) = guards_requests(lab, job_id)
    assert (asked["command"], asked["args"]["cap"]) == ("stop", "runtime")
    assert warnings(lab, job_id) == [("runtime", "over")]
    assert lab.client.job(job_id).cost is None
    with pytest.raises(GladiusError, match=r"it may, .*--set queue\.max_runtime_hours=HOURS\.$"):
        lab.client.resume(job_id)
    lab.client.resume(job_id, {"queue.max_runtime_hours": 1})
    lab.wait(job_id, JobStatus.TRAINING)


def test_without_a_rate_a_budget_stops_nothing_and_says_so(lab):
    job_id = submit(lab, cost__hourly_rate="null", cost__budget=0.001, cost__on_budget="stop")
    lab.wait(job_id, JobStatus.TRAINING)
    said = [e.message for e in EventReader(lab.run(job_id)).poll() if e.type == "warning"]
    assert any("nobody watches the budget" in message for message in said)
    lab.client.stop(job_id, wait_s=10)
    assert guards_requests(lab, job_id) == []


def test_a_refused_request_is_made_again(lab, monkeypatch, tmp_path):
    from gladius_widgets.core.config.load import load_config
    from gladius_widgets.runner import budget
    from gladius_widgets.store.run import requests

    lab.home.settings.write_text("slots: 1\n")
    lab.started()
    job_id = submit(lab, cost__budget=0.0, cost__on_budget="stop")  # stays in the queue
    run = lab.run(job_id)
    said = []
    guard = budget.BudgetGuard(
        run, run.attempt(1), load_config(run.config), lambda *event: said.append(event)
    )
    guard.check()
    guard.check()
    (request,) = requests.pending(run, set())
    requests.acknowledge(run, request, "rejected", step=1, reason="the disk is full")
    guard.check()
    assert len(guards_requests(lab, job_id)) == 1
    monkeypatch.setattr(budget, "ASK_AGAIN_S", 0.0)
    guard.check()
    first, second = guards_requests(lab, job_id)
    assert (first["outcome"], second["outcome"]) == ("rejected", "pending")
    requests.acknowledge(run, requests.pending(run, {request.id})[0], "applied", step=2)
    guard.check()
    assert len(guards_requests(lab, job_id)) == 2
    assert len(said) == 1
