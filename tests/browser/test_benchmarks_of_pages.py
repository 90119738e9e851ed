"""The benchmarks that need a browser run: each on little, in a process of its own."""

import subprocess
import sys

import pytest
from support import REPOSITORY


@pytest.mark.parametrize("name", ["crowd", "live", "opening", "page"])
def test_it_runs_on_little(name):
    command = [sys.executable, "-m", "benchmarks", "--quick", name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    assert f"== {name} ==" in done.stdout
    assert len(done.stdout.splitlines()) > 3
