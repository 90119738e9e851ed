import json
from types import SimpleNamespace

import pytest

from gladius_widgets.client import foresight
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.machine.gpus import Gpu, Look
from gladius_widgets.core.machine.host import HostMemory
from gladius_widgets.store.run.events import EventReader

GIB = 2**30
CONFIG = """\
model:
  name: new
  from_scratch: {{model_type: llama, hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2,
    num_attention_heads: 4}}
  train_tokenizer_vocab: 4000
data: {{path: rows.jsonl, max_length: 1024}}
training: {{max_steps: 20, micro_batch_size: {batch}}}
optimization: {{warmup_steps: {warmup}}}
resources: {{device: cpu}}
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Writes a config; the machine has 16 GiB and no GPU."""
    monkeypatch.setattr(foresight, "host_memory", lambda: HostMemory(0, 16 * GIB, 0, 0))
    (tmp_path / "rows.jsonl").write_text('{"text": "hello"}\n')

    def write(batch=1, warmup=0):
        path = tmp_path / "tiny.yaml"
        path.write_text(CONFIG.format(batch=batch, warmup=warmup))
        return path

    return write


def test_a_batch_that_cannot_fit_is_warned_of_and_submitted(in_process, config, home):
    code, out, err = in_process("submit", config(batch=4096))
    assert code == 0
    # The logits of 4,096 · 1,024 tokens in 4,000 words, 16 bytes each, are 250 GiB.
    assert "of memory and the machine has 16.0 GiB; most of it is for the logits." in err
    assert "training.micro_batch_size" in err
    events = EventReader(home.run(out.split()[1])).poll()
    assert [e.payload for e in events if e.type == "warning"] == [{"kind": "forecast"}]


def test_a_warmup_as_long_as_the_run_is_warned_of(in_process, config):
    assert "never to its peak" in in_process("submit", config(warmup=20))[2]
    assert in_process("submit", config(warmup=19))[2] == ""


def test_the_estimate_says_memory_and_warnings(in_process, config):
    code, out, _ = in_process("estimate", config())
    assert code == 0
    assert "of 16.0 GiB" in out
    assert "Warning" not in out
    told = json.loads(in_process("estimate", config(batch=4096, warmup=30), "--json")[1])
    assert told["memory"].endswith(" of 16.0 GiB")
    assert len(told["warnings"]) == 2


def test_a_folder_that_is_no_model_is_refused_at_submit(in_process, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"text": "hello"}\n')
    (tmp_path / "empty").mkdir()
    path = tmp_path / "bad.yaml"
    path.write_text("model: {name: ./empty}\ndata: {path: rows.jsonl}\n")
    code, _, err = in_process("submit", path)
    assert code == 1
    assert "no config.json" in err
    assert in_process("jobs", "--json")[1].strip() == "[]"


def test_processes_share_the_memory_of_a_cpu_and_each_has_its_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(foresight, "host_memory", lambda: HostMemory(0, 16 * GIB, 0, 0))
    gpus = tuple(Gpu(str(i), f"GPU-{i}", "Card", 0, size * GIB) for i, size in enumerate((8, 24)))
    monkeypatch.setattr(foresight, "look_at_gpus", lambda: Look(gpus))
    monkeypatch.setattr(
        foresight,
        "memory_forecast",
        lambda _: SimpleNamespace(total_bytes=10 * GIB, largest="weights"),
    )
    config = TrainingConfig.model_validate(
        {
            "model": {"name": "org/model"},
            "data": {"path": "org/data"},
            "resources": {"processes": 2},
        }
    )
    on_cpu, on_gpu = foresight.memory_of(config, 0), foresight.memory_of(config, 2)
    assert on_cpu is not None
    assert on_gpu is not None
    assert (on_cpu.words, on_gpu.words) == (
        "about 20.0 GiB of 16.0 GiB",
        "about 10.0 GiB of 24.0 GiB",
    )
    assert "the machine has 16.0 GiB" in on_cpu.warning
    assert on_gpu.warning == ""
