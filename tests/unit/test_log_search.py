"""Finding the place of a step in a log."""

import pytest

from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.panels.live.cursor import Moment
from gladius_widgets.panels.live.history import History
from gladius_widgets.panels.log.search import CONTEXT_LINES, find_batch, place_of
from gladius_widgets.store.run.log import LogTail


@pytest.fixture
def log(tmp_path):
    """Two epochs of 40,000 batches, a line every second one; then a new attempt from epoch 2."""
    lines = ["Initializing\n"]
    for epoch in (1, 2):
        lines += [f"Epoch {epoch} | Batch {b} | Loss: 1.0\n" for b in range(2, 40_001, 2)]
        lines += [f"[INFO] Validation {epoch}\n"]
    lines += [f"Epoch 2 | Batch {b} | Loss: 2.0\n" for b in range(2, 1_001, 2)]
    path = tmp_path / "train.log"
    path.write_text("".join(lines))
    return LogTail(path), lines


@pytest.mark.parametrize(
    ("epoch", "batch", "line"),
    [
        (1, 3, "Epoch 1 | Batch 2 | Loss: 1.0\n"),
        (1, 25_001, "Epoch 1 | Batch 25000 | Loss: 1.0\n"),
        (1, 99_999, "Epoch 1 | Batch 40000 | Loss: 1.0\n"),
        (2, 500, "Epoch 2 | Batch 500 | Loss: 2.0\n"),  # the newest telling
        (2, 30_000, "Epoch 2 | Batch 1000 | Loss: 2.0\n"),
    ],
)
def test_the_last_line_up_to_a_batch(log, epoch, batch, line):
    tail, lines = log
    place = find_batch(tail, tail.size_bytes(), epoch, batch)
    assert place is not None
    number = len(lines) - place.lines_below
    assert lines[number] == line
    first = len(lines) - place.first_below
    shown = place.data.decode().splitlines(keepends=True)
    assert shown == lines[first : first + len(shown)]
    assert first <= number < first + len(shown)
    assert len(shown) <= 2 * CONTEXT_LINES


def test_nothing_to_find(tmp_path):
    path = tmp_path / "train.log"
    assert find_batch(LogTail(path), 100, 1, 1) is None
    path.write_text("Initializing\n")
    assert find_batch(LogTail(path), 13, 1, 1) is None


def test_a_moment_is_an_epoch_and_a_batch():
    history, run = History(), RunStatus(batches_per_epoch=40)
    assert place_of(history, Moment(step=3), run) is None
    rows = {"step": [1.0, 2, 3], "epoch": [0.5, 1.0, 1.25], "loss": [3.0, 2, 1]}
    history.train.extend({**rows, "time": [10.0, 20, 30], "tokens": [1.0, 2, 3]})
    assert place_of(history, Moment(step=1), run) == (1, 20)
    assert place_of(history, Moment(step=2), run) == (1, 40)
    assert place_of(history, Moment(time=31.0), run) == (2, 10)
    assert place_of(history, Moment(step=1), None) is None
    assert place_of(history, Moment(), run) is None
