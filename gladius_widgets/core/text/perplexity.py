"""Perplexity: e to the power of the mean loss in nats a token; and how it is written."""

import math

_LARGEST_IN_FULL = 1e6


def perplexity(loss: float) -> float:
    """exp(loss); infinite where that overflows."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def perplexity_text(value: float) -> str:
    """Two decimals below a million, else powers of ten: never more than ten characters."""
    if math.isfinite(value) and value >= _LARGEST_IN_FULL:
        return f"{value:.2e}"
    return f"{value:,.2f}"
