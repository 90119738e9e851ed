"""What prepared samples teach: how many answers, which of them to stop, and with which token."""

from collections import Counter
from typing import Any

from gladius_widgets.core.config.schema import DataSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.data.tokenize import Encoded


class Taught:
    """Counts the samples of rows; see `Encoded`."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._split_up = 0  # conversations of several samples
        self._answers = self._ended = 0
        self._ends: set[int] = set()

    def add(self, samples: list[Encoded]) -> None:
        """The samples of one row; none where there is no tokenizer."""
        if not samples:
            return
        self._kinds[samples[0].kind] += 1
        self._split_up += samples[0].kind == "chat" and len(samples) > 1
        for sample in samples:
            self._answers += sample.answers
            self._ended += sample.answers_ended
            self._ends |= sample.end_ids

    def check(self, data: DataSection) -> None:
        """Raise GladiusError where no answer teaches to stop and the config does not mean it."""
        if self._answers and not self._ended and data.endless_answers == "refuse":
            raise GladiusError(
                f"0 of {self._answers:,} answers teach the model to stop: their end of turn is "
                "not learnt, or is cut off.",
                "Raise data.max_length, choose another model.chat_template, or set "
                "data.endless_answers to warn.",
            )

    def stats(self) -> dict[str, Any]:
        """Figures for people.

        `kinds` are the rows by what they were, chat or text; `end_ids` the tokens that stop the
        model after training; `warnings` are sentences that a user has to read.
        """
        return {
            "kinds": dict(self._kinds),
            "answers": self._answers,
            "answers_ended": self._ended,
            "end_ids": sorted(self._ends),
            "warnings": self._warnings(),
        }

    def _warnings(self) -> list[str]:
        told = []
        endless = self._answers - self._ended
        if endless:
            told.append(
                f"{self._ended:,} of {self._answers:,} answers teach the model to stop; the end "
                f"of {endless:,} is not learnt, or is cut off at data.max_length."
            )
        if self._split_up:
            told.append(
                f"The chat template writes earlier answers otherwise than the last one, so "
                f"{self._split_up:,} conversations gave a sample for each answer."
            )
        return told


def is_text(data: DataSection, stats: dict[str, Any]) -> bool:
    """Whether the rows were texts, not conversations."""
    kinds = stats.get("kinds") or {}
    return data.format == "text" or kinds.get("text", 0) > kinds.get("chat", 0)
