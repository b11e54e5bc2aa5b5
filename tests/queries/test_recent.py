"""Recent: what was read lately is not read again."""

from realtime.changelog.base import LoggedChange
from realtime.queries.recent import MAX_TICKS, Recent


def change(number: int) -> LoggedChange:
    return LoggedChange(number, "tests.book", str(number), "u", None)


def test_changes_since_a_cursor_are_all_that_came_after_it():
    recent = Recent(max_changes=10)
    recent.add("a", [change(1)])
    recent.add("b", [change(2), change(3)])
    assert recent.since("a") == [change(1), change(2), change(3)]
    assert recent.since("b") == [change(2), change(3)]


def test_a_cursor_that_was_not_seen_is_not_known():
    recent = Recent(max_changes=10)
    recent.add("a", [change(1)])
    assert recent.since("b") is None


def test_the_oldest_are_forgotten_when_there_are_too_many_changes():
    recent = Recent(max_changes=2)
    recent.add("a", [change(1)])
    recent.add("b", [change(2)])
    recent.add("c", [change(3)])
    assert recent.since("a") is None
    assert recent.since("b") == [change(2), change(3)]


def test_ticks_without_changes_are_forgotten_too():
    recent = Recent(max_changes=2)
    for number in range(MAX_TICKS + 1):
        recent.add(str(number), [])
    assert recent.since("0") is None
    assert recent.since("1") == []


def test_nothing_is_remembered_of_a_log_that_was_replaced():
    recent = Recent(max_changes=2)
    recent.add("a", [change(1)])
    recent.clear()
    assert recent.since("a") is None
