"""How numbers, times and money read in every panel. What is not known reads as `–`, never as 0."""

import math
from datetime import datetime, timedelta
from typing import TypeGuard

from gladius_widgets.core.text.amounts import amount_text
from gladius_widgets.core.text.durations import duration_text
from gladius_widgets.core.text.perplexity import perplexity_text

UNKNOWN = "–"
MINUS = "-"

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_GIB = 1024**3
_MOST_IN_FULL = 1e15
_CURRENCY_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CHF": "CHF ", "INR": "₹"}


def is_known(value: float | None) -> TypeGuard[float]:
    """Whether `value` is a number that can be shown."""
    return value is not None and math.isfinite(value)


def loss(value: float | None) -> str:
    """A loss, 4 decimals."""
    return f"{value:.4f}" if is_known(value) else UNKNOWN


def signed_loss(value: float | None) -> str:
    """A difference of losses, signed, 4 decimals; `±0.0000` reads as `0.0000`."""
    if not is_known(value):
        return UNKNOWN
    text = f"{value:+.4f}"
    return text[1:] if float(text) == 0 else text


def rate(value: float | None) -> str:
    """A learning rate or an epsilon: `1.2e-5`, `3e-4`, `0`."""
    if not is_known(value):
        return UNKNOWN
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def decimal_rate(value: float | None) -> str:
    """A learning rate with three digits that count: `0.000182`, `0.002`; below 1e-6 as `rate`."""
    if not is_known(value) or abs(value) < 1e-6:
        return rate(value)
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return plain(value, decimals)


def plain(value: float | None, digits: int = 3) -> str:
    """A number with at most `digits` decimals and no trailing zeros: `0.847`, `0.01`, `32`.

    From a quadrillion on it is in powers of ten, such as `2.69e+43`.
    """
    if not is_known(value):
        return UNKNOWN
    if abs(value) >= _MOST_IN_FULL:
        return f"{value:.2e}"
    text = f"{value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def perplexity(value: float | None) -> str:
    """As `17.80`, or `2.69e+43` where it is huge; unknown where it overflowed."""
    return perplexity_text(value) if is_known(value) else UNKNOWN


def count(value: float | None) -> str:
    """A whole number with thousands: `847,293`."""
    return f"{value:,.0f}" if is_known(value) else UNKNOWN


def percent(share: float | None, decimals: int = 1) -> str:
    """A share of 1 as percent: `70.4%`. It reads 100 % only when all is done."""
    if not is_known(share):
        return UNKNOWN
    if share < 1 - 1e-9:
        share = min(share, 1 - 10.0 ** -(decimals + 2))
    return f"{share * 100:.{decimals}f}%"


def gib(size_bytes: float | None, decimals: int = 1) -> str:
    """A memory size in GiB, without the unit."""
    return f"{size_bytes / _GIB:,.{decimals}f}" if is_known(size_bytes) else UNKNOWN


def size(size_bytes: float | None) -> str:
    """A file size with its unit: `812 B`, `3.1 MiB`, `28.4 GiB`."""
    if not is_known(size_bytes):
        return UNKNOWN
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} GiB"


def money(amount: float | None, currency: str = "USD") -> str:
    """An amount: `$22.18`, `-$3.50`; below a cent `$0.0049`."""
    if not is_known(amount):
        return UNKNOWN
    sign = _CURRENCY_SIGNS.get(currency, f"{currency} ")
    text = amount_text(abs(amount), thousands=True)
    least = "<" if text.startswith("<") else ""
    return f"{MINUS if amount < 0 else ''}{least}{sign}{text.removeprefix('<')}"


def round_money(amount: float | None, currency: str = "USD") -> str:
    """An amount, without cents where it has none: `$45`, `$2.49`."""
    text = money(amount, currency)
    return text.removesuffix(".00") if is_known(amount) and amount == round(amount) else text


def money_range(low: float | None, high: float | None, currency: str = "USD") -> str:
    """Two amounts: `$45–55`, `$43.55–51.09`; one where they read the same."""
    if not is_known(low) or not is_known(high):
        return UNKNOWN
    show = round_money if low == round(low) and high == round(high) else money
    first, last = show(low, currency), show(high, currency)
    sign = len(money(0, currency)) - len("0.00")
    return first if first == last else f"{first}–{last[sign:]}"


def duration(seconds: float | None) -> str:
    """A length of time, two units: `42s`, `3m 42s`, `6h 23m`, `147h 05m`."""
    if not is_known(seconds):
        return UNKNOWN
    return duration_text(seconds)


def estimate(seconds: float | None) -> str:
    """An estimated length of time: `~8h 15m`."""
    text = duration(seconds)
    return text if text == UNKNOWN else f"~{text}"


def age(then: float | None, now: float) -> str:
    """How long ago: `just now`, `30s ago`, `2 minutes ago`, `3 days ago`.

    Args:
        then: unix seconds, None when it is not known.
        now: unix seconds.
    """
    if then is None:
        return UNKNOWN
    return "just now" if now - then < 1 else f"{_rough(now - then)} ago"


def ahead(then: float | None, now: float) -> str:
    """How long from now: `in 8 minutes`, `in 3h 20m`, `in 1d 22h`, `now` when it is due."""
    if then is None:
        return UNKNOWN
    seconds = int(then - now)
    if seconds < 1:
        return "now"
    if seconds < _HOUR:
        return f"in {_rough(seconds)}"
    if seconds < _DAY:
        return f"in {seconds // _HOUR}h {seconds % _HOUR // _MINUTE}m"
    return f"in {seconds // _DAY}d {seconds % _DAY // _HOUR}h"


def _rough(seconds: float) -> str:
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    for unit, length, limit in (("minute", _MINUTE, _HOUR), ("hour", _HOUR, _DAY)):
        if whole < limit:
            number = whole // length
            return f"{number} {unit}{'s' if number != 1 else ''}"
    number = whole // _DAY
    return f"{number} day{'s' if number != 1 else ''}"


def clock(moment: float | None) -> str:
    """Time of day, local: `6:45 PM`."""
    return UNKNOWN if moment is None else _clock(_local(moment))


def clock_seconds(moment: float | None) -> str:
    """Time of day to the second, local, as in logs: `14:28:15`."""
    return UNKNOWN if moment is None else f"{_local(moment):%H:%M:%S}"


def date_time(moment: float | None, now: float) -> str:
    """Date and time, local: `Dec 18, 2:30 PM`; with the year when it is not this one."""
    if moment is None:
        return UNKNOWN
    local = _local(moment)
    year = "" if local.year == _local(now).year else f" {local.year}"
    return f"{local:%b} {local.day}{year}, {_clock(local)}"


def planned(moment: float | None, now: float) -> str:
    """A time to plan by: `Today at 6:45 PM`, `Tomorrow at 9:30 AM`, `Wed, Dec 18 at 2:15 PM`."""
    if moment is None:
        return UNKNOWN
    local, today = _local(moment), _local(now).date()
    if local.date() == today:
        day = "Today"
    elif local.date() == today + timedelta(days=1):
        day = "Tomorrow"
    else:
        day = f"{local:%a}, {local:%b} {local.day}"
    return f"{day} at {_clock(local)}"


def _local(moment: float) -> datetime:
    return datetime.fromtimestamp(moment).astimezone()


def _clock(local: datetime) -> str:
    return f"{local.hour % 12 or 12}:{local:%M} {'AM' if local.hour < 12 else 'PM'}"
