"""Warnings that the config promises are given, once, and taken back; no key of it is dead."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest
from pydantic import BaseModel

import gladius_widgets
from gladius_widgets.core.config.schema import AlertsSection, TrainingConfig
from gladius_widgets.core.run_state import OUT_OF_MEMORY
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.charts import experts_model as experts
from gladius_widgets.panels.text import badges
from gladius_widgets.runner.alerts import SystemAlerts
from gladius_widgets.training.loop.pace import WINDOW_STEPS, PaceAlert

GIB = 2**30


class Said:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str, dict]] = []

    def __call__(self, kind: str, text: str, payload: dict) -> None:
        self.all.append((kind, text, payload))

    def turns(self) -> list[tuple[str, str]]:
        return [(payload["kind"], payload["state"]) for _, _, payload in self.all]


def sample(step: int | None = 7, *, heat=(), used=(), ram: float = 0.5) -> dict:
    """A row of the system table."""
    return {
        "step": step,
        "gpu_temperature_c": list(heat),
        "gpu_memory_used_bytes": [None if u is None else u * GIB for u in used],
        "gpu_memory_total_bytes": [GIB for _ in used],
        "ram_used_bytes": ram * GIB,
        "ram_total_bytes": GIB,
    }


def test_heat_is_told_once_and_taken_back_once() -> None:
    said = Said()
    alerts = SystemAlerts(AlertsSection(gpu_temperature_c=80), said)
    for heat in (70, 80, 81, 85, 79, 81, 78, 77, 76, 70):
        alerts.look(sample(heat=(60, None, heat)))
    assert said.turns() == [("temperature", "on"), ("temperature", "resolved")]
    (kind, text, payload), (end, end_text, _) = said.all
    assert (kind, end) == ("warning", "status")
    assert text == "GPU 2 is at 81 °C, above the limit of 80 °C (step 7)"
    assert (payload["gpu"], payload["celsius"], payload["limit"], payload["step"]) == (2, 81, 80, 7)
    assert end_text == "GPUs are at 77 °C at most, below 80 °C again (step 7)"


def test_memory_of_gpus_and_of_the_system() -> None:
    said = Said()
    alerts = SystemAlerts(AlertsSection(memory_share=0.9), said)
    for used, ram in ((0.5, 0.5), (0.95, 0.5), (0.95, 0.91), (0.87, 0.91), (0.8, 0.3)):
        alerts.look(sample(used=(0.1, used), ram=ram))
    assert [text for _, text, _ in said.all] == [
        "95% of the memory of GPU 1 is used, above the limit of 90% (step 7)",
        "91% of the system memory is used, above the limit of 90% (step 7)",
        "80% of the memory of GPU 1 is used, below 90% again (step 7)",
        "30% of the system memory is used, below 90% again (step 7)",
    ]


def test_what_is_not_known_warns_of_nothing() -> None:
    said = Said()
    alerts = SystemAlerts(AlertsSection(), said)
    alerts.look({"step": None})
    alerts.look(sample(None, heat=(None,), used=(None,)))
    assert said.all == []
    alerts.look(sample(None, heat=(99.0,)))
    assert said.all[0][1] == "GPU 0 is at 99 °C, above the limit of 80 °C"


def paced(said: Said, times: list[float], alert: PaceAlert | None = None, start: int = 0):
    """Steps of 100 tokens each that took so long."""
    alert = alert or PaceAlert(0.2, said)
    for number, seconds in enumerate(times):
        alert.step(start + number + 1, 100, seconds, (8, 1))
    return alert


def test_slow_is_told_once_and_taken_back_once() -> None:
    said = Said()
    paced(said, [9.0] + [1.0] * 60 + [2.0] * 60 + [1.0] * 60)
    assert said.turns() == [("slow", "on"), ("slow", "resolved")]
    kind, text, payload = said.all[0]
    assert kind == "WARN"
    assert text.startswith(f"Throughput is low at step {payload['step']}: ")
    assert payload["average_tokens_per_s"] == pytest.approx(100)
    assert payload["tokens_per_s"] < 80
    assert 61 < payload["step"] <= 61 + WINDOW_STEPS


def test_a_slow_first_step_noise_and_another_batch_are_not_slow() -> None:
    said = Said()
    alert = paced(said, [50.0] + [1.0, 1.2, 0.9, 1.1] * 40)
    assert said.all == []
    for number in range(200):
        alert.step(200 + number, 100, 3.0, (4, 2))  # smaller batches: another speed
    assert said.all == []


def test_a_warning_that_is_on_when_the_batch_changes_is_taken_back() -> None:
    said = Said()
    alert = paced(said, [9.0] + [1.0] * 60 + [2.0] * 60)
    assert said.turns() == [("slow", "on")]
    for number in range(120):
        alert.step(200 + number, 100, 3.0, (4, 2))
    assert said.turns() == [("slow", "on"), ("slow", "resolved")]
    assert said.all[-1][1] == (
        "Throughput is measured anew from step 200 on, as the batch size has changed"
    )
    for number in range(60):
        alert.step(400 + number, 100, 9.0, (4, 2))
    assert said.turns()[2:] == [("slow", "on")]  # against the new batch's own average


def test_dead_experts_are_those_under_their_share() -> None:
    loads = [[0.5, 0.46, 0.04, 0.0]] * 5
    assert experts.view(loads, is_moe=True, dead_share=0.1).dead == "E3"
    assert experts.view(loads, is_moe=True, dead_share=0.2).dead == "E2, E3"
    assert experts.view([[0.25] * 4], is_moe=True, dead_share=1.0).dead == "none"
    many = experts.view([[1.0] + [0.0] * 7], is_moe=True).dead
    assert many == "E1, E2, E3 and 4 more"


def test_a_pause_for_memory_says_so() -> None:
    error = {"type": OUT_OF_MEMORY, "message": "Out of memory at step 4."}
    assert badges.job_badge(JobStatus.PAUSED, 0.5, error).text == "Paused: out of memory"
    assert badges.job_badge(JobStatus.PAUSED, 0.5).text == "Paused (50%)"
    assert badges.status_sentence(JobStatus.PAUSED, error) == "Paused: out of memory"
    assert badges.job_badge(JobStatus.TRAINING, 0.5, error).text == "Training (50%)"


# Every key of the config has a reader

PACKAGE = Path(gladius_widgets.__file__).parent
# Where keys are declared or shown, whatever they are: no reader that acts.
_NO_READERS = ("core/config/schema.py", "panels/new_job/", "panels/controls/settings")


def config_keys() -> list[tuple[str, str]]:
    return [
        (section, key)
        for section, info in TrainingConfig.model_fields.items()
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
        for key in info.annotation.model_fields
    ]


def reads() -> dict[str, set[str]]:
    """Names that each source file reads as attributes, by `getattr`, or by a fixed list of them."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(_NO_READERS) or "node_modules" in name:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                found[name].add(node.attr)
            elif isinstance(node, ast.Name):
                found[name].add(node.id)
            elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Tuple):
                found[name] |= {c.value for c in ast.walk(node.iter) if _is_text(c)}
            elif isinstance(node, ast.JoinedStr):  # f"{name}_bounds"
                found[name] |= {f"*{c.value}" for c in node.values[1:] if _is_text(c)}
    return found


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_read(section: str, key: str, names: set[str]) -> bool:
    """Whether a file that has to do with the section reads the key."""
    by_pattern = any(f"*_{word}" in names for word in key.split("_")[-1:] if "_" in key)
    return bool({section, f"{section.title()}Section"} & names) and (key in names or by_pattern)


def test_every_key_of_the_config_has_a_reader_that_acts() -> None:
    files = reads().values()
    unread = {
        f"{section}.{key}"
        for section, key in config_keys()
        if not any(_is_read(section, key, names) for names in files)
    }
    assert unread == set()


def test_the_walk_would_notice_a_dead_key() -> None:
    files = reads().values()
    assert any(_is_read("moe", "dead_load_share", names) for names in files)
    assert not any(_is_read("moe", "deadly_load_share", names) for names in files)
    assert not any(_is_read("alerts", "fan_speed", names) for names in files)
