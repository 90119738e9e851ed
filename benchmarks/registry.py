"""How fast lists of many jobs are, and how well a crowd of claimers shares the slots.

python -m benchmarks.registry
"""

import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path
from queue import Empty
from typing import Any

from benchmarks.store import show, timed_s
from gladius_widgets.client import Client
from gladius_widgets.client import client as client_module
from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.paths import Home
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import ACTIVE, FINAL, JobStatus
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.registry.schema import jobs as table

JOBS = 10_000
QUEUED = 200
ACTIVE_JOBS = 20
SLOTS = 3
CLAIMERS, CLAIMS = 6, 400
QUICK = {"JOBS": 400, "QUEUED": 40, "ACTIVE_JOBS": 5, "CLAIMERS": 2, "CLAIMS": 20}


def main() -> None:
    """Measure and print one line a figure."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        client_module.ensure_supervisor = lambda _home: None  # nobody to start these jobs
        client = Client(home, user="ada")
        fill(client)
        print(f"{JOBS:,} jobs, {ACTIVE_JOBS} of them active, {QUEUED} queued: median, worst of 15")
        lists(client)
        queue(client)
    with tempfile.TemporaryDirectory() as folder:
        print(f"{CLAIMERS} processes that claim {CLAIMS} jobs for {SLOTS} slots")
        race(Home(Path(folder) / "home"))


def fill(client: Client) -> None:
    """Rows for all, run directories for the active ones."""
    now, over = time.time(), [s for s in JobStatus if s in FINAL]
    rows = []
    for i in range(JOBS):
        age_s = (JOBS - i) * 60.0
        status = over[i % len(over)]
        started: float | None = now - age_s + 5
        if i >= JOBS - QUEUED:
            status, started = JobStatus.QUEUED, None
        elif i >= JOBS - QUEUED - ACTIVE_JOBS:
            status = JobStatus.TRAINING
        rows.append(
            {"id": f"job-{i:05d}", "name": f"Llama 3 {i % 97} lora r={i % 64} #{i}",
             "status": status, "created_by": f"user{i % 40}", "created_at": now - age_s,
             "started_at": started, "ended_at": started and started + 50, "position": float(i),
             "cost": i % 150 / 1.5, "config_line": "LoRA r=16 · 2× H100", "updated_at": now,
             "error": None, "holds_slot": status in ACTIVE, "ran_s": 50.0, "hourly_rate": 2.5,
             "estimate_low_s": 3600.0, "estimate_high_s": 5400.0}
        )  # fmt: skip
        if status in ACTIVE:
            run = client.home.run(f"job-{i:05d}")
            run.create()
            run.attempt(1).ranks.mkdir(parents=True)
            me = ProcessIdentity.of().to_dict()  # so that its processes are found alive
            write_json(run.attempt(1).proc, {"runner": me, "started_at": started})
            RunStatus(state=status, step=i, total_steps=JOBS, remaining_s=60.0).write(run)
    with client._registry._write() as connection:
        connection.execute(table.insert(), rows)


def lists(client: Client) -> None:
    """What the jobs page asks for."""
    questions: dict[str, dict[str, Any]] = {
        "first page of 25": {"limit": 25},
        "first page of 100": {"limit": 100},
        "page 300": {"limit": 25, "offset": 7500},
        "search by a part of the name": {"search": "R=33 #9", "limit": 25},
        "search that finds nothing": {"search": "no such name", "limit": 25},
        "one user, completed, last three days": {
            "created_by": "user7", "statuses": [JobStatus.COMPLETED],
            "since": time.time() - 3 * 86_400, "limit": 25,
        },
        "by cost": {"sort": "cost", "limit": 25},
        "by name": {"sort": "name", "limit": 25},
    }  # fmt: skip
    for label, filters in questions.items():
        timed(label, lambda filters=filters: client.jobs(**filters))
    timed("how many match a search", lambda: client.count(search="r=33"))
    timed("everybody's names", client.creators)


def queue(client: Client) -> None:
    """What the queue page asks for, and what its buttons do."""
    timed("the queue with its start times", client.queue)
    waiting = [job.id for job in client._registry.queue()]
    for job_id in waiting:
        client.home.run(job_id).create()
    registry, turn = client._registry, iter(range(10**6))

    def move() -> None:
        one, other = waiting[next(turn) % QUEUED], waiting[next(turn) * 7 % QUEUED]
        registry.place_before(one, other, before_commit=lambda _job: None)

    timed("one move in the queue", move)
    timed("a claim when all slots are taken", lambda: registry.claim(1))


def timed(label: str, action: Any, times: int = 15) -> None:
    """Print the median and the worst (ms) of some calls."""
    taken = [timed_s(action) * 1e3 for _ in range(times)]
    show(label, statistics.median(taken), "ms", f"{max(taken):.1f}")


def race(home: Home) -> None:
    """Print how many claims were made, the most that ran at once, and what a claim took."""
    registry = Registry(home)
    for i in range(CLAIMS):
        registry.insert(id=f"job-{i:03d}", name=f"job {i}", created_by="ada")
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    racers = [context.Process(target=claim_all, args=(home.root, answers)) for _ in range(CLAIMERS)]
    for racer in racers:
        racer.start()
    claims, most, taken = 0, 0, []
    for _ in racers:
        try:
            mine, seen, times = answers.get(timeout=300)
        except Empty:
            raise RuntimeError("a claimer never answered") from None
        claims, most, taken = claims + mine, max(most, seen), taken + times
    for racer in racers:
        racer.join()
    show("claims", claims, "")
    show("most at once", most, "")
    show("a claim that got a job, median", statistics.median(taken) * 1e3, "ms")


def claim_all(root: Path, answers: Any) -> None:
    """Claim and finish jobs until none is left."""
    registry, mine, most, taken = Registry(Home(root)), 0, 0, []
    while registry.count(statuses=[JobStatus.QUEUED]):
        started = time.perf_counter()
        job = registry.claim(SLOTS)
        if job is None:
            time.sleep(0.0005)
            continue
        taken.append(time.perf_counter() - started)
        mine, most = mine + 1, max(most, registry.count(statuses=[JobStatus.PROVISIONING]))
        registry.move(job.id, [JobStatus.PROVISIONING], JobStatus.COMPLETED)
    answers.put((mine, most, taken))


if __name__ == "__main__":
    main()
