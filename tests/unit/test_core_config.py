import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from gladius_widgets.core.config import schema
from gladius_widgets.core.config.load import config_from_values, load_config, parse_config
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.config.yaml_io import dump_yaml, parse_scalar, parse_yaml
from gladius_widgets.core.errors import ConfigError
from gladius_widgets.core.text.suggest import did_you_mean, nearest, reject_unknown

BASE = "model: {name: m}\ndata: {path: d}\n"
CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def refusal(text, overrides=()):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "c.yaml", overrides)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.hint
    return str(caught.value)


def test_defaults_and_derived_values():
    config = parse_config(BASE + "training: {micro_batch_size: 4, gradient_accumulation: 3}")
    assert config.samples_per_step == 12
    assert config.training.precision == "fp32"
    assert config.cost.hourly_rate is None


def numbers():
    """Every field of the schema that takes a number, also one inside a list."""
    definitions = TrainingConfig.model_json_schema()["$defs"]
    for section, definition in definitions.items():
        for field, said in definition.get("properties", {}).items():
            words = json.dumps(said)
            if '"integer"' in words or '"number"' in words:
                yield section, field, "prefixItems" in words


@pytest.mark.parametrize(("section", "field", "is_pair"), list(numbers()))
def test_no_number_is_without_an_upper_bound(section, field, is_pair):
    """Else it is taken, and dies later where a counter or a sum cannot hold it."""
    for huge in (10**20, 10**400, 1e308):
        with pytest.raises(ValidationError) as refused:
            getattr(schema, section).model_validate({field: [0.0, huge] if is_pair else huge})
        assert field in {error["loc"][0] for error in refused.value.errors() if error["loc"]}


def test_a_number_that_is_too_large_is_a_sentence():
    told = refusal(BASE + "cost: {hourly_rate: 1.0e+308}\n")
    assert "hourly_rate" in told
    assert "1000000000000" in told.replace(",", "")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_configs_of_the_repository_are_valid(path):
    config = load_config(path)
    assert parse_config(dump_yaml(config.to_plain())) == config


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "c.yaml holds no 'key: value' pairs at its top."),
        ("- 1\n", "c.yaml holds no 'key: value' pairs at its top."),
        ("42", "c.yaml holds no 'key: value' pairs at its top."),
        ("model: [", "c.yaml, line 1: expected the node content, but found '<stream end>'."),
        (BASE + "training:\n\tepochs: 3\n", "c.yaml, line 4: found character '\\t'"),
        (BASE + "---\n" + BASE, "c.yaml, line 3: but found another document."),
        ("\x00", "c.yaml is not YAML: unacceptable character"),
        (BASE + "model: {name: n}\n", "c.yaml, line 3: the key 'model' is given twice."),
        (BASE + "lora:\n  r: 1\n  r: 2\n", "c.yaml, line 5: the key 'r' is given twice."),
        ("data: {path: d}\n", "c.yaml: the key 'model' is missing. Add it."),
        ("model: {}\ndata: {path: d}\n", "c.yaml, line 1: the key 'model.name' is missing."),
        (BASE + "trainig: {}\n", "line 3: there is no key 'trainig'. Did you mean 'training'?"),
        ("modle: {}\ndata: {path: d}\n", "line 1: there is no key 'modle'. Did you mean 'model'?"),
        (
            BASE + "training:\n  epochs: 1\n  max_step: 3\n",
            "c.yaml, line 5: there is no key 'training.max_step'. Did you mean 'max_steps'?",
        ),
        (BASE + "training: {max-steps: 3}\n", "there is no key 'training.max-steps'. Did you mean"),
        (BASE + "lora: {zzz: 1}\n", "there is no key 'lora.zzz'. Valid: alpha, dropout, "),
        (BASE + "training: {max_steps: '20'}\n", "must be a whole number, but is '20'."),
        (BASE + "training: {max_steps: 2.5}\n", "must be a whole number, but is 2.5."),
        (BASE + "training: {max_steps: true}\n", "must be a whole number, but is True."),
        (BASE + "training: {packing: 1}\n", "there is no key 'training.packing'."),
        ("model: {name: m}\ndata: {path: d, packing: 1}\n", "'data.packing' must be true or false"),
        (BASE + "optimization: {learning_rate: no}\n", "must be a number, but is 'no'."),
        ("model: {name: 5}\ndata: {path: d}\n", "'model.name' must be text, but is 5."),
        ("model: m\ndata: {path: d}\n", "'model' must be a section of keys, but is 'm'."),
        (BASE + "training: null\n", "'training' must be a section of keys, but is None."),
        (BASE + "training: {max_steps: 0}\n", "greater than or equal to 1 (it is 0)."),
        (BASE + "optimization: {learning_rate: -1e-4}\n", "greater than 0 (it is -0.0001)."),
        (BASE + "optimization: {learning_rate: .nan}\n", "(it is nan)."),
        (BASE + "optimization: {learning_rate: .inf}\n", "(it is inf)."),
        (BASE + "cost: {hourly_rate: .inf}\n", "input should be a finite number (it is inf)."),
        (BASE + f"training: {{max_steps: {10**20}}}\n", "less than or equal to 1000000000"),
        (BASE + "optimization: {schedule: cosin}\n", "(it is 'cosin')."),
        (BASE + "optimization: {betas: [0.9, 1.0]}\n", "betas must be at least 0 and below 1"),
        (BASE + "optimization: {learning_rate_bounds: [1, 0]}\n", "with 0 <= low < high"),
        (BASE + "cost: {currency: dollars}\n", "(it is 'dollars')."),
        (BASE + "cost: {estimate_low: 3}\n", "'cost': estimate_low and estimate_high go together"),
        (BASE + "cost: {estimate_low: 3, estimate_high: 1}\n", "low first"),
        (
            "model: {name: m}\ndata: {path: d, validation_share: 0.6, test_share: 0.4}\n",
            "c.yaml, line 2: 'data': validation_share and test_share leave nothing to train on.",
        ),
        ("model: {name: m, from_scratch: {}}\ndata: {path: d}\n", "from_scratch needs model_type"),
        (
            "model: {name: m, from_scratch: {model_type: x}}\ndata: {path: d}\n",
            "from_scratch needs tokenizer or train_tokenizer_vocab",
        ),
        (BASE + f"model2: {'x' * 10_000}\n", "there is no key 'model2'."),
        (BASE + f"training: {{seed: {'x' * 500}}}\n", "..."),
    ],
)
def test_bad_config_is_one_sentence(text, sentence):
    message = refusal(text)
    assert sentence in message
    assert len(message) < 400


