"""The benchmarks run: each on little, in a process of its own."""

import os
import subprocess
import sys

import pytest
from support import REPOSITORY

ALONE = ["closing", "curve", "events", "importing", "registry", "store", "training"]
"""Those that need no browser; `tests/browser` runs the others."""


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=os.environ,
    )


@pytest.mark.parametrize("name", ALONE)
def test_it_runs_on_little(name):
    done = run("--quick", name)
    assert done.returncode == 0, done.stderr
    assert f"== {name} ==" in done.stdout
    assert len(done.stdout.splitlines()) > 3


def test_a_mistyped_name_is_answered_with_the_nearest():
    done = run("--quik")
    assert done.returncode == 2
    assert "--quick" in done.stderr
