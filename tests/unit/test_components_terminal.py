"""The terminal's Python side: batches, late views, slow browsers, older lines."""

import asyncio
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import Wire, recorded, until

from gladius_widgets.components import Terminal, location
from gladius_widgets.components.scrollback import Scrollback
from gladius_widgets.components.terminal import PENDING_BYTES


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return recorded(monkeypatch)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[Terminal.__module__], "FLUSH_S", 0.002)


def shown(wire: Wire, terminal: Terminal) -> bytes:
    """All data batches after the replay."""
    pairs = zip(wire.custom(terminal), wire.buffers(terminal), strict=True)
    return b"".join(data for message, data in pairs if message.get("data"))


def in_kernel(main):
    """Run as a kernel does, on a loop."""
    return asyncio.run(main())


def test_nothing_is_sent_while_nobody_looks(wire):
    terminal = Terminal()
    terminal.write("a\n")
    assert wire.custom(terminal) == []


def test_a_late_view_gets_what_was_written(wire):
    async def main():
        terminal = Terminal()
        terminal.write(b"one\ntwo\nthr")
        wire.deliver(terminal, {"name": "attach", "view": "v"})
        terminal.write("ee\n")
        await until(lambda: shown(wire, terminal))
        return terminal

    terminal = in_kernel(main)
    first = wire.custom(terminal)[0]
    assert first == {"replay": "v", "first": 0, "more": False}
    assert wire.buffers(terminal)[0] == b"one\ntwo\nthr"
    assert shown(wire, terminal) == b"ee\n"
    assert wire.custom(terminal)[1]["first"] == 2  # "three" is line 2


def test_the_first_line_goes_at_once_and_a_burst_in_one_batch(wire):
    async def main():
        terminal = Terminal()
        wire.deliver(terminal, {"name": "attach", "view": "v"})
        terminal.write("first\n")
        at_once = shown(wire, terminal)
        for n in range(100):
            terminal.write(f"{n}\n")
        await until(lambda: shown(wire, terminal).endswith(b"99\n"))
        return terminal, at_once

    terminal, at_once = in_kernel(main)
    assert at_once == b"first\n"
    assert len([m for m in wire.custom(terminal) if m.get("data")]) == 2


def test_a_slow_browser_gets_the_end_and_is_told_what_is_missing(wire, quick):
    async def main():
        terminal = Terminal()
        wire.deliver(terminal, {"name": "attach", "view": "v"})
        line = b"x" * 99 + b"\n"
        for _ in range(30):
            terminal.write(line * 1000)
            await asyncio.sleep(0.004)
        terminal.write(b"last\n")
        sent = len(shown(wire, terminal))
        for _ in range(100):  # the browser catches up
            wire.deliver(terminal, {"name": "ack", "view": "v", "bytes": 100_000})
            if shown(wire, terminal).endswith(b"last\n"):
                break
            await asyncio.sleep(0.004)
        return terminal, sent

    terminal, sent = in_kernel(main)
    assert sent <= 256 * 1024 + 100_000  # what may be in flight, and the batch that filled it
    assert shown(wire, terminal).endswith(b"last\n")
    batches = [m for m in wire.custom(terminal) if m.get("data")]
    skipped = sum(m["skipped"] for m in batches)
    assert skipped > 0
    assert shown(wire, terminal).count(b"\n") + skipped == 30_001
    assert batches[-1]["first"] + wire.buffers(terminal)[-1].count(b"\n") == 30_001
    assert max(len(b) for b in wire.buffers(terminal)) <= PENDING_BYTES


def test_one_fast_view_is_not_held_up_by_a_dead_one(wire, quick):
    async def main():
        terminal = Terminal()
        for view in ("dead", "fast"):
            wire.deliver(terminal, {"name": "attach", "view": view})
        for n in range(20):
            terminal.write(b"y" * 50_000 + f" {n}\n".encode())
            wire.deliver(terminal, {"name": "ack", "view": "fast", "bytes": 100_000})
            await asyncio.sleep(0.004)
        await until(lambda: shown(wire, terminal).endswith(b" 19\n"))

    in_kernel(main)