def test_yaml_1_2_scalars():
    config = parse_config(BASE + "optimization: {learning_rate: 1e-4}\n")
    assert config.optimization.learning_rate == 1e-4
    assert parse_scalar("1e-4") == 1e-4
    assert parse_scalar("no") == "no"
    assert parse_scalar("[1, 2]") == [1, 2]
    assert parse_scalar("null") is None


def test_a_mistake_inside_a_key_that_the_file_has_too_names_the_override():
    scratch = "model:\n  name: m\n  tokenizer: t\n  from_scratch:\n    model_type: llama\n"
    override = "model.from_scratch.auto_map={a: b}"
    said = refusal(scratch + "data: {path: d}\n", [override])
    assert said.startswith(f"--set {override}: 'model.from_scratch': 'auto_map'")
    assert refusal(scratch + "    auto_map: {a: b}\ndata: {path: d}\n").startswith("c.yaml, line")
    both = [override, "training.max_steps=x"]
    assert refusal(scratch + "data: {path: d}\n", both[1:]).startswith("--set training.max")


def test_overrides_go_on_top_and_are_checked_alike():
    overrides = ["training.max_steps=20", "optimization.learning_rate=1e-5", "lora.enabled=true"]
    config = parse_config(BASE + "training: {max_steps: 5, epochs: 2}\n", "c.yaml", overrides)
    assert (config.training.max_steps, config.training.epochs) == (20, 2)
    assert config.optimization.learning_rate == 1e-5
    assert config.lora.enabled
    assert "'training.max_steps' must be a whole number" in refusal(BASE, ["training.max_steps=x"])
    assert "there is no key 'training.max_step'" in refusal(BASE, ["training.max_step=1"])
    for bad in ("training", "=1", "training.=1", ".max_steps=1"):
        assert "is not section.key=value" in refusal(BASE, [bad])
    assert "expected the node content" in refusal(BASE, ["training.max_steps=["])


def test_a_wrong_override_is_named_and_not_the_line_that_it_replaced():
    text = BASE + "training: {max_steps: 5}\n"
    message = refusal(text, ["training.max_steps=x"])
    assert message.startswith("--set training.max_steps=x: 'training.max_steps' must be")
    message = refusal(text, ["training={max_step: 5}"])
    assert message.startswith("--set training={max_step: 5}: there is no key 'training.max_step'")
    assert refusal(text, ["lora.r=0.5"]).startswith("--set lora.r=0.5: 'lora.r'")
    assert refusal(BASE + "lora: {r: 0}\n", ["lora.alpha=2"]).startswith("c.yaml, line 3: 'lora.r'")
    assert refusal(BASE + "lora: {targets: []}\n").startswith("c.yaml, line 3: 'lora.targets'")


def test_override_does_not_change_what_it_was_given():
    values = {"model": {"name": "m"}, "data": {"path": "d"}}
    assert config_from_values(values).model.name == "m"
    assert values == {"model": {"name": "m"}, "data": {"path": "d"}}


