"""Which rows count after a run went back: to an earlier step, in a new attempt or in the same."""

import numpy as np
import pyarrow as pa


def newest_attempt(table: pa.Table, key: str = "step") -> pa.Table:
    """The rows of the newest branch of history.

    A branch begins with each attempt, and wherever `key` decreases within one (a roll-back).
    A row is dropped when a later branch begins at or before its `key`. Rows without `key` stay;
    several rows with the same `key` in a branch (layers, splits) stay too.

    Args:
        table: rows with `attempt` and `key`, in order of writing within an attempt.
        key: a column that grows with training.

    Returns:
        The surviving rows, ordered by attempt.
    """
    if table.num_rows == 0:
        return table
    # numpy throughout: pyarrow.compute would cost a reader 10 MB
    attempts = np.nan_to_num(table.column("attempt").to_numpy())
    if np.any(np.diff(attempts) < 0):
        order = np.argsort(attempts, kind="stable")
        table, attempts = table.take(order), attempts[order]
    keys = table.column(key).to_numpy()
    known = np.flatnonzero(~np.isnan(keys))
    keys = keys[known]
    if keys.size == 0:
        return table
    begins = np.ones(keys.size, dtype=bool)
    begins[1:] = (np.diff(attempts[known]) != 0) | (np.diff(keys) < 0)
    branch = np.cumsum(begins) - 1
    first_keys = keys[begins]
    # the smallest first key among later branches; none comes after the last
    cut = np.append(np.minimum.accumulate(first_keys[::-1])[::-1][1:], np.iinfo(np.int64).max)
    keep = np.ones(table.num_rows, dtype=bool)
    keep[known] = keys < cut[branch]
    return table if keep.all() else table.filter(pa.array(keep))
