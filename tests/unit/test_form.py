"""The form of "Create New Job": fields from the config model, one YAML text, no mistake unsaid."""

import asyncio
import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import REPOSITORY, processes_on

import gladius_widgets.client.client as client_module
from gladius_widgets.client import Client
from gladius_widgets.core.config.load import load_config, parse_config
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.errors import ConfigError, GladiusError
from gladius_widgets.core.machine.gpus import Gpu
from gladius_widgets.core.machine.placement import GpuStanding
from gladius_widgets.core.money.estimate import Estimate
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.new_job import presets
from gladius_widgets.panels.new_job import text as words
from gladius_widgets.panels.new_job.config_form import YAML_KEY, ConfigForm, start_time
from gladius_widgets.panels.new_job.field_specs import fields, label_of, sections
from gladius_widgets.panels.new_job.fields import Look
from gladius_widgets.panels.new_job.form import NewJobForm
from gladius_widgets.panels.new_job.preview import DataPreview
from gladius_widgets.panels.new_job.read_preview import read_preview
from gladius_widgets.panels.new_job.side import banner, estimate_card
from gladius_widgets.panels.new_job.yaml_edit import MAX_CHARS, Sheet, inline, minimal

CONFIGS = sorted((REPOSITORY / "configs").glob("*.yaml"))
BASE = "model:\n  name: m\ndata:\n  path: d\n"
BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1]\n"
for old, new in zip("abcdef", "bcdefg", strict=True):
    BOMB += f"{new}: &{new} [{', '.join(['*' + old] * 8)}]\n"


def error_of(form, key):
    return form.shown(key).error


def keys(form):
    return {mistake.key for mistake in form.mistakes()}


# Fields


def test_every_key_of_the_config_is_a_field_with_a_label():
    assert list(sections()) == list(TrainingConfig.model_fields)
    for name, section in sections().items():
        model = TrainingConfig.model_fields[name].annotation
        assert [field.name for field in section.fields] == list(model.model_fields)
        assert section.help
    assert all(field.label and field.kind for field in fields().values())


def test_kinds_choices_bounds_and_defaults_come_from_the_model():
    known = fields()
    assert known["training.precision"].choices == ("fp32", "bf16", "fp16")
    assert known["model.attention"].optional
    assert known["training.micro_batch_size"].bounds == "1 to 4,096"
    assert known["optimization.learning_rate"].bounds == "above 0, at most 10"
    assert known["lora.dropout"].bounds == "at least 0, below 1"
    assert known["cost.budget"].bounds == "0 to 1,000,000,000,000"  # the bound is inside a union
    assert known["optimization.betas"].kind == "yaml"
    assert known["lora.targets"].kind == "yaml"
    assert known["data.packing"].kind == "switch"
    assert known["optimization.betas"].default == [0.9, 0.999]
    assert known["model.name"].required
    assert not known["training.epochs"].required
    assert label_of("hang_timeout_s") == "Hang timeout, seconds"


# The text


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_configs_round_trip(path):
    text = path.read_text()
    form = ConfigForm(text)
    assert form.mistakes() == ()
    assert form.config() == load_config(path)
    for key in fields():  # typing what is shown changes nothing but the notation of defaults
        form.edit(key, form.shown(key).text)
    assert form.config() == load_config(path)
    comments = [line for line in text.split("\n") if line.lstrip().startswith("#")]
    assert [line for line in form.text.split("\n") if line.lstrip().startswith("#")] == comments


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_clone_names_only_what_differs(path):
    config = load_config(path)
    text = minimal(config.to_plain(), "From x")
    assert parse_config(text) == config
    assert text.startswith("# From x\n")
    bare = TrainingConfig.model_validate({"model": {"name": "m"}, "data": {"path": "d"}})
    assert minimal(bare.to_plain()) == "model:\n  name: m\n\ndata:\n  path: d\n"


