import json
import struct

import pytest

from gladius_widgets.core.config.schema import ModelSection
from gladius_widgets.core.errors import ConfigError
from gladius_widgets.core.model.files import check_model, model_folder, stored_parameters

LLAMA = {"model_type": "llama", "hidden_size": 8}


def write_safetensors(path, shapes):
    """A file of zeros in bf16, as its format description has it."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        size = 2
        for length in shape:
            size *= length
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA))
    write_safetensors(folder / "model.safetensors", {"a": [3, 5], "b": [7], "c": []})
    return folder


def refusal(folder) -> str:
    with pytest.raises(ConfigError) as caught:
        check_model(ModelSection(name=str(folder)))
    assert caught.value.hint
    return caught.value.message


def test_a_model_folder_and_a_hub_name_pass(folder):
    check_model(ModelSection(name=str(folder)))
    check_model(ModelSection(name="org/model"))
    check_model(ModelSection(name="org/" + "m" * 300))


def test_an_adapter_and_weights_of_torch_pass(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    check_model(ModelSection(name=str(folder)))
    (folder / "config.json").rename(folder / "adapter_config.json")
    check_model(ModelSection(name=str(folder)))


def test_a_folder_without_a_config_is_no_model(folder):
    (folder / "config.json").unlink()
    assert "no config.json" in refusal(folder)


def test_a_folder_without_weights_is_no_model(folder):
    (folder / "model.safetensors").rename(folder / "model.gguf")
    assert "no weights" in refusal(folder)


def test_a_part_that_is_missing_is_named(folder):
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    parts = {"a": "model-00001-of-00002.safetensors", "z": "model-00002-of-00002.safetensors"}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": parts}))
    assert "model-00002-of-00002.safetensors is missing" in refusal(folder)
    write_safetensors(folder / parts["z"], {"z": [2, 2]})
    check_model(ModelSection(name=str(folder)))
    assert stored_parameters(folder) == 15 + 7 + 1 + 4


def test_a_pointer_of_git_lfs_is_no_weights(folder):
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "Git LFS" in refusal(folder)
    assert stored_parameters(folder) is None


def test_a_damaged_header_counts_nothing(folder):
    weights = folder / "model.safetensors"
    for shape in ([10**400], ["3"], None):
        text = json.dumps({"a": {"shape": shape}}).encode()
        weights.write_bytes(struct.pack("<Q", len(text)) + text)
        assert stored_parameters(folder) is None
    weights.write_bytes(b"short")
    assert stored_parameters(folder) is None


def test_a_file_is_no_model_folder(folder):
    assert "not a model folder" in refusal(folder / "model.safetensors")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": ' * 100_000])
def test_a_config_that_is_no_json_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    assert "no JSON object" in refusal(folder)


def test_an_unknown_type_names_the_nearest(folder):
    (folder / "config.json").write_text('{"model_type": "lama"}')
    with pytest.raises(ConfigError, match="no causal language model of the type 'lama'") as caught:
        check_model(ModelSection(name=str(folder)))
    assert caught.value.hint == "Did you mean 'llama'?"
    scratch = {"model_type": "qwen3-moe"}
    with pytest.raises(ConfigError, match=r"model\.from_scratch\.model_type") as caught:
        check_model(ModelSection(name="new", from_scratch=scratch, train_tokenizer_vocab=300))
    assert caught.value.hint == "Did you mean 'qwen3_moe'?"


def test_a_type_that_is_no_language_model_is_refused():
    scratch = {"model_type": "vit"}
    with pytest.raises(ConfigError, match="no causal language model of the type 'vit'"):
        check_model(ModelSection(name="new", from_scratch=scratch, train_tokenizer_vocab=300))


def test_a_hub_model_is_found_in_the_cache_alone(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    model = ModelSection(name="org/tiny")
    assert model_folder(model) is None
    cache = tmp_path / "hub" / "models--org--tiny"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("0123abcd")
    (cache / "snapshots").mkdir()
    folder.rename(cache / "snapshots" / "0123abcd")
    assert model_folder(model) == cache / "snapshots" / "0123abcd"
    pinned = ModelSection(name="org/tiny", revision="0123abcd")
    assert model_folder(pinned) == cache / "snapshots" / "0123abcd"
