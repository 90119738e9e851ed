"""Comparing jobs: what may be called the best, and what may not."""

from dataclasses import replace

import pytest

from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.compare import table_model as compare
from gladius_widgets.panels.live.history import History
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.store.metrics import schemas

BASE = {"model": {"name": "org/model"}, "data": {"path": "org/data"}}


def job(job_id: str, loss: float, tokens: int = 450, **data):
    """A job with one validation, as the page reads it."""
    import pyarrow as pa

    history = History()
    row = {"step": 5, "attempt": 1, "time": 1.0, "epoch": 1.0, "split": "validation",
           "loss": loss, "perplexity": 2.0, "accuracy": 0.5, "tokens": tokens}  # fmt: skip
    history.add_validation(pa.Table.from_pylist([row], schema=schemas.VALIDATION))
    config = TrainingConfig.model_validate(BASE | {"data": BASE["data"] | data})
    snapshot = JobSnapshot(job_id, job_id, JobStatus.COMPLETED, 0.0, config=config)
    return compare.figures(snapshot, history, 0.0)


def test_the_lowest_loss_is_the_best():
    rows = [job("a", 2.0), job("b", 1.5)]
    assert compare.why_not_comparable(rows) == ""
    assert compare.best(rows, "final_loss") == {"b"}


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (job("b", 1.5, tokens=522), "validated on different tokens (450 and 522)"),
        (job("b", 1.5, path="org/other"), "validated on different data"),
        (job("b", 1.5, validation_share=0.2), "validated on different data"),
        (job("b", 1.5, split_seed=7), "validated on different data"),
    ],
)
def test_different_validation_sets_have_no_best(other, why):
    rows = [job("a", 2.0), other]
    assert compare.why_not_comparable(rows) == why
    assert compare.best(rows, "final_loss") == frozenset()


def test_what_does_not_touch_the_validation_set_can_be_compared():
    packed = job("b", 1.5, packing=True)
    assert compare.best([job("a", 2.0), packed], "best_loss") == {"b"}


def test_a_job_that_was_never_validated_is_left_out():
    never = replace(job("b", 1.5, path="org/other"), final_loss=None, best_loss=None)
    assert compare.why_not_comparable([job("a", 2.0), never]) == ""
