"""From rows to batches: formats, chat templates, what is learnt from, packing, splits."""

import csv
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training.harness import TINY_MOE, config_of, merged

from gladius_widgets.core.config.schema import DataSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home
from gladius_widgets.training.data import sample_order
from gladius_widgets.training.data.batches import IGNORED, pack
from gladius_widgets.training.data.prepare import PreparedData, prepare_data
from gladius_widgets.training.data.tokenize import encode_rows
from gladius_widgets.training.data.tokenizer import train_tokenizer
from gladius_widgets.training.model.build import build_model
from gladius_widgets.training.parallel.step import forward
from gladius_widgets.training.rows.parts import read_rows
from gladius_widgets.training.rows.rows import BadRowError, Row, parse_row
from gladius_widgets.training.rows.splits import TRAIN

QUESTION, ANSWER = "What is a run?", "A folder that many may read."
CHAT = ({"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER})


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer([Row(messages=CHAT)] * 4, 320)


@pytest.mark.parametrize(
    "raw",
    [
        {"messages": list(CHAT)},
        {"conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}]},
        {"instruction": QUESTION, "output": ANSWER},
        {"prompt": QUESTION, "completion": ANSWER},
        {"question": QUESTION, "answer": ANSWER, "id": 7},
    ],
)
def test_formats_are_told_by_their_columns(raw: dict[str, Any]) -> None:
    assert parse_row(raw) == Row(messages=CHAT)


def test_instruction_with_input_and_system() -> None:
    raw = {"instruction": "Add.", "input": "1 2", "output": "3", "system": "Be brief."}
    roles = [(m["role"], m["content"]) for m in parse_row(raw).messages]
    assert roles == [("system", "Be brief."), ("user", "Add.\n\n1 2"), ("assistant", "3")]


@pytest.mark.parametrize(
    "raw",
    [
        {"messages": []},
        {"messages": "hello"},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": ["image"]}]},
        {"text": " "},
        {"text": 3},
        {"instruction": "x", "output": ""},
        {"other": 1},
        {"text": "half an emoji: \ud83d"},
        {"messages": [{"role": "user", "content": "\ude00"}]},
        ["not", "an", "object"],
    ],
)
def test_bad_rows_say_why(raw: Any) -> None:
    with pytest.raises(BadRowError, match=r"\w+"):
        parse_row(raw)


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet", "csv", "folder"])
def test_files_of_every_kind_give_the_same_rows(tmp_path: Path, kind: str) -> None:
    table = [{"prompt": f"{QUESTION} {i}", "completion": ANSWER} for i in range(3)]
    path = tmp_path / f"data.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, table)))
    elif kind == "json":
        path.write_text(json.dumps({"rows": table}))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(table), path)
    elif kind == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["prompt", "completion"])
            writer.writeheader()
            writer.writerows(table)
    else:
        path.mkdir()
        for i, row in enumerate(table):
            (path / f"{i}.jsonl").write_text(json.dumps(row))
    found = list(read_rows(DataSection(path=str(path))))
    assert [row.messages[0]["content"] for row in found] == [row["prompt"] for row in table]


def rows_of(path: Path) -> list[Row | BadRowError]:
    return list(read_rows(DataSection(path=str(path))))


def bad_in(rows: list[Row | BadRowError]) -> dict[int, str]:
    """Line number → reason."""
    return {row.number: str(row) for row in rows if isinstance(row, BadRowError)}


def test_csv_is_text_and_a_broken_line_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "data.CSV"
    lines = [
        b"\xef\xbb\xbfprompt,completion",  # a byte order mark, as Excel writes it
        b"2 + 2?,4",
        b"one field",
        b'"two lines\nin one, and ""quotes""",None',
        b"a,b,c",
        b'"never closed,1.50',
        b"caf\xe9,latin",
        b"last,NA",
    ]
    path.write_bytes(b"\r\n".join(lines))
    found = rows_of(path)
    answers = [row.messages[1]["content"] for row in found if isinstance(row, Row)]
    assert answers == ["4", "None", "NA"]
    assert bad_in(found) == {
        3: "a line has fewer fields than the header",
        6: "a line has more fields than the header",
        7: "a line is not CSV",
        8: "a line is not UTF-8",
    }
    assert [row.number for row in found if isinstance(row, Row)] == [2, 4, 9]
    assert found[2] == Row(
        messages=(
            {"role": "user", "content": 'two lines\nin one, and "quotes"'},
            {"role": "assistant", "content": "None"},
        )
    )


def test_messages_may_be_json_text(tmp_path: Path) -> None:
    path = tmp_path / "chat.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["id", "messages"], [1, json.dumps(CHAT)], [2, "hello"]])
    found = rows_of(path)
    assert found[0] == Row(messages=CHAT)
    assert bad_in(found) == {3: "the messages are text that is not JSON"}


def test_empty_columns_of_other_data_sets_do_not_matter() -> None:
    assert parse_row({"text": None, "content": "hi"}) == Row(text="hi")
    assert parse_row({"messages": None, "prompt": None, "completion": None, "text": "hi"}).text
    turns = [m | {"from": None, "value": None} for m in CHAT]
    assert parse_row({"messages": [], "conversations": turns, "text": ""}) == Row(messages=CHAT)


@pytest.mark.parametrize(
    "whole",
    [
        {"version": ["1.0"], "data": [{"messages": list(CHAT)}], "labels": [{"id": 1}]},
        {"version": [1, 2], "found": [{"messages": list(CHAT)}]},
        {"messages": list(CHAT)},
    ],
)
def test_a_json_object_has_its_rows_somewhere(tmp_path: Path, whole: dict[str, Any]) -> None:
    path = tmp_path / "data.JSON"
    path.write_text(json.dumps(whole))
    assert rows_of(path) == [Row(messages=CHAT)]


def test_a_json_object_with_two_lists_is_not_guessed_at(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"mine": [{"text": "a"}], "yours": [{"text": "b"}]}))
    with pytest.raises(GladiusError, match="several lists of objects: mine, yours"):
        rows_of(path)


