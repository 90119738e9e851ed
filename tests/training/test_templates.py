"""Every chat template that TRL ships: each answer is learnt with its end, as TRL's masks say."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trl
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from gladius_widgets.training.data.tokenize import Encoded, encode_rows
from gladius_widgets.training.rows.rows import BadRowError, Row

FOLDER = Path(trl.__file__).parent / "chat_templates"
NAMES = sorted(path.stem for path in FOLDER.glob("*.jinja"))
PAIRED = [name for name in NAMES if f"{name}_training" in NAMES]
_SPECIAL = re.compile(
    r"<\|[A-Za-z_]+\|>|<｜[^｜]+｜>|<(?:start|end)_of_turn>|<end_of_utterance>|</?s>|<sop>"
    r"|\[gMASK\]|\[/?INST\]|<\|[a-z_]+>|<[a-z_]+\|>"
)


def said(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content} | more


SINGLE = [said("user", "How deep is lake 3?"), said("assistant", "About 10 metres.")]
MULTI = [
    *SINGLE,
    said("user", "And lake 4?"),
    said("assistant", "About 7 metres."),
    said("user", "Which is <b>deeper</b>?"),
    said("assistant", "<b>Lake</b> 3."),
]
# Its last words are another's, and nobody answers them.
OPEN = [*MULTI, said("user", "Thanks.")]
ANSWERS = [turn["content"] for turn in MULTI if turn["role"] == "assistant"]


def thinking(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    thought = "<think>\nIt was May.\n</think>\n\n"
    return [
        turn | {"content": thought + turn["content"]} if turn["role"] == "assistant" else turn
        for turn in turns
    ]


@pytest.fixture(scope="module")
def backend() -> Tokenizer:
    """Bytes, and the special tokens that the templates write."""
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.glob("*.jinja")]
    specials = sorted({found for text in texts for found in _SPECIAL.findall(text)})
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]  # setter missing in its stubs
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]  # as above
    trainer = trainers.BpeTrainer(
        vocab_size=300 + len(specials),
        special_tokens=["<bos>", "<eos>", *specials],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["About 10 metres"], trainer)
    return tokenizer


def speaking(backend: Tokenizer, name: str) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<bos>",
        eos_token="<eos>",
        chat_template=(FOLDER / f"{name}.jinja").read_text(encoding="utf-8"),
    )


def samples(
    tokenizer: Any, turns: list[dict[str, Any]], answer_only: bool = True, **row: Any
) -> list[Encoded]:
    rows = [Row(tuple(turns), **row)]
    [found] = encode_rows(rows, tokenizer, max_length=9_999, answer_only=answer_only)
    assert not isinstance(found, BadRowError), found
    return found


def learnt(tokenizer: Any, found: list[Encoded]) -> list[str]:
    return [tokenizer.decode(each.ids[each.supervised]) for each in found]


@pytest.mark.parametrize("answer_only", [True, False])
@pytest.mark.parametrize("thinks", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_learnt_with_its_end(
    backend: Tokenizer, name: str, thinks: bool, answer_only: bool
) -> None:
    tokenizer = speaking(backend, name)
    for turns, count in ((SINGLE, 1), (MULTI, 3), (OPEN, 3)):
        found = samples(tokenizer, thinking(turns) if thinks else turns, answer_only)
        assert sum(each.answers for each in found) == count
        assert sum(each.answers_ended for each in found) == count
        text = "".join(learnt(tokenizer, found))
        for answer in ANSWERS[:count]:
            assert text.count(answer) == 1
        if answer_only:
            assert "lake" not in text, "a question is learnt"


def masked(tokenizer: Any, turns: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Ids, and what of them TRL learns, from `{% generation %}` of its patched template."""
    parts = [turn | {"content": [{"type": "text", "text": turn["content"]}]} for turn in turns]
    template = tokenizer.chat_template
    reads_parts = "content'][0]['text']" in template or "line['type']" in template
    made = tokenizer.apply_chat_template(
        parts if reads_parts else turns, return_dict=True, return_assistant_tokens_mask=True
    )
    return np.array(made["input_ids"]), np.array(made["assistant_masks"], dtype=bool)


def last_learnt(ids: np.ndarray, marks: np.ndarray) -> tuple[list[int], list[int]]:
    """What stands before the last tokens learnt, and they."""
    end = int(np.flatnonzero(marks)[-1]) + 1
    start = int(np.flatnonzero(~marks[:end])[-1]) + 1
    return ids[:start].tolist(), ids[start:end].tolist()


