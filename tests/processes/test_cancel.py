"""A cancel ends every process within the minute and never spoils a checkpoint."""

import os
import signal
import time

import pytest
from support import REPOSITORY, end_processes_on, wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.machine.processes import processes_of
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.run.checkpoints import verify

PROMISE_S = 60.0
# Saves after every step, so that nearly any moment is one during a checkpoint.
SAVING = ["data.max_samples=300", "data.max_length=48", "training.validation_max_batches=2",
          "training.micro_batch_size=2", "training.tensorboard=false",
          "training.max_steps=100000", "checkpointing.interval_steps=1"]  # fmt: skip


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """One home for the module: the data are prepared once."""
    home = Home(tmp_path_factory.mktemp("cancel") / "home")
    home.root.mkdir()
    home.settings.write_text("slots: 1\n")
    yield Client(home, user="ada")
    end_processes_on(home.root)


@pytest.mark.parametrize("moment", ["begun", "sealed", "frozen"])
def test_cancel_during_a_checkpoint_leaves_only_whole_ones(client, moment):
    job_id = client.submit(REPOSITORY / "configs" / "moe_chitchat.yaml", overrides=SAVING).id
    run = client.run(job_id)
    wait_until(lambda: len(run.checkpoint_steps()) >= 2, 120, "checkpoints")
    pids = client.state(job_id)["pids"]
    sign = {
        "begun": ".saving-*",
        "sealed": ".saving-*/manifest.json",
        "frozen": ".saving-*/*.safetensors",
    }[moment]
    deadline = time.monotonic() + 60
    while not any(run.checkpoints.glob(sign)):  # no sleep: the moment is short
        assert time.monotonic() < deadline
    if moment == "frozen":  # as a disk that hangs: only SIGKILL can end it
        os.kill(pids["ranks"][0], signal.SIGSTOP)
    before = run.checkpoint_steps()
    asked_at = time.monotonic()
    client.cancel(job_id, "enough")
    wait_until(lambda: not processes_of(run.attempt(1)), PROMISE_S, "no process of it")
    assert time.monotonic() - asked_at < PROMISE_S
    wait_until(lambda: client.job(job_id).status == JobStatus.CANCELLED, 10, "cancelled")
    assert client.ledger(job_id)[-1]["outcome"] == "applied"
    steps = run.checkpoint_steps()
    assert {step: verify(run.checkpoint(step))[1] for step in steps} == dict.fromkeys(steps)
    assert steps
    assert steps[-1] >= before[-1]
