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
_LEFT_OUT = (
    "ranks", "runner.log", "tensorboard", "base", ".replaced-*", "tokenizer*", "*.jinja",
    "*.safetensors", "*.pt", "*.bin", "*.pkl", "*.npz", "*.npy",
)  # fmt: skip
_TEXTS = frozenset({".json", ".jsonl", ".yaml", ".log", ".md"})
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
        keep(client.run(job.id), TARGET / "recorded-moe")


def keep(run: RunDirectory, target: Path) -> None:
    """Copy what the pages read to the folder `target`, whose name becomes the job's id."""
    shutil.rmtree(target, ignore_errors=True)
    leave = shutil.ignore_patterns(*_LEFT_OUT)
    shutil.copytree(run.root, target, ignore=leave)
    for path in (p for p in target.rglob("*") if p.suffix in _TEXTS):
        text = path.read_text().replace(str(run.root), ".").replace(run.id, target.name)
        text = text.replace(f"{REPOSITORY}/", "")
        path.write_text(re.sub(r'"(host|boot_id)":"[^"]*"', r'"\1":"recorded"', text))
    record = json.loads((target / "job.json").read_text())
    (target / "job.json").write_text(json.dumps(record | {"config_file": "moe_chitchat.yaml"}))


if __name__ == "__main__":
    main()
