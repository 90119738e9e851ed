"""Perplexity is short wherever it stands."""

import math

import pytest

from gladius_widgets.core.text.perplexity import perplexity, perplexity_text
from gladius_widgets.panels.text import format as fmt


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (0.0, "1.00"),
        (2.87929, "17.80"),
        (10.8, "49,020.80"),
        (13.9, "1.09e+06"),
        (230.0, "7.72e+99"),
        (700.0, "1.01e+304"),
        (1e9, "inf"),
        (math.nan, "nan"),
    ],
)
def test_it_is_short_at_every_loss(loss: float, text: str) -> None:
    assert perplexity_text(perplexity(loss)) == text
    assert len(text) <= 10
    assert len(fmt.plain(perplexity(loss), 4)) <= 22
    assert fmt.perplexity(perplexity(loss)) == (text if text[0].isdigit() else fmt.UNKNOWN)
