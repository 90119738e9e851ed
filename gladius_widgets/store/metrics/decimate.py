"""Fewer points for the same picture: every bucket's extremes, then the shape."""

import numpy as np
from numpy.typing import ArrayLike
from tsdownsample import MinMaxDownsampler, MinMaxLTTBDownsampler


def decimate(x: ArrayLike, y: ArrayLike, points: int = 2000) -> np.ndarray:
    """Indices of at most `points` points that draw like all of them.

    Three quarters of the points are the lowest and highest of equal buckets of rows, so that no
    one-step spike is lost; the rest are MinMaxLTTB's choice (Van Der Donckt et al. 2023,
    arXiv:2305.00332), which keeps the shape between them, and the first and last point. Where
    `y` is not finite, the first point of each such stretch is kept, as far as an eighth of
    `points` goes, so that a line breaks there.

    Args:
        x: positions; used for the shape when they ascend.
        y: values, same length; may hold NaN, infinities and None (as float NaN).
        points: at least 16.

    Returns:
        Ascending int64 indices into `x` and `y`.

    Raises:
        ValueError: lengths differ or `points` is too small.
    """
    ys = np.ascontiguousarray(y, dtype=np.float64)
    xs = np.ascontiguousarray(x, dtype=np.float64)
    if xs.shape != ys.shape or ys.ndim != 1:
        raise ValueError(f"x and y must be equally long lists, not {xs.shape} and {ys.shape}")
    if points < 16:
        raise ValueError(f"points must be at least 16, not {points}")
    if ys.size <= points:
        return np.arange(ys.size)
    finite = np.isfinite(ys)
    if finite.all():
        return _finite(xs, ys, points)
    gaps = _stretch_starts(~finite, points // 8)
    known = np.flatnonzero(finite)
    chosen = known
    if known.size > points - gaps.size:
        chosen = known[_finite(xs[known], ys[known], points - gaps.size)]
    return np.union1d(chosen, gaps)


def _finite(xs: np.ndarray, ys: np.ndarray, points: int) -> np.ndarray:
    extremes = MinMaxDownsampler().downsample(ys, n_out=points * 3 // 4 // 2 * 2)
    rest = points - extremes.size
    if np.all(np.diff(xs) > 0):
        shape = MinMaxLTTBDownsampler().downsample(xs, ys, n_out=rest)
    else:
        shape = MinMaxLTTBDownsampler().downsample(ys, n_out=rest)
    return np.union1d(extremes, shape).astype(np.int64)


def _stretch_starts(missing: np.ndarray, limit: int) -> np.ndarray:
    """The first index of each run of True; evenly chosen ones when there are over `limit`."""
    starts = np.flatnonzero(missing & ~np.concatenate(([False], missing[:-1])))
    if starts.size > limit:
        starts = starts[np.linspace(0, starts.size - 1, limit).astype(np.int64)]
    return starts
