"""Tokenizers without a chat template, templates that are chosen, and what a saved model keeps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from training.forked import Zygote
from training.harness import events
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedTokenizerFast,
)

from gladius_widgets.core.config.file_paths import with_absolute_paths
from gladius_widgets.core.config.load import config_from_values
from gladius_widgets.core.config.schema import CHAT_TEMPLATES, ModelSection
from gladius_widgets.core.errors import ConfigError, GladiusError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.training.checkpoint.merge import merge
from gladius_widgets.training.data.tokenize import Encoded, encode_rows
from gladius_widgets.training.data.tokenizer import load_tokenizer
from gladius_widgets.training.loop.generations import chat_ids, text_ids
from gladius_widgets.training.rows.rows import BadRowError, Row

NewRun = Callable[..., RunDirectory]
ASKED, TOLD = "How deep is lake 3?", "About 10 metres."
TALK = Row(
    messages=(
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": TOLD},
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": "Ten."},
    )
)


def base_tokenizer(folder: Path, *, adds_end: bool = False) -> Path:
    """As base models have them: no template, `<s>` put before a text by the tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]  # setter missing in its stubs
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]  # as above
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([ASKED, TOLD], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]  # as above
        single=f"<s> $A{' </s>' if adds_end else ''}", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    made.save_pretrained(folder)
    return folder


def samples(tokenizer: Any, row: Row) -> list[Encoded]:
    [found] = encode_rows([row], tokenizer, max_length=999, answer_only=True)
    assert not isinstance(found, BadRowError)
    return found


def test_a_base_model_s_turns_end_with_its_own_token(tmp_path: Path) -> None:
    told: list[str] = []
    tokenizer = load_tokenizer(str(base_tokenizer(tmp_path)), tell=told.append)
    [found] = samples(tokenizer, TALK)
    assert tokenizer.decode(found.ids[found.supervised]) == f"{TOLD}</s>Ten.</s>"
    assert (found.ids == 0).tolist() == [True] + [False] * (len(found.ids) - 1), "one <s>, first"
    assert (found.ids == 1).sum() == 4, "each turn ends with </s>"
    assert (found.answers, found.answers_ended, found.end_ids) == (2, 2, {1})
    assert len(told) == 1
    assert "no chat template" in told[0]
    assert "</s>" in told[0]
    assert "model.chat_template" in told[0]


@pytest.mark.parametrize("adds_end", [False, True])
@pytest.mark.parametrize("text", ["About.", "<s>About.", "About.</s>", "<s>About.</s>"])
def test_a_text_has_one_token_at_each_end(tmp_path: Path, text: str, adds_end: bool) -> None:
    tokenizer = load_tokenizer(str(base_tokenizer(tmp_path, adds_end=adds_end)))
    [found] = samples(tokenizer, Row(text=text))
    assert tokenizer.decode(found.ids) == "<s>About.</s>"
    assert found.end_ids == {1}


def test_a_template_that_is_no_token_s_is_told_of(tmp_path: Path) -> None:
    """ChatML on a tokenizer that has never seen it: spelt, ended by the tokenizer's own token."""
    told: list[str] = []
    folder = str(base_tokenizer(tmp_path))
    size = len(load_tokenizer(folder))
    tokenizer = load_tokenizer(folder, chat_template="chatml", tell=told.append)
    assert len(tokenizer) == size, "no token was added"
    assert [text.partition("<|im_end|> (in ")[2][:2].isdigit() for text in told] == [True]
    for sample in samples(tokenizer, TALK):
        assert sample.answers == sample.answers_ended == 1
        assert sample.ids[-1] == 1


def test_a_template_is_a_name_a_file_or_a_text(tmp_path: Path) -> None:
    folder = str(base_tokenizer(tmp_path / "tokenizer"))
    text = "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}"
    file = tmp_path / "talk.jinja"
    file.write_text(text)
    assert load_tokenizer(folder, chat_template=str(file)).chat_template == text
    assert load_tokenizer(folder, chat_template=text).chat_template == text
    for name in CHAT_TEMPLATES:
        assert "{% for message in messages %}" in str(
            load_tokenizer(folder, chat_template=name).chat_template
        )
    with pytest.raises(GladiusError, match="cannot be read: No such file"):
        load_tokenizer(folder, chat_template=str(tmp_path / "none.jinja"))


