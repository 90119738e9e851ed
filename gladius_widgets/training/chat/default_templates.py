"""Chat templates for tokenizers that have none, and the one that a config names."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from gladius_widgets.core.config.chat_template import jinja_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SPECIAL = re.compile(r"<\|[^<>|\s'\"{}]+\|>|<｜[^<>｜\s'\"{}]+｜>")
_MOST = 6  # named in a warning
_REASONING = (
    "{% if message['reasoning_content'] %}"
    "{{ '<think>\n' + message['reasoning_content'] + '\n</think>\n\n' }}{% endif %}"
)
# The format of the Qwen and SmolLM families.
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    + _REASONING
    + "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _plain(heading: str, assistant: str) -> str:
    """Role headings in plain text; the tokenizer's own token ends a turn, its first begins all."""
    return (
        "{{ bos_token }}{% for message in messages %}{% if not loop.first %}{{ '\n' }}{% endif %}"
        + heading
        + _REASONING
        + "{{ message['content'] + eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '\n" + assistant + "' }}{% endif %}"
    )


PLAIN = _plain("{{ '### ' + message['role'] | capitalize + ':\n' }}", "### Assistant:\n")
# For tokenizers that have no '#' or no line break.
_WORDS = _plain("{{ message['role'] | capitalize + ': ' }}", "Assistant: ").replace("'\n", "' ")
_NAMED = {"chatml": CHATML, "plain": PLAIN}


def template_text(wanted: str) -> str:
    """The template that `model.chat_template` means: a name, a file, or the text itself.

    Raises:
        GladiusError: the file cannot be read, or the text is no template.
    """
    return _NAMED[wanted] if wanted in _NAMED else jinja_text(wanted)


def choose_template(
    tokenizer: "PreTrainedTokenizerBase", wanted: str | None, tell: Callable[[str], None]
) -> None:
    """Give a tokenizer the wanted chat template, or one of plain headings where it has none.

    `tell` gets a sentence about a choice that its user has to know.

    Raises:
        GladiusError: the wanted template cannot be read or parsed.
    """
    if wanted is not None:
        tokenizer.chat_template = template_text(wanted)
    elif tokenizer.chat_template is None:
        tokenizer.chat_template = PLAIN if _spells(tokenizer, "### User:\n") else _WORDS
        tell(
            "The tokenizer has no chat template: a turn gets a heading such as "
            f"{_heading(tokenizer)!r} and {_end(tokenizer)}; model.chat_template chooses another."
        )
    if foreign := _foreign(tokenizer):
        names = ", ".join(
            f"{text} (in {count} pieces)" for text, count in list(foreign.items())[:_MOST]
        )
        tell(
            f"The chat template writes what is no token of this tokenizer, which spells it: {names}"
            ". The model has to learn them as text; no token was added."
        )


def _heading(tokenizer: "PreTrainedTokenizerBase") -> str:
    return "### User:" if tokenizer.chat_template == PLAIN else "User:"


def _end(tokenizer: "PreTrainedTokenizerBase") -> str:
    if not tokenizer.eos_token:
        return "no end, as there is no eos_token"
    begin = f", all of them {tokenizer.bos_token} before" if tokenizer.bos_token else ""
    return f"ends with {tokenizer.eos_token}{begin}"


def _foreign(tokenizer: "PreTrainedTokenizerBase") -> dict[str, int]:
    """What looks like a special token in the template and is none: text → number of its tokens."""
    template = tokenizer.chat_template
    named = dict.fromkeys(_SPECIAL.findall(template)) if isinstance(template, str) else {}
    pieces = {text: len(tokenizer.encode(text, add_special_tokens=False)) for text in named}
    return {text: count for text, count in pieces.items() if count > 1}


def _spells(tokenizer: "PreTrainedTokenizerBase", text: str) -> bool:
    unknown = tokenizer.unk_token_id
    return unknown is None or unknown not in tokenizer.encode(text, add_special_tokens=False)