def test_an_edit_leaves_all_else_as_it_was():
    text = (
        "# above\nmodel:\n  name: m # the model\n\n# about data\ndata: {path: d, packing: true}\n"
        "\ntraining:\n  # how long\n  epochs: 3 # thrice\n\n  seed: 0x10\n"
        "\n# about speed\noptimization:\n  betas: [0.8,   0.9] # odd\n"
    )
    form = ConfigForm(text)
    form.edit("training.epochs", "4")
    assert form.text == text.replace("epochs: 3", "epochs: 4")
    form.edit("training.epochs", "3")
    form.edit("optimization.betas", "[0.7, 0.9]")
    assert form.text == text.replace("[0.8,   0.9]", "[0.7, 0.9]")
    form.edit("optimization.betas", "[0.8, 0.9]")
    form.edit("training.micro_batch_size", "2")
    assert "  epochs: 3 # thrice\n  micro_batch_size: 2\n\n  seed: 0x10\n" in form.text
    form.edit("data.packing", "false")
    assert "data: {path: d}\n" in form.text
    form.edit("optimization.betas", "")
    assert "# about speed" in form.text
    assert "optimization" not in form.text
    form.edit("resources.spot", "true")
    assert "  seed: 0x10\n\nresources:\n  spot: true\n" in form.text
    assert form.config().training.seed == 16


def test_a_new_section_goes_where_the_config_has_it_and_leaves_without_a_trace():
    text = "model:\n  name: m\n\ndata:\n  path: d\n\n# money\ncost:\n  budget: 5\n"
    form = ConfigForm(text)
    form.edit("training.epochs", "2")
    assert "  path: d\n\ntraining:\n  epochs: 2\n\n# money\ncost:\n" in form.text
    form.edit("training.epochs", "1")
    assert form.text == text


def test_only_differences_from_the_defaults_are_written():
    form = ConfigForm()
    form.edit("training.micro_batch_size", "8")
    form.edit("optimization.learning_rate", "0.0001")
    form.edit("data.format", "auto")
    form.edit("lora.enabled", "false")
    assert form.text == ""
    form.edit("checkpointing.interval_minutes", "")  # off, which is not the default
    assert form.text == "checkpointing:\n  interval_minutes: null\n"
    form.edit("checkpointing.interval_minutes", "10")
    assert form.text == ""


def test_notation_is_kept():
    form = ConfigForm(BASE)
    form.edit("optimization.learning_rate", "2e-5")
    assert "learning_rate: 2e-5\n" in form.text
    assert form.shown("optimization.learning_rate").text == "2e-5"
    form.edit("training.max_steps", "10,000")
    assert form.config().training.max_steps == 10_000
    form.edit("model.name", "5")  # text that looks like a number
    assert form.config().model.name == "5"


def test_text_changes_fields_and_fields_change_text():
    form = ConfigForm(BASE)
    form.edit_text(BASE + "training:\n  epochs: 7\n")
    assert form.shown("training.epochs").text == "7"
    assert form.shown("training.epochs").changed
    assert not form.shown("training.seed").changed
    form.edit("training.epochs", "8")
    assert "epochs: 8" in form.text


def test_aliases_and_odd_layouts_are_written_anew_rather_than_wrong():
    text = "model: &m\n  name: x\ndata:\n  path: d\ntraining: {epochs: 2,\n   seed: 3}\n"
    form = ConfigForm(text)
    form.edit("training.seed", "4")
    form.edit("model.name", "y")
    config = form.config()
    assert (config.training.epochs, config.training.seed, config.model.name) == (2, 4, "y")
    shared = "cost:\n  estimate_low: &n 5\n  estimate_high: *n\n"
    form = ConfigForm(BASE + shared)
    form.edit("cost.estimate_high", "9")
    assert (form.config().cost.estimate_low, form.config().cost.estimate_high) == (5, 9)


