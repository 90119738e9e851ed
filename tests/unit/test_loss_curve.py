"""The loss curve's models: what is drawn, where things are on x, what happened, what is saved."""

import io

import numpy as np
import pyarrow.csv
import pytest

from gladius_widgets.panels.charts import axes
from gladius_widgets.panels.live.history import History
from gladius_widgets.panels.live.series import MovingAverage
from gladius_widgets.panels.loss import lines as loss_lines
from gladius_widgets.panels.loss import marks as ledger
from gladius_widgets.panels.loss.axis import X_KINDS, LossAxis, short_count
from gladius_widgets.panels.loss.export import loss_csv
from gladius_widgets.panels.loss.marks import Ledger
from gladius_widgets.panels.loss.stats import summary
from gladius_widgets.store.run.events import Event

NAN, INF = float("nan"), float("inf")
BEGAN = 5_000.0
STEP_S = 0.5


def run_of(losses, validation=(), *, per_epoch=1000.0):
    """A history of one attempt; step i at 5000 + i/2 s, 64 tokens a step."""
    history = History()
    losses = np.asarray(losses, np.float64)
    steps = np.arange(1.0, len(losses) + 1)
    history.train.extend(
        {
            "step": steps,
            "epoch": steps / per_epoch,
            "loss": losses,
            "time": BEGAN + steps * STEP_S,
            "tokens": steps * 64,
        }
    )
    history.extremes.follow(history.train["loss"])
    history.epochs.follow(history.train)
    rows = [
        {"step": s, "epoch": s / per_epoch, "loss": v, "time": BEGAN + s * STEP_S + 0.1}
        for s, v in validation
    ]
    for row in rows:
        row |= {"perplexity": float(np.exp(row["loss"])), "accuracy": 0.5, "tokens": 64}
        history.validation.extend({name: np.array([float(x)]) for name, x in row.items()})
    return history


def drawn(history, kind="step", *, zoom=None, span=None, **options):
    axis = LossAxis(history, kind, BEGAN)
    average = MovingAverage(span).follow(history.train["loss"]) if span else None
    limits = loss_lines.x_limits(axis, None)
    return loss_lines.lines(axis, average, x_limits=limits, zoom=zoom, **options)


def event(kind, message, payload=None, time=BEGAN):
    return Event(time, kind, message, payload, "trainer", 1)


class TestLines:
    def test_before_the_first_step(self):
        lines = drawn(History(), empty_y=(0.0, 2.0))
        assert (lines.x_limits, lines.y_limits) == ((0, 1000), (0, 2))
        assert (len(lines.x), len(lines.validation_x), len(lines.average)) == (0, 0, 0)
        assert drawn(History(), "epoch").x_limits == (0, 100)
        assert drawn(History(), log=True).y_limits[0] < drawn(History(), log=True).y_limits[1]

    @pytest.mark.parametrize("log", [False, True])
    def test_what_is_not_finite_is_a_gap_with_a_mark(self, log):
        lines = drawn(run_of([3.0, NAN, INF, 2.0], [(2, NAN), (4, 2.5)]), log=log)
        assert np.isnan(lines.train).tolist() == [False, True, True, False]
        assert lines.bad_x.tolist() == [2, 3]
        assert np.isnan(lines.validation).tolist() == [True, False]
        assert np.isfinite(lines.y_limits).all()

    def test_a_single_missing_step_among_a_million_is_a_gap_with_a_mark(self):
        losses = np.ones(1_000_000)
        losses[654_321] = NAN
        lines = drawn(run_of(losses))
        assert lines.bad_x.tolist() == [654_322]
        assert np.isnan(lines.train[lines.x == 654_322]).all()

    def test_logarithms_of_a_logarithmic_axis(self):
        lines = drawn(run_of([100.0, 10.0, 1.0, 0.0]), log=True)
        np.testing.assert_allclose(lines.train, [2, 1, 0, NAN], rtol=1e-6)
        assert lines.y_limits == (0, 2)
        assert not len(lines.bad_x)  # a loss of 0 is fine, it only has no place here
        assert loss_lines.y_ticks(lines.y_limits, log=True) == ([0, 1, 2], ["1", "10", "100"])

    def test_hidden_lines_do_not_stretch_the_axis(self):
        run = run_of([1.0, 0.9, 0.8], [(2, 40.0)])
        assert drawn(run).y_limits[1] >= 40
        assert drawn(run, shown={"train"}).y_limits[1] <= 1
        assert drawn(run).validation_limits[1] >= 40

    def test_a_validated_step_has_both_losses_however_far_away(self):
        losses = np.random.default_rng(0).normal(2, 0.01, 300_000)
        validation = [(s, 2.0) for s in range(10_007, 300_000, 20_000)]
        lines = drawn(run_of(losses, validation))
        assert len(lines.x) < 2100
        assert set(lines.validation_x) <= set(lines.x)

    @pytest.mark.parametrize("kind", X_KINDS)
    def test_zoom_shows_the_raw_rows_of_the_range(self, kind):
        run = run_of(np.linspace(5, 1, 10_000))
        axis = LossAxis(run, kind, BEGAN)
        zoom = (float(axis.x_of(5000)), float(axis.x_of(5100)))
        lines = drawn(run, kind, zoom=zoom)
        np.testing.assert_allclose(lines.x, axis.at(slice(4998, 5101)))
        np.testing.assert_allclose(lines.train, run.train["loss"][4998:5101], rtol=1e-6)
        assert lines.y_limits[1] - lines.y_limits[0] < 1

    def test_average_stands_at_the_same_x(self):
        run = run_of(np.random.default_rng(0).normal(2, 1, 5000))
        lines = drawn(run, span=50)
        assert len(lines.average) == len(lines.x)
        whole = MovingAverage(50).follow(run.train["loss"])
        np.testing.assert_allclose(lines.average, whole[lines.x.astype(int) - 1], rtol=1e-6)

    def test_few_points_are_marked(self):
        assert drawn(run_of(np.ones(100))).is_sparse
        assert not drawn(run_of(np.ones(1000))).is_sparse

    @pytest.mark.parametrize(
        ("steps", "end", "expected"),
        [(10, None, 15), (10, 1000, 15), (990, 1000, 1000), (1000, 1000, 1000)],
    )
    def test_x_axis_grows_in_round_steps_up_to_the_end(self, steps, end, expected):
        axis = LossAxis(run_of(np.ones(steps)))
        assert loss_lines.x_limits(axis, end) == (0, expected)

    def test_a_snug_x_axis_ends_near_the_newest_step(self):
        for steps in (3, 60, 850, 12_345):
            low, high = loss_lines.x_limits(LossAxis(run_of(np.ones(steps))), None, snug=True)
            assert (low, steps < high <= steps * 1.12 + 1) == (0, True)


