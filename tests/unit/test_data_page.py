"""The page about data says the truth: each row in it is read, each ending and key exists."""

import json
import re

import pytest
from support import REPOSITORY

from gladius_widgets.core.config.schema import DataSection, DataSource
from gladius_widgets.core.config.yaml_io import parse_yaml
from gladius_widgets.core.data_files import COMPRESSIONS, KINDS
from gladius_widgets.training.rows.rows import parse_row

PAGE = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
ROWS = [
    line
    for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]


def test_the_readme_leads_to_it():
    assert "(docs/data.md)" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", ROWS)
def test_every_row_is_read_and_nothing_of_it_is_unused(line):
    row = parse_row(json.loads(line))
    assert row.unused_columns == ()
    said = row.text or json.dumps(row.messages)
    assert "lake" in said


def test_there_is_a_row_of_each_format():
    assert len(ROWS) >= 7
    texts = [parse_row(json.loads(line)).text for line in ROWS]
    assert any(texts)
    assert not all(texts)


def test_every_ending_is_named():
    endings = set(re.findall(r"`(\.\w+)`", PAGE))
    assert (set(KINDS) | set(COMPRESSIONS)) - endings == {".zstd"}
    assert endings <= set(KINDS) | set(COMPRESSIONS) | {"."}


def test_every_key_is_one_and_the_example_is_a_config():
    assert set(re.findall(r"`data\.(\w+)", PAGE)) <= set(DataSection.model_fields)
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    data = DataSection.model_validate(parse_yaml(example).values["data"])
    assert [source.weight for source in data.all_sources()] == [2, 0.25, 1]
    assert all(isinstance(source, DataSource) for source in data.sources)