RUBBISH = """true,false,null,~,{a: 1},a: b,- x,# c,1e999,nan,.nan,',",|,>,&a,*a,!!int 1,0x1F,1_0
12:30,2026-01-01,../..,<script>,999999999999999999999999999999,é😀,0.,1e-4,5""".replace("\n", ",")
TYPED = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["", "[1, 2]", "x\n", "\u2028", "\x00", "\x85", *RUBBISH.split(",")]),
)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(CONFIGS),
    st.lists(st.tuples(st.sampled_from(sorted(fields())), TYPED), min_size=1, max_size=3),
)
def test_whatever_is_typed_the_text_stays_readable_and_the_rest_unchanged(path, edits):
    form = ConfigForm(path.read_text())
    for key, typed in edits:
        before = {name: form.shown(name).text for name in fields()}
        form.edit(key, typed)
        assert form.readable
        assert Sheet(form.text).values == form.values or "nan" in form.text
        after = {name: form.shown(name).text for name in fields()}
        assert {name for name in fields() if before[name] != after[name]} <= {key}
    if not form.mistakes():
        assert form.config() == parse_config(form.text)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_taken_and_kept(text):
    form = ConfigForm(BASE)
    form.edit_text(text)
    assert form.text == text
    assert form.mistakes()  # no random text is a config
    form.revert_text()
    assert form.readable


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False)
    | st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text("ab: ,{}[]'\"", min_size=1, max_size=3), inner, max_size=2),
    max_leaves=6,
))  # fmt: skip
def test_a_value_on_one_line_reads_back(value):
    from gladius_widgets.core.config.yaml_io import parse_scalar

    text = inline(value)
    assert "\n" not in text
    assert parse_scalar(text) == value


# Mistakes


@pytest.mark.parametrize(
    ("key", "typed", "sentence"),
    [
        ("training.max_steps", "abc", "Must be a whole number, but is 'abc'."),
        ("training.max_steps", "2.5", "Must be a whole number, but is 2.5."),
        ("training.max_steps", "0", "Input should be greater than or equal to 1 (it is 0)."),
        ("training.max_steps", "1e999", "Must be a whole number, but is inf."),
        ("optimization.learning_rate", "1e999", "Input should be a finite number (it is inf)."),
        ("optimization.learning_rate", "NaN", "Must be a number, but is 'NaN'."),
        ("optimization.learning_rate", ".nan", "Input should be a finite number (it is nan)."),
        ("optimization.learning_rate", "-1", "Input should be greater than 0 (it is -1)."),
        ("optimization.epsilon", "9" * 5000, "Must be a number, but is "),
        ("optimization.betas", "[0.9", "The fragment, line "),
        ("optimization.betas", "0.9", "Must be a list, but is 0.9."),
        ("optimization.betas", "[0.9, 2]", "Betas must be at least 0 and below 1"),
        ("model.from_scratch", "[1]", "Must be a section of keys, but is [1]."),
        ("model.from_scratch", "a: 1", "From scratch needs model_type, such as qwen3_moe."),
        ("model.from_scratch", BOMB, "aliases"),
        ("training.precision", "fp8", "Input should be 'fp32', 'bf16' or 'fp16' (it is 'fp8')."),
        ("model.name", "x\x00y", "It holds control characters."),
        ("model.name", "", "It is needed."),
        ("cost.currency", "dollars", "String should match pattern"),
    ],
)
def test_a_wrong_field_says_so_keeps_what_was_typed_and_stops_the_job(key, typed, sentence):
    form = ConfigForm(BASE)
    form.edit(key, typed)
    assert sentence in error_of(form, key)
    assert form.shown(key).text.strip() == typed.strip() or key == "model.from_scratch"
    assert keys(form) == {key}
    with pytest.raises(ConfigError):
        form.config()
    (mistake,) = form.mistakes()
    said = form.text.split("\n")[mistake.line - 1] if mistake.line else key
    assert any(word in said for word in key.split("."))
    form.edit(key, "m" if key == "model.name" else "")
    assert form.config() == parse_config(BASE)


