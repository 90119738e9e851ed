"""How an amount of money reads, the same in pages, the shell, events and messages."""

_LEAST = 0.0001


def amount_text(amount: float, *, thousands: bool = False) -> str:
    """Two decimals: `22.18`; below a cent as many as it takes: `0.0049`, `<0.0001`.

    Args:
        amount: in a currency, at least 0.
        thousands: whether to part the thousands: `1,234.50`.
    """
    if not 0 < amount < 0.01:
        return f"{amount:,.2f}" if thousands else f"{amount:.2f}"
    if amount < _LEAST:
        return f"<{_LEAST:.4f}"
    return f"{amount:.4f}".rstrip("0")
