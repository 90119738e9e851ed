import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gladius_widgets.store.run.log import LogTail


@pytest.fixture
def path(tmp_path):
    return tmp_path / "train.log"


def test_poll_gives_new_bytes(path):
    tail = LogTail(path)
    assert tail.poll() == b""
    path.write_bytes(b"one\ntw")
    assert tail.poll() == b"one\ntw"
    assert tail.poll() == b""
    with path.open("ab") as file:
        file.write(b"o\n")
    assert tail.poll() == b"o\n"
    assert tail.position == tail.size_bytes() == 8


def test_poll_gives_no_more_than_asked_for(path):
    path.write_bytes(bytes(range(256)) * 4)
    tail = LogTail(path)
    pieces = [tail.poll(100) for _ in range(11)]
    assert {len(piece) for piece in pieces[:-1]} == {100}
    assert b"".join(pieces) == path.read_bytes()


def test_file_cut_short_or_replaced_is_read_from_its_start(path):
    path.write_bytes(b"a long first log\n")
    tail = LogTail(path)
    tail.poll()
    path.write_bytes(b"short\n")
    assert tail.poll() == b"short\n"
    path.unlink()
    assert tail.poll() == b""
    (path.parent / "new").write_bytes(b"a log that is as long as the first, and longer\n")
    (path.parent / "new").rename(path)
    assert tail.poll().startswith(b"a log that")


def test_log_that_is_a_folder_or_forbidden_is_empty(path):
    path.mkdir()
    tail = LogTail(path)
    assert tail.poll() == b""
    assert tail.read_range(0, 10) == b""
    assert tail.last_lines(5) == b""


def test_last_lines_then_poll_leaves_no_gap(path):
    path.write_bytes(b"".join(b"line %d\n" % i for i in range(50_000)))
    tail = LogTail(path)
    assert tail.last_lines(2) == b"line 49998\nline 49999\n"
    with path.open("ab") as file:
        file.write(b"more\n")
    assert tail.poll() == b"more\n"


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        (b"", 3, b""),
        (b"a\nb\nc\n", 0, b""),
        (b"a\nb\nc\n", 2, b"b\nc\n"),
        (b"a\nb\nc", 2, b"b\nc"),
        (b"a\nb\nc\n", 99, b"a\nb\nc\n"),
        (b"10%\r20%\r30%\nend\n", 2, b"10%\r20%\r30%\nend\n"),
        (b"\n\n\n", 2, b"\n\n"),
    ],
)
def test_last_lines(path, text, count, expected):
    path.write_bytes(text)
    assert LogTail(path).last_lines(count) == expected


def test_line_without_end_is_bounded(path):
    path.write_bytes(b"x" * 6_000_000)
    assert len(LogTail(path).last_lines(10)) == 4 * 1024 * 1024


def test_read_range_is_clipped(path):
    path.write_bytes(b"0123456789")
    tail = LogTail(path)
    assert tail.read_range(2, 5) == b"234"
    assert tail.read_range(-5, 2) == b"01"
    assert tail.read_range(8, 100) == b"89"
    assert tail.read_range(5, 2) == b""
    assert tail.position == 0


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=30), max_size=30), st.integers(1, 7))
def test_paging_back_gives_the_whole_log(tmp_path_factory, lines, count):
    path = tmp_path_factory.mktemp("log") / "train.log"
    path.write_bytes(b"\n".join(lines))
    tail = LogTail(path)
    end, pages = tail.size_bytes(), []
    while end > 0:
        start, page = tail.lines_before(end, count)
        assert start + len(page) == end
        assert page.rstrip(b"\n").count(b"\n") < count or not page.strip(b"\n")
        pages.insert(0, page)
        end = start
    assert b"".join(pages) == path.read_bytes()
