"""Rows to tokens, and which of the tokens are learnt from."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import TemplateError

from gladius_widgets.training.rows import BadRowError, Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_CHUNK_ROWS = 256
_MOST_CHARACTERS = 12
_TOO_LONG = "no answer within max_length tokens"
Span = tuple[int, int]


@dataclass(frozen=True)
class Encoded:
    """One training sample: ids (int32) and `supervised` (bool, counts in the loss).

    A row may give several. `lost` counts the row's tokens that are in no sample of it, on the
    first of them. `answers` are the answers with a supervised token, `answers_ended` those whose
    end of turn is supervised, so that the model learns to stop.
    """

    ids: np.ndarray
    supervised: np.ndarray
    lost: int = 0
    answers: int = 0
    answers_ended: int = 0


def encode_rows(
    rows: Iterable[Row | BadRowError],
    tokenizer: "PreTrainedTokenizerBase",
    *,
    max_length: int,
    answer_only: bool,
) -> Iterator[list[Encoded] | BadRowError]:
    """The samples of every row in order, at least one each; unusable rows as their error."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, _CHUNK_ROWS)):
        rendered = [_render(row, tokenizer, max_length, answer_only) for row in chunk]
        good = [item for item in rendered if not isinstance(item, BadRowError)]
        encoded = iter(_encode(good, tokenizer, max_length))
        for row, item in zip(chunk, rendered, strict=True):
            result = item if isinstance(item, BadRowError) else next(encoded)
            if isinstance(result, BadRowError):
                result.number = row.number
                yield result
            else:
                yield [result]


def _shortened(messages: Sequence[dict[str, str]], max_length: int) -> list[dict[str, str]]:
    """Without the turns far beyond `max_length`, as rendering a turn costs as much as all before.

    They would be cut anyway: a text has fewer than `_MOST_CHARACTERS` a token.
    """
    room = max_length * _MOST_CHARACTERS
    for kept, message in enumerate(messages):
        if room < 0:
            return list(messages[:kept])
        room -= len(message["content"])
    return list(messages)


def _lost_answers(messages: Sequence[dict[str, str]], kept: int) -> bool:
    """Whether there are answers, all of them beyond the turns that were kept."""
    roles = [message["role"] for message in messages]
    return "assistant" in roles[kept:] and "assistant" not in roles[:kept]


def render_chat(
    tokenizer: "PreTrainedTokenizerBase", messages: list[dict[str, str]], answer_only: bool
) -> tuple[str, list[Span]]:
    """A conversation through the chat template, and the character spans to learn from.

    An answer's span goes from the end of its generation prompt to the end of its turn, closing
    token included, so that the model learns to stop.

    Raises:
        BadRowError: the template refuses it, rewrites earlier turns, or there is no answer.
    """
    try:
        text = _template(tokenizer, messages)
        if not answer_only:
            return text, [(0, len(text))]
        spans = []
        for i, message in enumerate(messages):
            if message["role"] == "assistant" and message["content"].strip():
                answered = (
                    text if i + 1 == len(messages) else _template(tokenizer, messages[: i + 1])
                )
                prompt = _prompt(tokenizer, messages[:i], answered)
                spans.append(_answer_span(text, prompt, answered, message["content"]))
    except (TemplateError, TypeError, ValueError) as error:
        raise BadRowError(f"the chat template refuses it: {error}") from None
    if not spans:
        raise BadRowError("no answer to learn from")
    return text, spans


def _prompt(
    tokenizer: "PreTrainedTokenizerBase", before: list[dict[str, str]], answered: str
) -> str:
    """What the model is given when it has to answer, as far as `answered` begins with it."""
    if before:
        return _template(tokenizer, before, add_generation_prompt=True)
    # A template renders no empty conversation, so the opening's prompt is found by another's.
    question = [{"role": "user", "content": "?"}]
    asked = _template(tokenizer, question)
    prompt = _template(tokenizer, question, add_generation_prompt=True).removeprefix(asked)
    return answered[: answered.find(prompt) + len(prompt)] if prompt in answered else ""


def _answer_span(text: str, prompt: str, answered: str, content: str) -> Span:
    if prompt and text.startswith(prompt) and text.startswith(answered):
        return len(prompt), len(answered)
    # Some templates drop parts of earlier turns (thinking); find the answer itself then.
    start = text.find(content.strip(), max(0, _common_prefix(text, prompt) - len(content)))
    if start < 0:
        raise BadRowError("the chat template rewrites its answers")
    return start, start + len(content.strip())


def _common_prefix(a: str, b: str) -> int:
    return next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )


def _template(
    tokenizer: "PreTrainedTokenizerBase",
    messages: list[dict[str, str]],
    add_generation_prompt: bool = False,
) -> str:
    return str(
        tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=add_generation_prompt
        )
    )


@dataclass(frozen=True)
class _Rendered:
    text: str
    spans: list[Span]
    is_chat: bool


def _render(
    row: Row | BadRowError, tokenizer: "PreTrainedTokenizerBase", max_length: int, answer_only: bool
) -> _Rendered | BadRowError:
    if isinstance(row, BadRowError):
        return row
    if row.text:
        text = row.text + str(tokenizer.eos_token or "")
        return _Rendered(text, [(0, len(text))], is_chat=False)
    messages = _shortened(row.messages, max_length)
    try:
        text, spans = render_chat(tokenizer, messages, answer_only)
    except BadRowError as error:
        return BadRowError(_TOO_LONG) if _lost_answers(row.messages, len(messages)) else error
    return _Rendered(text, spans, is_chat=True)


def _encode(
    rendered: list[_Rendered], tokenizer: "PreTrainedTokenizerBase", max_length: int
) -> list[Encoded | BadRowError]:
    results: list[Encoded | BadRowError] = []
    if not rendered:
        return results
    # A chat template writes its own special tokens, a plain text has none yet.
    for item, output in zip(rendered, _tokenize(rendered, tokenizer), strict=True):
        ids, offsets = output
        supervised = np.zeros(len(ids), dtype=bool)
        for start, end in item.spans:
            supervised |= (offsets[:, 0] >= start) & (offsets[:, 1] <= end)
        supervised &= offsets[:, 1] > offsets[:, 0]
        supervised[:1] = False  # nothing predicts the first token
        lost = max(0, len(ids) - max_length)
        ids, supervised = ids[:max_length], supervised[:max_length]
        if supervised.any():
            results.append(Encoded(ids, supervised, lost))
        else:
            results.append(BadRowError(_TOO_LONG))
    return results


def _tokenize(
    rendered: list[_Rendered], tokenizer: "PreTrainedTokenizerBase"
) -> list[tuple[np.ndarray, np.ndarray]]:
    outputs: list[tuple[np.ndarray, np.ndarray] | None] = [None] * len(rendered)
    for is_chat in (True, False):
        places = [i for i, item in enumerate(rendered) if item.is_chat is is_chat]
        if not places:
            continue
        batch = tokenizer(
            [rendered[i].text for i in places],
            add_special_tokens=not is_chat,
            return_offsets_mapping=True,
            return_attention_mask=False,
        )
        for i, ids, offsets in zip(
            places, batch["input_ids"], batch["offset_mapping"], strict=True
        ):
            outputs[i] = (
                np.asarray(ids, dtype=np.int32),
                np.asarray(offsets, dtype=np.int64).reshape(-1, 2),
            )
    return [output for output in outputs if output is not None]
