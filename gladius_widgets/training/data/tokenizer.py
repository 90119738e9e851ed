"""The tokenizer: the model's own, or a byte-level BPE trained on the data."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.training.chat.default_templates import choose_template, template_text
from gladius_widgets.training.rows.rows import Row

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
_TRAINING_ROWS = 200_000  # enough for the merges; more only takes longer


def load_tokenizer(
    source: str,
    revision: str | None = None,
    chat_template: str | None = None,
    tell: Callable[[str], None] = lambda _text: None,
) -> PreTrainedTokenizerBase:
    """The tokenizer of a hub name or folder, with a padding token and a chat template.

    Args:
        source: hub name or folder.
        revision: of the hub name.
        chat_template: `model.chat_template`; None takes the tokenizer's own.
        tell: called with a sentence where the template was chosen for want of one.

    Raises:
        GladiusError: there is none, or it is one without character offsets; or no such template.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            source, revision=revision, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise GladiusError(
            f"There is no tokenizer in '{source}': {str(error).splitlines()[0]}.",
            "Check model.tokenizer in the config.",
        ) from None
    if not tokenizer.is_fast:
        raise GladiusError(
            f"The tokenizer of '{source}' gives no character offsets.",
            "Choose a model with a fast tokenizer (tokenizer.json).",
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    choose_template(tokenizer, chat_template, tell)
    return tokenizer


def pad_token_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id for padding; 0 where there is none, as padding is masked anyway."""
    value = tokenizer.pad_token_id
    return value if isinstance(value, int) else 0


def train_tokenizer(
    rows: Iterable[Row], vocab_size: int, chat_template: str | None = None
) -> PreTrainedTokenizerFast:
    """A byte-level BPE of `vocab_size` tokens with the ChatML special tokens.

    Raises:
        GladiusError: `chat_template` (`model.chat_template`) is a file that cannot be read.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]  # setter missing in its stubs
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]  # as above
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT, TURN_START, TURN_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(islice(rows, _TRAINING_ROWS)), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=TURN_END,
        pad_token=END_OF_TEXT,
        additional_special_tokens=[TURN_START],
        chat_template=template_text(chat_template or "chatml"),
    )


def _texts(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        if row.text:
            yield row.text
        for message in row.messages:
            yield message["role"] + "\n"
            yield message["content"]
