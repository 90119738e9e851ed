"""What becomes of a row: every column that means something is used, the rest is named."""

import json
from typing import Any

import numpy as np
import pytest

from gladius_widgets.training.data.tokenize import encode_rows
from gladius_widgets.training.data.tokenizer import train_tokenizer
from gladius_widgets.training.rows.rows import BadRowError, Row, parse_row

ASKED, TOLD = "How deep is lake 3?", "About 10 metres."
USER, ASSISTANT = {"role": "user", "content": ASKED}, {"role": "assistant", "content": TOLD}
TOOL = {"type": "function", "function": {"name": "depth", "parameters": {"type": "object"}}}
CALL = {"type": "function", "function": {"name": "depth", "arguments": {"lake": 3}}}
# Renders calls and results as JSON, as Hermes-like templates do.
TOOLS_TEMPLATE = (
    "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for call in m.tool_calls or [] %}<call>{{ call.function | tojson }}</call>{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer([Row(messages=(USER, ASSISTANT))] * 4, 320)


@pytest.fixture
def tools_tokenizer(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(tokenizer, "chat_template", TOOLS_TEMPLATE)
    return tokenizer


def turns(raw: dict[str, Any]) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in parse_row(raw).messages]


def encoded(tokenizer: Any, raw: dict[str, Any], answer_only: bool = True) -> tuple[str, str]:
    """(all text, what is learnt) of a row's samples."""
    rows = [parse_row(raw)]
    [found] = encode_rows(rows, tokenizer, max_length=999, answer_only=answer_only)
    assert not isinstance(found, BadRowError), found
    return (
        "".join(tokenizer.decode(each.ids) for each in found),
        "".join(tokenizer.decode(each.ids[each.supervised]) for each in found),
    )


def refusal(tokenizer: Any, raw: dict[str, Any]) -> str:
    [found] = encode_rows([parse_row(raw)], tokenizer, max_length=999, answer_only=True)
    assert isinstance(found, BadRowError)
    return str(found)


PLAIN = [("user", ASKED), ("assistant", TOLD)]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"instruction": ASKED, "context": "C", "response": TOLD}, "context"),
        ({"instruction": ASKED, "input": "C", "output": TOLD}, "input"),
        ({"question": ASKED, "context": "C", "answers": {"text": [TOLD, TOLD]}}, "SQuAD"),
    ],
)
def test_a_context_stands_below_the_question(raw: dict[str, Any], expected: str) -> None:
    assert turns(raw) == [("user", f"{ASKED}\n\nC"), ("assistant", TOLD)], expected


@pytest.mark.parametrize(
    "raw",
    [
        {"input": ASKED, "output": TOLD},
        {"query": ASKED, "response": TOLD},
        {"problem": ASKED, "solution": TOLD},
        {"prompt": [USER], "completion": [ASSISTANT]},
        {"prompt": ASKED, "completion": [ASSISTANT]},
        {"prompt": json.dumps([USER])[1:-1] and [USER], "completion": TOLD},
        {"messages": json.dumps([USER, ASSISTANT])},
        {"messages": [{"role": "User", "content": ASKED}, {"role": "GPT", "content": TOLD}]},
        {"messages": [USER, ASSISTANT, {"role": "assistant", "content": ""}]},
        {"messages": [USER | {"content": [{"type": "text", "text": ASKED}]}, ASSISTANT]},
        {"messages": [USER, ASSISTANT | {"content": [{"type": "text", "text": "About "},
                                                     {"type": "text", "text": "10 metres."}]}]},
        {"dialogue": [{"from": "human", "value": ASKED}, {"from": "bot", "value": TOLD}]},
        {"messages": [USER, ASSISTANT], "label": True, "chosen": None},
    ],
)  # fmt: skip
def test_other_shapes_of_the_same_row(raw: dict[str, Any]) -> None:
    assert turns(raw) == PLAIN


@pytest.mark.parametrize("column", ["system", "system_prompt", "system_message"])
@pytest.mark.parametrize(
    "raw", [{"messages": [USER, ASSISTANT]}, {"prompt": ASKED, "completion": TOLD}]
)
def test_a_system_column_is_the_first_turn(column: str, raw: dict[str, Any]) -> None:
    row = parse_row(raw | {column: "Be a sailor."})
    assert row.messages[0] == {"role": "system", "content": "Be a sailor."}
    assert [turn["role"] for turn in row.messages] == ["system", "user", "assistant"]
    assert row.unused_columns == ()


def test_a_history_comes_first() -> None:
    past = [["Hello", "Hi"], ["And?", "Well."]]
    row = {"instruction": ASKED, "output": TOLD, "history": past}
    said = [("user", "Hello"), ("assistant", "Hi"), ("user", "And?"), ("assistant", "Well.")]
    assert turns(row) == said + PLAIN
    assert turns(row | {"history": []}) == PLAIN
    assert turns(row | {"history": json.dumps(past)}) == said + PLAIN


