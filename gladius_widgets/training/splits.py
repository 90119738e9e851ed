"""Which rows are for training, validation and test: a pure function of the seed."""

import numpy as np

TRAIN, VALIDATION, TEST = 0, 1, 2
NAMES = ("train", "validation", "test")


def assign_splits(count: int, validation_share: float, test_share: float, seed: int) -> np.ndarray:
    """The split of each of `count` rows (int8).

    Every row draws a number of its own, so adding rows moves no row to another split. A share
    above zero gets at least one row where there are enough, training first.
    """
    draws = np.random.Generator(np.random.Philox(key=seed % 2**63)).random(count)
    splits = np.full(count, TRAIN, dtype=np.int8)
    splits[draws < validation_share + test_share] = VALIDATION
    splits[draws < test_share] = TEST
    if count and not (splits == TRAIN).any():
        splits[0] = TRAIN
    for split, share in ((VALIDATION, validation_share), (TEST, test_share)):
        free = np.flatnonzero(splits == TRAIN)
        if share > 0 and not (splits == split).any() and len(free) > 1:
            splits[free[-1]] = split
    return splits