def test_older_lines_come_from_memory_then_from_the_log(wire):
    log = [f"line {n}\n".encode() for n in range(30_000)]
    asked = []

    async def page(lines):
        asked.append(lines)
        end = len(log) - lines
        return b"".join(log[max(0, end - 5000) : end])

    terminal = Terminal(page=page)
    for line in log[27_000:]:
        terminal.write(line)
    wire.deliver(terminal, {"name": "attach", "view": "v"})
    first = wire.custom(terminal)[-1]["first"]
    assert first == 1000  # the newest 2,000 of 3,000 written
    wire.deliver(terminal, {"name": "page", "view": "v", "first": first})
    assert wire.custom(terminal)[-1] == {"older": "v", "first": 0, "more": True}
    assert wire.buffers(terminal)[-1] == b"".join(log[27_000:28_000])
    wire.deliver(terminal, {"name": "page", "view": "v", "first": 0})
    assert asked == [3000]
    assert wire.custom(terminal)[-1] == {"older": "v", "first": -5000, "more": True}
    assert wire.buffers(terminal)[-1] == b"".join(log[22_000:27_000])
    wire.deliver(terminal, {"name": "page", "view": "v", "first": -27_000})
    assert wire.custom(terminal)[-1] == {"older": "v", "first": -27_000, "more": False}


def test_clear_empties_the_view_only(wire):
    terminal = Terminal()
    terminal.write("a\nb\n")
    wire.deliver(terminal, {"name": "attach", "view": "v"})
    wire.deliver(terminal, {"name": "clear"})
    assert wire.custom(terminal)[-1] == {"clear": True, "first": 2}
    wire.deliver(terminal, {"name": "attach", "view": "w"})
    assert wire.buffers(terminal)[-1] == b""


def test_export_saves_what_is_kept_unless_handled(wire):
    terminal = Terminal(export_name="x.log")
    terminal.write("a\n")
    wire.deliver(terminal, {"name": "export"})
    assert wire.custom(location())[-1]["download"]["filename"] == "x.log"
    assert wire.buffers(location())[-1] == b"a\n"
    seen = []
    terminal.on("export", seen.append)
    wire.deliver(terminal, {"name": "export"})
    assert len(seen) == 1


# Scrollback


@given(st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"x", b"\n")), max_size=60))
def test_scrollback_keeps_the_end_and_its_numbers(chunks):
    kept = Scrollback(lines=8, size_bytes=400)
    whole = b""
    for chunk in chunks:
        kept.add(chunk)
        whole += chunk
        data = bytes(kept)
        assert whole.endswith(data)
        assert kept.last == whole.count(b"\n")
        assert kept.first == whole.count(b"\n") - data.count(b"\n")
        assert data.count(b"\n") <= 10
        assert len(data) <= 500


@given(st.integers(0, 30), st.integers(0, 30), st.booleans())
def test_tail_and_before_are_whole_lines(lines, wanted, unfinished):
    text = [f"{n}\n".encode() for n in range(lines)]
    kept = Scrollback()
    kept.add(b"".join(text) + (b"end" if unfinished else b""))
    end = b"end" if unfinished else b""
    assert kept.tail(wanted) == b"".join(text[max(0, lines - wanted) :]) + end
    at = lines // 2
    assert kept.before(at, wanted) == b"".join(text[max(0, at - wanted) : at])


def test_a_search_asked_for_before_the_first_view_opens_in_it(wire):
    terminal = Terminal()
    terminal.find("ERROR")
    assert wire.custom(terminal) == []
    wire.deliver(terminal, {"name": "attach", "view": "v"})
    assert wire.custom(terminal)[-1] == {"find": "ERROR"}
    wire.deliver(terminal, {"name": "attach", "view": "w"})
    assert "find" not in wire.custom(terminal)[-1]
    terminal.find("WARN")
    assert wire.custom(terminal)[-1] == {"find": "WARN"}
