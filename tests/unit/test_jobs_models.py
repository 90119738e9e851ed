"""The jobs list as pure models: rows, menus, queries, selection, CSV."""

import csv
import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gladius_widgets.core.states import ACTIVE, JobStatus
from gladius_widgets.panels.jobs import row_model as jobs
from gladius_widgets.panels.jobs.menu import cancellable, deletable, why_not_compare
from gladius_widgets.panels.jobs.query import (
    DATES,
    PAGE_SIZES,
    SORTS,
    STATUSES,
    TABS,
    JobsQuery,
    from_address,
    page_of,
)
from gladius_widgets.panels.jobs.selection import Selection
from gladius_widgets.panels.text import csv as jobs_csv
from gladius_widgets.store.registry.job import Job

NOW = time.mktime((2026, 12, 18, 14, 30, 0, 0, 0, -1))
HOUR = 3600.0


def job(status=JobStatus.TRAINING, **changes) -> Job:
    values = {
        "id": "j", "name": "support-chat", "status": status, "created_by": "", "created_at": NOW,
        "started_at": None, "ended_at": None, "position": 1, "attempt": 1, "claimed_at": None,
        "holds_slot": False, "step": 0, "total_steps": None, "cost": None, "currency": "USD",
        "hourly_rate": None, "gpus": 0, "config_line": "MoE · Local CPU", "engine": "local",
        "error": None, "updated_at": NOW,
    }  # fmt: skip
    return Job(**(values | changes))


def row(status=JobStatus.TRAINING, **changes) -> jobs.JobRow:
    return jobs.rows([job(status, **changes)], "ann", NOW)[0]


class TestRows:
    def test_training(self):
        start = NOW - 6 * HOUR - 23 * 60
        shown = row(created_by="ann", started_at=start, running_since=start, step=42,
                    total_steps=100, cost=22.18)  # fmt: skip
        assert (shown.badge.text, shown.badge.tone) == ("Training (42%)", "blue")
        assert (shown.creator, shown.duration, shown.cost) == ("You", "6h 23m", "$22.18")
        assert (shown.started, shown.started_hint) == ("Dec 18, 8:07 AM", "6 hours ago")
        assert shown.badge_hint == "Step 42 of 100"
        assert shown.cost_is_current
        assert shown.ticks
        assert shown.counts_from == start

    def test_the_gap_between_two_attempts_is_not_counted(self):
        shown = row(started_at=NOW - 30 * HOUR, ran_s=2 * HOUR, running_since=NOW - HOUR)
        assert shown.duration == "3h 00m"
        assert shown.counts_from == NOW - 3 * HOUR

    def test_paused_counts_on_without_the_clock(self):
        shown = row(JobStatus.PAUSED, started_at=NOW - HOUR, running_since=NOW - HOUR, step=61,
                    total_steps=100)  # fmt: skip
        assert (shown.badge.text, shown.ticks, shown.counts_from) == (
            "Paused (61%)", False, NOW - HOUR
        )  # fmt: skip

    def test_queued(self):
        shown = row(JobStatus.QUEUED, created_by="bob", created_at=NOW - 7200)
        assert (shown.creator, shown.started, shown.duration, shown.cost) == (
            "bob", "Not started", "–", "–"
        )  # fmt: skip
        assert shown.started_hint == "Queued 2 hours ago"
        assert shown.cost_hint == "No hourly rate is known for this machine"
        assert row(cost_note="No GPU type is given.").cost_hint == "No GPU type is given."
        assert row(cost_note="Old", hourly_rate=2.5).cost_hint == "$2.50/hr"

    def test_held_says_so(self):
        assert row(JobStatus.QUEUED, held=True).badge.text == "Queued (held)"

    def test_a_scheduled_start_is_told(self):
        shown = row(JobStatus.QUEUED, not_before=NOW + HOUR)
        assert shown.badge_hint.startswith("Not before ")

    @pytest.mark.parametrize(
        ("status", "text"),
        [
            (JobStatus.COMPLETED, "1h 00m"),
            (JobStatus.STOPPED, "Stopped at 1h 00m"),
            (JobStatus.FAILED, "Stopped at 1h 00m"),
            (JobStatus.CANCELLED, "Stopped at 1h 00m"),
            (JobStatus.LOST, "Stopped at 1h 00m"),
        ],
    )
    def test_ended(self, status, text):
        shown = row(status, started_at=NOW - 7200, ended_at=NOW - 3600, ran_s=HOUR, cost=88.16)
        assert (shown.duration, shown.cost_tone, shown.cost_is_current) == (text, "yellow", False)
        assert shown.counts_from is None

    def test_cancelled_before_it_began(self):
        assert row(JobStatus.CANCELLED).duration == "–"

    def test_a_failure_is_told_on_hover(self):
        shown = row(JobStatus.FAILED, error={"type": "OutOfMemoryError", "message": "No memory."})
        assert shown.badge_hint == "No memory."

    @pytest.mark.parametrize(
        ("cost", "tone"),
        [(49.99, "green"), (50.0, "yellow"), (100.0, "yellow"), (100.01, "red"), (None, "")],
    )
    def test_cost_tones(self, cost, tone):
        assert row(JobStatus.COMPLETED, cost=cost).cost_tone == tone

    @pytest.mark.parametrize(
        ("low_s", "high_s", "words"),
        [
            (12 * HOUR, 15 * HOUR, "Est. 12–15h"),
            (6 * HOUR, 8 * HOUR, "Est. 6–8h"),
            (12 * HOUR, 12 * HOUR + 60, "Est. 12h"),
            (1.5 * HOUR, 2 * HOUR, "Est. 1h 30m–2h"),
            (50 * 60, 80 * 60, "Est. 50m–1h 20m"),
            (40 * 60, 50 * 60, "Est. 40–50m"),
            (20, 40, "Est. under 1m"),
            (None, 2 * HOUR, "Est. 2h"),
            (None, None, "–"),
        ],
    )
    def test_estimates(self, low_s, high_s, words):
        shown = row(JobStatus.QUEUED, estimate_low_s=low_s, estimate_high_s=high_s)
        assert shown.duration == words


