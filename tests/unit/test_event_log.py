"""The event log's model and its panel, without a browser."""

import csv
import io
import json
import re
import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gladius_widgets.client.client as client_module
from gladius_widgets.client import Client
from gladius_widgets.panels.events.index import EventIndex, nearest, page_number, page_of
from gladius_widgets.panels.events.panel import EventLog
from gladius_widgets.panels.events.query import KINDS, EventQuery, from_address, local_day
from gladius_widgets.panels.live.cursor import Moment, cursor_of
from gladius_widgets.panels.text.event import (
    SHOWN_CHARS,
    SHOWN_PIECES,
    as_json,
    clean,
    lay_out,
    marked,
    snippet,
    stamp,
)
from gladius_widgets.panels.text.export import filename, to_csv, to_json
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run.events import (
    MAX_PAYLOAD_DEPTH,
    TYPES,
    Event,
    EventReader,
    append_event,
)


def local(year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime:
    return datetime(year, month, day, hour, minute, second).astimezone()


NOW = local(2025, 12, 18, 14, 30, 20).timestamp()
KIND = tuple(KINDS)


def event(at=0, kind="status", message="", payload=None, moment=None):
    moment = NOW - 60.0 * (1000 - at) if moment is None else moment
    return Event(moment, kind, message or f"event {at}", payload, "trainer", 1)


def many(count):
    return [event(at, KIND[at % 6], payload={"step": at}) for at in range(count)]


def found(events, **query):
    return list(EventIndex(events).matches(EventQuery(**query), NOW))


# Which events match


def test_every_type_has_a_look():
    assert tuple(KINDS) == TYPES


def test_types_words_and_times_each_leave_something_out():
    events = [
        event(0, "error", "CUDA out of memory", {"step": 7, "device": "cuda:0"}),
        event(1, "warning", "GPU utilization dropped", {"limit": 0.5}),
        event(2, "error", "Disk is full", moment=NOW - 10),
    ]
    assert found(events) == [0, 1, 2]
    assert found(events, types=("error",)) == [0, 2]
    assert found(events, types=("error", "warning")) == [0, 1, 2]
    assert found(events, search="MEMORY cuda") == [0]
    assert found(events, search='"limit":0.5') == [1]  # the payload too
    assert found(events, search="memory dropped") == []
    assert found(events, range="hour") == [2]
    assert found(events, types=("error",), search="disk", range="today") == [2]


def test_ranges():
    now = NOW
    moments = [
        now - 3601 - 60,
        now - 3590,
        local_day(now) - 1,
        local_day(now),
        now - 7 * 86400 - 61,
    ]
    events = [event(moment=moment) for moment in moments]
    assert found(events, range="hour") == [1]
    assert found(events, range="today") == [0, 1, 3]
    assert found(events, range="week") == [0, 1, 2, 3]
    assert found(events) == [0, 1, 2, 3, 4]
    custom = {"range": "custom", "start": "2025-12-18T13:30", "end": "2025-12-18T13:31"}
    inside = [local(2025, 12, 18, 13, 30, 0), local(2025, 12, 18, 13, 31, 59)]
    outside = [local(2025, 12, 18, 13, 29, 59), local(2025, 12, 18, 13, 32, 0)]
    events = [event(moment=moment.timestamp()) for moment in [*inside, *outside]]
    assert found(events, **custom) == [0, 1]
    assert found(events, range="custom") == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "query",
    [
        EventQuery(),
        EventQuery(types=("error",)),
        EventQuery(search="event 1"),
        EventQuery(types=("metrics", "error"), search="1", range="hour"),
    ],
)
def test_new_events_are_found_as_if_all_were_looked_at(query):
    events = many(100)
    index = EventIndex(events)
    for _ in range(3):
        assert list(index.matches(query, NOW)) == list(EventIndex(events).matches(query, NOW))
        assert index.counts() == EventIndex(events).counts()
        events += many(37)


def test_new_events_cost_only_themselves():
    class Counting(list):
        reads = 0

        def __getitem__(self, at):
            self.reads += 1
            return super().__getitem__(at)

    events = Counting(many(5000))
    index, query = EventIndex(events), EventQuery(types=("error",))
    index.matches(query, NOW)
    events.reads = 0
    events += many(3)
    index.matches(query, NOW)
    assert events.reads <= 3


