import pytest

from gladius_widgets.panels.live.pace import Budget, Part, Schedule, Sent


class Clock:
    def __init__(self):
        self.now = 100.0
        self.painted = []

    def part(self, name, *, every_s=0.2, messages=1, size_bytes=100, topics=("train",)):
        def paint():
            self.painted.append((name, round(self.now, 3)))
            return Sent(messages, size_bytes)

        return Part(paint, frozenset(topics), every_s)


def raise_it(error):
    raise error


@pytest.fixture
def clock():
    return Clock()


def run(clock, schedule, seconds, *, news_every_s=0.01):
    """Drive a schedule with constant news."""
    end = clock.now + seconds
    while clock.now < end:
        schedule.mark({"train"})
        if schedule.next_at(clock.now) <= clock.now:
            schedule.paint(clock.now, raise_it)
        clock.now += news_every_s


def test_a_part_is_painted_at_once_and_then_not_too_often(clock):
    schedule = Schedule(Budget())
    schedule.add([clock.part("loss")])
    run(clock, schedule, 1.0)
    assert clock.painted[0] == ("loss", 100.0)
    assert len(clock.painted) == 5


def test_no_more_messages_than_the_budget(clock):
    schedule = Schedule(Budget())
    schedule.add([clock.part(f"p{i}", every_s=0.1) for i in range(8)])
    run(clock, schedule, 10)
    assert len(clock.painted) <= 10 * 10 + 11
    counts = [sum(name == f"p{i}" for name, _ in clock.painted) for i in range(8)]
    assert max(counts) - min(counts) <= 2  # each gets its turn


def test_no_more_bytes_than_the_budget(clock):
    schedule = Schedule(Budget())
    schedule.add([clock.part("big", every_s=0.05, size_bytes=100_000)])
    run(clock, schedule, 10)
    assert len(clock.painted) <= 20 + 3


def test_the_last_state_is_always_painted(clock):
    schedule = Schedule(Budget())
    schedule.add([clock.part(f"p{i}", every_s=0.1) for i in range(30)])
    run(clock, schedule, 2)
    last_news = clock.now
    schedule.mark({"train"})
    while schedule.next_at(clock.now) < float("inf"):
        clock.now = max(clock.now, schedule.next_at(clock.now))
        schedule.paint(clock.now, raise_it)
    assert {name for name, at in clock.painted if at >= last_news - 1e-3} == {
        f"p{i}" for i in range(30)
    }


def test_only_the_parts_of_a_topic_are_painted(clock):
    schedule = Schedule(Budget())
    schedule.add([clock.part("loss"), clock.part("state", topics=("state", "tick"))])
    schedule.mark({"tick"})
    assert schedule.due_topics(clock.now) == {"state", "tick"}
    schedule.paint(clock.now, raise_it)
    assert [name for name, _ in clock.painted] == ["state"]


def test_what_nobody_sees_waits_until_somebody_does(clock):
    schedule, part = Schedule(Budget()), clock.part("loss")
    visible = []
    part.shown = lambda: bool(visible)
    schedule.add([part])
    schedule.mark({"train"})
    assert schedule.next_at(clock.now) == float("inf")
    visible.append(True)
    assert schedule.next_at(clock.now) <= clock.now
    schedule.paint(clock.now, raise_it)
    assert len(clock.painted) == 1


def test_a_removed_part_is_left_alone(clock):
    schedule = Schedule(Budget())
    remove = schedule.add([clock.part("loss")])
    remove()
    schedule.mark({"train"})
    assert schedule.next_at(clock.now) == float("inf")
    assert not schedule


def test_a_broken_part_is_reported_and_the_others_are_painted(clock):
    def broken():
        raise RuntimeError("boom")

    schedule, seen = Schedule(Budget()), []
    schedule.add([Part(broken, frozenset({"train"}), 0.1), clock.part("loss")])
    schedule.mark({"train"})
    schedule.paint(clock.now, seen.append)
    assert [str(error) for error in seen] == ["boom"]
    assert [name for name, _ in clock.painted] == ["loss"]


def test_what_sent_nothing_costs_nothing(clock):
    schedule = Schedule(Budget())
    schedule.add([clock.part("same", every_s=0.01, messages=0, size_bytes=0)])
    run(clock, schedule, 1.0)
    assert len(clock.painted) >= 90