class TestMenu:
    @pytest.mark.parametrize(
        ("status", "names"),
        [
            (JobStatus.QUEUED, ["open", "hold", "clone", "cancel"]),
            (JobStatus.PROVISIONING, ["open", "console", "pause", "compare", "clone", "cancel"]),
            (JobStatus.TRAINING, ["open", "console", "pause", "compare", "clone", "cancel"]),
            (JobStatus.PAUSED, ["open", "console", "resume", "compare", "clone", "cancel"]),
            (JobStatus.STOPPING, ["open", "console", "compare", "clone", "cancel"]),
            (JobStatus.CANCELLING, ["open", "console", "compare", "clone"]),
            (JobStatus.COMPLETED, ["open", "compare", "clone", "delete"]),
            (JobStatus.STOPPED, ["open", "resume", "compare", "clone", "delete"]),
            (JobStatus.CANCELLED, ["open", "compare", "clone", "delete"]),
            (JobStatus.FAILED, ["open", "error", "resume", "compare", "clone", "delete"]),
            (JobStatus.LOST, ["open", "error", "resume", "compare", "clone", "delete"]),
        ],
    )
    def test_by_status(self, status, names):
        assert [action.name for action in row(status).actions] == names

    @pytest.mark.parametrize(("number", "fits"), [(1, False), (2, True), (8, True), (9, False)])
    def test_so_many_can_be_compared(self, number, fits):
        assert (why_not_compare(number) == "") == fits

    def test_held(self):
        labels = [action.label for action in row(JobStatus.QUEUED, held=True).actions]
        assert "Release from Hold" in labels
        assert "Hold in Queue" not in labels

    def test_results_by_their_name(self):
        first = {status: row(status).actions[0].label for status in JobStatus}
        assert first[JobStatus.COMPLETED] == "View Results"
        assert first[JobStatus.CANCELLED] == "View Partial Results"
        assert first[JobStatus.TRAINING] == "View Dashboard"

    def test_of_several_only_those_that_fit(self):
        some = [job(JobStatus.TRAINING), job(JobStatus.COMPLETED), job(JobStatus.QUEUED)]
        assert [j.status for j in cancellable(some).jobs] == ["training", "queued"]
        assert cancellable(some).left_out == "1 is over already."
        assert deletable(some).left_out == "2 are not over yet."
        assert (
            deletable([job(JobStatus.TRAINING)]).left_out == "1 is not over yet: cancel it first."
        )


queries = st.builds(
    JobsQuery,
    tab=st.sampled_from(list(TABS)),
    status=st.sampled_from(list(STATUSES)),
    dates=st.sampled_from(["", *DATES]),
    search=st.text(max_size=20).map(str.strip),
    creator=st.text(max_size=20),
    sort=st.sampled_from(["", *SORTS]),
    page=st.integers(1, 10_000),
    size=st.sampled_from(PAGE_SIZES),
)


