"""The event log in a real browser: a recorded run, events as they come, and hostile text."""

import csv
import io
import json
import re
import time
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from live_job import start_pages, violations
from playwright.sync_api import Locator, Page, expect
from recorded_runs import install
from support import wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.store.run.events import append_event

EVENTS = 583
PAYLOAD = {
    "event": "metrics.warning",
    "step": 838,
    "gpu": {"id": 0, "name": "H100 PCIe 80GB", "utilization": 0.45},
    "throttled": True,
}


@pytest.fixture(scope="module")
def server(start_server, tmp_path_factory):
    server = start_pages(start_server, tmp_path_factory.mktemp("events"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def run(server) -> RunDirectory:
    """A recorded run, and hours of events after it; nobody adds to it."""
    run = installed(server, "completed", "mixed-events")
    recorded = len(lines_of(run))
    for number in range(EVENTS - recorded - 2):
        step = number * 10
        tell(run, "metrics", f"Step {step}: loss=0.3420, lr=0.0002, gpu_util=87%", {"step": step})
    tell(run, "warning", "GPU utilization dropped to 45% (possible throttling)", PAYLOAD)
    tell(run, "metrics", "Step 9999: loss=0.3419, lr=0.0002, gpu_util=88%", {"step": 9999})
    return run


def installed(server, state: str, name: str) -> RunDirectory:
    return Client(server.home).run(install(server.home, state, name).id)


def tell(run: RunDirectory, kind: str, message: str, payload: dict | None = None) -> None:
    assert append_event(run, kind, message, payload, source="trainer", attempt=1)


def lines_of(run: RunDirectory) -> list[dict]:
    """What stands in events.jsonl."""
    return [json.loads(line) for line in run.events.read_text().splitlines()]


@pytest.fixture
def open_log(server, open_page):
    """Opens a job's event log and waits for its rows."""

    def open_(run: RunDirectory, query: str = "", *, rows: bool = True, **options) -> Page:
        address = f"voila/render/job.ipynb?job={run.id}&tab=event-log&{query}"
        page = open_page(server.url(address), **options)
        expect(page.get_by_role("tab", name="Event Log")).to_have_attribute(
            "aria-selected", "true", timeout=40_000
        )
        if rows:
            expect(events(page).first).to_be_visible()
        return page

    return open_


def events(page: Page) -> Locator:
    return page.locator(".gw-table--events tr[data-number]")


def event(page: Page, text: str) -> Locator:
    return events(page).filter(has_text=text)


def payload(page: Page) -> Locator:
    return page.get_by_label("Event payload")


def asked(page: Page) -> dict[str, str]:
    """The log's parameters in the address."""
    found = parse_qs(page.evaluate("location.search.slice(1)"))
    return {k: v[0] for k, v in found.items() if k not in ("token", "job", "tab")}


def expect_asked(page: Page, /, **wanted: str) -> None:
    wait_until(lambda: asked(page) == wanted, 15, f"{wanted}, but it is {asked(page)}")


def choose_types(page: Page, *names: str) -> None:
    page.get_by_role("button", name="Show:").click()
    for name in names:
        entry = page.get_by_role("menuitemcheckbox", name=name)
        entry.click()
        expect(entry).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)


def focused(page: Page) -> str:
    return page.evaluate(
        "document.activeElement.innerText || document.activeElement.ariaLabel || ''"
    )


def press_until(page: Page, key: str, target: Locator) -> None:
    expect(target).to_be_visible()
    for _ in range(60):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{target} cannot be reached with {key}")


def exported(page: Page, name: str) -> tuple[str, str]:
    """Press a menu entry or button; the file's name and text."""
    with page.expect_download() as download:
        page.get_by_role("menuitem", name=name).or_(page.get_by_role("button", name=name)).click()
    return download.value.suggested_filename, Path(download.value.path()).read_text("utf-8-sig")


# Page plan 13: mixed events, one row expanded


def test_mixed_events_with_one_row_expanded(open_log, run):
    page = open_log(run)
    name = f"Event log table with {EVENTS} events. Use arrow keys to navigate."
    expect(page.get_by_role("table", name=name)).to_be_visible()
    expect(events(page)).to_have_count(50)
    expect(page.get_by_text("Showing 1–50 of 583 events")).to_be_visible()
    expect(page.get_by_text("Page 1 of 12")).to_be_visible()
    newest = lines_of(run)[-1]
    when = time.localtime(newest["time"])
    clock = events(page).first.locator(".gw-event__at")
    expect(clock).to_have_text(time.strftime("%H:%M:%S", when))
    full = time.strftime(f"%b {when.tm_mday}, %Y {when.tm_hour % 12 or 12}:%M:%S %p", when)
    expect(clock).to_have_attribute("title", re.compile(f"^{full}"))
    expect(events(page).first.locator(".gw-badge.gw-tone-green")).to_have_text("Type: Metrics")
    warning = event(page, "GPU utilization dropped")
    expect(warning.locator(".gw-badge.gw-tone-yellow")).to_have_text("Type: Warning")
    warning.click()  # anywhere on the row
    expect(warning.get_by_label("Hide payload")).to_have_attribute("aria-expanded", "true")
    assert json.loads(payload(page).inner_text()) == PAYLOAD
    looks = {"k": '"event"', "s": '"metrics.warning"', "n": "838", "b": "true"}
    colours = set()
    for look, text in looks.items():
        piece = payload(page).locator(f".{look}").filter(has_text=text).first
        expect(piece).to_have_text(text)
        colours.add(piece.evaluate("element => getComputedStyle(element).color"))
    assert len(colours) == 4
    page.get_by_role("button", name="Copy JSON").click()
    expect(page.locator(".gw-toast")).to_contain_text("Copied!")
    expect_asked(page, event=str(EVENTS - 1))
    warning.get_by_label("Hide payload").click()
    expect(payload(page)).to_have_count(0)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("Showing 51–100 of 583 events")).to_be_visible()
    expect_asked(page, page="2")
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_text("Showing 1–50 of 583 events")).to_be_visible()


