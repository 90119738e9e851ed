"""The first rows of a preview: their turns, and their tokens with which of them are learnt."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gladius_widgets.training.rows.rows import Row

Piece = list[str | bool]  # [text, learnt]


def shown_samples(
    rows: Sequence[tuple[Row, int]], folder: Path, tokenizer: Any, characters: int | None
) -> list[dict[str, Any]]:
    """`{turns, tokens}` of every sample that the first rows of token files became.

    Args:
        rows: the first usable rows, each with the number of its samples.
        folder: where the token files lie.
        tokenizer: what made them; None shows the turns alone.
        characters: show so many of a row and no more.
    """
    if tokenizer is None:
        return [{"turns": row_turns(row, characters), "tokens": []} for row, _ in rows]
    tokens = np.load(folder / "tokens.npy", mmap_mode="r")
    supervised = np.load(folder / "supervised.npy", mmap_mode="r")
    offsets = np.load(folder / "offsets.npy")
    samples, at = [], 0
    for row, count in rows:
        turns = row_turns(row, characters)
        for sample in range(at, at + count):
            place = slice(offsets[sample], offsets[sample + 1])
            pieces = token_pieces(tokenizer, tokens[place], supervised[place], characters)
            samples.append({"turns": turns, "tokens": pieces})
        at += count
    return samples


def token_pieces(
    tokenizer: Any, ids: np.ndarray, supervised: np.ndarray, characters: int | None
) -> list[Piece]:
    """The text of each token, and whether it is learnt; together they are the sample's text.

    Tokens that are parts of one character are one piece.
    """
    from tokenizers.decoders import DecodeStream

    stream = DecodeStream(skip_special_tokens=False)
    pieces: list[Piece] = []
    shown, learnt = 0, False
    for number, (token, counts) in enumerate(zip(ids.tolist(), supervised.tolist(), strict=True)):
        learnt = learnt or counts
        text = stream.step(tokenizer.backend_tokenizer, token)
        if text is None and number + 1 == len(ids):
            text = "\ufffd"  # cut in the middle of a character
        if text is None:
            continue
        if characters is not None and shown + len(text) > characters:
            break
        pieces.append([text, learnt])
        shown, learnt = shown + len(text), False
    return pieces


def row_turns(row: Row, characters: int | None) -> list[dict[str, str]]:
    """A row's turns as {role, text}; a text is one turn. What is no text is shown as JSON."""
    if row.text:
        return [{"role": "text", "text": _cut(row.text, characters)}]
    turns, left = [], characters
    for turn in row.messages:
        text = _cut(_turn_text(turn), left)
        turns.append({"role": str(turn.get("role", "")), "text": text})
        if left is not None:
            left -= len(text)
            if left <= 0:
                break
    return turns


def _turn_text(turn: dict[str, Any]) -> str:
    content = turn.get("content")
    parts = [content] if isinstance(content, str) and content else []
    other = {
        name: value
        for name, value in turn.items()
        if name != "role" and value is not None and not (name == "content" and parts)
    }
    if other.get("content") == "":
        del other["content"]
    if other:
        parts.append(json.dumps(other, ensure_ascii=False, default=str))
    return "\n".join(parts)


def _cut(text: str, characters: int | None) -> str:
    if characters is None or len(text) <= characters:
        return text
    return text[: max(0, characters)] + "…"