@pytest.mark.parametrize("name", PAIRED)
def test_a_patched_template_is_learnt_as_trl_learns_it(backend: Tokenizer, name: str) -> None:
    tokenizer = speaking(backend, f"{name}_training")
    for turns in (SINGLE, MULTI, thinking(MULTI)):
        [found] = samples(tokenizer, turns)
        ids, marks = masked(tokenizer, turns)
        assert found.ids[found.supervised].tolist() == ids[marks].tolist()


@pytest.mark.parametrize("name", PAIRED)
def test_the_model_s_own_template_is_learnt_as_trl_s_patched_one(
    backend: Tokenizer, name: str
) -> None:
    """Turn by turn equal, but for what the template itself gives the model to begin with."""
    tokenizer, patched = speaking(backend, name), speaking(backend, f"{name}_training")
    for end in (2, 4, 6):
        _, theirs = last_learnt(*masked(patched, MULTI[:end]))
        ours = samples(tokenizer, MULTI[:end])[-1]
        given, mine = last_learnt(ours.ids, ours.supervised)
        more = len(theirs) - len(mine)
        assert more >= 0
        assert given[len(given) - more :] + mine == theirs


TOOL = {
    "type": "function",
    "function": {"name": "depth", "description": "Of a lake.", "parameters": {"type": "object"}},
}


def calling(**more: Any) -> dict[str, Any]:
    call = {
        "id": "call00001",
        "type": "function",
        "function": {"name": "depth", "arguments": {"lake": 3}},
    }
    return said("assistant", "", tool_calls=[call]) | more


RESULT = said("tool", "31 fathoms", tool_call_id="call00001", name="depth")


def test_what_a_tool_answers_is_never_learnt(backend: Tokenizer) -> None:
    """gpt-oss leaves out the thought before a call once the last answer is there."""
    tokenizer = speaking(backend, "gptoss")
    asked = [SINGLE[0], calling(reasoning_content="Ask the chart."), RESULT]
    answer = said("assistant", "About 10 metres.", reasoning_content="The chart says so.")
    first, second = learnt(tokenizer, samples(tokenizer, [*asked, answer], tools=(TOOL,)))
    assert "Ask the chart." in first
    assert first.endswith("<|call|>")
    assert second == (
        "<|channel|>analysis<|message|>The chart says so.<|end|><|start|>assistant"
        "<|channel|>final<|message|>About 10 metres.<|return|>"
    )


def test_a_call_that_nothing_follows_ends_as_calls_do(backend: Tokenizer) -> None:
    """GLM's turns end with the next one's beginning, after a call that of a tool."""
    tokenizer = speaking(backend, "glm4moe")
    [found] = learnt(tokenizer, samples(tokenizer, [SINGLE[0], calling()], tools=(TOOL,)))
    assert found.endswith("</tool_call><|observation|>")


@pytest.mark.parametrize("name", ["qwen3", "deepseekv3_training", "gptoss_training", "llama3"])
def test_an_answer_before_another_is_given_where_it_is_not_learnt(
    backend: Tokenizer, name: str
) -> None:
    tokenizer = speaking(backend, name)
    turns = [SINGLE[0], said("assistant", "WRONG"), said("assistant", "About 10 metres.")]
    [found] = learnt(tokenizer, samples(tokenizer, turns, unlearnt=frozenset({1})))
    assert "WRONG" not in found
    assert "About 10 metres." in found


@pytest.mark.parametrize("name", ["lfm2_v2", "qwen3", "gemma3", "glm4moe"])
def test_equal_answers_are_each_learnt_in_their_place(backend: Tokenizer, name: str) -> None:
    """Of many turns, also those that differ from the first in blanks alone."""
    tokenizer = speaking(backend, name)
    told = ["No.", "Yes.\n", "Yes.", " Yes. ", "Yes.", "Ten."]
    turns = [turn for text in told for turn in (said("user", "Deep?"), said("assistant", text))]
    found = samples(tokenizer, turns)
    assert sum(each.answers_ended for each in found) == len(told)
    assert [text.strip() for text in told] == [
        answer
        for each in learnt(tokenizer, found)
        for answer in re.findall(r"No\.|Yes\.|Ten\.", each)
    ]


@pytest.mark.parametrize("name", ["gptoss", "qwen2_5", "glm4moe", "gemma3"])
def test_an_answer_may_end_with_a_special_token_of_its_own(backend: Tokenizer, name: str) -> None:
    tokenizer = speaking(backend, name)
    told = ["Yes.<|im_end|>", *(f"{i} metres." for i in range(5)), "<|im_end|>", "Ten."]
    turns = [turn for text in told for turn in (said("user", "Deep?"), said("assistant", text))]
    assert sum(each.answers_ended for each in samples(tokenizer, turns)) == len(told)