def test_a_wrong_template_is_refused_with_the_config(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Did you mean 'chatml'\?"):
        ModelSection(name="m", chat_template="chatlm")
    (tmp_path / "talk.jinja").write_text("{{ messages }}")
    (tmp_path / "d.jsonl").write_text("")
    values = {"model": {"name": "m", "chat_template": "talk.jinja"}, "data": {"path": "d.jsonl"}}
    found = with_absolute_paths(config_from_values(values), tmp_path)
    assert found.model.chat_template == str(tmp_path / "talk.jinja")
    values["model"]["chat_template"] = "tlak.jinja"
    with pytest.raises(ConfigError, match=r"model\.chat_template: there is no file"):
        with_absolute_paths(config_from_values(values), tmp_path)


def test_a_prompt_is_put_as_the_rows_are(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(str(base_tokenizer(tmp_path, adds_end=True)))
    [chat], [text] = samples(tokenizer, TALK), samples(tokenizer, Row(text=ASKED + TOLD))
    asked = chat_ids(tokenizer, ASKED)
    assert chat.ids[: len(asked)].tolist() == asked
    begun = text_ids(tokenizer, "How deep")
    assert text.ids[: len(begun)].tolist() == begun
    assert len(begun) > 1


PLAIN_LLAMA: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
    "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 256,
}  # fmt: skip


def base_changes(folder: Path) -> dict[str, Any]:
    return {
        "model.from_scratch": PLAIN_LLAMA, "model.train_tokenizer_vocab": None,
        "model.tokenizer": str(base_tokenizer(folder)), "training.max_steps": 2,
        "data.max_length": 128, "checkpointing.interval_steps": 2,
    }  # fmt: skip


def warnings_of(run: RunDirectory) -> list[str]:
    return [event.message for event in events(run) if event.type == "warning"]


@pytest.mark.parametrize("lora", [False, True])
def test_a_saved_model_stops_where_it_was_taught_to(
    new_run: NewRun, zygote: Zygote, tmp_path: Path, lora: bool
) -> None:
    more = {"lora.enabled": True, "lora.r": 2} if lora else {}
    run = new_run(f"taught-{'lora' if lora else 'whole'}", base_changes(tmp_path / "t") | more)
    zygote.train(run).finish()
    assert any("no chat template" in text for text in warnings_of(run))
    folder = run.checkpoint(2)
    assert GenerationConfig.from_pretrained(folder).eos_token_id == 1
    template = AutoTokenizer.from_pretrained(folder).chat_template
    assert "### " in template
    out = merge(run, tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(out)
    assert model.generation_config.eos_token_id == 1
    assert AutoTokenizer.from_pretrained(out).chat_template == template


def test_samples_of_texts_go_on_from_the_prompt(
    new_run: NewRun, zygote: Zygote, tmp_path: Path
) -> None:
    """What transformers writes after the bare prompt, with the weights of that step."""
    data = tmp_path / "texts.jsonl"
    rows = [{"text": f"Lake {i} is {i} metres deep. {TOLD}"} for i in range(40)]
    data.write_text("\n".join(map(json.dumps, rows)))
    changes = base_changes(tmp_path / "t") | {
        "data.path": str(data), "training.validation_interval_steps": 2,
        "training.sample_prompts": ["Lake 3"], "training.sample_tokens": 12,
    }  # fmt: skip
    run = new_run("text-samples", changes)
    zygote.train(run).finish()
    assert not any("chat template" in text for text in warnings_of(run)), "texts need none"
    payloads = [event.payload for event in events(run) if event.type == "metrics"]
    [made] = [one["samples"][0] for one in payloads if one and one.get("kind") == "samples"]
    folder = run.checkpoint(2)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("Lake 3", return_tensors="pt").input_ids
    assert ids[0, 0] == 0, "<s> as the rows begin"
    output = model.generate(input_ids=ids, do_sample=False, max_new_tokens=12)
    text = tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)
    assert made["text"] == text


def test_answers_that_never_end_are_refused(
    new_run: NewRun, zygote: Zygote, tmp_path: Path
) -> None:
    """A template that marks the answer without its end, as its author wrote it."""
    endless = (
        "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}"
        "{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}</s>{% endfor %}"
    )
    changes = base_changes(tmp_path / "t") | {"model.chat_template": endless}
    refused = new_run("endless-refused", changes)
    assert zygote.train(refused).wait() == 1
    assert "answers teach the model to stop" in refused.log.read_text()
    meant = new_run("endless-meant", changes | {"data.endless_answers": "warn"})
    zygote.train(meant).finish()
    assert any(text.startswith("0 of ") for text in warnings_of(meant))