@pytest.fixture(scope="module")
def million():
    """A noisy million of steps, and where spikes of one step will be put."""
    rng = np.random.default_rng(7)
    losses = 2 + np.exp(-np.arange(1_000_000) / 2e5) + rng.normal(0, 0.05, 1_000_000)
    return losses, rng.integers(1000, 999_000, 30)


class TestSpikes:
    """A spike of one step among a million is drawn at every zoom level that contains it."""

    @pytest.mark.parametrize("kind", X_KINDS)
    @pytest.mark.parametrize("log", [False, True])
    @pytest.mark.parametrize("span", [None, 100])
    def test_one_step_among_a_million(self, million, kind, log, span):
        losses, places = million
        for up, row in enumerate(places.tolist()):
            spiked = losses.copy()
            spiked[row] = 9.0 if up % 2 else 0.5
            run = run_of(spiked)
            axis = LossAxis(run, kind, BEGAN)
            average = spiked if span else None  # its own rows are not what is tested
            rng = np.random.default_rng(row)
            for width in (1_000_000, 262_144, 70_000, 65_000, 500):
                first = int(np.clip(row - rng.integers(0, width), 0, 1_000_000 - width))
                ends = axis.at(np.array([first, first + width - 1]))
                zoom = None if width == 1_000_000 else (float(ends[0]), float(ends[1]))
                lines = loss_lines.lines(axis, average, x_limits=(0, ends[1]), zoom=zoom, log=log)
                extreme = np.nanmax(lines.train) if up % 2 else np.nanmin(lines.train)
                wanted = np.log10(spiked[row]) if log else spiked[row]
                assert extreme == pytest.approx(wanted, rel=1e-6), (row, width)
                at = lines.x[np.nanargmax(lines.train) if up % 2 else np.nanargmin(lines.train)]
                assert at == pytest.approx(float(axis.at(np.array([row]))[0]))
                assert lines.y_limits[0] <= wanted + 1e-6
                assert wanted <= lines.y_limits[1] + 1e-6
                assert len(lines.x) <= 2010


