"""Naming the nearest valid word, so that a typo costs one reading and no search."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, options: Iterable[str]) -> str | None:
    """The option most like `word`, or None when none is near."""
    matches = get_close_matches(word, list(options), n=1, cutoff=0.5)
    return matches[0] if matches else None


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """A hint sentence: the nearest option, else all of them."""
    names = sorted(options)
    match = nearest(word, names)
    return f"Did you mean '{match}'?" if match else f"Valid: {', '.join(names)}."


def reject_unknown(owner: str, given: Iterable[str], valid: Iterable[str]) -> None:
    """Raise TypeError for the first name in `given` that is not in `valid`."""
    names = set(valid)
    for name in given:
        if name not in names:
            raise TypeError(f"{owner} has no argument '{name}'. {did_you_mean(name, names)}")