def test_a_file_about_the_data_is_one_bad_row(tmp_path: Path) -> None:
    (tmp_path / "info.json").write_text('{"license": "MIT", "sizes": [1, 2]}')
    (tmp_path / "part.JSONL").write_text(json.dumps({"text": "a"}))
    found = rows_of(tmp_path)
    assert bad_in(found) == {1: "info.json holds no list of rows"}
    assert found[1] == Row(text="a")


def test_answers_alone_are_learnt_from(tokenizer: Any) -> None:
    turns = [*CHAT, {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    [encoded] = next(
        iter(encode_rows([Row(tuple(turns))], tokenizer, max_length=500, answer_only=True))
    )
    learnt = tokenizer.decode(encoded.ids[encoded.supervised])
    assert learnt == f"{ANSWER}<|im_end|>\nSo.<|im_end|>\n"
    [everything] = next(
        iter(encode_rows([Row(tuple(turns))], tokenizer, max_length=500, answer_only=False))
    )
    assert everything.supervised[1:].all()
    assert not everything.supervised[0], "nothing predicts the first token"


def learnt(tokenizer: Any, turns: list[dict[str, Any]]) -> list[str]:
    """What is learnt of each sample of a conversation."""
    [found] = encode_rows([Row(tuple(turns))], tokenizer, max_length=500, answer_only=True)
    assert not isinstance(found, BadRowError)
    return [tokenizer.decode(each.ids[each.supervised]) for each in found]


@pytest.mark.parametrize("system", ["", "<|im_start|>system\nSay Hello.<|im_end|>\n"])
def test_an_assistant_may_open_the_conversation(
    tokenizer: Any, system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = [{"role": "assistant", "content": "Hello"}, *CHAT]
    monkeypatch.setattr(tokenizer, "chat_template", system + tokenizer.chat_template)
    assert learnt(tokenizer, turns) == [f"Hello<|im_end|>\n{ANSWER}<|im_end|>\n"]


def test_a_template_that_rewrites_earlier_turns_gives_a_sample_an_answer(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Qwen3's, which drops the thinking of all answers but the last."""
    template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
        "{% if m['role'] == 'assistant' and loop.last %}<think></think>{% endif %}"
        "{{ m['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    monkeypatch.setattr(tokenizer, "chat_template", template)
    turns = [*CHAT, {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    assert learnt(tokenizer, turns) == [
        f"<think></think>{ANSWER}<|im_end|>\n",
        "<think></think>So.<|im_end|>\n",
    ]


def test_conversations_without_an_answer_are_bad_rows(tokenizer: Any) -> None:
    rows = [Row(messages=CHAT[:1]), BadRowError("a line is not JSON", 3), Row(messages=CHAT)]
    found = list(encode_rows(rows, tokenizer, max_length=200, answer_only=True))
    assert str(found[0]) == "no answer to learn from"
    assert str(found[1]) == "a line is not JSON"
    cut = list(encode_rows([Row(messages=CHAT)], tokenizer, max_length=8, answer_only=True))
    assert str(cut[0]) == "no answer within max_length tokens"
    question = {"role": "user", "content": "why? " * 100}
    long = list(encode_rows([Row((question, CHAT[1]))], tokenizer, max_length=8, answer_only=True))
    assert str(long[0]) == "no answer within max_length tokens"


def test_texts_end_with_the_end_token(tokenizer: Any) -> None:
    [encoded] = next(
        iter(encode_rows([Row(text="abc")], tokenizer, max_length=9, answer_only=True))
    )
    assert tokenizer.decode(encoded.ids) == "abc<|im_end|>"
    assert encoded.supervised[1:].all()


@given(st.integers(1, 60), st.integers(0, 2**40), st.integers(0, 300), st.integers(1, 40))
def test_the_stream_is_every_epoch_once_whatever_the_batches(
    size: int, seed: int, cursor: int, count: int
) -> None:
    whole = sample_order.stream(size, seed, 0, cursor + count)
    assert (sample_order.stream(size, seed, cursor, count) == whole[cursor:]).all()
    for start in range(0, len(whole) - size + 1, size):
        assert sorted(whole[start : start + size]) == list(range(size))


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
def test_ranks_share_a_step_between_them(size: int, accumulation: int, world: int) -> None:
    indices = np.arange(size * accumulation * world)
    shares = [sample_order.micro_batches(indices, size, rank, world) for rank in range(world)]
    assert all(len(share) == accumulation for share in shares)
    assert sorted(np.concatenate([b for share in shares for b in share])) == list(indices)


@given(st.lists(st.integers(1, 20), max_size=60))
def test_packs_are_full_but_not_over(lengths: list[int]) -> None:
    groups = pack(np.arange(len(lengths)), np.array(lengths, dtype=int), 20)
    assert [row for group in groups for row in group] == list(range(len(lengths)))
    sums = [sum(lengths[row] for row in group) for group in groups]
    assert all(total <= 20 for total in sums)
    for group, following in pairwise(groups):
        assert sum(lengths[row] for row in group) + lengths[following[0]] > 20


def prepared_of(home: Home, path: Path, **changes: Any) -> PreparedData:
    values = merged(TINY_MOE, {"data.path": str(path)} | changes)
    return prepare_data(config_of(values), home, "", lambda _text: None)


def test_bad_rows_are_counted_and_too_many_are_fatal(tmp_path: Path, chat_file: Path) -> None:
    home, path = Home(tmp_path), tmp_path / "mixed.jsonl"
    path.write_text(chat_file.read_text() + '\n{"messages": []}\n{broken\n' + "[" * 99_999)
    long = {"data.max_length": 512}
    stats = prepared_of(home, path, **long).stats
    assert (stats["rows"], stats["bad_rows"]) == (60, 3)
    assert stats["bad_reasons"] == {
        "a line is not JSON": {"rows": 2, "first": 62},
        "no messages": {"rows": 1, "first": 61},
    }
    assert sum(stats["splits"].values()) == 60
    with pytest.raises(GladiusError, match=r"3 of 63 .*: a line is not JSON \(2, first at 62\)"):
        prepared_of(home, path, **long, **{"data.max_bad_share": 0.01})


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(
    tmp_path: Path, chat_file: Path
) -> None:
    home, path = Home(tmp_path), tmp_path / "chat.jsonl"
    path.write_text(chat_file.read_text())
    long = {"data.max_length": 512}
    first, again = prepared_of(home, path, **long), prepared_of(home, path, **long)
    assert first.folder == again.folder
    path.write_text(chat_file.read_text().rsplit("\n", 1)[0])
    assert prepared_of(home, path, **long).stats["rows"] == 59


def test_packed_rows_do_not_see_each_other(tmp_path: Path, chat_file: Path) -> None:
    config = config_of(merged(TINY_MOE, {"data.path": str(chat_file)}))
    prepared = prepare_data(config, Home(tmp_path), "", lambda _text: None)
    tokenizer = prepared.tokenizer()
    single = prepared.split("train", config.data, 0)
    rows = np.flatnonzero(np.load(prepared.folder / "splits.npy") == TRAIN)
    packed = type(single)(prepared.folder, rows, 0, pack_length=120)
    model = build_model(config, None, tokenizer).eval()
    together = packed.batch(np.array([0]))
    starts = (together.position_ids[0] == 0) & together.attention_mask[0].bool()
    assert starts.sum() >= 2
    with torch.no_grad():
        mixed = forward(model, together, router_logits=False).logits[0]
        at = 0
        for row in range(int(starts.sum())):
            alone = single.batch(np.array([row]))
            length = alone.tokens
            logits = forward(model, alone, router_logits=False).logits[0, :length]
            torch.testing.assert_close(mixed[at : at + length], logits, rtol=1e-4, atol=1e-5)
            expected = alone.labels[0, :length]
            assert (together.labels[0, at : at + length] == expected).all()
            at += length
    assert (together.labels[0][starts] == IGNORED).all()