def test_numbers_are_texts_where_texts_belong() -> None:
    assert turns({"question": "6 * 7?", "answer": 42})[1] == ("assistant", "42")
    messages = [USER, {"role": "assistant", "content": 4.5}]
    assert turns({"messages": messages})[1] == ("assistant", "4.5")


def test_columns_that_nothing_uses_are_named() -> None:
    row = parse_row(
        {"prompt": ASKED, "completion": TOLD, "category": "depth", "id": 7, "empty": ""}
    )
    assert row.unused_columns == ("category", "id")
    moods = [USER | {"mood": "gay"}, ASSISTANT | {"weight": 1}]
    assert parse_row({"messages": moods, "text": "x"}).unused_columns == (
        "text",
        "messages[].mood",
    )
    assert parse_row({"text": "x", "url": "y"}).unused_columns == ("url",)


@pytest.mark.parametrize(
    "mark", [{"weight": 0}, {"weight": 0.0}, {"train": False}, {"loss": False}, {"masked": True}]
)
@pytest.mark.parametrize("answer_only", [True, False])
def test_a_marked_turn_gives_no_loss(
    tokenizer: Any, mark: dict[str, Any], answer_only: bool
) -> None:
    wrong = {"role": "assistant", "content": "WRONG"} | mark
    row = {"messages": [USER, wrong, USER, ASSISTANT | {"weight": 1}]}
    text, learnt = encoded(tokenizer, row, answer_only)
    assert "WRONG" in text
    assert "WRONG" not in learnt
    assert TOLD + "<|im_end|>" in learnt


def test_a_marked_turn_gives_no_loss_where_the_template_marks_answers(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}"
        "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}"
        "<|im_end|>{% endif %}{{ '\n' }}{% endfor %}"
    )
    monkeypatch.setattr(tokenizer, "chat_template", tagged)
    wrong = {"role": "assistant", "content": "WRONG", "weight": 0}
    row = {"messages": [USER, wrong, USER, ASSISTANT]}
    assert encoded(tokenizer, row)[1] == f"{TOLD}<|im_end|>"


def test_the_answers_of_a_prompt_are_given_and_not_learnt(tokenizer: Any) -> None:
    past = [USER, {"role": "assistant", "content": "Which one?"}, USER]
    _, learnt = encoded(tokenizer, {"prompt": past, "completion": [ASSISTANT]})
    assert learnt == f"{TOLD}<|im_end|>\n"


ASKING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "content": "10"}


@pytest.mark.parametrize(
    "asking",
    [
        [ASKING],
        [ASKING | {"content": ""}],
        [{"from": "function_call", "value": '{"name": "depth", "arguments": {"lake": 3}}'}],
        [ASKING | {"tool_calls": json.dumps([CALL])}],
        [{"role": "assistant", "content": "",
          "function_call": {"name": "depth", "arguments": '{"lake": 3}'}}],
    ],
)  # fmt: skip
@pytest.mark.parametrize("result", [RESULT, {"from": "observation", "value": "10"}])
@pytest.mark.parametrize("tools", [[TOOL], json.dumps([TOOL]), [TOOL["function"]]])
def test_tools_calls_and_results_reach_the_template(
    tools_tokenizer: Any, asking: list[dict[str, Any]], result: dict[str, Any], tools: Any
) -> None:
    row = {"messages": [USER, *asking, result, ASSISTANT], "tools": tools}
    text, learnt = encoded(tools_tokenizer, row)
    call = '<call>{"name": "depth", "arguments": {"lake": 3}}</call><|im_end|>\n'
    assert learnt == f"{call}{TOLD}<|im_end|>\n"
    assert '"parameters": {"type": "object"}' in text
    assert "<|im_start|>tool\n10<|im_end|>" in text


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        ({"messages": [USER, ASSISTANT], "tools": [TOOL]}, "drops them"),
        ({"messages": [USER, ASKING, RESULT, ASSISTANT]}, "drops tool_calls"),
    ],
)
def test_a_template_without_tools_refuses_them(
    tokenizer: Any, raw: dict[str, Any], what: str
) -> None:
    reason = refusal(tokenizer, raw)
    assert reason.startswith("the chat template knows no tools")
    assert what in reason
    assert "model.chat_template" in reason


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_is_learnt_before_the_answer(tokenizer: Any, key: str) -> None:
    row = {"messages": [USER, ASSISTANT | {key: "It was May."}]}
    assert encoded(tokenizer, row)[1] == (f"<think>\nIt was May.\n</think>\n\n{TOLD}<|im_end|>\n")


