import time

import pytest

from gladius_widgets.client import Client
from gladius_widgets.client import client as client_module
from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.config.load import config_from_values
from gladius_widgets.core.money.estimate import (
    UNKNOWN_DATA,
    UNKNOWN_PACE,
    Measured,
    estimate,
    planned_steps,
    rows_key,
    samples_key,
    shape_key,
    tokenizer_identity,
    with_estimate_for,
)
from gladius_widgets.core.money.rates import Price
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.store.run.events import EventReader

H100 = Price(2.0, "USD")


def config(**sections):
    values = {"model": {"name": "m"}, "data": {"path": "pypi:d"}, "resources": {"device": "cpu"}}
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section}
    return config_from_values(values)


# The arithmetic


def test_steps_come_from_the_config_or_from_the_size_of_the_data():
    assert planned_steps(config(training={"max_steps": 7}), None) == 7
    some = config(training={"epochs": 3, "micro_batch_size": 4, "gradient_accumulation": 2})
    assert planned_steps(some, 100) == 38  # 300 samples in batches of 8
    assert planned_steps(some, None) is None


def test_the_configs_own_estimate_gives_hours_by_the_rate():
    said = config(training={"max_steps": 10}, cost={"estimate_low": 10.0, "estimate_high": 20.0})
    told = estimate(said, 2, H100, None, [Measured(1, 1, 1)])
    assert (told.cost_low, told.cost_high, told.basis, told.steps) == (10, 20, "config", 10)
    assert (told.low_s, told.high_s) == (2.5 * 3600, 5 * 3600)
    unpriced = estimate(said, 2, Price(None, "USD", "No price."), None, [])
    assert (unpriced.cost_low, unpriced.low_s) == (10, None)
    assert "No price." in unpriced.note


def test_a_config_that_earlier_runs_contradict_is_believed_and_the_others_are_named():
    said = {"estimate_low": 1.0, "estimate_high": 1.5}
    run = [Measured(1, 1, 0)]
    told = estimate(config(training={"max_steps": 3600}, cost=said), 1, H100, None, run)
    assert (told.basis, told.cost_high) == ("config", 1.5)
    assert "1.70 to 2.30 USD" in told.note
    told = estimate(config(training={"max_steps": 2400}, cost=said), 1, H100, None, run)
    assert told.note == "As the config says."


@pytest.mark.parametrize(
    ("changes", "low"),
    [
        ({"training": {"max_steps": 20}}, 0.1),
        ({"training": {"max_steps": 200, "seed": 3}}, 1.0),
        ({"training": {"max_steps": 400}}, 2.0),
        ({"training": {"max_steps": 20}, "cost": {"estimate_low": 7, "estimate_high": 8}}, 7),
        ({"training": {"max_steps": 20, "micro_batch_size": 64}}, None),
        ({"training": {"max_steps": None}}, None),
        ({"resources": {"gpu_type": "H100"}}, None),
        ({"cost": {"hourly_rate": 4.0}}, None),
    ],
)
def test_a_configs_estimate_follows_what_was_changed_since_it_was_written(changes, low):
    said = {"estimate_low": 1.0, "estimate_high": 1.5, "hourly_rate": 2.0}
    base = config(training={"max_steps": 200}, cost=said)
    new = {name: {**section, **changes.get(name, {})} for name, section in base.to_plain().items()}
    found, note = with_estimate_for(config_from_values(new), base)
    assert found.cost.estimate_low == (low and pytest.approx(low))
    assert bool(note) == (low not in (1.0, 7))


def test_epochs_of_the_same_data_count_in_proportion():
    said = {"estimate_low": 1.0, "estimate_high": 1.5}
    base = config(training={"epochs": 2}, cost=said)
    found, _ = with_estimate_for(config(training={"epochs": 3}, cost=said), base)
    assert found.cost.estimate_high == pytest.approx(2.25)
    other = config(training={"epochs": 3}, cost=said, data={"path": "pypi:e"})
    assert with_estimate_for(other, base)[0].cost.estimate_low is None


