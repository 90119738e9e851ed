"""Record the real runs that tests look at in each final state: `python scripts/record_states.py`.

A very small mixture of experts is trained three times: to its end, until it is out of memory
(its address space is capped and its batch made too large), and until somebody cancels it. Kept
are the run directories in tests/recorded, without weights and without what names the machine.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable

import psutil
from record_run import REPOSITORY, keep

from gladius_widgets.client import Client, Job
from gladius_widgets.core.atomic import read_json

TARGET = REPOSITORY / "tests" / "recorded"
SETTINGS = (
    "data.max_samples=4000",
    "data.max_length=48",
    "model.name=tiny-moe",
    "model.train_tokenizer_vocab=384",
    "model.from_scratch.hidden_size=32",
    "model.from_scratch.intermediate_size=64",
    "model.from_scratch.moe_intermediate_size=32",
    "model.from_scratch.num_hidden_layers=2",
    "model.from_scratch.num_attention_heads=2",
    "model.from_scratch.num_key_value_heads=1",
    "model.from_scratch.head_dim=16",
    "model.from_scratch.num_experts=4",
    "training.max_steps=400",
    "training.micro_batch_size=4",
    "training.validation_interval_steps=50",
    "training.validation_max_batches=8",
    "training.tensorboard=false",
    "training.on_oom=fail",
    "checkpointing.interval_steps=100",
    "moe.stats_interval_steps=50",
    "cost.hourly_rate=2.49",
    "cost.estimate_low=0.03",
    "cost.estimate_high=0.05",
)
_SPARE_BYTES = 60 * 2**20


def complete(client: Client, job: Job) -> None:
    """Let it train to its end."""


def run_out_of_memory(client: Client, job: Job) -> None:
    """Cap what the trainer may allocate, then ask for far too large batches."""
    _wait_for_step(client, job, 250)
    pid = int((read_json(client.run(job.id).attempt(1).rank(0)) or {})["pid"])
    limit = psutil.Process(pid).memory_info().vms + _SPARE_BYTES
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
    client.set(job.id, {"micro_batch_size": 2048}, wait_s=30)


def cancel(client: Client, job: Job) -> None:
    """Give it up in the middle."""
    _wait_for_step(client, job, 170)
    client.cancel(job.id, "Loss not decreasing", wait_s=30)


RUNS: dict[str, Callable[[Client, Job], None]] = {
    "completed": complete,
    "failed": run_out_of_memory,
    "cancelled": cancel,
}


def main(states: list[str]) -> None:
    """Train, copy, strip."""
    for state in states or RUNS:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            record(Client(folder, user="ann"), state)


def record(client: Client, state: str) -> None:
    """One run that ends in `state`."""
    config = REPOSITORY / "configs" / "moe_chitchat.yaml"
    job = client.submit(config, f"recorded-{state}", SETTINGS)
    RUNS[state](client, job)
    _wait(lambda: client.job(job.id).status.is_final, f"{state} to end")
    ended = client.job(job.id)
    print(state, "→", ended.status, ended.step, ended.error)
    keep(client.run(job.id), TARGET / state)


def _wait_for_step(client: Client, job: Job, step: int) -> None:
    _wait(lambda: client.state(job.id)["step"] >= step, f"step {step}")


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


if __name__ == "__main__":
    main(sys.argv[1:])
