"""A chat template that could not be used is refused when the job is submitted."""

import os
import sys

import pytest
import yaml

from gladius_widgets.client.submission import read_config
from gladius_widgets.core.config.chat_template import check_chat_template
from gladius_widgets.core.errors import ConfigError

GOOD = (
    "{{ messages }}",
    "{% for m in messages %}{% if m.skip %}{% continue %}{% endif %}{{ m }}{% break %}{% endfor %}",
    "{% generation %}{{ messages[0]['content'] | trim }}{% endgeneration %}",
    "{%- macro one(m) -%}{% generation %}{{ m }}{% endgeneration %}{%- endmacro -%}{{ one(1) }}",
    "{% set ns = namespace(a=1) %}{% set ns.a = 2 %}{{ raise_exception('x') }}{{ dict(a=1) }}",
    "{{ strftime_now('%d') }}{{ tools | tojson(indent=4) }}{# {% for %} #}",
    "{% raw %}{% for{% endraw %}",
)  # fmt: skip
BAD = (
    ("{% for %}", "line 1: "),
    ("{{ bos }}\n{% for m in messages %}\n{{ m }", "line 3: "),
    ("{% if x %}{{ y }}", "line 1: "),
    ("a\n{% nosuch %}", "line 2: Encountered unknown tag 'nosuch'"),
    ("{{ " + "(" * 50_000, "nested too deep"),
)  # fmt: skip


@pytest.fixture
def config(tmp_path):
    (tmp_path / "d.jsonl").write_text('{"text": "a"}\n')
    values = {"model": {"name": "owner/name"}, "data": {"path": "d.jsonl"}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(values))
    return tmp_path / "c.yaml"


@pytest.mark.parametrize("text", [*GOOD, "chatml", "plain", None])
def test_what_transformers_takes_is_taken(text):
    check_chat_template(text)


@pytest.mark.parametrize(("text", "said"), BAD)
def test_a_text_that_cannot_be_parsed_is_refused_with_its_line(text, said):
    with pytest.raises(ConfigError) as caught:
        check_chat_template(text)
    assert caught.value.message.startswith("model.chat_template: ")
    assert said in caught.value.message


def test_submit_reads_the_text(config):
    with pytest.raises(ConfigError, match=r"^model\.chat_template: line 1: "):
        read_config(config, ["model.chat_template='{% for %}'"])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x00\xff\x00", "is not UTF-8 text"),
        (b"root:x:0:0\n", "holds no Jinja expression"),
        (b"{{ a }}\n{% for %}", "line 2 of "),
        (b"{{ a }}" + b" " * 1024**2, "is larger than 1024 KiB"),
    ],
)
def test_submit_reads_the_file(config, data, said):
    (config.parent / "t.jinja").write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read_config(config, ["model.chat_template=t.jinja"])
    assert said in caught.value.message
    assert str(config.parent / "t.jinja") in caught.value.message


def test_a_pipe_or_folder_is_no_template(config):
    os.mkfifo(config.parent / "p.jinja")
    (config.parent / "f.jinja").mkdir()
    for name in ("p.jinja", "f.jinja"):
        with pytest.raises(ConfigError, match=f"{name} is not a file"):
            read_config(config, [f"model.chat_template={name}"])


def test_without_jinja_a_text_is_taken_as_it_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    check_chat_template("{% for %}")