def test_an_override_of_a_file_and_a_change_of_a_clone_are_estimated_as_they_are(home, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        "model: {name: m}\ndata: {path: 'pypi:d'}\nresources: {device: cpu}\n"
        "training: {max_steps: 6000}\n"
        "cost: {hourly_rate: 0.1, estimate_low: 0.03, estimate_high: 0.06}\n"
    )
    client = Client(home)
    told = client.estimate(path, ["training.max_steps=20"])
    assert told.cost_high == pytest.approx(0.0002)
    assert told.high_s == pytest.approx(0.0002 / 0.1 * 3600)
    assert "In proportion" in told.note
    job = client.submit(path, "a", ["training.max_steps=20"], held=True)
    assert job.estimate_high_s == pytest.approx(told.high_s)
    clone = client.clone(job.id, {"training.max_steps": 40}, held=True)
    assert clone.estimate_high_s == pytest.approx(2 * told.high_s)
    assert client.estimate(path).note == "As the config says."


def test_earlier_runs_tell_the_pace():
    some = config(training={"max_steps": 1000})
    runs = [Measured(1.0, 1.2, 60), Measured(1.1, 1.3, 30), Measured(0.9, 1.0, 90)]
    told = estimate(some, 1, H100, None, runs)
    assert (told.low_s, told.high_s) == (90 + 900, 30 + 1300)
    assert told.cost_low == pytest.approx(990 / 3600 * 2)
    assert told.basis == "measured"
    assert "3 earlier runs" in told.note


def test_few_runs_are_given_the_usual_spread():
    told = estimate(config(training={"max_steps": 100}), 0, H100, None, [Measured(1, 1, 0)])
    assert told.low_s == pytest.approx(85)
    assert told.high_s == pytest.approx(115)


def test_runs_on_the_same_data_tell_more_than_others():
    runs = [Measured(1, 1, 0, same_data=True), Measured(50, 50, 0)]
    told = estimate(config(training={"max_steps": 100}), 0, H100, None, runs)
    assert told.high_s == pytest.approx(115)
    assert "1 earlier run of" in told.note


def test_what_is_unknown_is_none_and_said():
    told = estimate(config(), 0, Price(None, "USD", "No price."), None, [])
    assert (told.steps, told.low_s, told.high_s, told.cost_low, told.cost_high) == (None,) * 5
    assert (told.basis, told.note) == ("", f"{UNKNOWN_DATA} No price.")
    told = estimate(config(), 0, H100, 80, [])
    assert (told.steps, told.low_s, told.note) == (10, None, UNKNOWN_PACE)


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"name": "other"}},
        {"training": {"micro_batch_size": 2}},
        {"training": {"gradient_accumulation": 2}},
        {"training": {"precision": "bf16"}},
        {"lora": {"enabled": True}},
        {"data": {"max_length": 64}},
        {"data": {"packing": True}},
        {"resources": {"processes": 2}},
        {"resources": {"gpu_type": "H100"}},
    ],
)
def test_what_changes_the_shape(change):
    assert shape_key(config(**change), 0) != shape_key(config(), 0)
    assert shape_key(config(), 1) != shape_key(config(), 0)


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"max_steps": 5}},
        {"training": {"seed": 1}},
        {"optimization": {"learning_rate": 0.5}},
        {"lora": {"r": 4}},  # not enabled
        {"cost": {"budget": 1.0}},
        {"queue": {"max_attempts": 3}},
    ],
)
def test_what_does_not(change):
    assert shape_key(config(**change), 0) == shape_key(config(), 0)


