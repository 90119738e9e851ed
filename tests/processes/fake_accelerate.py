#!/usr/bin/env python
"""Stands for the outside command `accelerate`: starts ranks and waits for them, as that does.

It imports nothing of ours, so that it starts at once: many tests wait for it. See `fake_rank`.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

RANK = str(Path(__file__).with_name("fake_rank.py"))


def launch(arguments: list[str]) -> int:
    count = int(arguments[arguments.index("--num_processes") + 1])
    ranks = [
        subprocess.Popen(
            [sys.executable, RANK, *arguments],
            env={**os.environ, "RANK": str(index)},
        )
        for index in range(count)
    ]
    while all(rank.poll() is None for rank in ranks):
        time.sleep(0.02)
    first = next(rank for rank in ranks if rank.poll() is not None)
    if first.returncode == 0:
        return max(rank.wait() for rank in ranks)
    for rank in ranks:
        rank.terminate()
    for rank in ranks:
        rank.wait()
    raise subprocess.CalledProcessError(first.returncode, "fake trainer")


if __name__ == "__main__":
    sys.exit(launch(sys.argv[1:]))
