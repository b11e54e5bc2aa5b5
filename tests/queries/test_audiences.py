"""`audience_by`: a change reaches the audiences of the changed rows, and no other live query is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Q

from realtime import live_value
from realtime.changelog.base import NewChange
from realtime.queries.livequery import LiveQuery, ValueQuery
from realtime.queries.tail import Tail, Want
from tests.shapes.desk import Desk, Seen, statements
from tests.shapes.models import Card, Comment, Lane, Membership, Person, Tag
from tests.support.work import lines

pytestmark = pytest.mark.databases

PATHS = ["person", "tags", "comments__author", "lane__members"]
STAFF = "staff"  # an audience that no row names


def cards_of(path: str, **options: Any) -> dict[str, Any]:
    """A stream of the cards that a path leads to the audience; staff see all."""

    def rows(self: Any) -> Any:
        if self.audience_key == STAFF:
            return Card.objects.all()
        return Card.objects.filter(**{path: self.audience_key})

    def count(self: Any) -> int:
        return rows(self).values("pk").distinct().count()

    return {
        "audience": lambda self, user: user.pk,
        "audience_by": path,
        "get_queryset": lambda self: rows(self).order_by("title", "pk"),
        "count": live_value(count),
        "fields": ["title", "lane.name"],
        **options,
    }


def sliced(low: int, high: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def slice(members: dict[str, Any]) -> dict[str, Any]:
        whole = members["get_queryset"]
        return {**members, "get_queryset": lambda self: whole(self)[low:high]}

    return slice


class Board:
    """Five audiences of one kind, of which the first three have a card of their own."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lane = Lane.objects.create(name="lane", code="lane")
        kind: Any = Tag if path == "tags" else Person
        self.audiences = [kind.objects.create(name=str(number)) for number in range(5)]
        self.cards: list[Any] = []
        for number in range(3):
            self.add(f"card {number}", number)

    def add(self, title: str, *numbers: int) -> Any:
        with transaction.atomic():
            lane = self.lane
            if self.path == "lane__members":
                lane = Lane.objects.create(name=title, code=title)
            person = self.audiences[numbers[0]] if self.path == "person" and numbers else None
            card: Any = Card.objects.create(title=title, lane=lane, person=person)
            for number in numbers:
                self.invite(card, number)
        self.cards.append(card)
        return card

    def invite(self, card: Any, number: int) -> None:
        audience = self.audiences[number]
        match self.path:
            case "person":
                card.person = audience
                card.save()
            case "tags":
                card.tags.add(audience)
            case "comments__author":
                Comment.objects.create(card=card, author=audience)
            case "lane__members":
                card.lane.members.add(audience)

    def expel(self, card: Any, number: int) -> None:
        audience = self.audiences[number]
        match self.path:
            case "person":
                card.person = None
                card.save()
            case "tags":
                card.tags.remove(audience)
            case "comments__author":
                Comment.objects.get(card=card, author=audience).delete()
            case "lane__members":
                card.lane.members.remove(audience)


@pytest.fixture(params=PATHS)
def board(request: Any, desk: Desk) -> Board:
    return Board(request.param)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[Any]]:
    """The audiences whose live queries are looked at."""
    found: set[Any] = set()
    for kind in (LiveQuery, ValueQuery):
        delta = kind.delta

        def note(self: Any, *args: Any, delta: Any = delta, **kwargs: Any) -> Any:
            found.add(self.key.audience)
            return delta(self, *args, **kwargs)

        monkeypatch.setattr(kind, "delta", note)
    return found


def watch_all(desk: Desk, board: Board, make: Callable[[dict[str, Any]], dict[str, Any]] = dict, **options: Any) -> Any:
    members = make(cards_of(board.path, **options))
    stream = desk.stream(Card, members.pop("get_queryset"), **members)
    return stream, [desk.watch(stream, audience=each.pk) for each in board.audiences]


def touched(desk: Desk, asked: set[Any], board: Board) -> list[int]:
    """Tick, compare all with the database, and return the numbers of the audiences that were looked at."""
    asked.clear()
    desk.check()
    keys = [each.pk for each in board.audiences]
    return sorted(keys.index(key) for key in asked if key in keys)


