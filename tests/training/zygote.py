"""Starts trainers by fork from a process that has torch imported already.

A test that kills twenty trainers would wait a minute for imports otherwise. What is forked is
the trainer's own entry point, with its own standard output, and SIGKILL kills it as any other.

Protocol, JSON lines: {run, attempt, log, env} in, {pid} out; {pid, status} when one has ended
is asked for by {wait: pid}.
"""

import json
import os
import sys
import traceback
from pathlib import Path

import gladius_widgets.training.loop
from gladius_widgets.training.entry import main

assert gladius_widgets.training.loop


def child(order: dict) -> None:
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(order["env"])
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
