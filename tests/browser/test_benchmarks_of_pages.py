"""The benchmarks that need a browser run: each on little."""

import pytest
from support import benchmarks_on_little

NAMES = ["crowd", "line", "live", "opening", "page"]


@pytest.fixture(scope="module")
def told() -> dict[str, list[str]]:
    return benchmarks_on_little(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_on_little(told, name):
    assert len(told[name]) > 1