# Page plan 14, and flow 2 as written


def test_filtered_to_errors_with_details(open_log, server):
    page = open_log(installed(server, "failed", "oom-run"), "type=error")
    expect(page.get_by_role("button", name="Show: Errors")).to_be_visible()
    expect(events(page).first.locator(".gw-tone-red")).to_have_text("Type: Error")
    badges = set(events(page).locator(".gw-badge").all_inner_texts())
    assert {badge.split()[-1] for badge in badges} == {"Error"}
    oom = event(page, "Out of memory at step 260: ")
    oom.click()
    expect(payload(page)).to_contain_text('"kind": "out_of_memory"')


def test_flow_2_troubleshooting(open_log, run):
    page = open_log(run, rows=False)
    page.get_by_role("tab", name="Overview").click()
    expect(page.get_by_role("tab", name="Overview")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Event Log").click()
    expect(events(page)).to_have_count(50)
    choose_types(page, "Warnings")
    low = event(page, "GPU utilization dropped to 45% (possible throttling)")
    expect(low).to_be_visible()
    expect(events(page).filter(has_not_text="Warning")).to_have_count(0)
    low.get_by_label("Show payload").click()
    expect(payload(page)).to_contain_text('"utilization": 0.45')
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy JSON").click()
    expect(page.locator(".gw-toast")).to_contain_text("Copied!")
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == PAYLOAD
    page.get_by_role("tab", name="Overview").click()
    expect(events(page).first).to_be_hidden()


# Filters, search, address


def test_types_words_and_times_in_the_address(open_log, run):
    page = open_log(run)
    choose_types(page, "Warnings", "Checkpoints")
    expect_asked(page, type="warning,checkpoint")
    wanted = [line for line in lines_of(run) if line["type"] in ("warning", "checkpoint")]
    expect(events(page)).to_have_count(len(wanted))
    page.get_by_label("Search messages and payloads").fill("step-00000050")
    expect(events(page)).to_have_count(1)
    expect(page.locator("mark").first).to_have_text("step-00000050")
    expect_asked(page, type="warning,checkpoint", q="step-00000050")
    page.get_by_label("Time").select_option("Custom…")
    expect_asked(page, type="warning,checkpoint", q="step-00000050", range="custom")
    page.get_by_label("To", exact=True).fill("2020-01-01T00:00")
    expect(page.get_by_text("No events match your filters")).to_be_visible()
    page.go_back()
    expect(events(page)).to_have_count(1)
    page.go_back()
    expect(page.get_by_label("Time")).to_have_value("")
    page.get_by_label("Search messages and payloads").fill("no such words")
    page.get_by_role("button", name="Clear Filters").click()
    expect(events(page)).to_have_count(50)
    expect_asked(page)


def test_deep_link_with_words_found_in_the_payload_only(open_log, run):
    page = open_log(run, f"type=warning,metrics&q=throttled+h100&event={EVENTS - 1}")
    expect(events(page)).to_have_count(1)
    expect(events(page).locator(".gw-event__found mark").first).to_have_text("throttled")
    expect(payload(page).locator("mark").filter(has_text="throttled")).to_be_visible()
    expect(page.get_by_label("Search messages and payloads")).to_have_value("throttled h100")


def test_the_chart_and_the_log_point_at_the_same_moment(open_log, run):
    page = open_log(run, "q=9999")
    events(page).first.locator(".gw-event__at").click()
    expect(events(page).first).to_have_class(re.compile("is-marked"))
    expect(page.get_by_label("At the chart's cursor")).to_be_visible()
    events(page).first.get_by_label("Show payload").click()
    page.get_by_role("button", name="Show on chart").click()
    expect(page.get_by_role("tab", name="Overview")).to_have_attribute("aria-selected", "true")
    expect(events(page).first).to_be_hidden()


# Exports


def test_exports_are_the_files_lines(open_log, run):
    page = open_log(run, "type=warning")
    written = lines_of(run)
    name, text = exported(page, "Export JSON")
    assert re.fullmatch(r"mixed-events-events-\d{8}-\d{6}\.json", name)
    assert json.loads(text) == written
    warnings = [line for line in written if line["type"] == "warning"]
    page.get_by_role("button", name="More exports").click()
    name, text = exported(page, "filtered event, JSON")
    assert name.endswith(".json")
    assert json.loads(text) == warnings
    page.get_by_role("button", name="More exports").click()
    name, text = exported(page, f"All {EVENTS} events, CSV")
    assert name.endswith(".csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["type"], row["message"], float(row["time_unix_s"])) for row in rows] == [
        (line["type"], line["message"], line["time"]) for line in written
    ]
    assert [json.loads(row["payload"] or "null") or None for row in rows] == [
        line["payload"] or None for line in written
    ]


# By keyboard alone


def test_rows_by_keyboard_alone(open_log, run):
    page = open_log(run)
    first = events(page).first
    press_until(page, "Tab", first)
    page.keyboard.press("ArrowDown")
    assert "GPU utilization dropped" in focused(page)
    page.keyboard.press("Enter")
    expect(payload(page)).to_be_visible()
    press_until(page, "Tab", page.get_by_role("button", name="Copy JSON"))
    page.keyboard.press("Enter")
    expect(page.locator(".gw-toast")).to_contain_text("Copied!")
    press_until(page, "Shift+Tab", event(page, "GPU utilization dropped"))
    page.keyboard.press("Space")
    expect(payload(page)).to_have_count(0)
    page.keyboard.press("End")
    assert "Step" in focused(page)
    expect(events(page).last).to_be_focused()
    page.keyboard.press("Home")
    expect(events(page).first).to_be_focused()
    page.keyboard.press("PageDown")
    expect(page.get_by_text("Showing 51–100 of 583 events")).to_be_visible()
    expect(events(page).first).to_be_focused()
    page.keyboard.press("PageUp")
    expect(page.get_by_text("Showing 1–50 of 583 events")).to_be_visible()
    expect(events(page).first).to_be_focused()


def test_filters_and_export_by_keyboard_alone(open_log, run):
    page = open_log(run)
    press_until(page, "Tab", page.get_by_role("button", name="Show:"))
    page.keyboard.press("Enter")
    warnings = page.get_by_role("menuitemcheckbox", name="Warnings")
    press_until(page, "ArrowDown", warnings)
    page.keyboard.press("Enter")
    expect(warnings).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Show: Warnings")).to_be_focused()
    press_until(page, "Tab", page.get_by_label("Search messages and payloads"))
    page.keyboard.type("throttling")
    expect(events(page)).to_have_count(1)
    more = page.get_by_role("button", name="More exports")
    press_until(page, "Tab", more)
    page.keyboard.press("Enter")
    entry = page.get_by_role("menuitem", name="1 filtered event, CSV")
    press_until(page, "ArrowDown", entry)
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(".csv")


# As it happens


def test_new_events_come_in_at_the_top_and_disturb_nobody(open_log, server):
    run = installed(server, "cancelled", "live-events")
    page = open_log(run)
    count = len(lines_of(run))
    second = events(page).nth(1)
    number = second.get_attribute("data-number")
    press_until(page, "Tab", events(page).first)
    page.keyboard.press("ArrowDown")
    tell(run, "warning", "the room gets warm", {"temp_c": 31})
    expect(events(page).first).to_contain_text("the room gets warm")
    expect(events(page).first).to_have_class(re.compile("is-new"))
    name = f"Event log table with {count + 1} events. Use arrow keys to navigate."
    expect(page.get_by_role("table", name=name)).to_be_visible()
    assert page.evaluate("document.activeElement.dataset.number") == number
    page.keyboard.press("Enter")  # reading one
    expect(payload(page)).to_be_visible()
    for at in range(3):
        tell(run, "metrics", f"later {at}", {"step": at})
    waiting = page.get_by_role("button", name="3 new events")
    expect(waiting).to_be_visible()
    expect(event(page, "later")).to_have_count(0)
    waiting.click()
    expect(event(page, "later")).to_have_count(3)
    expect(events(page).first).to_contain_text("later 2")
    # Where the top is out of view, too.
    page.set_viewport_size({"width": 1440, "height": 420})
    events(page).last.scroll_into_view_if_needed()
    expect(page.locator(".gw-table--events thead")).not_to_be_in_viewport()
    before = events(page).last.bounding_box()
    tell(run, "metrics", "unseen", {"step": 4})
    expect(page.get_by_role("button", name="1 new event")).to_be_visible()
    assert events(page).last.bounding_box() == before


def test_a_job_without_events(open_log, server):
    run = installed(server, "cancelled", "silent")
    run.events.unlink()
    page = open_log(run, rows=False)
    expect(page.get_by_text("No events yet")).to_be_visible()
    tell(run, "status", "here we go")
    expect(event(page, "here we go")).to_be_visible()


# Hostile text, and access for all


def test_hostile_text_is_text(open_log, server):
    run = installed(server, "cancelled", "<b>bold</b>")
    evil = "<img src=x onerror=document.title='owned'> \x1b[31mred\x1b[0m \u202egpj.exe"
    tell(run, "error", evil, {"<script>": evil, "nested": {"a": [{"\u2066": None}]}})
    with run.events.open("ab") as file:
        file.write(b"m" * 5_000_000 + b"\n")
        for moment in (b"-1", b"0", b"1e30", b"NaN"):
            file.write(b'{"time": ' + moment + b', "type": "party", "message": "odd time"}\n')
        text = b'"' + b"z" * 200_000 + b'"'
        file.write(b'{"time": 1, "type": "error", "message": ' + text + b', "payload": {"z": ')
        file.write(text[:40_000] + b'"}}\n')
    page = open_log(run)
    expect(event(page, "odd time")).to_have_count(3)
    row = event(page, "<img src=x onerror=document.title='owned'> red \\u202egpj.exe")
    row.click()
    assert json.loads(payload(page).inner_text())["<script>"] == evil
    assert "owned" not in page.title()
    assert page.locator(".gw-table--events img, .gw-table--events script").count() == 0
    event(page, "zzzz").click()
    expect(page.get_by_text("Only its beginning is shown")).to_be_visible()
    _, text = exported(page, "Download whole event")
    assert len(json.loads(text)[0]["payload"]["z"]) > 39_000
    box = page.locator(".gw-table--events").bounding_box()
    assert box
    assert box["width"] < 1440


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 900)])
def test_axe_finds_nothing(open_log, run, theme, width):
    page = open_log(run, f"q=gpu&event={EVENTS - 1}", theme=theme, width=width)
    expect(payload(page)).to_be_visible()
    page.get_by_role("button", name="Show:").click()
    expect(page.get_by_role("menu")).to_be_visible()
    assert violations(page) == []