def test_hundred_thousand_events_are_found_at_once():
    index = EventIndex(many(100_000))
    for query in (EventQuery(types=("error",)), EventQuery(search="event 99999")):
        began = time.process_time()
        assert index.matches(query, NOW)
        assert time.process_time() - began < 0.5  # benchmarks/events.py has the figures


# Pages


@pytest.mark.parametrize(
    ("total", "number", "words", "newest", "oldest"),
    [
        (583, 1, "Showing 1–50 of 583 events", 582, 533),
        (583, 12, "Showing 551–583 of 583 events", 32, 0),
        (583, 99, "Showing 551–583 of 583 events", 32, 0),
        (1, 1, "Showing 1–1 of 1 event", 0, 0),
        (100_000, 3, "Showing 101–150 of 100,000 events", 99_899, 99_850),
    ],
)
def test_pages_newest_first(total, number, words, newest, oldest):
    page = page_of(range(total), number, total)
    assert (page.words, page.rows[0], page.rows[-1]) == (words, newest, oldest)
    assert page_number(range(total), newest, total) == page.number
    assert page_number(range(total), oldest, total) == page.number


def test_no_events_at_all():
    page = page_of([], 3, 0)
    assert (page.words, page.rows, page.number, page.count) == ("No events", (), 1, 1)


def test_what_came_later_waits():
    page = page_of([1, 5, 9, 12], 1, 10)
    assert page.rows == (9, 5, 1)
    assert (page.total, page.waiting) == (3, 1)
    assert page_number([1, 5, 9, 12], 12, 10) is None
    assert page_number([1, 5, 9, 12], 6, 10) is None


@given(st.sets(st.integers(0, 2000), max_size=300), st.integers(0, 2001), st.integers(1, 9))
def test_each_page_is_a_slice_of_the_newest(matching, horizon, number):
    matches = sorted(matching)
    newest_first = [at for at in reversed(matches) if at < horizon]
    page = page_of(matches, number, horizon)
    assert list(page.rows) == newest_first[(page.number - 1) * 50 : page.number * 50]
    assert page.waiting == len(matches) - len(newest_first)
    assert all(page_number(matches, at, horizon) == page.number for at in page.rows)


def test_the_nearest_event_is_that_of_the_time_else_of_the_step():
    events = [event(at, payload={"step": at * 10}, moment=1000.0 + at) for at in range(10)]
    assert nearest(events, range(10), None, 1004.4) == 4
    assert nearest(events, [0, 9], 40, 1004.4) == 0
    assert nearest(events, range(10), 52, None) == 5
    assert nearest(events, [], 5, None) is None
    assert nearest([event(0), event(1, payload={"step": True})], range(2), 5, None) is None


# The address


@pytest.mark.parametrize(
    "query",
    [
        EventQuery(),
        EventQuery(types=("warning", "error"), search='say "hi" & more', page=3, opened=17),
        EventQuery(range="custom", start="2025-12-18T14:00", end="2025-12-19T00:00"),
        EventQuery(range="today"),
    ],
)
def test_address_leads_back(query):
    parameters = {name: value for name, value in query.to_address().items() if value is not None}
    assert from_address(parameters) == query


def test_address_with_nonsense_is_as_by_default():
    wrong = {"type": "party", "range": "never", "page": "-3", "event": "x", "from": "soon"}
    assert from_address(wrong) == EventQuery()
    assert from_address({"type": "error,warning"}).types == ("warning", "error")
    assert from_address({"type": ",".join(KINDS)}).types == ()
    assert from_address({"range": "custom", "from": "9" * 30, "to": "2025-01-01"}).end


def test_choosing_types():
    query = EventQuery(page=4).toggled("error")
    assert (query.types, query.page) == (("error",), 1)
    assert query.toggled("warning").types == ("warning", "error")
    assert query.toggled("error").types == ()
    for kind in KINDS:
        query = query if kind == "error" else query.toggled(kind)
    assert query.types == ()  # all of them