class TestAxis:
    def test_each_kind_of_x(self):
        run = run_of(np.ones(2000))
        at = {kind: LossAxis(run, kind, BEGAN).x_of(850) for kind in X_KINDS}
        assert at == {"step": 850, "epoch": 0.85, "time": 425, "tokens": 850 * 64}

    def test_time_begins_with_training_or_with_the_first_row(self):
        run = run_of(np.ones(10))
        assert LossAxis(run, "time", BEGAN).at(slice(0, 1))[0] == STEP_S
        assert LossAxis(run, "time").at(slice(0, 1))[0] == 0
        assert LossAxis(run, "time", BEGAN + 3600).at(slice(0, 1))[0] == 0  # a resumed run

    @pytest.mark.parametrize("kind", X_KINDS)
    def test_there_and_back(self, kind):
        axis = LossAxis(run_of(np.ones(2000)), kind, BEGAN)
        for row in (0, 1, 849, 1999):
            x = float(axis.at(np.array([row]))[0])
            assert axis.row_near(x) == row
            assert axis.x_of(row + 1) == pytest.approx(x)
            assert axis.x_of(time=BEGAN + (row + 1) * STEP_S) == pytest.approx(x)
        assert axis.row_near(-1e9) == 0
        assert axis.row_near(1e12) == 1999

    def test_without_rows(self):
        axis = LossAxis(History(), "time")
        assert (axis.last, axis.row_near(3), axis.x_of(time=7.0)) == (None, None, None)

    def test_ticks_of_time_are_round_times(self):
        axis = LossAxis(run_of(np.ones(10)), "time", BEGAN)
        assert axis.ticks((0, 23_000)) == (
            [0, 7200, 14400, 21600], ["0", "2h", "4h", "6h"]
        )  # fmt: skip
        assert axis.ticks((0, 400))[1] == ["0", "2m", "4m", "6m"]
        assert axis.ticks((90, 150))[1] == [
            "1m 30s",
            "1m 40s",
            "1m 50s",
            "2m",
            "2m 10s",
            "2m 20s",
            "2m 30s",
        ]
        assert axis.ticks((0, 2.0))[1][:2] == ["0s", "0.5s"]
        assert len(axis.ticks((0, 86400 * 40))[0]) <= 7

    def test_ticks_of_tokens_are_short(self):
        axis = LossAxis(run_of(np.ones(10)), "tokens")
        assert axis.ticks((0, 2_500_000))[1] == ["0", "500k", "1M", "1.5M", "2M", "2.5M"]
        assert short_count(1_250_000_000) == "1.25B"

    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [
            (0.34, 1.8, [0.2, 0.5, 1, 2]),
            (0.03, 60, [0.1, 1, 10, 100]),
            (2.1, 2.9, [2.0, 2.25, 2.5, 2.75, 3.0]),
        ],
    )
    def test_logarithmic_ticks(self, low, high, expected):
        limits = axes.log_limits(low, high)
        assert limits[0] <= low
        assert limits[1] >= high
        assert axes.log_ticks(*limits) == pytest.approx(expected)

    @pytest.mark.parametrize("seed", range(20))
    def test_logarithmic_axes_of_any_range(self, seed):
        rng = np.random.default_rng(seed)
        low = 10 ** rng.uniform(-8, 6)
        high = low * 10 ** rng.uniform(0.001, 6)
        limits = axes.log_limits(low, high)
        assert 0 < limits[0] <= low * (1 + 1e-9)
        assert high * (1 - 1e-9) <= limits[1]
        ticks = axes.log_ticks(*limits)
        assert 1 <= len(ticks) <= 6
        assert all(limits[0] * (1 - 1e-9) <= t <= limits[1] * (1 + 1e-9) for t in ticks)