def test_changed_files_are_other_data(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\n')
    some = config(data={"path": str(path)})
    before = samples_key(some)
    assert samples_key(some) == before
    path.write_text('{"text": "a"}\n{"text": "b"}\n')
    assert samples_key(some) != before
    packed = config(data={"path": str(path), "packing": True})
    assert rows_key(packed) == rows_key(some)
    assert samples_key(packed) != samples_key(some)


# With runs


@pytest.fixture
def client(home, monkeypatch):
    """A client whose jobs stay where they are put: no supervisor comes up."""
    monkeypatch.setattr(client_module, "ensure_supervisor", lambda _home: None)
    return Client(home, user="ada")


def has_run(client, some, *, step=100, step_time_s=2.0, active_s=220.0, samples=None):
    """A job of this config, and what its trainer would have left."""
    job = client.submit(some, "earlier")
    run = client.run(job.id)
    now = time.time()
    status = RunStatus(state=JobStatus.COMPLETED, step=step, total_steps=step, heartbeat=now)
    status.step_time_s, status.active_s, status.samples_per_epoch = step_time_s, active_s, samples
    status.stages[Stage.TRAINING].started_at = now - 290
    status.stages[Stage.FINALIZATION].started_at = now - 10
    status.write(run)
    attempt = run.attempt(1)
    attempt.root.mkdir(parents=True)
    write_json(attempt.proc, {"started_at": now - 300})
    write_json(attempt.exit, {"status": "completed", "ended_at": now})
    client._registry.move(job.id, [JobStatus.QUEUED], JobStatus.COMPLETED, observed=True)
    return job


def test_a_client_finds_earlier_runs_of_the_same_shape(client):
    has_run(client, config(training={"max_steps": 100}))
    told = client.estimate(config(training={"max_steps": 1000}, cost={"hourly_rate": 3.6}))
    assert told.basis == "measured"
    assert told.low_s == pytest.approx((20 + 1000 * 2.0) * 0.85, rel=1e-3)
    assert told.high_s == pytest.approx((20 + 1000 * 2.2) * 1.15, rel=1e-3)
    assert told.cost_low == pytest.approx(told.low_s / 1000)
    other = client.estimate(config(training={"max_steps": 1000, "micro_batch_size": 1}))
    assert (other.basis, other.note.startswith(UNKNOWN_PACE)) == ("", True)


def test_the_size_of_the_data_is_known_from_an_earlier_run_of_any_shape(client):
    has_run(client, config(lora={"enabled": True}), samples=800)
    told = client.estimate(config(training={"epochs": 2}))
    assert told.steps == 200
    assert client.estimate(config(data={"path": "pypi:other"})).steps is None
    assert client.estimate(config(data={"path": "pypi:other"}), samples=80).steps == 10


def test_or_from_the_cache_of_prepared_data(client, home):
    some, packed = config(), config(data={"packing": True, "max_length": 100})
    for each in (some, packed):
        folder = home.cache / "data" / rows_key(each)
        folder.mkdir(parents=True)
        identity = {"rows_key": rows_key(each), "tokenizer": tokenizer_identity(each)}
        write_json(folder / "identity.json", identity)
        stats = {"rows": 450, "samples": 500, "tokens": 10_000, "splits": {"train": 400}}
        write_json(folder / "stats.json", stats)
    assert client.estimate(some).steps == 50
    assert client.estimate(packed).steps == 10  # 8000 tokens in samples of 100
    write_json(folder / "stats.json", {"rows": 0})
    assert client.estimate(packed).steps is None


def test_a_run_that_moves_on_is_read_again(client):
    some = config(training={"max_steps": 1000})
    job = has_run(client, some, step=2)
    assert client.estimate(some).basis == ""  # two steps are no pace
    run = client.run(job.id)
    RunStatus(step=10, step_time_s=1.0, active_s=10.0).write(run)
    assert client.estimate(some).low_s == pytest.approx(850)


def test_jobs_from_before_estimates_count_too(client):
    job = has_run(client, config(training={"max_steps": 100}))
    run = client.run(job.id)
    record = read_json(run.job)
    write_json(run.job, {k: v for k, v in record.items() if not k.endswith("_key")})
    assert client.estimate(config(training={"max_steps": 10})).basis == "measured"


@pytest.mark.parametrize("damaged", [["job", "config"], ["status"]])
def test_damaged_earlier_runs_tell_nothing_and_stop_nothing(client, damaged):
    some = config(training={"max_steps": 100})
    run = client.run(has_run(client, some).id)
    for name in damaged:
        getattr(run, name).write_bytes(b"\xff{")
    assert client.estimate(some).basis == ""


def test_asking_at_every_change_of_a_form_is_cheap(client):
    some = config(training={"max_steps": 100})
    for _ in range(30):
        has_run(client, some)
    client.estimate(some)
    began = time.process_time()  # whatever else the machine does
    for _ in range(10):
        client.estimate(some)
    assert (time.process_time() - began) / 10 < 0.05


# At submit


@pytest.mark.usefixtures("two_gpus")
def test_submit_freezes_rate_estimate_and_what_finds_it_again(client):
    gpu = {"device": "gpu", "gpu_type": "h100", "spot": True, "processes": 2}
    has_run(client, config(training={"max_steps": 100}, resources=gpu))
    job = client.submit(config(training={"max_steps": 1000}, resources=gpu), "next")
    assert (job.hourly_rate, job.currency, job.gpus) == (2.49, "USD", 2)
    assert job.estimate_low_s == pytest.approx((20 + 2000) * 0.85, rel=1e-3)
    assert job.estimate_high_s > job.estimate_low_s
    record = read_json(client.run(job.id).job)
    assert (record["hourly_rate"], record["currency"]) == (2.49, "USD")
    assert set(record) >= {"shape_key", "samples_key"}
    client.home.rates.write_text("as_of: 2026-01-01\ngpus: {H100: 99}\n")
    assert client.job(job.id).hourly_rate == 2.49
    client.reindex()
    assert client.job(job.id).hourly_rate == 2.49
    assert client.job(job.id).estimate_low_s == job.estimate_low_s


def warnings(client, job):
    events = EventReader(client.run(job.id)).poll()
    return [event for event in events if event.type == "warning"]


@pytest.mark.usefixtures("two_gpus")
def test_an_unknown_gpu_costs_nothing_known_and_a_warning_says_why(client):
    job = client.submit(config(resources={"device": "gpu", "gpu_type": "Z9"}, cost={"budget": 5.0}))
    assert (job.hourly_rate, job.cost) == (None, None)
    (warning,) = warnings(client, job)
    assert "has no GPU type 'Z9'" in warning.message
    assert "nobody watches the budget" in warning.message
    assert warning.payload == {"kind": "cost"}
    assert "has no GPU type 'Z9'" in job.cost_note
    client.reindex()
    assert client.job(job.id).cost_note == job.cost_note
    assert client.jobs()[0].cost is None
    assert "Z9" in client.rates().price("Z9", spot=False).reason


def test_cpu_jobs_are_not_warned_about(client):
    job = client.submit(config())
    assert warnings(client, job) == []
    assert job.cost_note.startswith("CPU work has no price")


@pytest.mark.parametrize("cost", [{}, {"hourly_rate": 1.0}])
def test_a_gpu_type_that_a_cpu_job_names_is_told(client, cost):
    job = client.submit(config(resources={"device": "cpu", "gpu_type": "H100"}, cost=cost))
    (warning,) = warnings(client, job)
    assert "resources.gpu_type H100 is not used" in warning.message
    assert bool(job.cost_note) == (not cost)


@pytest.mark.usefixtures("two_gpus")
def test_a_malformed_rates_file_stops_neither_list_nor_submit(client):
    client.home.rates.write_text("as_of: 2026-01-01\ngpus: {H100: {spot: cheap}}\n")
    job = client.submit(config(resources={"device": "gpu", "gpu_type": "H100"}))
    assert client.jobs()[0].cost is None
    (warning,) = warnings(client, job)
    assert "rates.yaml, line 2: 'gpus.H100.spot'" in warning.message
    assert "gpus.H100.spot" in client.rates().problem
    assert client.estimate(config(resources={"gpu_type": "H100"})).cost_low is None


def test_a_job_tells_where_its_money_went(client):
    job = has_run(client, config(cost={"hourly_rate": 36.0, "currency": "EUR"}))
    told = client.cost(job.id)
    assert told.total.cost == pytest.approx(3.0)
    assert told.provisioning.cost == pytest.approx(0.1, abs=0.01)
    assert (told.currency, len(told.attempts)) == ("EUR", 1)


def test_a_lost_attempt_stays_paid_for_after_the_job_is_resumed(client):
    job = client.submit(config(cost={"hourly_rate": 3600.0}), "unlucky")
    run, now = client.run(job.id), time.time()
    client._registry.claim(3)
    attempt = run.attempt(1)
    attempt.ranks.mkdir(parents=True)
    write_json(attempt.proc, {"runner": None, "launcher": None, "started_at": now - 100})
    RunStatus(state=JobStatus.TRAINING, step=7, heartbeat=now - 40).write(run)
    lost = client.job(job.id)
    assert (lost.status, lost.cost) == (JobStatus.LOST, pytest.approx(60, abs=0.01))
    client.resume(job.id)
    assert client.cost(job.id).total.cost == pytest.approx(60, abs=0.01)
    client.reindex()
    assert client.job(job.id).cost == pytest.approx(60, abs=0.01)
