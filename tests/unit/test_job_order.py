"""The orders of a list of jobs."""

import time

import pytest

from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.registry.registry import Registry

NOW = time.time()


@pytest.fixture
def registry(home):
    registry = Registry(home)
    rows = (
        ("a", "beta", JobStatus.COMPLETED, {"started_at": NOW - 9000, "ran_s": 60.0, "cost": 3.0}),
        ("b", "Alpha", JobStatus.TRAINING,
         {"started_at": NOW - 900, "ran_s": 10.0, "running_since": NOW - 100, "cost": 1.0}),
        ("c", "gamma", JobStatus.QUEUED, {}),
        ("d", "delta", JobStatus.FAILED, {"started_at": NOW - 90, "ran_s": 5.0, "cost": 2.0}),
    )  # fmt: skip
    for at, (job_id, name, status, more) in enumerate(rows):
        registry.insert(
            id=job_id, name=name, created_by="ann", status=status, created_at=NOW + at, **more
        )
    return registry


@pytest.mark.parametrize(
    ("sort", "descending", "ids"),
    [
        ("created_at", True, "dcba"),
        ("name", False, "badc"),
        ("status", False, "cbad"),
        ("duration", True, "badc"),
        ("duration", False, "dabc"),
        ("cost", True, "adbc"),
        ("cost", False, "bdac"),
        ("created_by", False, "dcba"),
    ],
)
def test_orders(registry, sort, descending, ids):
    found = registry.find(sort=sort, descending=descending)
    assert "".join(job.id for job in found) == ids


def test_no_such_order(registry):
    with pytest.raises(ValueError, match="cannot sort jobs by 'id; DROP TABLE jobs'"):
        registry.find(sort="id; DROP TABLE jobs")