class TestLedger:
    def marks(self, events, run=None, kind="step", shown=(0, 1000), best=None):
        book = Ledger()
        book.follow(events)
        axis = LossAxis(run or run_of(np.ones(1000)), kind, BEGAN)
        return book.marks(axis, shown, best_step=best)

    def test_a_command_says_who_what_and_what_came_of_it(self):
        payload = {
            "id": "1", "command": "set", "by": "ana", "outcome": "applied", "reason": None,
            "step": 400, "old": {"learning_rate": 2e-4}, "new": {"learning_rate": 1e-4},
        }  # fmt: skip
        (mark,) = self.marks([event("command", "Command set by ana at step 400", payload)])
        assert (mark.x, mark.kind, mark.tone, mark.count) == (400, "command", "blue", 1)
        assert mark.lines[0].endswith("ana: set learning_rate 2e-4 → 1e-4 · applied at step 400")

    def test_a_refused_command_says_why(self):
        payload = {"id": "1", "outcome": "rejected", "step": 7, "old": None, "new": None}
        message = "Command resume by ana bell at step 7 refused: The run is not paused."
        (mark,) = self.marks([event("command", message, payload)])
        assert mark.tone == "yellow"
        assert mark.lines[0].endswith(
            "ana bell: resume · rejected at step 7: The run is not paused."
        )

    def test_what_has_no_step_stands_at_its_time(self):
        late = event("warning", "No step for 60 s", {"kind": "hang"}, time=BEGAN + 250.2)
        early = event("status", "Provisioning", {"status": "provisioning"}, time=BEGAN - 60)
        found = {kind: self.marks([early, late], kind=kind, shown=(0, 1e9)) for kind in X_KINDS}
        assert {kind: [mark.x for mark in marks] for kind, marks in found.items()} == {
            "step": [500], "epoch": [0.5], "time": [250], "tokens": [500 * 64],
        }  # fmt: skip

    def test_the_best_validation_is_told_apart(self):
        events = [
            event("metrics", f"Validation at step {s}", {"split": "validation", "step": s})
            for s in (100, 200, 300)
        ]
        events += [event("metrics", "Test at step 300", {"split": "test", "step": 300})]
        marks = self.marks(events, best=200)
        assert [mark.kind for mark in marks] == ["validation", "best", "validation"]
        assert "Best validation" in marks[1].lines[0]

    def test_what_falls_together_is_one_mark_in_the_tone_of_the_worst(self):
        events = [
            event("checkpoint", "Checkpoint saved", {"step": 500}),
            event("error", "Out of memory at step 501", {"step": 501}),
            event(
                "command", "Command pause by me at step 502", {"step": 502, "outcome": "applied"}
            ),
        ]
        (mark,) = self.marks(events)
        assert (mark.count, mark.tone, mark.kind, len(mark.lines)) == (3, "red", "error", 3)
        assert len(self.marks(events, shown=(499, 503))) == 3
        assert len(self.marks(events, shown=(0, 499))) == 0

    def test_hostile_text_is_cut_and_stripped(self):
        text = "\x1b[31m<b>x</b>\u202eevil\n" + "y" * 5_000_000
        (mark,) = self.marks([event("warning", text, {"step": 3})])
        assert len(mark.lines[0]) <= 240
        assert "\x1b" not in mark.lines[0]
        assert "\u202e" not in mark.lines[0]
        assert "<b>x</b>" in mark.lines[0]  # as text

    def test_a_hundred_thousand_events_are_few_marks(self):
        events = [event("checkpoint", f"Saved {i}", {"step": i // 100}) for i in range(100_000)]
        marks = self.marks(events)
        assert len(marks) <= 2 * ledger.MOST_MARKS
        assert sum(mark.count for mark in marks) == 100_000
        assert all(len(mark.lines) <= 6 for mark in marks)

    def test_a_name_leads_back_to_its_event(self):
        book = Ledger()
        events = [event("warning", "a", {"step": 5}), event("error", "b", {"step": 900})]
        book.follow(events[:1])
        book.follow(events)
        marks = book.marks(LossAxis(run_of(np.ones(1000))), (0, 1000))
        assert [book.event(mark.name).message for mark in marks] == ["a", "b"]

    @pytest.mark.parametrize("payload", [None, {}, {"step": "x"}, {"step": True}, {"old": 1}])
    @pytest.mark.parametrize("kind", ["command", "checkpoint", "warning", "error", "metrics"])
    def test_any_payload_will_do(self, kind, payload):
        assert len(self.marks([event(kind, "?", payload, time=BEGAN + 9)])) <= 1


class TestExport:
    @pytest.mark.parametrize("kind", X_KINDS)
    def test_raw_rows_of_the_visible_range(self, kind):
        losses = np.random.default_rng(0).normal(2, 1, 10_000)
        losses[5] = NAN
        run = run_of(losses, [(3000, 2.5), (6000, 2.25)])
        axis = LossAxis(run, kind, BEGAN)
        shown = (float(axis.x_of(2500)), float(axis.x_of(7500)))
        table = pyarrow.csv.read_csv(io.BytesIO(loss_csv(axis, shown)))
        assert table.column_names == [
            "step", "epoch", "time", "tokens", "training_loss", "validation_loss"
        ]  # fmt: skip
        assert table["step"].to_pylist() == list(range(2500, 7501))
        np.testing.assert_array_equal(table["training_loss"], losses[2499:7500])
        known = {
            s: v
            for s, v in zip(
                table["step"].to_pylist(), table["validation_loss"].to_pylist(), strict=True
            )
            if v is not None
        }
        assert known == {3000: 2.5, 6000: 2.25}

    def test_everything_when_nothing_is_zoomed(self):
        run = run_of([3.0, NAN, 1.0])
        lines = loss_csv(LossAxis(run), None).decode().splitlines()
        assert len(lines) == 4
        assert lines[2].split(",")[4] == "nan"


class TestSummary:
    def test_in_words(self):
        assert summary(History()) == "Loss curve. No step yet."
        text = summary(run_of(np.linspace(1.8, 0.342, 850), [(400, 0.6), (850, 0.358)]))
        assert text == (
            "Loss curve, steps 1 to 850. Training loss 0.3420, validation loss 0.3580. "
            "Best validation loss 0.3580 at step 850."
        )