def test_fields_that_are_wrong_together_are_both_marked():
    form = ConfigForm(BASE)
    form.edit("data.validation_share", "0.6")
    form.edit("data.test_share", "0.6")
    assert keys(form) == {"data.validation_share", "data.test_share"}
    assert error_of(form, "data.test_share").startswith("Validation share and test share leave")


def test_what_is_missing_at_first_is_told_from_what_is_wrong():
    assert [(m.key, m.label, m.missing) for m in ConfigForm().mistakes()] == [
        ("model.name", f"Model · {fields()['model.name'].label}", True),
        ("data.path", f"Data · {fields()['data.path'].label}", True),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BASE + "training:\n  max_step: 3\n", "line 6: there is no key 'training.max_step'. Did"),
        (BASE + "trainig: {}\n", "line 5: there is no key 'trainig'. Did you mean 'training'?"),
        (BASE + "training: 5\n", "YAML, line 5: 'training' must be a section of keys, but is 5."),
        (BASE + "training: [\n", "YAML, line 6: expected the node content"),
        (BASE + "\tx: 1\n", "YAML, line 5: found character"),
        (BASE + "model: {}\n", "YAML, line 5: the key 'model' is given twice."),
        ("just text", "YAML holds no 'key: value' pairs at its top."),
        (BOMB, "YAML uses more than 32 aliases."),
        ("[" * 100, "YAML is nested deeper than 16."),
        ("# x\n" * MAX_CHARS, "The YAML has more than 64 KiB."),
        (BASE + "!!python/object/apply:os.system [x]: 1", "YAML"),
    ],
)  # fmt: skip
def test_wrong_yaml_names_the_line_and_is_kept(text, sentence):
    form = ConfigForm(BASE)
    form.edit_text(text)
    assert form.text == text
    said = [mistake.sentence for mistake in form.mistakes() if mistake.key == YAML_KEY]
    assert any(sentence in one for one in said), said
    lines = {mistake.line for mistake in form.mistakes()}
    assert not (found := re.search(r"line (\d+)", sentence)) or int(found[1]) in lines


def test_fields_rest_while_the_text_is_unreadable():
    form = ConfigForm(BASE)
    form.edit_text("model: [")
    form.edit("training.epochs", "3")
    assert form.text == "model: ["
    assert form.shown("model.name").text == "m"
    form.revert_text()
    assert form.text == BASE


# Where it starts, when it starts


def test_presets_are_the_configs_that_ship():
    assert presets.preset_names() == tuple(path.stem for path in CONFIGS)
    for path in CONFIGS:
        start = presets.preset(path.stem)
        assert ConfigForm(start.text).config() == load_config(path)
        assert start.about.endswith(".")
        assert "gladius submit" not in start.text
    assert presets.preset("") == presets.Start()
    with pytest.raises(GladiusError, match="Did you mean 'qwen_moe'"):
        presets.preset("qwen_mo")
    with pytest.raises(GladiusError, match="There is no preset"):
        presets.preset("../pyproject")


def test_a_clone_starts_from_the_frozen_config():
    config = load_config(CONFIGS[0])
    job = SimpleNamespace(id="a-1", name="n" * 200)
    client = SimpleNamespace(job=lambda _ref: job, config=lambda _id: config)
    start = presets.clone(client, "a")
    assert ConfigForm(start.text).config() == config
    assert len(start.name) == 200
    assert start.name.endswith("(copy)")


def test_start_times():
    now = time.time()
    assert start_time("", now) is None
    later = datetime.fromtimestamp(int(now) + 3600, tz=None)  # noqa: DTZ006  as a field gives it
    assert start_time(later.isoformat(), now) == int(now) + 3600
    with pytest.raises(GladiusError, match="has passed"):
        start_time("2001-01-01T00:00", now)
    for wrong in ("soon", "2026-13-01T00:00", "<b>", "1e999"):
        with pytest.raises(GladiusError, match="no date"):
            start_time(wrong, now)


# What it says beside the fields


