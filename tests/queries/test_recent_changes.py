"""RecentChanges: recent changes are not read again."""

import pytest

from realtime.changelog.base import LoggedChange
from realtime.queries.recent_changes import MAX_TICKS, TOO_MANY, RecentChanges

pytestmark = pytest.mark.once


def is_older(one: str, other: str) -> bool:
    return one <= other


def change(number: int) -> LoggedChange:
    return LoggedChange(number, "tests.book", str(number), "u", None)


def test_changes_since_a_cursor_are_all_that_came_after_it():
    recent = RecentChanges(10, is_older)
    recent.add("a", 1, [change(1)])
    recent.add("b", 2, [change(2), change(3)])
    assert recent.since("a") == [change(1), change(2), change(3)]
    assert recent.since("b") == [change(2), change(3)]


def test_a_cursor_that_was_not_seen_is_not_known():
    recent = RecentChanges(10, is_older)
    recent.add("a", 1, [change(1)])
    assert recent.since("b") is TOO_MANY


def test_the_oldest_are_forgotten_when_there_are_too_many_changes():
    recent = RecentChanges(2, is_older)
    recent.add("a", 1, [change(1)])
    recent.add("b", 2, [change(2)])
    recent.add("c", 3, [change(3)])
    assert recent.since("a") is TOO_MANY
    assert recent.since("b") == [change(2), change(3)]


def test_ticks_without_changes_are_forgotten_too():
    recent = RecentChanges(2, is_older)
    for number in range(MAX_TICKS + 1):
        recent.add(str(number), number, [])
    assert recent.since("0") is TOO_MANY
    assert recent.since("1") == []


def test_nothing_is_remembered_of_a_log_that_was_replaced():
    recent = RecentChanges(2, is_older)
    recent.add("a", 1, [change(1)])
    recent.clear()
    assert recent.since("a") is TOO_MANY


class TestInsert:
    """All changes after an older cursor, which somebody has come back from."""

    @pytest.fixture
    def recent(self) -> RecentChanges:
        recent = RecentChanges(10, is_older)
        recent.add("g", 7, [change(8)])
        return recent

    def test_older_ones_are_known_from_then_on(self, recent):
        recent.insert("c", 3, [change(number) for number in range(4, 9)])
        assert [each.id for each in recent.since("c")] == [4, 5, 6, 7, 8]
        assert recent.since("g") == [change(8)]

    @pytest.mark.parametrize("order", ["ace", "eca", "cea"])
    def test_each_change_is_kept_once_in_whatever_order_they_come(self, order, recent):
        for cursor in order:
            mark = ord(cursor) - 96
            recent.insert(cursor, mark, [change(number) for number in range(mark + 1, 9)])
        for cursor in order:
            assert sorted(each.id for each in recent.since(cursor)) == list(range(ord(cursor) - 95, 9))
        recent.add("h", 8, [change(9), change(10)])  # nine in all
        assert recent.since("a") is not TOO_MANY
        recent.add("i", 10, [change(11), change(12)])
        assert (recent.since("a"), recent.knows("c")) == (TOO_MANY, True)

    def test_newest_that_is_older_stands_for_others(self, recent):
        recent.insert("c", 3, [change(number) for number in range(4, 9)])
        assert [recent.before(cursor, ord(cursor) - 96) for cursor in "bcdgh"] == [None, "c", "c", "g", "g"]
        assert recent.mark("g") == 7

    def test_cursor_that_contradicts_those_beside_it_is_not_taken(self, recent):
        recent.insert("z", 3, [change(8)])
        recent.insert("c", 9, [])
        assert (recent.knows("z"), recent.knows("c")) == (False, False)