class TestRows:
    def test_edit_touches_those_whom_the_row_is_for(self, desk, board, asked):
        watch_all(desk, board)
        Card.objects.filter(pk=board.cards[1].pk).update(title="edited")
        assert touched(desk, asked, board) == [1]

    def test_row_enters_with_an_audience_and_leaves_with_it(self, desk, board, asked):
        watch_all(desk, board)
        board.invite(board.cards[0], 3)
        assert 3 in touched(desk, asked, board)
        board.expel(board.cards[0], 3)
        assert 3 in touched(desk, asked, board)
        assert 4 not in asked

    def test_new_row_touches_its_audiences_alone(self, desk, board, asked):
        watch_all(desk, board)
        board.add("new", 2)
        assert touched(desk, asked, board) == [2]

    def test_deleted_row_touches_those_who_had_it(self, desk, board, asked):
        watch_all(desk, board)
        board.cards[2].delete()
        assert touched(desk, asked, board) == [2]

    def test_row_that_changes_and_leaves_at_once(self, desk, board, asked):
        watch_all(desk, board)
        with transaction.atomic():
            Card.objects.filter(pk=board.cards[1].pk).update(title="edited")
            board.cards[1].refresh_from_db()
            board.expel(board.cards[1], 1)
            board.invite(board.cards[1], 4)
        assert set(touched(desk, asked, board)) == {1, 4}

    def test_audience_that_no_row_can_name_has_all_changes(self, desk, board, asked):
        stream, _ = watch_all(desk, board)
        staff = desk.watch(stream, audience=STAFF)
        Card.objects.filter(pk=board.cards[1].pk).update(title="edited")
        assert touched(desk, asked, board) == [1]
        assert STAFF in asked
        assert len(staff.rows) == 3

    def test_row_that_a_dependency_changed_touches_its_audiences(self, desk, board, asked):
        watch_all(desk, board, depends_on=["lane"])
        card = board.add("other lane", 3)
        other = Lane.objects.create(name="other", code="other")
        if board.path != "lane__members":
            Card.objects.filter(pk=card.pk).update(lane=other)
        desk.tick()
        Lane.objects.filter(pk=Card.objects.get(pk=card.pk).lane_id).update(name="renamed")
        assert touched(desk, asked, board) == [3]

    def test_change_of_which_the_log_knows_no_audience_reaches_them(self, desk, board):
        _, lives = watch_all(desk, board)
        desk.tick()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE shapes_card SET title = 'raw' WHERE id = %s", [board.cards[0].pk])
        desk.tail.log.append([NewChange("shapes.card", str(board.cards[0].pk), "u")])
        desk.check()
        assert [row["title"] for row in lives[0].rows.values()] == ["raw"]

    def test_many_rows_that_are_not_listed_reach_all(self, desk, board):
        watch_all(desk, board)
        Card.objects.update(title="all")
        desk.tail.log.append([NewChange("shapes.card", "", "r")])
        desk.check()


class TestWindows:
    @pytest.mark.parametrize("window", [(0, 2), (1, 3)])
    def test_window_is_exact_when_rows_before_it_leave(self, desk, board, window):
        watch_all(desk, board, sliced(*window))
        cards = [board.add(f"a {number}", 3) for number in range(4)]
        desk.check()
        board.expel(cards[0], 3)
        desk.check()
        Card.objects.filter(pk=cards[2].pk).update(title="0")
        desk.check()
        cards[1].delete()
        desk.check()

    def test_window_of_another_audience_is_not_looked_at(self, desk, board, asked):
        watch_all(desk, board, sliced(0, 2))
        board.add("a", 3)
        assert touched(desk, asked, board) == [3]


class TestValues:
    def count(self, desk: Desk, stream: Any, board: Board) -> list[Seen]:
        fresh = [desk.watch(stream, audience=each.pk, format="value:count") for each in board.audiences]
        for each in fresh:
            desk.seen.remove(each)
        return fresh

    def values(self, desk: Desk, stream: Any, lives: list[Seen]) -> list[int]:
        for each in lives:
            desk.bring(each)
        return [each.rows["count"] for each in lives]

    def test_value_counts_rows_that_have_left(self, desk, board):
        members = cards_of(board.path)
        stream = desk.stream(Card, members.pop("get_queryset"), **members)
        lives = [desk.watch(stream, audience=each.pk, format="value:count", fresh=nothing) for each in board.audiences]
        checked, desk.seen = desk.seen, []
        for write in (
            lambda: board.invite(board.cards[0], 3),
            lambda: board.expel(board.cards[0], 3),
            lambda: board.cards[1].delete(),
            lambda: board.add("new", 4),
        ):
            write()
            desk.seen = checked
            desk.tick()
            found = [next(iter(live.rows.values())) for live in lives]
            path = {each.pk: Card.objects.filter(Q((board.path, each.pk))).values("pk").distinct().count() for each in board.audiences}
            assert found == list(path.values())


def nothing(self: Any) -> Any:
    return Card.objects.none()
