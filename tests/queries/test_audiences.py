"""`audience_by`: an audience sees the rows that lead to it. A change reaches the audiences of the changed rows.

Each test runs with a QuerySet of all audiences' rows, as is usual; on SQLite, also with one that names the audience
itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from realtime import live_value
from realtime.changelog.base import NewChange
from realtime.queries.formats import ValueQuery
from realtime.queries.livequery import LiveQuery
from realtime.queries.query_key import query_key
from realtime.queries.tail import Tail
from realtime.queries.tick import Want
from tests.shapes.desk import Desk, Seen, statements
from tests.shapes.models import Card, Comment, Lane, Person, Tag
from tests.support.work import lines

PATHS = ["person", "tags", "comments__author", "lane__members"]
AUDIENCES = 5  # the first three have a card of their own
NOBODY = ["staff", None, "", True, -1, 110248495921238986420]  # audiences that no row names


class Board:
    """Cards that a path leads to some of five audiences, and a live query for each of these."""

    def __init__(self, desk: Desk, path: str, names_audience: bool = False) -> None:
        self.desk = desk
        self.path = path
        self.names_audience = names_audience
        self.lane = Lane.objects.create(name="lane", code=uuid4().hex[:30])
        kind: Any = Tag if path == "tags" else Person
        self.audiences = [kind.objects.create(name=str(number)) for number in range(AUDIENCES)]
        self.cards = [self.add(f"card {number}", number) for number in range(3)]

    @property
    def rows(self) -> Callable[[Any], Any]:
        own = self.own_rows if self.names_audience else lambda stream: Card.objects.all()
        return lambda stream: own(stream).order_by("title", "pk")

    def own_rows(self, stream: Any) -> Any:
        """What an audience has to see, without `audience_by`."""
        return Card.objects.filter(**{self.path: stream.audience_key})

    @property
    def options(self) -> dict[str, Any]:
        return {
            "audience": lambda self, user: user.pk,
            "audience_by": self.path,
            "fields": ["title", "lane.name"],
            "depends_on": ["lane"],
            "number": live_value(lambda stream: stream.get_queryset().count()),
        }

    def watch(self, window: slice | None = None) -> list[Seen]:
        rows = self.rows
        windowed = (lambda stream: rows(stream)[window]) if window else rows
        self.stream = self.desk.stream(Card, windowed, **self.options)
        self.window = window
        return [self.watch_as(each.pk) for each in self.audiences]

    def watch_as(self, audience: Any) -> Seen:
        def fresh(stream: Any) -> Any:
            rows = self.own_rows(stream).order_by("title", "pk")
            return rows[self.window] if self.window else rows

        return self.desk.watch(self.stream, audience=audience, fresh=fresh)

    def watch_numbers(self) -> list[Seen]:
        numbers = [self.desk.watch(self.stream, audience=each.pk, format="value:number") for each in self.audiences]
        for each in numbers:  # which have no rows
            each.check = lambda each=each: each.rows["number"] == len(each.expected()) or pytest.fail(str(each.rows))
        return numbers

    def add(self, title: str, *numbers: int) -> Any:
        with transaction.atomic():
            lane = self.lane
            if self.path == "lane__members":
                lane = Lane.objects.create(name=title, code=uuid4().hex[:30])
            person = self.audiences[numbers[0]] if self.path == "person" else None
            card = Card.objects.create(title=title, lane=lane, person=person)
            for number in numbers:
                self.invite(card, number)
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
def path(request: Any) -> str:
    return str(request.param)


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.once)], ids=["declares", "names"])
def board(request: Any, desk: Desk, path: str) -> Board:
    return Board(desk, path, request.param)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Callable[[], set[Any]]:
    """A function that ticks, compares all with the database, and returns the audiences that were looked at."""
    found: set[Any] = set()
    for kind, name in ((LiveQuery, "delta"), (LiveQuery, "delta_of_read"), (ValueQuery, "delta")):
        delta = getattr(kind, name)

        def note(self: Any, *args: Any, delta: Any = delta, **kwargs: Any) -> Any:
            found.add(self.key.audience)
            return delta(self, *args, **kwargs)

        monkeypatch.setattr(kind, name, note)

    def tick() -> set[Any]:
        found.clear()
        desk.check()
        return set(found)

    return tick


def title(card: Any, text: str) -> None:
    Card.objects.filter(pk=card.pk).update(title=text)


def test_change_touches_those_whom_the_row_is_for_or_was_for(board, asked):
    board.watch()
    keys = [each.pk for each in board.audiences]
    numbers = lambda: sorted(map(keys.index, asked()))  # noqa: E731
    first, second, third = board.cards

    title(second, "edited")
    assert numbers() == [1]
    new = board.add("new", 4)
    assert numbers() == [4]
    board.invite(third, 3)
    assert 3 in numbers()
    board.expel(third, 3)
    assert 3 in numbers()
    with transaction.atomic():
        title(new, "goes")
        new.refresh_from_db()
        board.expel(new, 4)
        board.invite(new, 0)
    assert numbers() == [0, 4]
    Lane.objects.filter(pk=new.lane_id).update(name="renamed")
    numbers()
    first.delete()
    assert numbers() == [0]
    assert numbers() == []


@pytest.mark.parametrize(
    ("path", "audience"), [*((PATHS[0], audience) for audience in NOBODY), *((path, "staff") for path in PATHS[1:])]
)
def test_audience_that_no_row_names_sees_none(desk, path, audience):
    board = Board(desk, path)
    board.watch()
    nobody = desk.watch(board.stream, audience=audience)
    number = desk.watch(board.stream, audience=audience, format="value:number")
    card = Card.objects.create(title="of nobody", lane=Lane.objects.create(name="of nobody", code="n"))
    title(board.cards[1], "edited")
    board.expel(board.cards[0], 0)
    desk.tick()
    title(card, "edited")
    desk.tick()
    back = nobody.past()
    desk.bring(back)
    assert nobody.rows == back.rows == {}
    assert number.rows == {"number": 0}
    assert list(nobody.stream.get_queryset()) == []
    assert list(board.stream({}).get_queryset()) == []  # a stream without a user


def test_changes_of_which_the_log_has_no_audience_reach_everyone(board, asked):
    board.watch()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE shapes_card SET title = 'raw'")
        for table in ("shapes_card_tags", "shapes_comment", "shapes_membership"):
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("UPDATE shapes_card SET person_id = NULL")
    labels = ["shapes.card", "shapes.card_tags", "shapes.comment", "shapes.membership"]
    board.desk.tail.log.append([NewChange(label, "", "r") for label in labels])
    assert len(asked()) == AUDIENCES


def test_link_of_which_the_log_has_no_audience_concerns_everyone(board, asked):
    """As one that another program has deleted where triggers are missing, and that an action tells of."""
    lives = board.watch()
    board.expel(board.cards[0], 0)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE realtime_change SET routing = NULL")
    asked()
    assert lives[0].keys == []


@pytest.mark.parametrize("window", [slice(0, 2), pytest.param(slice(1, 3), marks=pytest.mark.once)])
def test_window_is_exact_when_rows_before_it_leave(board, asked, window):
    board.watch(window)
    cards = [board.add(f"a {number}", 3) for number in range(4)]
    asked()
    board.expel(cards[0], 3)
    asked()
    title(cards[2], "0")
    asked()
    cards[1].delete()
    asked()
    if window.start == 0:
        title(cards[2], "1")
        assert asked() == {board.audiences[3].pk}


def test_value_counts_rows_that_have_left(board, asked):
    board.watch()
    board.watch_numbers()
    board.invite(board.cards[0], 3)
    asked()
    board.expel(board.cards[0], 3)
    asked()
    board.cards[1].delete()
    asked()
    board.add("new", 4)
    assert asked() == {board.audiences[4].pk} or board.path == "lane__members"


def restart(board: Board) -> list[Seen]:
    """Have another process take over, while all clients are away; return them."""
    board.desk.tail = Tail(board.desk.tail.log, max_changes=1000)
    away, board.desk.seen = [live.past() for live in board.desk.seen], []
    return away


def test_client_that_returns_has_what_came_and_not_what_went(board):
    board.watch()
    away = restart(board)
    board.cards[2].delete()  # which nobody is left to be asked about
    board.desk.bring(*away)
    board.desk.seen = away
    for each in away:
        each.check()

    away = restart(board)
    board.invite(board.cards[0], 3)
    board.desk.tick()
    card = board.add("new", 4)
    title(board.cards[1], "edited")
    if board.path != "person":
        board.expel(board.cards[0], 0)
    board.desk.bring(*away)
    board.desk.seen = away
    for each in away:
        each.check()
    board.expel(card, 4)
    board.desk.check()


def test_partitions_of_one_audience_are_told_apart(desk, asked):
    board = Board(desk, "tags")

    def rows(self: Any, lane: int) -> Any:
        return Card.objects.filter(lane=lane, tags=self.audience_key).order_by("title", "pk")

    lanes = [board.lane, Lane.objects.create(name="b", code="b")]
    stream = desk.stream(Card, rows, audience=lambda self, user, lane: 1, audience_by="tags", partition_by=["lane"])
    watched = {
        (lane.pk, tag.pk): desk.watch(stream, audience=tag.pk, lane=lane.pk)
        for lane in lanes
        for tag in board.audiences
    }
    asked()
    card = board.cards[0]
    card.lane = lanes[1]
    card.save()
    assert asked() == {board.audiences[0].pk}
    card.tags.add(board.audiences[4])
    asked()
    assert [key for key, live in watched.items() if str(card.pk) in live.keys] == [
        (lanes[1].pk, board.audiences[number].pk) for number in (0, 4)
    ]


def test_update_of_one_partition_touches_no_other(desk, asked):
    """Also on MariaDB, where the log does not list the rows, and has their partition alone."""
    board = Board(desk, "person")

    def rows(self: Any, lane: int) -> Any:
        return Card.objects.filter(lane=lane, person=self.audience_key).order_by("title", "pk")

    other = Lane.objects.create(name="b", code="b")
    mine = board.audiences[3]
    Card.objects.create(title="elsewhere", lane=other, person=mine)
    audience = lambda self, user, lane: user.pk  # noqa: E731
    stream = desk.stream(Card, rows, audience=audience, audience_by="person", partition_by=["lane"])
    for each in board.audiences:
        desk.watch(stream, audience=each.pk, lane=board.lane.pk)
    desk.watch(stream, audience=mine.pk, lane=other.pk)
    Card.objects.filter(lane=other).update(title="edited")
    assert asked() == {mine.pk}


def test_rows_of_many_audiences_are_read_together(desk, asked):
    """If the row itself holds its audience, as a notification does."""
    board = Board(desk, "person")
    board.watch()
    Card.objects.bulk_create([Card(title=each.name, lane=board.lane, person=each) for each in board.audiences])
    with statements() as found:
        desk.tick()
    assert len([sql for sql in found.only if "FROM" in sql and "shapes_card" in sql]) == 1
    desk.check()


@pytest.mark.once
def test_work_does_not_grow_with_idle_personal_live_queries(desk):
    few, many = (costs_for_three(desk, number) for number in (20, 600))
    assert few[:2] == many[:2]
    assert few[0] == 3
    assert many[2] - few[2] < 300  # one line for each of the 580 more would be more


def costs_for_three(desk: Desk, number: int) -> tuple[int, int, int]:
    """Change a row for three of so many audiences; return deltas, statements and lines of Python of a tick.

    Transactions of others on the same PostgreSQL server take some lines more.
    """
    board = Board(desk, "tags")
    board.audiences += Tag.objects.bulk_create([Tag(name="idle") for _ in range(number - AUDIENCES)])
    card = board.add("for three", 0, number // 2, number - 1)
    stream = desk.stream(Card, board.rows, **board.options)
    wanted = [stream({}, each.pk) for each in board.audiences]
    tail = Tail(desk.tail.log, max_changes=1000)
    tail.tick({Want(query_key(each, "data"), None): each for each in wanted}, ())
    title(card, "edited")
    tail.tick({}, ())  # what is made once has been made
    costs = []
    for text in "abc":
        title(card, text)
        ticks: list[Any] = []
        with statements() as found:
            work = lines(lambda ticks=ticks: ticks.append(tail.tick({}, ())))
        costs.append((len(ticks[0].deltas), len(found.only), work))
    return min(costs)
