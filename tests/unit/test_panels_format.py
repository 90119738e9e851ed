import time

import pytest

from gladius_widgets.panels.text import format as fmt


def at(*parts: int) -> float:
    """Local wall-clock time as unix seconds."""
    full = (*parts, *(0,) * (6 - len(parts)))
    return time.mktime((*full, 0, 0, -1))


NOW = at(2025, 12, 17, 15, 20)


@pytest.mark.parametrize(
    ("function", "argument", "text"),
    [
        (fmt.loss, 0.342, "0.3420"),
        (fmt.loss, None, "–"),
        (fmt.loss, float("nan"), "–"),
        (fmt.loss, float("inf"), "–"),
        (fmt.signed_loss, -0.0003, "-0.0003"),
        (fmt.signed_loss, 0.02, "+0.0200"),
        (fmt.signed_loss, -0.00001, "0.0000"),
        (fmt.rate, 1.2e-5, "1.2e-5"),
        (fmt.rate, 3e-4, "3e-4"),
        (fmt.rate, 0.001, "1e-3"),
        (fmt.rate, 0.0, "0"),
        (fmt.plain, 0.847, "0.847"),
        (fmt.plain, 0.01, "0.01"),
        (fmt.plain, 32, "32"),
        (fmt.plain, -0.0001, "0"),
        (fmt.plain, 100.0, "100"),
        (fmt.count, 847293, "847,293"),
        (fmt.count, None, "–"),
        (fmt.percent, 0.704, "70.4%"),
        (fmt.percent, 0.99999, "99.9%"),
        (fmt.percent, 1.0, "100.0%"),
        (fmt.gib, 142.3 * 1024**3, "142.3"),
        (fmt.size, 812, "812 B"),
        (fmt.size, 3.1 * 1024**2, "3.1 MiB"),
        (fmt.size, 28.4 * 1024**3, "28.4 GiB"),
        (fmt.money, 22.18, "$22.18"),
        (fmt.money, 1234.5, "$1,234.50"),
        (fmt.money, None, "–"),
        (fmt.duration, 0.4, "0s"),
        (fmt.duration, 42, "42s"),
        (fmt.duration, 222, "3m 42s"),
        (fmt.duration, 252, "4m 12s"),
        (fmt.duration, 6 * 3600 + 23 * 60 + 59, "6h 23m"),
        (fmt.duration, 11 * 3600 + 120, "11h 02m"),
        (fmt.duration, 147 * 3600 + 23 * 60, "147h 23m"),
        (fmt.duration, None, "–"),
        (fmt.estimate, 8 * 3600 + 15 * 60, "~8h 15m"),
        (fmt.estimate, None, "–"),
        (fmt.clock, at(2025, 12, 17, 18, 45), "6:45 PM"),
        (fmt.clock, at(2025, 12, 17, 0, 5), "12:05 AM"),
        (fmt.clock_seconds, at(2025, 12, 17, 14, 28, 15), "14:28:15"),
    ],
)
def test_one_value(function, argument, text):
    assert function(argument) == text


def test_percent_without_decimals_is_not_rounded_up_to_done():
    assert fmt.percent(0.999, 0) == "99%"
    assert fmt.percent(0.42, 0) == "42%"


@pytest.mark.parametrize(
    ("then", "text"),
    [
        (NOW - 0.2, "just now"),
        (NOW - 30, "30s ago"),
        (NOW - 60, "1 minute ago"),
        (NOW - 125, "2 minutes ago"),
        (NOW - 7300, "2 hours ago"),
        (NOW - 3 * 86400, "3 days ago"),
        (NOW + 5, "just now"),  # clocks of two machines differ
        (None, "–"),
    ],
)
def test_age(then, text):
    assert fmt.age(then, NOW) == text


@pytest.mark.parametrize(
    ("then", "text"),
    [
        (NOW + 485, "in 8 minutes"),
        (NOW + 12_000, "in 3h 20m"),
        (NOW + 165_600, "in 1d 22h"),
        (NOW - 3, "now"),
        (None, "–"),
    ],
)
def test_ahead(then, text):
    assert fmt.ahead(then, NOW) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (at(2025, 12, 17, 18, 45), "Today at 6:45 PM"),
        (at(2025, 12, 18, 9, 30), "Tomorrow at 9:30 AM"),
        (at(2025, 12, 24, 14, 15), "Wed, Dec 24 at 2:15 PM"),
        (None, "–"),
    ],
)
def test_planned(moment, text):
    assert fmt.planned(moment, NOW) == text


def test_date_time_names_another_year():
    assert fmt.date_time(at(2025, 12, 18, 14, 30), NOW) == "Dec 18, 2:30 PM"
    assert fmt.date_time(at(2024, 12, 18, 14, 30), NOW) == "Dec 18 2024, 2:30 PM"
    assert fmt.date_time(None, NOW) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000182, "0.000182"), (0.002, "0.002"), (0.00024404, "0.000244"), (1.0, "1"),
        (2e-8, "2e-8"), (0.0, "0"), (None, "–"), (float("nan"), "–"),
    ],
)  # fmt: skip
def test_a_learning_rate_in_full(value, text):
    assert fmt.decimal_rate(value) == text


@pytest.mark.parametrize(
    ("low", "high", "currency", "text"),
    [
        (45, 55, "USD", "$45–55"), (43.55, 51.09, "USD", "$43.55–51.09"), (45, 55.5, "EUR",
        "€45.00–55.50"), (0.001, 0.002, "USD", "$0.001–0.002"), (45, 45, "CHF", "CHF 45"),
        (1200, 1500, "SEK", "SEK 1,200–1,500"), (None, 1, "USD", "–"),
    ],
)  # fmt: skip
def test_a_range_of_money(low, high, currency, text):
    assert fmt.money_range(low, high, currency) == text


def test_money_without_cents_where_it_has_none():
    texts = [fmt.round_money(amount) for amount in (45, 2.49, 0.001, None, 1e4)]
    assert texts == ["$45", "$2.49", "$0.001", "–", "$10,000"]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.00"), (0.0049, "$0.0049"), (0.005, "$0.005"), (0.01, "$0.01"), (0.00999, "$0.01"),
        (1e-9, "<$0.0001"), (-0.005, "-$0.005"), (1234.5, "$1,234.50"),
    ],
)  # fmt: skip
def test_less_than_a_cent_is_not_nothing(amount, text):
    assert fmt.money(amount) == text
