"""The benchmarks run: each on little."""

import os
import subprocess
import sys

import pytest
from support import REPOSITORY, benchmarks_on_little

ALONE = ["closing", "curve", "events", "importing", "registry", "store", "training"]
"""Those that need no browser; `tests/browser` runs the others."""


@pytest.fixture(scope="module")
def told() -> dict[str, list[str]]:
    return benchmarks_on_little(ALONE)


@pytest.mark.parametrize("name", ALONE)
def test_it_runs_on_little(told, name):
    assert len(told[name]) > 1


def test_a_mistyped_name_is_answered_with_the_nearest():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quik"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=os.environ,
    )
    assert done.returncode == 2
    assert "--quick" in done.stderr