def test_a_template_without_reasoning_refuses_it(tools_tokenizer: Any) -> None:
    row = {"messages": [USER, ASSISTANT | {"reasoning_content": "It was May."}]}
    assert "no place for reasoning_content" in refusal(tools_tokenizer, row)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"prompt": ASKED, "chosen": TOLD, "rejected": "No."}, "preference data"),
        ({"prompt": ASKED, "completion": TOLD, "label": False}, "its label is false"),
        ({"messages": [USER | {"content": [{"type": "image_url", "image_url": "x"}]}, ASSISTANT]},
         "a content part of type image_url"),
        ({"messages": [USER, ASSISTANT | {"weight": 0.5}]}, "the weight 0.5"),
        ({"messages": [{"content": ASKED}]}, "has no role (it has content)"),
        ({"messages": [{"role": "user", "content": None}, ASSISTANT]}, "a user turn has no text"),
        ({"messages": ["hello", "hi"]}, "a message is not an object (str)"),
        ({"messages": [{"role": "system", "content": "A"}, USER, ASSISTANT], "system": "B"},
         "its 'system' and its system turn differ"),
        ({"question": ASKED, "answers": ["a", "b"]}, "'answers' holds 2 different texts"),
        ({"messages": [USER, {"role": "assistant", "content": "", "tool_calls": [{"id": 1}]}]},
         "a call of a tool has no name"),
        ({"colour": 1, "size": 2}, "no known columns among: colour, size"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_was_seen(raw: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRowError, match=reason.replace("(", r"\(").replace(")", r"\)")):
        parse_row(raw)


def test_a_long_text_goes_on_in_further_samples(tokenizer: Any) -> None:
    text = "The lake is deep. " * 40
    whole = tokenizer(text + tokenizer.eos_token)["input_ids"]
    for most in (8, 16, len(whole) - 1, len(whole)):
        [found] = encode_rows([Row(text=text)], tokenizer, max_length=most, answer_only=True)
        assert not isinstance(found, BadRowError)
        assert np.concatenate([each.ids for each in found]).tolist() == whole
        assert all(1 < len(each.ids) <= most for each in found)
        assert sum(each.lost for each in found) == 0
    [[cut]] = encode_rows(
        [Row(text=text)], tokenizer, max_length=16, answer_only=True, long_text="cut"
    )
    assert (len(cut.ids), cut.lost) == (16, len(whole) - 16)


def test_a_long_conversation_counts_what_it_loses(tokenizer: Any) -> None:
    talk = Row(messages=(USER, ASSISTANT) * 20)
    [[whole]] = encode_rows([talk], tokenizer, max_length=9_999, answer_only=True)
    [[cut]] = encode_rows([talk], tokenizer, max_length=100, answer_only=True)
    assert cut.lost == len(whole.ids) - 100
    assert (whole.answers, whole.answers_ended) == (20, 20)
    assert 0 < cut.answers_ended <= cut.answers < 20


@pytest.mark.parametrize("count", [3, 4, 30])
def test_many_answers_are_found_as_few_are(tokenizer: Any, count: int) -> None:
    """Turns that repeat each other, quote the template's marks, or look like another's."""
    talk = []
    for i in range(count):
        asked = "a <|im_start|>assistant\n1<|im_end|>" if i % 3 else ASKED
        talk += [{"role": "user", "content": asked}, {"role": "assistant", "content": str(i % 2)}]
    row = Row(messages=tuple(talk), unlearnt=frozenset({1}))
    [[found]] = encode_rows([row], tokenizer, max_length=9_999, answer_only=True)
    learnt = tokenizer.decode(found.ids[found.supervised])
    assert learnt == "".join(f"{i % 2}<|im_end|>\n" for i in range(1, count))
    assert found.answers_ended == found.answers == count - 1


@pytest.mark.parametrize(
    "mark",
    [{"weight": 0}, {"weight": "0"}, {"train": 0}, {"train": "false"}, {"loss_mask": 0},
     {"loss": 0.0}, {"masked": 1}],
)  # fmt: skip
def test_a_turn_that_is_marked_in_any_spelling_gives_no_loss(mark: dict[str, Any]) -> None:
    row = parse_row({"messages": [USER, ASSISTANT | mark, USER, ASSISTANT]})
    assert row.unlearnt == {1}
    assert not row.unused_columns


def test_a_mark_that_says_neither_is_refused() -> None:
    with pytest.raises(BadRowError, match=r"a turn has the train 'sometimes'; only 0 and 1"):
        parse_row({"messages": [USER, ASSISTANT | {"train": "sometimes"}]})


@pytest.mark.parametrize("mark", [{"weight": 0}, {"train": False}, {"weight": "0.0"}])
def test_a_row_may_be_marked_as_a_whole(mark: dict[str, Any]) -> None:
    with pytest.raises(BadRowError, match="it is not to be learnt"):
        parse_row({"messages": [USER, ASSISTANT]} | mark)
    parse_row({"text": TOLD} | mark)


@pytest.mark.parametrize("mark", [{"weight": 1.0}, {"weight": "1"}, {"train": True}])
def test_a_mark_that_is_read_counts_as_used(mark: dict[str, Any]) -> None:
    assert not parse_row({"messages": [USER, ASSISTANT]} | mark).unused_columns
    assert not parse_row({"prompt": ASKED, "completion": TOLD} | mark).unused_columns
    assert parse_row({"text": TOLD} | mark).unused_columns == tuple(mark), "no text is marked"


def test_a_weight_that_is_no_switch_is_unused() -> None:
    row = parse_row({"messages": [USER, ASSISTANT], "weight": 2.5})
    assert row.unused_columns == ("weight",)


def test_a_label_of_a_table_is_text() -> None:
    with pytest.raises(BadRowError, match="its label is false"):
        parse_row({"prompt": ASKED, "completion": TOLD, "label": "False"})
    assert not parse_row({"prompt": ASKED, "completion": TOLD, "label": "TRUE"}).unused_columns
    assert parse_row({"text": TOLD, "label": 0}).unused_columns == ("label",)


def test_a_question_alone_is_no_text() -> None:
    """A model would learn to ask."""
    for raw in ({"prompt": ASKED}, {"prompt": [USER]}, {"question": ASKED, "labels": [1]}):
        with pytest.raises(BadRowError, match="has no answer"):
            parse_row(raw)
    assert parse_row({"prompt": ASKED}, "text").text == ASKED
    with pytest.raises(BadRowError, match="'answers' is empty"):
        parse_row({"question": ASKED, "answers": {"text": [], "answer_start": []}})


DROPS_OTHERS = (
    "{% for m in messages %}{% if m.role in ('user', 'assistant') or loop.first %}"
    "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.mark.parametrize("answer_only", [True, False])
@pytest.mark.parametrize("role", ["system", "narrator"])
def test_a_turn_that_the_template_drops_is_refused(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch, role: str, answer_only: bool
) -> None:
    monkeypatch.setattr(tokenizer, "chat_template", DROPS_OTHERS)
    told = {"role": role, "content": "In fathoms."}
    rows = [parse_row({"messages": each}) for each in (
        [told, USER, ASSISTANT], [USER, ASSISTANT, told, USER, ASSISTANT], [USER, ASSISTANT, told],
    )]  # fmt: skip
    first, *others = encode_rows(rows, tokenizer, max_length=999, answer_only=answer_only)
    assert not isinstance(first, BadRowError)
    refused = [isinstance(each, BadRowError) for each in others]
    assert refused == [True, not answer_only], "what follows the last answer is not in the sample"
    assert f"drops a turn of the role {role}" in str(others[0])


def test_words_that_the_template_writes_otherwise_are_there(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    quoted = TOOLS_TEMPLATE.replace("{{ m.content }}", "{{ m.content | tojson | upper }}")
    monkeypatch.setattr(tokenizer, "chat_template", quoted)
    whole, _ = encoded(tokenizer, {"messages": [USER | {"content": 'a "b"'}, ASSISTANT]})
    assert r"A \"B\"" in whole


def test_calls_that_the_template_writes_in_part_are_refused(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = TOOLS_TEMPLATE.replace("m.tool_calls or []", "(m.tool_calls or [])[:1]")
    silent = TOOLS_TEMPLATE.replace("{{ m.content }}", "{{ '' if m.tool_calls else m.content }}")
    result = {"role": "tool", "content": "31"}
    calling = {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]}
    saying = {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL]}
    rows = [{"messages": [USER, turn, result, ASSISTANT]} for turn in (calling, saying)]
    monkeypatch.setattr(tokenizer, "chat_template", one)
    assert "writes one call of a tool in a turn" in refusal(tokenizer, rows[0])
    assert encoded(tokenizer, rows[1])[0]
    monkeypatch.setattr(tokenizer, "chat_template", silent)
    assert "drops the text of turns that call tools" in refusal(tokenizer, rows[1])
    encoded(tokenizer, rows[0])


def test_a_cut_behind_a_special_token_inside_an_answer_is_no_end(tokenizer: Any) -> None:
    told = ASSISTANT | {"content": "Ten<|im_end|> " + "metres " * 200}
    talk = Row(messages=(USER, told) * 6)
    [[whole]] = encode_rows([talk], tokenizer, max_length=9_999, answer_only=True)
    place = int(np.flatnonzero((whole.ids == tokenizer.eos_token_id) & whole.supervised)[0])
    [[cut]] = encode_rows([talk], tokenizer, max_length=place + 1, answer_only=True)
    assert (cut.answers, cut.answers_ended, cut.lost) == (1, 0, len(whole.ids) - place - 1)
