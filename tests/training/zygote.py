"""Starts trainers by fork from a process that has torch imported already.

A test that kills twenty trainers would wait a minute for imports otherwise. What is forked is
the trainer's own entry point, with its own standard output, and SIGKILL kills it as any other.

Protocol, JSON lines: {run, attempt, log, env, dies_on_commit} in, {pid} out; {rc} when one has
ended is asked for by {wait: pid}.
"""

import json
import os
import signal
import sys
import traceback
from pathlib import Path

import gladius_widgets.training.loop.trainer
from gladius_widgets.store.metrics import MetricWriter
from gladius_widgets.training.checkpoint.folders import CheckpointStore
from gladius_widgets.training.entry import main

assert gladius_widgets.training.loop.trainer


def die_on_commit() -> None:
    """SIGKILL to this process as soon as a checkpoint got its name, with rows in memory."""
    MetricWriter.__init__.__kwdefaults__["flush_s"] = 3600.0
    commit = CheckpointStore.commit

    def commit_and_die(*args, **kwargs):
        commit(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    CheckpointStore.commit = commit_and_die


def child(order: dict) -> None:
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(order["env"])
    if order["dies_on_commit"]:
        die_on_commit()
    code = 1
    try:
        main(["--run", order["run"], "--attempt", str(order["attempt"])])
    except SystemExit as done:
        code = int(done.code or 0)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)


def serve() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            answer = {"rc": os.waitstatus_to_exitcode(status)}
        else:
            Path(order["log"]).parent.mkdir(parents=True, exist_ok=True)
            pid = os.fork()
            if pid == 0:
                child(order)
            answer = {"pid": pid}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


serve()