def test_files_that_are_no_configs(tmp_path):
    for name, content, sentence in (
        ("binary.yaml", b"\xff\xfe\x00\x01", "is not UTF-8 text"),
        ("large.yaml", b"# x\n" * 100_000, "is larger than 256 KiB"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match=sentence):
            load_config(tmp_path / name)
    with pytest.raises(ConfigError, match=r"There is no config file .*missing\.yaml"):
        load_config(tmp_path / "missing.yaml")
    with pytest.raises(ConfigError, match="is larger than 256 KiB"):
        load_config("/dev/zero")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)


# Caps


def bomb(width, levels, leaf):
    lines = [f"a0: &a0 [{', '.join(['1'] * leaf)}]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(("width", "levels", "leaf"), [(9, 9, 9), (3, 11, 20), (2, 16, 9)])
def test_alias_bomb_is_refused_before_it_grows(width, levels, leaf):
    message = refusal(bomb(width, levels, leaf))
    assert "aliases" in message or "values" in message


def test_a_few_aliases_are_fine():
    document = parse_yaml("a: &a {x: 1}\nb: *a\nc: *a\n")
    assert document.values == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1}}


def test_alias_that_holds_itself_ends():
    refusal("model: &a [*a]\ndata: {path: d}\n")


def test_merged_keys_are_values_like_others():
    document = parse_yaml("base: &b {x: 1}\nmore:\n  <<: *b\n  y: 2\n")
    assert document.values["more"] == {"x": 1, "y": 2}
    assert document.where(("more", "y")) == "config, line 4"
    assert document.where(("more", "x")) == "config, line 2"
    text = "model: {name: m}\ndata: &d {path: d}\nlora: {<<: *d}\n"
    assert "c.yaml, line 3: there is no key 'lora.path'" in refusal(text)


def test_depth_is_capped():
    refusal("a: " + "[" * 1000 + "]" * 1000)
    refusal("".join(f"{' ' * i}a:\n" for i in range(1000)))


def test_foreign_tags_make_no_objects():
    for tag in ("!!python/object/apply:os.system [echo]", "!!python/name:os.system x", "!x {a: 1}"):
        refusal(f"model: {tag}\ndata: {{path: d}}\n")
    for tag in ("!!set {a, b}", "!!binary aGk=", "2020-01-01", "!!omap [a: 1]"):
        refusal(f"model: {{name: {tag}}}\ndata: {{path: d}}\n")


# Suggestions


def test_suggestions():
    options = ["pause", "resume", "stop"]
    assert nearest("puase", options) == "pause"
    assert nearest("zzzz", options) is None
    assert did_you_mean("zzzz", options) == "Valid: pause, resume, stop."
    reject_unknown("LossChart", ["job"], ["job", "height"])
    with pytest.raises(TypeError, match=r"LossChart has no argument 'heigth'\. .* 'height'"):
        reject_unknown("LossChart", ["heigth"], ["job", "height"])


def test_config_cannot_be_changed():
    config = TrainingConfig.model_validate({"model": {"name": "m"}, "data": {"path": "d"}})
    with pytest.raises(ValueError, match="frozen"):
        config.training.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BASE + "? {a: 1}\n: 2\n", "c.yaml, line 3: a key is a list, a mapping or a date."),
        (BASE + "training:\n  ? [a, b]\n  : 2\n", "c.yaml, line 4: a key is a list"),
        (BASE + "2020-01-01: 1\n", "c.yaml, line 3: a key is a list, a mapping or a date."),
        (BASE + "? \n: 2\n", "c.yaml, line 3: a key is null."),
        (BASE + "true: 2\n", "c.yaml, line 3: a key is true or false."),
        (BASE + "'': 1\n", "c.yaml, line 3: a key is empty."),
        (BASE + f"training: {{seed: {'9' * 100_000}}}", "line 3: a number has 100,000 digits"),
        (BASE + f"training: {{seed: 0x{'f' * 9_000}}}", "line 3: a number has 9,002 digits"),
        (BASE + f"training:\n  seed: -{'9' * 5_000}", "line 4: a number has 5,001 digits"),
        (BASE + f"cost: {{budget: {'9' * 5_000}.5}}", "line 3: a number has 5,002 digits"),
        (BASE + "training: {seed: 2020-13-45}", "in quotes"),
    ],
)
def test_keys_that_are_no_words_and_numbers_without_end(text, sentence):
    assert sentence in refusal(text)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        (f"training.seed={'9' * 100_000}", "a number has 100,000 digits"),
        ("training.seed=1\nmodel: {name: evil}", "is more than a value"),
        ("training.seed={{a: 1}: 2}", "a key is a list, a mapping or a date"),
    ],
)
def test_the_same_in_an_override(override, sentence):
    message = refusal(BASE, [override])
    assert sentence in message
    assert len(message) < 300
