"""Which rows are for training, validation and test, and how often: pure functions of the seed."""

import numpy as np

from gladius_widgets.core.data_files import SPLITS

NAMES = SPLITS
TRAIN, VALIDATION, TEST = range(3)


def assign_splits(count: int, validation_share: float, test_share: float, seed: int) -> np.ndarray:
    """The split of each of `count` rows (int8), the shares held to the row.

    Every row draws a number of its own: the smallest are for the test, the largest for validation.
    Adding rows therefore moves few others, never between validation and test. A share above zero
    gets at least one row where there are enough, training first, then validation.
    """
    order = np.argsort(_draws(count, seed, 0), kind="stable")
    validation = min(_part_of(count, validation_share), max(0, count - 1))
    test = min(_part_of(count, test_share), max(0, count - 1 - validation))
    splits = np.full(count, TRAIN, dtype=np.int8)
    splits[order[:test]] = TEST
    splits[order[count - validation :]] = VALIDATION
    return splits


def repeats_of(count: int, weight: float, seed: int, source: int) -> np.ndarray:
    """How often each of a source's `count` training rows is in the data (int64).

    Each as often as the whole part of the weight says; the rest of it is the share of rows that
    come once more, drawn by the seed. One row at least stays.
    """
    whole, share = divmod(weight, 1.0)
    repeats = np.full(count, int(whole), dtype=np.int64)
    more = _part_of(count, share) if whole else max(min(count, 1), _part_of(count, share))
    repeats[np.argsort(_draws(count, seed, source + 1), kind="stable")[:more]] += 1
    return repeats


def _part_of(count: int, share: float) -> int:
    """A share of `count` to the nearest row; one at least where the share is above zero."""
    return max(1, int(share * count + 0.5)) if share > 0 else 0


def _draws(count: int, seed: int, stream: int) -> np.ndarray:
    key = [seed % 2**63, stream] if stream else seed % 2**63
    return np.random.Generator(np.random.Philox(key=key)).random(count)
