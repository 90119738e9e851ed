"""What panels say: numbers and words from rows and snapshots."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from gladius_widgets.core.config.load import config_from_values
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.run_state import CheckpointState, RunStatus, ValidationState
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.panels.charts import axes
from gladius_widgets.panels.charts import experts_model as experts
from gladius_widgets.panels.charts import memory_model as memory
from gladius_widgets.panels.charts import throughput_model as throughput
from gladius_widgets.panels.controls import model as controls
from gladius_widgets.panels.controls import settings_model as settings
from gladius_widgets.panels.live.history import TRAIN, VALIDATION, Columns, History
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.loss import stats as loss
from gladius_widgets.panels.overview import config_model as config
from gladius_widgets.panels.overview import status_bar_model as status_bar
from gladius_widgets.panels.text import alert, badges, progress
from gladius_widgets.panels.text import format as fmt

NOW = 1_766_000_000.0
GIB = 1024**3
CONFIG = config_from_values(
    {
        "model": {
            "name": "tiny-moe",
            "from_scratch": {
                "model_type": "qwen3_moe",
                "num_experts": 8,
                "num_experts_per_tok": 2,
            },
            "train_tokenizer_vocab": 2000,
        },
        "data": {"path": "pypi:chitchat-dataset"},
        "training": {"gradient_accumulation": 4, "validation_interval_steps": 1000},
        "optimization": {"learning_rate": 1e-4, "warmup_steps": 500},
    }
)


def snapshot(status=JobStatus.TRAINING, **kwargs):
    run = kwargs.pop("run", RunStatus(state=status, heartbeat=NOW - 1))
    return JobSnapshot("job-1", "moe", status, NOW, run=run, config=CONFIG, **kwargs)


def history(losses, *, epochs=None, validation=()):
    result = History()
    rows = [
        {"step": i + 1, "attempt": 1, "time": NOW + i, "epoch": epochs[i] if epochs else i / 10,
         "loss": value, "tokens": 10, "step_time_s": 1.0}
        for i, value in enumerate(losses)
    ]  # fmt: skip
    result.add_train(pa.Table.from_pylist(rows, schema=TRAIN))
    rows = [
        {"step": step, "attempt": 1, "epoch": epoch, "split": "validation", "loss": value}
        for step, epoch, value in validation
    ]
    result.add_validation(pa.Table.from_pylist(rows, schema=VALIDATION))
    return result


def recent(*rows):
    columns = Columns("time", "tokens", "step_time")
    times, tokens, spent = zip(*rows, strict=True)
    columns.extend(
        {"time": np.array(times), "tokens": np.array(tokens), "step_time": np.array(spent)}
    )
    return columns


class TestAxes:
    @pytest.mark.parametrize(
        ("low", "high", "ends"),
        [
            (0.02, 0.14, (0, 0.15)),
            (4.1, 6.3, (4, 7)),
            (0, 2, (0, 2)),
            (5, 5, (4.5, 5.5)),
            (0, 0, (0, 0.5)),
            (-1, 3, (-1, 3)),
        ],
    )
    def test_limits_are_round_and_hold_the_data(self, low, high, ends):
        bottom, top = axes.limits(low, high)
        assert bottom <= low
        assert top >= high
        assert len(axes.ticks(bottom, top)) <= 5
        assert (bottom, top) == pytest.approx(ends, abs=1e-9) or low == high == 0

    def test_limits_for_any_range(self):
        rng = np.random.default_rng(1)
        for _ in range(2000):
            low = rng.uniform(-10, 10) * 10.0 ** rng.integers(-4, 4)
            high = low + abs(low) * rng.uniform(0.01, 100)
            bottom, top = axes.limits(low, high)
            assert bottom <= low + 1e-9
            assert top >= high - 1e-9
            found = axes.ticks(bottom, top)
            assert 2 <= len(found) <= 5
            assert found[0] == pytest.approx(bottom, rel=1e-9)
            assert found[-1] == pytest.approx(top, rel=1e-9)

    @pytest.mark.parametrize(
        ("low", "high", "format_"), [(0, 2, ",.1f"), (0, 0.15, ",.2f"), (0, 3000, ",.0f")]
    )
    def test_tick_format(self, low, high, format_):
        assert axes.tick_format(low, high) == format_

    def test_no_axis_without_width(self):
        with pytest.raises(ValueError, match="no axis"):
            axes.ticks(1, 1)


class TestLoss:
    def test_before_the_first_step(self):
        stats = loss.stats(History())
        assert (stats.current, stats.best, stats.delta, stats.direction) == ("–", "–", "–", "")

    def test_best_is_the_lowest_validation_loss(self):
        run = history([3, 2, 1], epochs=[0.5, 1.0, 1.5], validation=[(1, 0.5, 4.0), (2, 1.0, 2.5)])
        stats = loss.stats(run)
        assert (stats.best, stats.best_epoch) == ("2.5000", "E1")
        assert "validation" in stats.summary

    def test_best_without_validation_is_the_lowest_epoch_mean(self):
        run = history([4, 2, 1, 1, 5, 5], epochs=[0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
        stats = loss.stats(run)
        assert (stats.current, stats.best, stats.best_epoch) == ("5.0000", "1.0000", "E2")
        assert (stats.delta, stats.direction) == ("+4.0000", "up")

    def test_non_finite_loss_counts_nowhere(self):
        run = history([3.0, float("nan"), float("inf"), 2.0], epochs=[0.25, 0.5, 0.75, 1.0])
        assert loss.stats(run).best == "2.5000"

    @pytest.mark.parametrize(("epoch", "number"), [(0.01, 1), (1.0, 1), (1.01, 2), (42.0, 42)])
    def test_epoch_number(self, epoch, number):
        assert loss.epoch_number(epoch) == number


class TestExperts:
    def test_coverage_is_load_over_even_share_capped_at_one(self):
        view = experts.view([[0.25, 0.25, 0.4, 0.1]] * 3, is_moe=True)
        assert [bar.coverage for bar in view.bars] == pytest.approx([1, 1, 1, 0.4])
        assert [bar.tone for bar in view.bars] == ["green", "green", "green", "red"]
        assert [bar.text for bar in view.bars] == ["100", "100", "100", "▼ 40"]
        assert (view.average, view.lowest) == ("85.0%", "E3 40%")
        assert view.imbalance == fmt.percent(float(np.std([1, 1, 1, 0.4])))
        assert "Expert 3 is lowest at 40%" in view.summary

    def test_only_the_window_counts(self):
        loads = [[1.0, 0.0]] * 10 + [[0.5, 0.5]] * experts.WINDOW_STEPS
        assert [bar.text for bar in experts.view(loads, is_moe=True).bars] == ["100", "100"]

    @pytest.mark.parametrize(
        ("share", "tone"), [(0.8, "green"), (0.79, "yellow"), (0.6, "yellow"), (0.59, "red")]
    )
    def test_tones(self, share, tone):
        assert experts.tone(share) == tone

    def test_dense_model_says_so(self):
        assert experts.view([], is_moe=False).note == "This model has no experts."
        assert "Waiting" in experts.view([], is_moe=None).note


class TestThroughput:
    def test_current_average_peak(self):
        rows = [(NOW - 3 + i, 1000.0 * (i + 1), 1.0) for i in range(4)]
        view = throughput.view(recent(*rows), JobStatus.TRAINING, NOW)
        assert (view.current, view.average, view.peak) == ("4,000", "2,500 tok/s", "4,000 tok/s")
        assert (view.state, view.tone) == ("good", "green")
        assert view.x[-1] == pytest.approx(4.0)

    def test_fast_steps_are_one_point_a_second(self):
        rows = [(NOW - 9.95 + i / 10, 50.0, 0.1) for i in range(100)]
        view = throughput.view(recent(*rows), JobStatus.TRAINING, NOW)
        assert len(view.x) <= 11
        assert view.y == pytest.approx(500.0)

    def test_slow_is_a_fifth_under_the_average(self):
        rows = [(NOW - 20 + i, 100.0 if i < 19 else 70.0, 1.0) for i in range(20)]
        view = throughput.view(recent(*rows), JobStatus.TRAINING, NOW)
        assert (view.state, view.tone) == ("slow", "yellow")

    def test_stalled_drops_to_zero(self):
        rows = [(NOW - 60 + i, 100.0, 1.0) for i in range(20)]
        view = throughput.view(recent(*rows), JobStatus.TRAINING, NOW)
        assert (view.state, view.tone, view.current) == ("stalled", "red", "0")
        assert view.y[-1] == 0

    def test_paused_is_not_stalled(self):
        rows = [(NOW - 600 + i, 100.0, 1.0) for i in range(20)]
        view = throughput.view(recent(*rows), JobStatus.PAUSED, NOW)
        assert (view.state, view.current) == ("paused", "100")
        assert view.x[-1] == pytest.approx(4.0)

    def test_nothing_yet(self):
        view = throughput.view(Columns("time", "tokens", "step_time"), JobStatus.TRAINING, NOW)
        assert (view.current, view.peak, len(view.x)) == ("–", "–", 0)


class TestMemory:
    ROW: ClassVar = {
        "gpu_memory_used_bytes": [71 * GIB, 40 * GIB],
        "gpu_memory_total_bytes": [80 * GIB, 80 * GIB],
        "cpu_percent": 62.0,
        "ram_used_bytes": 20 * GIB,
        "ram_total_bytes": 26 * GIB,
        "swap_used_bytes": 0,
        "swap_total_bytes": 0,
    }

    def test_devices_as_shares(self):
        view = memory.view(self.ROW)
        assert [bar.label for bar in view.bars] == ["GPU0", "GPU1", "CPU", "RAM", "SWP"]
        assert [bar.text for bar in view.bars] == ["89%", "50%", "62%", "77%", "–"]
        assert [bar.tone for bar in view.bars][:4] == ["red", "green", "green", "yellow"]
        assert (view.head_value, view.head_total) == ("111.0 GiB", "of 160 GiB")
        assert (view.system, view.pressure) == ("77% utilized", "GPU0")
        assert view.bars[0].detail == "71.0 of 80.0 GiB"
        assert view.bars[4].detail == "Swap: none on this machine"

    def test_without_gpu_it_says_so_and_shows_the_host(self):
        row = self.ROW | {"gpu_memory_used_bytes": None, "gpu_memory_total_bytes": []}
        view = memory.view(row)
        assert [bar.label for bar in view.bars] == ["CPU", "RAM", "SWP"]
        assert (view.note, view.head) == ("No GPU", "RAM")
        assert "no GPU" in view.summary

    def test_unknown_is_never_zero(self):
        view = memory.view({})
        assert {bar.text for bar in view.bars} == {"–"}
        assert view.head_value == "–"
        assert memory.view(None).note


class TestProgress:
    RUN = RunStatus(
        state=JobStatus.TRAINING, heartbeat=NOW - 2, step=850, total_steps=2000, epoch=2,
        total_epochs=3, batch=70, batches_per_epoch=100, samples=6800, total_samples=16000,
        training_started_at=NOW - 400, elapsed_s=398, remaining_s=540, step_time_s=0.5,
        learning_rate=1.2e-5, grad_norm=0.847, weight_decay=0.01,
        checkpoints=CheckpointState(count=2, saves=5, last_at=NOW - 120, next_step=1000),
        validation={"validation": ValidationState(
            accuracy=0.947, best_accuracy=0.949, best_epoch=0.4,
            best_accuracy_epoch=1.4, at=NOW - 60)},
    )  # fmt: skip

    def facts(self, job, title):
        group = next(g for g in progress.view(job, NOW).groups if g.title == title)
        return {fact.label: fact.value for fact in group.facts}

    def test_overall(self):
        view = progress.view(snapshot(run=self.RUN), NOW)
        assert (view.percent, view.measure) == ("42.5%", "step 850 of 2,000")
        assert view.accessible_name == "42.5% Complete, step 850 of 2,000"
        assert [part.text for part in view.parts] == ["2 / 3 (57%)", "70 / 100 (70.0%)"]
        assert view.eta == fmt.planned(NOW + 538, NOW)

    def test_groups(self):
        job = snapshot(run=self.RUN)
        time = self.facts(job, "Time")
        assert (time["Elapsed"], time["Remaining"], time["Per epoch"]) == (
            "6m 40s",
            "~9m 00s",
            "12s",
        )
        saves = self.facts(job, "Checkpoints")
        assert saves == {
            "Saved": "5", "Last save": "2 minutes ago", "Next save": "at step 1,000",
            "Auto-save": "every 10 min",
        }  # fmt: skip
        assert self.facts(job, "Dataset")["Remaining"] == "9,200"
        assert self.facts(job, "Accuracy")["Best"] == "94.9%"
        groups = {group.title: group for group in progress.view(job, NOW).groups}
        best = next(fact for fact in groups["Accuracy"].facts if fact.label == "Best")
        assert best.aside == "E2"  # its own epoch, not that of the best loss
        assert self.facts(job, "Optimizer")["Learning rate"] == "1.2e-5"

    def test_nothing_known(self):
        view = progress.view(JobSnapshot("a", "a", JobStatus.QUEUED, NOW), NOW)
        assert (view.percent, view.share, view.eta) == ("–", None, "–")
        assert view.groups[0].facts[0].value == "–"

    def test_paused_freezes_the_estimate(self):
        run = self.RUN.model_copy(update={"state": JobStatus.PAUSED})
        job = snapshot(JobStatus.PAUSED, run=run)
        assert progress.view(job, NOW).eta == "–"
        assert self.facts(job, "Time")["Finishes"] == "–"
        assert self.facts(job, "Time")["Remaining"] == "~9m 00s"

    def test_ended(self):
        job = snapshot(JobStatus.COMPLETED, run=self.RUN, ended_at=NOW - 60)
        view = progress.view(job, NOW)
        assert (view.eta_label, view.tone) == ("Ended", "green")
        assert self.facts(job, "Time")["Remaining"] == "–"
        assert progress.elapsed_s(job, NOW) == 398

    @pytest.mark.parametrize(
        ("share", "expected"), [(0.704, (14, 0.08)), (0.0, (0, 0)), (1.0, (20, 0)), (None, (0, 0))]
    )
    def test_segments(self, share, expected):
        assert progress.segments(share) == pytest.approx(expected)

    def test_gpu_health(self):
        row = {"gpu_memory_used_bytes": [1], "gpu_temperature_c": [67.0, 83.0],
               "gpu_throttled": [False, False]}  # fmt: skip
        facts = self.facts(snapshot(run=self.RUN, system=row), "GPU health")
        assert facts == {
            "Temperature": "67°C / 83°C", "Throttling": "None", "Warns above": "80°C",
            "Status": "Too hot",
        }  # fmt: skip

    def test_host_health_without_gpu(self):
        row = {"cpu_percent": 50.0, "ram_used_bytes": GIB, "ram_total_bytes": 2 * GIB}
        facts = self.facts(snapshot(run=self.RUN, system=row), "Machine health")
        assert (facts["GPU"], facts["CPU"], facts["Status"]) == ("None", "50%", "Within limits")


class TestControls:
    ALL = frozenset(Command)

    def enabled(self, job, supported=ALL):
        return {c.name for c in controls.view(job, supported).controls if c.enabled}

    def test_training(self):
        job = snapshot(run=RunStatus(state=JobStatus.TRAINING, step=3, device="cpu", world_size=1))
        view = controls.view(job, self.ALL)
        assert len(view.controls) == 8
        assert self.enabled(job) == {
            "pause", "stop", "checkpoint", "reload", "export", "set", "validate"
        }  # fmt: skip
        assert view.mode == "CPU"
        assert view["pause"].title == "Pause at the next batch boundary (F2)"
        assert "tensorboard --logdir" in view["tensorboard"].title

    def test_paused_resumes(self):
        assert "resume" in self.enabled(snapshot(JobStatus.PAUSED))

    def test_ended_offers_no_control_but_export(self):
        run = RunStatus(state=JobStatus.COMPLETED, step=10)
        assert self.enabled(snapshot(JobStatus.COMPLETED, run=run)) == {"export"}

    def test_what_the_client_cannot_do_says_so(self):
        view = controls.view(snapshot(), {Command.PAUSE})
        assert view["validate"].reason == "Not available in this version"
        assert view["pause"].enabled

    def test_reason_names_the_state(self):
        view = controls.view(snapshot(JobStatus.CANCELLED), self.ALL)
        assert view["stop"].reason == "Not possible while the job is cancelled"

    @pytest.mark.parametrize(
        ("device", "size", "mode"),
        [("cuda:0", 1, "Single GPU"), ("cuda", 2, "Distributed (2x GPU)"),
         ("cpu", 2, "Distributed (2x CPU)"), (None, None, "–")],
    )  # fmt: skip
    def test_mode(self, device, size, mode):
        assert controls.mode(snapshot(run=RunStatus(device=device, world_size=size))) == mode


class TestConfig:
    def test_settings(self):
        found = {s.label: s.value for s in config.settings(CONFIG)}
        assert found["Experts"] == "8, 2 active per token"
        assert found["Gradient accum"] == "4 (effective 32)"
        assert found["Learning rate"] == "1e-4 at peak"
        assert found["Betas"] == "0.9, 0.999"
        assert found["Checkpoint"] == "Every 10 min"
        assert found["Validation"] == "Every 1,000 steps"

    def test_source(self):
        job = snapshot(
            config_file="moe.yaml", config_changed=False, config_modified_at=NOW - 3 * 86400
        )
        assert config.source_words(job, NOW) == "Last modified 3 days ago · unchanged since start"
        assert "gone" in config.source_words(snapshot(config_file="moe.yaml"), NOW)
        assert "Written in the form" in config.source_words(snapshot(), NOW)

    def test_live_changes_show_with_what_they_were(self):
        run = RunStatus(
            live={"micro_batch_size": 4, "checkpoint_interval_minutes": None},
            schedule={"kind": "cosine", "peak": 1e-4, "scale": 0.5, "warmup_steps": 0,
                      "total_steps": 100},
        )  # fmt: skip
        found = {s.label: (s.value, s.was) for s in config.settings(CONFIG, run)}
        assert found["Batch size"][0].startswith("4 per")
        assert found["Batch size"][1].startswith("8 per")
        assert found["Gradient accum"] == ("4 (effective 16)", "4 (effective 32)")
        assert found["Learning rate"] == ("5e-5 at peak", "1e-4 at peak")
        assert found["Checkpoint"] == ("Off", "Every 10 min")
        assert found["Seed"] == ("42", "")


class TestStatusBar:
    def test_training(self):
        run = RunStatus(state=JobStatus.TRAINING, heartbeat=NOW - 1, epoch=47, total_epochs=100,
                        loss=0.0234, tokens_per_s=2847.4)  # fmt: skip
        view = status_bar.view(snapshot(run=run, system={"gpu_temperature_c": [61.0, 67.0]}), NOW)
        assert (view.state, view.epoch, view.loss) == (
            "Training Active", "Epoch 47/100", "Loss: 0.0234"
        )  # fmt: skip
        assert (view.health, view.throughput, view.action) == ("GPU: 67°C", "2,847 tok/s", "Pause")
        assert not view.stale

    def test_silent_run_is_stale_with_its_age(self):
        run = RunStatus(state=JobStatus.TRAINING, heartbeat=NOW - 180, tokens_per_s=5.0)
        view = status_bar.view(snapshot(run=run), NOW)
        assert view.stale
        assert view.throughput == "– tok/s"

    def test_ended_run_is_never_stale(self):
        run = RunStatus(state=JobStatus.COMPLETED, heartbeat=NOW - 9999)
        assert not status_bar.view(snapshot(JobStatus.COMPLETED, run=run), NOW).stale


def test_every_state_has_its_words():
    for status in JobStatus:
        assert badges.job_badge(status).text
        assert badges.console_badge(status).text.isupper()
        assert badges.status_sentence(status)


class TestSettings:
    def test_fields_show_what_is_in_force(self):
        run = RunStatus(learning_rate=5e-4, live={"micro_batch_size": 4})
        shown = {field.name: field for field in settings.fields(snapshot(run=run))}
        assert shown["learning_rate"].text == "5e-4"
        assert shown["micro_batch_size"].text == "4"
        assert shown["gradient_accumulation"].text == "4"
        assert shown["checkpoint_interval_steps"].text == ""
        assert shown["learning_rate"].hint == "1e-8 to 1"

    @pytest.mark.parametrize(
        ("typed", "expected"),
        [
            ({}, {}),
            ({"learning_rate": "2e-4"}, {"learning_rate": 2e-4}),
            ({"weight_decay": " 0.1 "}, {"weight_decay": 0.1}),
            ({"weight_decay": "0.01"}, {}),
            ({"validation_interval_steps": "2,000"}, {"validation_interval_steps": 2000}),
            ({"validation_interval_steps": ""}, {"validation_interval_steps": None}),
        ],
    )
    def test_only_what_was_changed_is_sent(self, typed, expected):
        assert settings.changes(settings.fields(snapshot()), typed) == expected

    def test_a_word_is_refused_in_one_sentence(self):
        with pytest.raises(GladiusError, match="Learning rate: 'fast' is no number"):
            settings.changes(settings.fields(snapshot()), {"learning_rate": "fast"})

    def test_answers_in_words(self):
        old, new = {"learning_rate": 1e-3}, {"learning_rate": 5e-4}
        assert settings.change_words(old, new) == "learning rate 1e-3 → 5e-4"
        assert settings.change_words("training", "paused") == ""
        answer = {
            "needs_restart": ["training.on_hang"],
            "needs_new_run": ["data.path"],
            "diff": {
                "optimization.weight_decay": [0.1, 0.2],
                "training.on_hang": ["alert", "fail"],
                "data.path": ["a", "b"],
            },
        }
        assert [(one.key, one.holds) for one in settings.differences(answer)] == [
            ("optimization.weight_decay", "Live"),
            ("training.on_hang", "Next attempt"),
            ("data.path", "New run"),
        ]


class TestAlert:
    def test_none_while_all_is_well(self):
        assert alert.view(snapshot()) is None
        assert alert.view(snapshot(JobStatus.PAUSED)) is None
        assert alert.view(snapshot(JobStatus.CANCELLED)) is None

    def test_a_killed_process(self):
        error = {"type": "SIGKILL", "message": "It was killed from outside."}
        view = alert.view(snapshot(JobStatus.FAILED, error=error))
        assert view.title == "The training process was ended by SIGKILL"
        assert view.text == "It was killed from outside."
        assert "No checkpoint" in view.kept

    def test_out_of_memory_suggests(self):
        run = RunStatus(checkpoints=CheckpointState(last_step=1200))
        error = {"type": "OutOfMemoryError", "message": "CUDA out of memory."}
        view = alert.view(snapshot(JobStatus.FAILED, error=error, run=run))
        assert view.title == "Out of Memory (OOM)"
        assert [s.now for s in view.suggestions] == ["current: 8", "currently off", "current: 512"]
        assert view.kept.startswith("Checkpoint saved at step 1,200.")

    def test_lost(self):
        assert alert.view(snapshot(JobStatus.LOST)).title == "The training process is gone"
