"""A resume that carries settings: what the client checks, and what it leaves in the ledger."""

import time

import pytest
from recorded_runs import install

from gladius_widgets.client import Client
from gladius_widgets.client import client as client_module
from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.runner.requests import RequestDesk
from gladius_widgets.store.run import requests


@pytest.fixture
def failed(home, monkeypatch):
    """A client without a supervisor, and a job that ran out of memory."""
    monkeypatch.setattr(client_module, "ensure_supervisor", lambda _home: None)
    return Client(home, user="ada"), install(home, "failed").id


def test_the_change_waits_for_the_trainer_and_the_resume_names_it(failed):
    client, job_id = failed
    before = len(client.ledger(job_id))
    answer = client.resume(job_id, {"training.micro_batch_size": 4, "gradient_accumulation": 4})
    assert (answer.outcome, answer.new) == ("applied", JobStatus.QUEUED)
    change, resume = client.ledger(job_id)[before:]
    wanted = {"micro_batch_size": 4, "gradient_accumulation": 4}
    assert (change["command"], change["outcome"], change["args"]) == ("set", "pending", wanted)
    assert (resume["command"], resume["args"]) == ("resume", {"set": wanted})
    assert change["requested_by"] == resume["requested_by"] == "ada"
    assert change["seq"] < resume["seq"]


def test_the_runner_of_the_new_attempt_leaves_it_to_the_trainer(failed):
    """It refuses what was meant for the attempt before."""
    client, job_id = failed
    run = client.run(job_id)
    stale = requests.request(run, Command.SET, {"weight_decay": 0.2}, "bob")
    time.sleep(0.002)  # a later time stamp
    client.resume(job_id, {"micro_batch_size": 4})
    RequestDesk(run).reject_older_than(read_status(run).heartbeat)
    assert requests.ack(run, stale.id).outcome == "rejected"
    open_ones = [entry for entry in client.ledger(job_id) if entry["outcome"] == "pending"]
    assert [entry["args"] for entry in open_ones] == [{"micro_batch_size": 4}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"micro_batch_size": 0}, "between 1 and 4096"),
        ({"micro_batch": 4}, "Did you mean 'micro_batch_size'"),
        ({"data.max_length": 64}, "so it cannot change"),
        ({"learning_rate": 2.0}, "learning_rate must be between"),
    ],
)
def test_what_the_trainer_would_refuse_is_refused_before_anything_is_queued(failed, changes, words):
    client, job_id = failed
    before = client.ledger(job_id)
    with pytest.raises(GladiusError) as told:
        client.resume(job_id, changes)
    assert words in f"{told.value} {told.value.hint}"
    assert client.job(job_id).status == JobStatus.FAILED
    assert client.ledger(job_id) == before


def test_a_cancel_in_the_queue_answers_the_change_too(failed):
    client, job_id = failed
    client.resume(job_id, {"micro_batch_size": 4})
    client.cancel(job_id, "Testing", "a note")
    assert not [entry for entry in client.ledger(job_id) if entry["outcome"] == "pending"]
    assert client.ledger(job_id)[-1]["args"] == {"reason": "Testing", "note": "a note"}


def test_a_held_run_gets_the_change_before_it_goes_on(failed):
    """Its process obeys both, in their order."""
    client, job_id = failed
    client.resume(job_id)
    client._registry.claim(3)
    attempt = client.run(job_id).attempt(2)
    attempt.ranks.mkdir(parents=True)
    me = ProcessIdentity.of().to_dict()
    write_json(attempt.proc, {"runner": me, "launcher": None, "started_at": time.time()})
    write_json(attempt.rank(0), me)
    held = RunStatus(state=JobStatus.PAUSED, attempt=2, step=259, heartbeat=time.time())
    held.write(client.run(job_id))
    assert client.job(job_id).status == JobStatus.PAUSED
    client.resume(job_id, {"micro_batch_size": 2})
    run = client.run(job_id)
    waiting = requests.pending(run, set())
    assert [request.command for request in waiting] == [Command.SET, Command.RESUME]
    assert waiting[0].args == {"micro_batch_size": 2}


def test_the_command_line_says_it_too(failed, in_process):
    client, job_id = failed
    code, out, err = in_process(
        "--home", client.home.root, "resume", job_id, "--set", "training.micro_batch_size=4"
    )
    assert (code, err) == (0, ""), out
    assert client.ledger(job_id)[-1]["args"] == {"set": {"micro_batch_size": 4}}
    code, _, err = in_process("--home", client.home.root, "resume", job_id, "--set", "nonsense")
    assert (code, "is not NAME=VALUE" in err) == (1, True)
