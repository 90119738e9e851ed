"""Round axis limits and ticks, so that an axis moves seldom and reads well."""

import math
from collections.abc import Sequence

_ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
_TICK_STEPS = (1, 2, 2.5, 5, 10)


def round_up(value: float) -> float:
    """The nearest round number that is not below `value` (> 0)."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in _ROUND if factor * power >= value * (1 - 1e-12))


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most `most` round tick values within [low, high].

    Raises:
        ValueError: the limits are not finite, or not in order.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"no axis from {low} to {high}")
    step = tick_step(high - low, most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def tick_step(width: float, most: int = 5) -> float:
    """The smallest round step that gives at most `most` ticks on an axis of this width."""
    least = width / (most - 1)
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in _TICK_STEPS if step * power >= least * (1 - 1e-9))


def limits(low: float, high: float, most: int = 5) -> tuple[float, float]:
    """Round limits around [low, high] whose ends are ticks.

    The lower end is 0 when that costs less than half of the axis.
    """
    if low >= 0 and low < 0.5 * high:
        low = 0.0
    if high <= low:
        margin = abs(high) * 0.1 or 0.5
        low, high = low - margin, high + margin
    step = tick_step(high - low, most)
    while True:
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < most:
            return round(first * step, 12), round(last * step, 12)
        step = tick_step(step * (most - 1) * 1.001, most)  # the next larger round step


def tick_format(low: float, high: float, most: int = 5) -> str:
    """A d3 number format with the decimals that this axis' ticks need: `.0f`, `.1f`, `.2f`..."""
    step = tick_step(high - low, most)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if not math.isclose(round(step, decimals), step, rel_tol=1e-9):
        decimals += 1  # a step of 2.5 or 0.25
    return f",.{decimals}f"


def format_of(values: Sequence[float]) -> str:
    """A d3 number format with the decimals that tell these values apart."""
    decimals = next(
        (d for d in range(9) if all(math.isclose(round(v, d), v, abs_tol=1e-9) for v in values)), 9
    )
    return f",.{decimals}f"


def log_limits(low: float, high: float) -> tuple[float, float]:
    """Limits around [low, high], both > 0, for a logarithmic axis: 1, 2 or 5 times a power of ten.

    Where the values span less than a factor of two, they are those of a linear axis.
    """
    if high < 2 * low:
        return limits(low, high)
    return _one_two_five_below(low), 1 / _one_two_five_below(1 / high)


def log_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most `most` values within [low, high]: 1-2-5 numbers, else powers of ten."""
    if high <= 2 * low * (1 + 1e-9):
        return ticks(low, high, most)
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    powers = range(first, last + 1)
    for factors in ((1, 2, 5), (1,)):
        values = [factor * 10.0**power for power in powers for factor in factors]
        inside = [v for v in values if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
        if len(inside) <= most + 1:
            return inside
    return inside[:: -(-len(inside) // most)]


def round_up_finely(value: float) -> float:
    """The nearest number of two digits that is not below `value` (> 0): an axis that fits."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit - 1e-9) * unit


def _one_two_five_below(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value) + 1e-12)
    return next(f * power for f in (5, 2, 1) if f * power <= value * (1 + 1e-9))