# Text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07", "red link"),
        ("\x9b1mbold", "bold"),
        ("\x1b]0;never closed", "0;never closed"),
        ("safe\u202egpj.exe", r"safe\u202egpj.exe"),
        ("\u2066a\u2069\u200f", r"\u2066a\u2069\u200f"),
        ("a\x00b\rc\nd\te", "a\N{REPLACEMENT CHARACTER}b c d e"),
        ("<b>&amp;", "<b>&amp;"),
        ("👩\u200d💻 שלום", "👩\u200d💻 שלום"),
    ],
)
def test_messages_become_harmless_text(text, shown):
    assert clean(text) == shown


def test_line_breaks_stay_where_there_is_room():
    assert clean("a\r\nb", lines=True) == "a\nb"


@pytest.mark.parametrize(
    ("moment", "clock", "day", "full"),
    [
        (local(2025, 12, 18, 14, 28, 15), "14:28:15", "", "Dec 18, 2025 2:28:15 PM"),
        (local(2025, 12, 17, 0, 5, 9), "00:05:09", "Dec 17", "Dec 17, 2025 12:05:09 AM"),
        (local(2024, 12, 18, 12, 0, 0), "12:00:00", "Dec 18 2024", "Dec 18, 2024 12:00:00 PM"),
    ],
)
def test_times(moment, clock, day, full):
    when = stamp(moment.timestamp(), NOW)
    assert (when.clock, when.day, when.full) == (clock, day, full)


@pytest.mark.parametrize("moment", [0.0, -1.0, 1e11, 1e30, -1e30, float("inf"), float("nan")])
def test_times_of_any_value(moment):
    when = stamp(moment, NOW)
    assert when.clock == "–" or re.fullmatch(r"\d\d:\d\d:\d\d", when.clock)


def test_json_as_the_design_has_it():
    layout = lay_out(
        {
            "event": "warning",
            "step": 838,
            "gpu": {"id": 0, "ok": True},
            "load": [0.1, None],
            "e": {},
        }
    )
    assert layout.text == (
        '{\n  "event": "warning",\n  "step": 838,\n  "gpu": { "id": 0, "ok": true },\n'
        '  "load": [0.1, null],\n  "e": {}\n}'
    )
    kinds = {piece.text: piece.kind for piece in layout.pieces if piece.kind}
    assert kinds['"event"'] == "k"
    assert kinds['"warning"'] == "s"
    assert kinds["838"] == "n"
    assert kinds["true"] == kinds["null"] == "b"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=6),
    max_leaves=60,
)


@given(JSON)
def test_what_is_shown_whole_says_the_same(value):
    layout = lay_out(value)
    assert not layout.is_whole or json.loads(layout.text) == value
    assert json.loads(as_json(value)) == value
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", layout.text)


@pytest.mark.parametrize(
    "value",
    [
        {"text": "x" * 5_000_000},
        {"list": list(range(100_000))},
        {f"k{i}": {"a": [i]} for i in range(20_000)},
    ],
)
def test_large_payloads_are_cut(value):
    layout = lay_out(value)
    assert not layout.is_whole
    assert len(layout.text) <= SHOWN_CHARS + 10
    assert len(layout.pieces) <= SHOWN_PIECES + 3


def test_marks():
    assert marked("Loss is LOSS", ["loss", "is"]) == [
        ("Loss", True), (" ", False), ("is", True), (" ", False), ("LOSS", True),
    ]  # fmt: skip
    assert marked("a.b", ["."]) == [("a", False), (".", True), ("b", False)]
    assert marked("abc", []) == [("abc", False)]


def test_a_snippet_says_where_only_the_payload_has_the_word():
    payload = json.dumps({"reason": "best validation loss", "path": "x" * 200})
    assert snippet("Checkpoint saved", payload, ["saved"]) == ""
    assert "best validation" in snippet("Checkpoint saved", payload, ["saved", "validation"])


# Files


def test_files_hold_all_and_run_nothing():
    events = [
        event(0, "error", '=HYPERLINK("http://x")', {"a": [1, {"b": None}]}),
        event(1, "status", "line\nbreak, and \u202e", None, moment=1e30),
    ]
    assert json.loads(to_json(events)) == [one.to_dict() for one in events]
    text = to_csv(events).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[0]["message"] == '\'=HYPERLINK("http://x")'
    assert json.loads(rows[0]["payload"]) == events[0].payload
    assert float(rows[0]["time_unix_s"]) == events[0].time
    assert datetime.fromisoformat(rows[0]["time"]).timestamp() == pytest.approx(events[0].time)
    assert (rows[1]["message"], rows[1]["time"]) == ("line\nbreak, and \u202e", "")