class TestQuery:
    @given(queries, st.booleans())
    def test_the_address_brings_it_back(self, query, descending):
        query = query.changed(page=query.page, descending=descending or not query.sort)
        address = {k: v for k, v in query.to_address().items() if v is not None}
        assert from_address(address) == query

    @given(st.dictionaries(st.sampled_from(list(JobsQuery().to_address())), st.text(max_size=9)))
    def test_any_address_can_be_read(self, address):
        query = from_address(address)
        assert query.tab in TABS
        assert query.size in PAGE_SIZES
        assert query.page >= 1
        query.filters(NOW)
        query.order()

    def test_what_is_as_by_default_is_not_in_the_address(self):
        assert set(JobsQuery().to_address().values()) == {None}
        assert JobsQuery(tab="queue", search="moe").to_address()["q"] == "moe"

    def test_the_default_is_thirty_days_and_active_jobs_of_any_age(self):
        assert JobsQuery().filters(NOW)["since"] == NOW - 30 * 86400
        assert JobsQuery(tab="active").filters(NOW)["since"] is None
        assert JobsQuery(tab="active", dates="7").filters(NOW)["since"] == NOW - 7 * 86400
        assert set(JobsQuery(tab="active").filters(NOW)["statuses"]) == ACTIVE

    def test_failed_includes_lost_ones(self):
        found = JobsQuery(status="failed").filters(NOW)["statuses"]
        assert set(found) == {JobStatus.FAILED, JobStatus.LOST}

    def test_a_change_begins_at_the_first_page(self):
        assert JobsQuery(page=4).changed(search="x").page == 1
        assert JobsQuery(page=4).changed(page=5).page == 5

    def test_a_column_sorts_both_ways_and_then_not(self):
        query = JobsQuery().sorted_by("cost")
        assert (query.sort, query.descending) == ("cost", True)
        query = query.sorted_by("cost")
        assert (query.sort, query.descending) == ("cost", False)
        assert query.sorted_by("cost") == JobsQuery()
        assert not query.sorted_by("name").descending

    def test_another_tab_is_newest_first(self):
        query = JobsQuery(status="failed", search="moe", sort="name", descending=False, page=3)
        assert query.on_tab("active") == JobsQuery(tab="active", search="moe")

    def test_filters_in_words(self):
        query = JobsQuery(status="failed", dates="7", search="qwen", creator="ann")
        assert query.filter_words("ann") == [
            "Failed", "Last 7 days", "name has “qwen”", "created by you"
        ]  # fmt: skip
        assert query.without_filters().filter_words("ann") == []

    @pytest.mark.parametrize(
        ("total", "page", "words", "number", "count"),
        [
            (287, 1, "Showing 1–25 of 287 jobs", 1, 12),
            (287, 12, "Showing 276–287 of 287 jobs", 12, 12),
            (287, 99, "Showing 276–287 of 287 jobs", 12, 12),
            (1, 1, "Showing 1–1 of 1 job", 1, 1),
            (0, 3, "No jobs", 1, 1),
            (10_000, 2, "Showing 26–50 of 10,000 jobs", 2, 400),
        ],
    )
    def test_pages(self, total, page, words, number, count):
        shown = page_of(JobsQuery(page=page), total)
        assert (shown.words, shown.number, shown.count) == (words, number, count)


class TestSelection:
    ROWS = ("a", "b", "c", "d")

    def test_shift_reaches_from_the_last_press(self):
        chosen = Selection().picked("b", True, self.ROWS, reach=False)
        assert chosen.picked("d", True, self.ROWS, reach=True).ids == {"b", "c", "d"}
        assert chosen.picked("a", True, self.ROWS, reach=True).ids == {"a", "b"}

    def test_shift_takes_away_as_well(self):
        chosen = Selection().all_picked(self.ROWS, True).picked("a", False, self.ROWS, reach=False)
        assert chosen.picked("c", False, self.ROWS, reach=True).ids == {"d"}

    def test_shift_without_a_press_on_this_page_is_a_press(self):
        chosen = Selection(frozenset({"z"}), "z").picked("b", True, self.ROWS, reach=True)
        assert chosen.ids == {"z", "b"}

    def test_all_of_a_page_keeps_other_pages(self):
        chosen = Selection(frozenset({"z"})).all_picked(self.ROWS, True)
        assert chosen.ids == {"z", *self.ROWS}
        assert chosen.share(self.ROWS).all
        assert chosen.all_picked(self.ROWS, False).ids == {"z"}

    def test_share(self):
        share = Selection(frozenset("ab")).share(self.ROWS)
        assert (share.all, share.some) == (False, True)
        assert not Selection().share(()).all


class TestCsv:
    def read(self, *found):
        text = jobs_csv.to_csv(found, NOW).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text)))

    def test_what_it_says(self):
        line = self.read(
            job(JobStatus.COMPLETED, created_by="ann", started_at=NOW - HOUR, ended_at=NOW,
                ran_s=HOUR, cost=2.49, step=5, total_steps=5)
        )[0]  # fmt: skip
        assert (line["name"], line["status"], line["duration_s"], line["cost"]) == (
            "support-chat", "completed", "3600.0", "2.49"
        )  # fmt: skip
        assert line["created_at"].endswith("+00:00")
        assert line["error"] == ""

    @given(st.text(alphabet=st.characters(codec="utf-8"), max_size=30))
    def test_no_text_is_a_formula_and_none_is_lost(self, name):
        error = {"type": name, "message": name}
        cell = self.read(job(name=name, created_by=name, config_line=name, error=error))[0]
        for column in ("name", "created_by", "config"):
            assert not cell[column].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
            assert cell[column] in (name, f"'{name}")

    def test_quotes_and_lines_stay_in_their_cell(self):
        line = self.read(job(name='a "b", c\nd'))[0]
        assert line["name"] == 'a "b", c\nd'
