"""Rows to tokens, and which of the tokens are learnt from."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from gladius_widgets.training.chat.answers import Rendering, render_answers, render_whole
from gladius_widgets.training.chat.template import ChatTemplate, Span, special_ids
from gladius_widgets.training.rows.rows import BadRowError, Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_CHUNK_ROWS = 256
_BEHIND = 64  # tokens behind a sample's end that show whether its last answer ends there
_TOO_LONG = "no answer within max_length tokens"
LongText = Literal["chunk", "cut"]


@dataclass(frozen=True)
class Encoded:
    """One training sample: ids (int32) and `supervised` (bool, counts in the loss).

    A row may give several. `lost` counts the row's tokens that are in no sample of it, on the
    first of them. `answers` are the answers with a supervised token, `answers_ended` those whose
    end of turn is supervised, so that the model learns to stop; `end_ids` are the tokens that do.
    `kind` is what the row was: "chat" or "text".
    """

    ids: np.ndarray
    supervised: np.ndarray
    lost: int = 0
    answers: int = 0
    answers_ended: int = 0
    end_ids: frozenset[int] = frozenset()
    kind: str = "chat"


def encode_rows(
    rows: Iterable[Row | BadRowError],
    tokenizer: "PreTrainedTokenizerBase",
    *,
    max_length: int,
    answer_only: bool,
    long_text: LongText = "chunk",
) -> Iterator[list[Encoded] | BadRowError]:
    """The samples of every row in order, at least one each; unusable rows as their error.

    Samples have at most `max_length` tokens: conversations are cut, as are texts with `long_text`
    "cut"; with "chunk" a text goes on in further samples.
    """
    encoder = _Encoder(tokenizer, max_length, answer_only, long_text)
    iterator = iter(rows)
    while chunk := list(islice(iterator, _CHUNK_ROWS)):
        yield from encoder.encode(chunk)


class _Encoder:
    """Renders rows, tokenizes many of their texts at once, and marks what is learnt."""

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        max_length: int,
        answer_only: bool,
        long_text: LongText,
    ) -> None:
        self._tokenizer = tokenizer
        self._template = ChatTemplate(tokenizer)
        self._specials = special_ids(tokenizer)
        self._blank: dict[int, bool] = {}  # token id → whether it is blanks alone
        self._measured: dict[str, tuple[np.ndarray, np.ndarray]] = {}  # of the rows at hand
        self._max_length = max_length
        self._answer_only = answer_only
        self._long_text = long_text

    def encode(self, rows: Sequence[Row | BadRowError]) -> Iterator[list[Encoded] | BadRowError]:
        rendered = [self._render(row) for row in rows]
        texts = [each.text for item in rendered if isinstance(item, list) for each in item]
        chats = self._tokenize_chats(texts)
        whole = [item for item in rendered if isinstance(item, str)]
        plain = iter(self._tokenize(whole, special_tokens=True))
        for row, item in zip(rows, rendered, strict=True):
            if isinstance(item, BadRowError):
                result = item
            elif isinstance(item, str):
                result = self._text_samples(next(plain)[0])
            else:
                result = self._chat_samples([(each, *next(chats)) for each in item])
            if isinstance(result, BadRowError):
                result.number = row.number
            yield result

    def _render(self, row: Row | BadRowError) -> list[Rendering] | str | BadRowError:
        """A conversation's texts, a text with its end, or what is wrong with the row."""
        if isinstance(row, BadRowError):
            return row
        if row.text:
            end = self._template.end_of_text
            return row.text if end and row.text.endswith(end) else row.text + end
        try:
            if self._answer_only:
                return render_answers(self._template, row, self._room)
            return [render_whole(self._template, row)]
        except BadRowError as error:
            return error

    def _room(self, text: str) -> int:
        """How many characters of a conversation fit into a sample."""
        [(ids, offsets)] = self._tokenize([text], special_tokens=False)
        self._measured[text] = ids, offsets
        fits = len(ids) <= self._max_length
        return len(text) if fits else int(offsets[self._max_length - 1, 1])

    def _tokenize_chats(self, texts: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """As `_tokenize`; what was measured already is not tokenized again, as it is long."""
        measured, self._measured = self._measured, {}
        fresh = [text for text in texts if text not in measured]
        others = iter(self._tokenize(fresh, special_tokens=False))
        return (measured[text] if text in measured else next(others) for text in texts)

    def _tokenize(
        self, texts: list[str], *, special_tokens: bool
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """(ids, offsets in characters) of each text; offsets as far as a sample needs them.

        A chat template writes its own special tokens, a plain text has none yet.
        """
        if not texts:
            return []
        batch = self._tokenizer(
            texts, add_special_tokens=special_tokens, return_attention_mask=False
        )
        found = []
        for ids, encoding in zip(batch["input_ids"], batch.encodings or [], strict=True):
            encoding.truncate(self._max_length + _BEHIND)
            offsets = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)
            found.append((np.asarray(ids, dtype=np.int32), offsets))
        return found

    # Texts

    def _text_samples(self, ids: np.ndarray) -> list[Encoded] | BadRowError:
        ids = self._without_doubles(ids)
        parts = _parts(ids, self._max_length)
        lost = 0
        if self._long_text == "cut":
            lost = sum(map(len, parts[1:]))
            parts = parts[:1]
        if len(parts[0]) < 2:
            return BadRowError("a text of one token teaches nothing")
        samples = [Encoded(part, _all_but_first(len(part)), kind="text") for part in parts]
        end = int(ids[-1])
        if not lost and end in self._specials:
            samples[-1] = replace(samples[-1], end_ids=frozenset({end}))
        return [replace(samples[0], lost=lost), *samples[1:]]

    def _without_doubles(self, ids: np.ndarray) -> np.ndarray:
        """With one token at each end, where both the text and the tokenizer wrote it."""
        if len(ids) > 1 and ids[0] == ids[1] == self._tokenizer.bos_token_id:
            ids = ids[1:]
        if len(ids) > 1 and ids[-1] == ids[-2] == self._tokenizer.eos_token_id:
            ids = ids[:-1]
        return ids

    # Conversations

    def _chat_samples(
        self, parts: list[tuple[Rendering, np.ndarray, np.ndarray]]
    ) -> list[Encoded] | BadRowError:
        longest = max(len(ids) for _, ids, _ in parts)
        samples = [self._chat_sample(*part) for part in parts]
        good = [sample for sample in samples if sample.supervised.any()]
        if not good:
            return BadRowError(_TOO_LONG)
        return [replace(good[0], lost=max(0, longest - self._max_length)), *good[1:]]

    def _chat_sample(self, item: Rendering, ids: np.ndarray, offsets: np.ndarray) -> Encoded:
        size = min(len(ids), self._max_length)
        # An answer that begins behind the sample's end is neither learnt nor cut.
        seen = int(offsets[size - 1, 1]) if size else 0
        near = [span for span in item.answers if span[0] < seen]
        answers = [places for places in map(_in(offsets), near) if len(places)]
        if item.unlearnt is None:
            supervised = np.zeros(len(offsets), dtype=bool)
            for places in answers:
                supervised[places] = True
        else:
            supervised = offsets[:, 1] > offsets[:, 0]
            for places in map(_in(offsets), (span for span in item.unlearnt if span[0] < seen)):
                supervised[places] = False
        supervised[:1] = False  # nothing predicts the first token
        begun = [places for places in answers if supervised[:size][places[places < size]].any()]
        ends = [self._end(ids, places) for places in begun]
        ended = [at for at in ends if at is not None and at < size]
        return Encoded(
            ids[:size],
            supervised[:size],
            answers=len(begun),
            answers_ended=len(ended),
            end_ids=frozenset(int(ids[at]) for at in ended),
        )

    def _end(self, ids: np.ndarray, places: np.ndarray) -> int | None:
        """Where in an answer's tokens the special token is that ends it, blanks behind it aside."""
        for at in places[::-1]:
            if int(ids[at]) in self._specials:
                return int(at)
            if not self._is_blank(int(ids[at])):
                return None
        return None

    def _is_blank(self, token: int) -> bool:
        if token not in self._blank:
            self._blank[token] = not str(self._tokenizer.decode([token])).strip()
        return self._blank[token]


def _in(offsets: np.ndarray) -> Callable[[Span], np.ndarray]:
    """The places of the tokens of a span: those that hold a character of it."""
    starts, ends = offsets[:, 0], offsets[:, 1]
    return lambda span: np.flatnonzero((ends > span[0]) & (starts < span[1]) & (ends > starts))


def _parts(ids: np.ndarray, most: int) -> list[np.ndarray]:
    """Ids in pieces of `most`, none of a single token, which would teach nothing."""
    cuts = list(range(most, len(ids), most))
    if cuts and len(ids) - cuts[-1] == 1:
        cuts[-1] -= 1
    return np.split(ids, cuts)


def _all_but_first(count: int) -> np.ndarray:
    supervised = np.ones(count, dtype=bool)
    supervised[:1] = False  # nothing predicts the first token
    return supervised