@pytest.mark.parametrize(
    ("name", "start"),
    [("qwen-moe", "qwen-moe-events-"), ("../../etc/<b>", "etc-b-events-"),
     ("日本 1", "日本-1-events-"),
     ("\u202e/", "job-events-"), ("x" * 300, "x" * 80 + "-events-")],
)  # fmt: skip
def test_file_names(name, start):
    made = filename(name, "json", NOW)
    assert made == f"{start}20251218-143020.json"


# The panel


@pytest.fixture
def run(home, monkeypatch):
    monkeypatch.setattr(client_module, "ensure_supervisor", lambda _home: None)
    Registry(home).insert(id="job-1", name="first", created_by="ada")
    run = Client(home).run("job-1")
    run.create()
    return run


@pytest.fixture
def log(run, home):
    """Makes a panel of this run; closes it."""
    made = []

    def open_():
        made.append(EventLog("job-1", client=Client(home)))
        return made[-1]

    yield open_
    for panel in made:
        panel.close()


def text_of(node):
    if isinstance(node, str):
        return node
    return "".join(text_of(child) for child in node.get("c", []))


def rows_of(panel):
    """The text of the rows that are shown."""
    found = []

    def walk(node):
        if isinstance(node, str):
            return
        if node["t"] == "tr" and "data-number" in node.get("a", {}):
            found.append(text_of(node))
        for child in node.get("c", []):
            walk(child)

    walk(panel.tree)
    return found


def append(run, *lines):
    with run.events.open("ab") as file:
        file.writelines(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
                        for line in lines)  # fmt: skip


def take_news(panel):
    panel.feed._take(panel.feed._reader.read({"events"}))
    return panel._paint_news()


HOSTILE = [
    {
        "time": NOW,
        "type": "status",
        "message": "<img src=x onerror=alert(1)>",
        "payload": {"<b>": 1},
    },
    {"time": -5, "type": "party", "message": "\x1b[2J\u202eevil", "payload": {"\u202e": "\x1b[0m"}},
    {"time": 1e30, "type": "error", "message": "late", "payload": [1, 2]},
    {"time": 0, "type": "metrics", "message": 7, "payload": "text"},
    {
        "time": NOW + 1e9,
        "type": "metrics",
        "message": "x" * 200_000,
        "payload": {"y": "z" * 40_000},
    },
    b'{"time": 1, "type": "metrics", "message": "nan", "payload": {"loss": NaN, "a": -Infinity}}\n',
    b'{"time": 1, "type": "metrics", "message": "deep", "payload": {"a":'
    + b"[" * 900
    + b"]" * 900
    + b"}}\n",
    b'{"time": 1, "type": "metrics", "message": "deeper", "payload": {"a":'
    + b"[" * 99_000
    + b"]" * 99_000
    + b"}}\n",
    b'{"time": NaN, "type": "metrics", "message": "no time"}\n',
    b'{"time": 1, "type": "error", "message": "' + b"m" * 5_000_000 + b'"}\n',
    b"not json at all \xff\x00\n",
]  # fmt: skip


def test_hostile_events_show_as_text(run, log):
    append(run, *HOSTILE)
    panel = log()
    shown = rows_of(panel)
    assert len(shown) == 7
    assert "deep" in shown[0]
    assert "nan" in shown[1]
    assert shown[-1].endswith("<img src=x onerror=alert(1)>")
    assert r"\u202eevil" in shown[-2]
    assert "\x1b" not in json.dumps(panel.tree).replace("\\u001b", "\x1b")
    assert len(json.dumps(panel.tree)) < 60_000
    for number in range(1, 8):
        panel.emit("toggle", {"key": str(number)})
        details = json.dumps(panel._details.tree)
        assert len(details) < 150_000
        assert "\\u202e" not in details.replace("\\\\u202e", "")
    assert panel.feed.events[6].payload["cut"] is True
    assert panel.feed.events[5].payload == {"loss": "NaN", "a": "-Infinity"}