def test_an_estimate_in_words():
    known = Estimate(2000, 3600.0, 7200.0, 2.49, 4.98, "USD", "measured", "Measured.", 2.49, 2)
    found = words.estimate_words(known)
    assert (found.steps, found.time, found.cost) == ("2,000", "1h 00m – 2h 00m", "$2.49 – $4.98")
    assert (found.rate, found.basis, found.note) == ("$2.49/hr × 2", "Measured", "Measured.")
    unknown = Estimate(None, None, None, None, None, "USD", "", "Nobody knows.")
    found = words.estimate_words(unknown)
    assert {found.steps, found.time, found.cost, found.rate, found.memory} == {"–"}
    assert (found.basis, found.note) == ("", "Nobody knows.")


def test_the_estimate_card_says_memory_and_what_to_beware_of():
    told = Estimate(
        1, None, None, None, None, "USD", "", "", memory="about 20.0 GiB of 16.0 GiB",
        warnings=("It does not fit.",),
    )  # fmt: skip
    shown = str(estimate_card(words.estimate_words(told), "", busy=False))
    assert "about 20.0 GiB of 16.0 GiB" in shown
    assert "It does not fit." in shown


@pytest.mark.parametrize(
    ("busy", "unfinished", "waits", "text"),
    [
        (0, 0, False, "0 of 3 slots busy. The job starts at once."),
        (2, 2, False, "2 of 3 slots busy. The job starts at once."),
        (3, 4, False, "3 of 3 slots busy, 1 job waiting. The job waits for its turn."),
        (0, 2, False, "0 of 3 slots busy, 2 jobs waiting. The job waits for its turn."),
        (0, 0, True, "0 of 3 slots busy."),
    ],
)
def test_slots_in_words(busy, unfinished, waits, text):
    slots = words.Slots(busy, 3, (SimpleNamespace(),) * unfinished)
    assert words.slots_words(slots, waits=waits) == text
    assert words.slots_words(words.Slots(), waits=waits) == ""


def test_the_form_says_which_gpus_are_free():
    def gpu(index, job_id=None, held=""):
        return GpuStanding(Gpu(str(index), f"GPU-{index}", "A6000", 0, 1), job_id, held)

    held = gpu(1, held="18 of 48 GiB held by pid 4711")
    slots = words.Slots(1, 3, (SimpleNamespace(),), gpus=(gpu(0), held, gpu(2, "a")))
    assert words.slots_words(slots, waits=False) == (
        "1 of 3 slots busy. 1 of 3 GPUs free. GPU 1: 18 of 48 GiB held by pid 4711. "
        "The job starts at once."
    )
    taken = words.Slots(1, 3, (SimpleNamespace(),), gpus=(gpu(2, "a"),))
    assert words.slots_words(taken, waits=False) == (
        "1 of 3 slots busy. 0 of 1 GPUs free. A job on the CPU starts at once."
    )


def test_all_keys_that_stand_apart_are_fields_and_stand_once():
    apart = (*words.DATA_KEYS, *words.TRAINING_KEYS, *words.MACHINE_KEYS)
    assert set(apart) <= set(fields())
    assert len(set(apart)) == len(apart)


# The preview's process


def preview(values, home, **options):
    asked = read_preview(values, Home(home), **options)
    with ThreadPoolExecutor(1) as pool:  # this thread may have a loop, of the browser tests
        return pool.submit(asyncio.run, asked).result()


