"""Record the short real run that tests/notebooks look at: `python scripts/record_run.py`.

It trains the example for 60 steps and keeps the run directory, without weights and without
whatever names the machine it was made on.
"""

import json
import re
import shutil
import tempfile
import time
from pathlib import Path

from gladius_widgets.client import Client
from gladius_widgets.core.paths import RunDirectory

REPOSITORY = Path(__file__).resolve().parents[1]
TARGET = REPOSITORY / "tests" / "notebooks" / "recorded"
SETTINGS = (
    "data.max_samples=300",
    "model.train_tokenizer_vocab=400",
    "training.max_steps=60",
    "training.validation_interval_steps=20",
    "training.tensorboard=false",
)


def main() -> None:
    """Train, copy, strip."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        client = Client(folder, user="ann")
        config = REPOSITORY / "configs" / "moe_chitchat.yaml"
        job = client.submit(config, "recorded-moe", SETTINGS)
        while not client.job(job.id).status.is_final:
            time.sleep(0.5)
        keep(client.run(job.id))


def keep(run: RunDirectory) -> None:
    """Copy what the pages read to `TARGET`."""
    shutil.rmtree(TARGET, ignore_errors=True)
    leave = shutil.ignore_patterns("step-*", "ranks", "runner.log", "control", "tensorboard")
    copy = TARGET / "recorded-moe"
    shutil.copytree(run.root, copy, ignore=leave)
    for path in copy.rglob("*.json*"):
        text = path.read_text().replace(run.id, "recorded-moe").replace(str(REPOSITORY), "")
        path.write_text(re.sub(r'"(host|boot_id)":"[^"]*"', r'"\1":"recorded"', text))
    record = json.loads((copy / "job.json").read_text())
    (copy / "job.json").write_text(json.dumps(record | {"config_file": "moe_chitchat.yaml"}))


if __name__ == "__main__":
    main()
