"""Run directories recorded from real runs, put into a home as if they had run there.

`scripts/record_states.py` records them: `completed` (400 steps, validated every 50), `failed`
(out of memory after somebody asked for too large batches) and `cancelled` (in the middle). Their
checkpoints have lost their weights. Texts keep the times at which they were recorded.
"""

import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from support import REPOSITORY

from gladius_widgets.client import Client, Job
from gladius_widgets.core.paths import Home
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.registry.reindex import row_of

RECORDED = REPOSITORY / "tests" / "recorded"
STATES = ("completed", "failed", "cancelled")


def install(
    home: Home,
    state: str,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Job:
    """Copy a recorded run into `home` under a new id, and list it.

    Args:
        home: where to put it; other jobs in it are left alone.
        state: one of `STATES`.
        name: what to call the job; by default `recorded-<state>`.
        config: `section.key` → value changes of its config, such as
            `{"cost.estimate_low": 0.001}`.
        fields: changes of its job.json, such as `hourly_rate=7.99`.

    Returns:
        The job as its records prove it.
    """
    registry = Registry(home)  # a new one would list what it finds
    run = home.run(f"{state}-{secrets.token_hex(4)}")
    shutil.copytree(RECORDED / state, run.root)
    run.create()
    for path in run.root.rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(f'"id": "{state}"', f'"id": "{run.id}"'), encoding="utf-8")
    record = json.loads(run.job.read_text(encoding="utf-8"))
    changes = ({"name": name} if name is not None else {}) | fields
    run.job.write_text(json.dumps(record | {"id": run.id} | changes), encoding="utf-8")
    if config:
        change_config(run.config, config)
    row = row_of(run, home)
    assert row is not None
    registry.insert(**row)
    return Client(home).job(run.id)


def change_config(path: Path, changes: Mapping[str, Any]) -> None:
    """Change `section.key` values of a config file."""
    yaml = YAML(typ="safe")
    values = yaml.load(path.read_text(encoding="utf-8"))
    for dotted, value in changes.items():
        section, key = dotted.split(".", 1)
        values.setdefault(section, {})[key] = value
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(values, file)