def test_a_preview_in_words(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": "three"}\nbad\n')
    seen = preview({"data": {"path": str(tmp_path / "a.jsonl")}}, tmp_path)
    figures = words.data_figures(seen)
    assert figures.facts == (
        ("Training rows", "1"), ("Validation", "1"), ("Test", "0"), ("Left out", "1"),
    )  # fmt: skip
    assert figures.files[1:] == ((f"{tmp_path.name}/a.jsonl", "train", "3"),)
    assert figures.lengths == ()
    assert figures.refusal.startswith("1 of 3 rows of ")
    assert figures.remarks[0] == "Left out: a line is not JSON (1, first at 3)."
    assert seen["samples"][0]["turns"] == [{"role": "text", "text": "one"}]


def test_a_preview_of_tokens_in_words(tmp_path):
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "yes " * 200}]
    row = json.dumps({"messages": turns, "note": "x"})
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "train.jsonl").write_text("\n".join([row] * 20))
    (tmp_path / "d" / "test.jsonl").write_text(row)
    model = {"name": "m", "train_tokenizer_vocab": 300, "from_scratch": {"model_type": "qwen3"}}
    data = {"path": str(tmp_path / "d"), "max_length": 64, "validation_share": 0}
    figures = words.data_figures(preview({"data": data, "model": model}, tmp_path))
    facts = dict(figures.facts)
    assert (facts["Training rows"], facts["Test"]) == ("20", "1")
    learnt, total = (int(text.replace(",", "")) for text in facts["Tokens learnt"].split(" of "))
    assert 0 < learnt < 64 * 21 < total
    assert float(facts["Tokens lost"].removesuffix("%")) > 50
    assert figures.files[1:] == (("d/train.jsonl", "train", "20"), ("d/test.jsonl", "test", "1"))
    assert "1 held-out rows stand in the training rows too" in "".join(figures.remarks)


def test_a_preview_shows_that_a_name_holds_what_is_unseen(tmp_path):
    name = "tr\u202eain\x1b]0;pwn\x07.jsonl"
    (tmp_path / name).write_text('{"text": "a\u202eb\\u001bc\\nd", "x\u202e": 1}\n' * 3 + "bad\n")
    element = DataPreview(dict, Client(tmp_path))
    element._seen = element._seen_of = preview({"data": {"path": str(tmp_path)}}, tmp_path)
    element.show(Look(""))
    texts = list(_texts(element.tree))
    assert f"{tmp_path.name}/tr�ain�]0;pwn�.jsonl" in texts
    assert "a�b�c\nd" in texts
    assert "Columns that are not used: x�." in texts
    assert not [text for text in texts if set(text) & set("\u202e\x1b\x07")]


def test_a_preview_that_fails_shows_what_is_unseen_in_its_reason():
    said = banner("red", "warn", "there is no file \u202ex\x1b.")
    assert "there is no file �x�." in list(_texts(said))


def _texts(node):
    if isinstance(node, str):
        yield node
    else:
        for child in node.get("c", ()):
            yield from _texts(child)


def test_neighbouring_tokens_of_one_kind_are_one_text():
    tokens = [["a", False], ["b", False], ["c", True], ["d", True], ["e", False]]
    assert words.learnt_runs(tokens) == [("ab", False), ("cd", True), ("e", False)]


def test_a_preview_that_never_ends_is_ended(tmp_path):
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    with pytest.raises(GladiusError, match="took longer than 2 s and was ended"):
        preview({"data": {"path": str(pipe)}}, tmp_path, limit_s=2)
    assert not [p for p in processes_on(tmp_path) if "preview" in " ".join(p.cmdline())]


@pytest.mark.parametrize("data", [None, [], {}, {"path": 5}, {"path": "x", "max_length": 1e999}])
def test_a_preview_of_wrong_fields_is_refused(tmp_path, data):
    with pytest.raises(GladiusError, match="not right yet"):
        preview({"data": data}, tmp_path)


def test_the_form_says_that_the_job_it_waits_for_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(client_module, "ensure_supervisor", lambda _home: None)
    client = Client(tmp_path)
    first = client.submit(REPOSITORY / "configs" / "moe_chitchat.yaml", "first", held=True)
    form = NewJobForm(client=client)
    form._draft.after = first.id
    assert form._look().warning == ""
    client._registry.update(first.id, status=JobStatus.FAILED)
    form._load = form._look()
    form._paint()
    told = "'first' is failed: this job waits until it is resumed and completes."
    assert told in json.dumps(form._parts["queue"].tree)
    form.close()
