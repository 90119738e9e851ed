import json
import time

import pytest

from gladius_widgets.client import Client
from gladius_widgets.core.atomic import write_json

CONFIG = """\
model: {name: org/model}
data: {path: org/data}
training: {max_steps: 10}
resources: {device: gpu, gpu_type: H100, spot: true, processes: 2}
cost: {estimate_low: 4.98, estimate_high: 9.96}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def run(in_process, two_gpus):
    return in_process


def test_rates_lists_prices_their_date_and_their_file(run, home):
    code, out, _ = run("rates")
    assert code == 0
    assert "2.49 USD" in out
    assert "7.99 USD" in out
    assert "as of 20" in out
    assert str(home.rates) in out  # where to put one's own
    told = json.loads(run("rates", "--json")[1])
    assert told["gpus"]["H100"] == {"spot": 2.49, "on_demand": 7.99}


def test_a_malformed_rates_file_is_one_sentence(run, home):
    run("jobs")
    home.rates.write_text("as_of: 2026-01-01\ngpus: {H100: {spot: cheap}}\n")
    code, _, err = run("rates")
    assert code == 1
    assert "rates.yaml, line 2: 'gpus.H100.spot'" in err
    assert err.count("\n") == 1
    assert run("jobs")[0] == 0


def test_estimate_says_steps_time_and_cost(run, config):
    code, out, _ = run("estimate", config)
    assert code == 0
    assert "1h 00m to 2h 00m" in out
    assert "4.98 USD to 9.96 USD" in out
    code, out, _ = run("estimate", config, "--set", "training.max_steps=1200")
    assert code == 0
    assert "1,200" in out
    assert "120h 00m to 240h 00m" in out  # its estimate is of 10 steps
    assert "In proportion" in out
    told = json.loads(run("estimate", config, "--json")[1])
    assert (told["steps"], told["basis"], told["low_s"]) == (10, "config", 3600)


def test_an_estimate_of_unknowns_shows_dashes_and_why(run, config):
    config.write_text("model: {name: m}\ndata: {path: org/d}\nresources: {device: cpu}\n")
    code, out, _ = run("estimate", config)
    assert code == 0
    assert out.splitlines()[:3] == ["Steps:  –", "Time:   –", "Cost:   –"]
    assert "not known" in out
    assert run("estimate", config, "--set", "nonsense")[0] == 1
    assert run("estimate")[0] == 2


def test_cost_shows_each_attempt_and_the_sum(run, home, config):
    client = Client(home)
    job = client.submit(config, overrides=["cost.hourly_rate=36"])
    attempt, now = client.run(job.id).attempt(1), time.time()
    attempt.root.mkdir(parents=True)
    write_json(attempt.proc, {"started_at": now - 100})
    write_json(attempt.exit, {"status": "failed", "ended_at": now})
    code, out, _ = run("cost", job.id)
    assert code == 0
    assert out.count("1m 40s, 2.00 USD") == 4  # provisioning and total, of the attempt and of all
    assert "36.00 USD per hour for each of 2 GPUs" in out
    assert json.loads(run("cost", job.id, "--json")[1])["total"]["cost"] == pytest.approx(2.0)
    assert run("cost", "nobody")[0] == 1