def test_payload_nested_too_deeply_is_cut_by_the_writer_too(run):
    deep: dict = {}
    for _ in range(MAX_PAYLOAD_DEPTH + 5):
        deep = {"in": deep}
    append_event(run, "status", "deep", deep, source="x")
    shallow = {"in": [{"a": [n]} for n in range(100)]}
    append_event(run, "status", "wide", shallow, source="x")
    one, two = EventReader(run).poll()
    assert one.payload is not None
    assert one.payload["cut"] is True
    assert two.payload == shallow


def test_new_events_slide_in_on_page_one_and_wait_elsewhere(run, log):
    for number in range(60):
        append_event(run, "metrics", f"Step {number}", {"step": number}, source="trainer")
    panel = log()
    append_event(run, "warning", "hot", source="trainer")
    assert take_news(panel).messages == 1
    assert "hot" in rows_of(panel)[0]
    assert '"is-new"' in json.dumps(panel.tree)
    assert take_news(panel).messages == 0  # nothing is new
    panel.emit("next", {"event": "click"})
    older = rows_of(panel)
    append_event(run, "error", "broken", source="trainer")
    assert take_news(panel).messages == 1
    assert rows_of(panel) == older
    assert "1 new event" in text_of(panel.tree)
    panel.emit("newest", {})
    assert "broken" in rows_of(panel)[0]


def test_nothing_moves_while_a_payload_is_read_or_the_top_is_out_of_view(run, log):
    append_event(run, "metrics", "one", {"step": 1}, source="trainer")
    panel = log()
    panel.emit("toggle", {"key": "1"})
    append_event(run, "metrics", "two", source="trainer")
    take_news(panel)
    assert "1 new event" in text_of(panel.tree)
    panel.emit("toggle", {"key": "1"})
    assert len(rows_of(panel)) == 2
    panel.emit("top", {"visible": False})
    append_event(run, "metrics", "three", source="trainer")
    take_news(panel)
    assert len(rows_of(panel)) == 2
    panel.emit("top", {"visible": True})
    take_news(panel)
    assert len(rows_of(panel)) == 3


def test_types_from_elsewhere_and_empty_states(run, log):
    panel = log()
    assert "No events yet" in text_of(panel.tree)
    append_event(run, "status", "one", source="trainer")
    take_news(panel)
    panel.show_types({"error", "nonsense"})
    assert panel.query.types == ("error",)
    assert "No events match your filters" in text_of(panel.tree)
    assert "1 filter is on: Errors." in text_of(panel.tree)
    panel.emit("clear", {})
    assert len(rows_of(panel)) == 1


def test_a_log_that_is_made_later_begins_where_the_cursor_is(run, log):
    append(run, *({"time": 1000.0 + at, "type": "metrics", "message": f"Step {at}.",
                   "payload": {"step": at}} for at in range(200)))  # fmt: skip
    cursor_of(log().feed).move(Moment(step=20, time=1020.2))
    later = log()
    assert later.query.page == 4
    assert json.dumps(later.tree).count("is-marked") == 1


def test_the_cursor_leads_to_the_nearest_event_and_back(run, log):
    append(run, *({"time": 1000.0 + at, "type": "metrics", "message": f"Step {at}.",
                   "payload": {"step": at}} for at in range(200)))  # fmt: skip
    panel = log()
    cursor = cursor_of(panel.feed)
    cursor.move(Moment(step=20, time=1020.2))
    assert panel.query.page == 4
    marked_rows = [row for row in rows_of(panel) if "Step 20." in row]
    assert len(marked_rows) == 1
    assert json.dumps(panel.tree).count("is-marked") == 1
    told = []
    panel.on("chart", told.append)
    panel.emit("point", {"key": "51", "data": {}})
    assert cursor.moment == Moment(50, 1050.0)
    assert not told
    panel._details.emit("point", {"key": None, "data": {"number": "51", "chart": ""}})
    assert told == [{}]
    assert panel.query.page == 4  # what is read stays
    cursor.move(None)
    assert "is-marked" not in json.dumps(panel.tree)
