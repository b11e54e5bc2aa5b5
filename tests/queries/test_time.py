"""Rows that enter, leave and change by time: right after a return and a change, and when a stream says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models import BooleanField, CharField, DateField, ExpressionWrapper, Func, Q, Value
from django.db.models.functions import Now

from realtime import ModelStream, live_value
from realtime.auth.authorization import split_fingerprint
from realtime.exceptions import StreamDefinitionError
from realtime.queries.formats import live_query
from realtime.queries.page import page_part
from realtime.queries.tail import Tail
from realtime.queries.tick import Want
from realtime.streams.registry import registry
from realtime.streams.validation import problems
from tests.models import Book, Shelf

pytestmark = pytest.mark.databases

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


class Clock:
    """What the streams below take for the time: books of fewer pages have ended."""

    def __init__(self) -> None:
        self.pages = 0
        self.seconds = BEGIN.timestamp()

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(live) -> Clock:
    clock = Clock()
    live.tail = Tail(live.log, max_changes=1000, clock=clock)
    return clock


@pytest.fixture
def declare(clock):
    """`declare(get_queryset)`: a stream of books."""

    def make(get_queryset, **attributes):
        fixed = {"model": Book, "fields": ["title"], "authorize": lambda self, user: True, "allow_anonymous": True}
        fixed |= {"get_queryset": lambda self: get_queryset()}
        stream = type("Timed", (ModelStream,), fixed | attributes)
        registry.add("timed", stream)
        return stream

    yield make
    registry.remove("timed")


@pytest.fixture
def books(committed):
    shelf = Shelf.objects.create(name="one")
    return [
        Book.objects.create(shelf=shelf, title=title, pages=pages) for title, pages in (("a", 1), ("b", 2), ("c", 3))
    ]


def come_back(live, viewer) -> bool:
    """Bring somebody to the present who has been away; return whether they were sent anything."""
    want = Want(viewer.key, viewer.cursor, viewer.fingerprint)
    answer = live.tail.tick({want: viewer.stream}, []).answers[want]
    viewer.query, viewer.fingerprint = answer.query, answer.fingerprint
    viewer.take(answer.delta)
    return answer.delta is not None


def away(live, stream, **options):
    """Somebody who has the rows of now, and is not connected."""
    viewer = live.viewer(stream, **options)
    want = Want(viewer.key, None)
    tick = live.tail.tick({want: viewer.stream}, [])
    answer = tick.answers[want]
    viewer.query, viewer.cursor, viewer.fingerprint = answer.query, tick.cursor, answer.fingerprint
    viewer.take(answer.delta)
    return viewer


def by_python(clock):
    return lambda: Book.objects.filter(pages__gt=clock.pages)


def by_year(clock):
    return lambda: Book.objects.filter(pages__in=range(clock.pages + 1, 100))


def in_a_subquery(clock):
    return lambda: Book.objects.filter(
        shelf__in=Shelf.objects.filter(books__pages__gt=clock.pages), pages__gt=clock.pages
    )


def empty_at_the_end(clock):
    return lambda: Book.objects.filter(pages__gt=clock.pages) if clock.pages < 2 else Book.objects.filter(pk__in=[])


WAYS = [by_python, by_year, in_a_subquery, empty_at_the_end]


class TestReturn:
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("alone", [True, False])
    def test_ended_row_is_gone(self, live, clock, declare, books, way, alone):
        """Also where a server process has had nobody else for it."""
        viewer = away(live, declare(way(clock)))
        if alone:
            live.tail.tick({}, [viewer.key])
        clock.pages = 2
        assert come_back(live, viewer)
        assert viewer.titles == list(Book.objects.filter(pk__in=way(clock)()).values_list("title", flat=True))

    def test_row_that_has_begun_is_there(self, live, clock, declare, books):
        viewer = away(live, declare(lambda: Book.objects.filter(pages__lte=clock.pages)))
        clock.pages = 2
        come_back(live, viewer)
        assert viewer.titles == ["a", "b"]

    def test_annotation_of_the_time(self, live, clock, declare, books):
        def queryset():
            return Book.objects.annotate(late=ExpressionWrapper(Q(pages__lte=clock.pages), BooleanField()))

        viewer = away(live, declare(queryset, fields=["late"]))
        clock.pages = 1
        come_back(live, viewer)
        assert [bool(row["late"]) for row in viewer.rows] == [True, False, False]

    def test_value_of_the_time(self, live, clock, declare, books):
        count = live_value(lambda self: Book.objects.filter(pages__gt=clock.pages).count())
        viewer = away(live, declare(Book.objects.all, count=count), format="value:count")
        clock.pages = 1
        assert (come_back(live, viewer), viewer.rows) == (True, [2])
        assert (come_back(live, viewer), viewer.rows) == (False, [2])

    def test_page_is_brought_to_the_present(self, live, clock, declare, books):
        stream = declare(by_python(clock), template_name="tests/book.html")
        part = page_part(AnonymousUser(), "timed", {})
        clock.pages = 1
        viewer = live.viewer(stream, format="html", cursor=part.cursor)
        viewer.fingerprint = split_fingerprint(part.fingerprint)[1]
        assert come_back(live, viewer)
        assert len(viewer.rows) == 2

    def test_page_that_is_of_the_present_is_sent_nothing(self, live, clock, declare, books):
        stream = declare(by_python(clock), template_name="tests/book.html")
        part = page_part(AnonymousUser(), "timed", {})
        viewer = live.viewer(stream, format="html", cursor=part.cursor)
        viewer.fingerprint = split_fingerprint(part.fingerprint)[1]
        assert not come_back(live, viewer)

    def test_who_is_connected_follows_when_somebody_comes(self, live, clock, declare, books):
        stream = declare(by_python(clock))
        there = live(stream)
        clock.pages = 1
        live(stream)
        assert there.titles == ["b", "c"]

    def test_queryset_that_never_asks_twice_the_same_does_not_send_everything_each_time(
        self, live, clock, declare, books
    ):
        """A long-poll client comes back with each response: it must find rest."""

        def queryset():
            clock.pages -= 1
            return Book.objects.filter(pages__gt=clock.pages)

        viewer = away(live, declare(queryset))
        sent = [come_back(live, viewer) for _ in range(4)]
        assert sent[2:] == [False, False]

    def test_slow_client_misses_nothing(self, live, clock, declare, books):
        """Its server knows the cursor that it is at, and no fingerprint."""
        viewer = away(live, declare(by_python(clock)))
        clock.pages = 1
        viewer.fingerprint = None
        come_back(live, viewer)
        assert viewer.titles == ["b", "c"]

    def test_queryset_without_a_clock_sends_nothing(self, live, clock, declare, books):
        viewer = away(live, declare(Book.objects.all))
        assert not come_back(live, viewer)


class TestChange:
    def test_another_rows_change_takes_the_ended_one_away(self, live, clock, declare, books):
        viewer = live(declare(by_python(clock)))
        clock.pages = 1
        Book.objects.filter(title="c").update(title="z")
        live.tick()
        assert viewer.titles == ["b", "z"]

    def test_annotation_of_the_time(self, live, clock, declare, books):
        def queryset():
            return Book.objects.annotate(late=ExpressionWrapper(Q(pages__lte=clock.pages), BooleanField()))

        viewer = live(declare(queryset, fields=["late", "title"]))
        for clock.pages in (1, 2):
            Book.objects.filter(title__in="cz").update(title="z" if clock.pages == 1 else "c")
            live.tick()
            assert [bool(row["late"]) for row in viewer.rows] == [number < clock.pages for number in range(3)]


@pytest.mark.parametrize(
    "condition",
    [
        lambda: Book.objects.annotate(now=Now()),
        lambda: Book.objects.annotate(
            day=Func(function="CURRENT_DATE", template="%(function)s", output_field=DateField())
        ),
        lambda: Book.objects.annotate(day=Func(Value("now"), function="LOWER", output_field=CharField())),
        lambda: Book.objects.filter(owner__in=Book.objects.filter(owner__last_login__lt=Now()).values("owner")),
    ],
)
def test_clock_of_the_database_is_seen(live, declare, books, condition):
    """Each who comes back may have missed something that no QuerySet tells."""
    viewer = away(live, declare(condition, depends_on=["owner"]))
    viewer.fingerprint = None
    assert come_back(live, viewer) or not viewer.keys
    assert live_query(viewer.stream, "data").drifts()


class TestDue:
    def changes_at(self, clock):
        """In as many seconds as the next book has pages."""

        def changes_at(self):
            pages = (
                Book.objects.filter(pages__gt=clock.pages).order_by("pages").values_list("pages", flat=True).first()
            )
            return None if pages is None else BEGIN + timedelta(seconds=pages)

        return changes_at

    def go_to(self, clock, pages):
        clock.pages = pages
        clock.seconds = BEGIN.timestamp() + pages

    def test_ended_row_leaves_when_the_stream_has_said(self, live, clock, declare, books):
        viewer = live(declare(by_python(clock), changes_at=self.changes_at(clock)))
        assert live.tail.next_due == BEGIN.timestamp() + 1
        self.go_to(clock, 1)
        live.tick()
        assert (viewer.titles, viewer.delta["drops"]) == (["b", "c"], [str(books[0].pk)])
        assert live.tail.next_due == BEGIN.timestamp() + 2
        live.tick()
        assert viewer.delta is None

    def test_change_moves_the_moment(self, live, clock, declare, books):
        live(declare(by_python(clock), changes_at=self.changes_at(clock)))
        books[0].delete()
        live.tick()
        assert live.tail.next_due == BEGIN.timestamp() + 2

    def test_rows_are_read_again_every_so_often(self, live, clock, declare, books):
        viewer = live(declare(by_python(clock), refresh_every=60))
        for pages, titles in ((1, ["b", "c"]), (3, [])):
            clock.pages = pages
            clock.seconds += 59
            live.tick()
            assert viewer.delta is None
            clock.seconds += 1
            live.tick()
            assert viewer.titles == titles

    def test_row_that_shows_the_time_is_sent_again(self, live, clock, declare, books, monkeypatch):
        monkeypatch.setattr(Book, "ended", property(lambda book: book.pages <= clock.pages), raising=False)
        viewer = live(declare(Book.objects.all, fields=["title", "ended"], refresh_every=60))
        clock.pages, clock.seconds = 1, clock.seconds + 60
        live.tick()
        assert [put["row"] for put in viewer.delta["puts"]] == [{"title": "a", "ended": True}]
        Book.objects.filter(title="b").update(title="x")
        live.tick()
        clock.pages, clock.seconds = 2, clock.seconds + 60
        live.tick()
        assert [put["row"] for put in viewer.delta["puts"]] == [{"title": "x", "ended": True}]

    def test_moment_that_has_passed_is_not_looked_at_all_the_time(self, live, clock, declare, books):
        live(declare(by_python(clock), changes_at=lambda self: BEGIN - timedelta(days=1)))
        assert live.tail.next_due == clock() + 0.5

    def test_value_changes_too(self, live, clock, declare, books):
        count = live_value(lambda self: Book.objects.filter(pages__gt=clock.pages).count())
        viewer = live(declare(Book.objects.all, count=count, refresh_every=1), format="value:count")
        clock.pages, clock.seconds = 1, clock.seconds + 1
        live.tick()
        assert viewer.rows == [2]

    def test_who_has_left_is_not_waited_for(self, live, clock, declare, books):
        viewer = live(declare(by_python(clock), refresh_every=60))
        live.tick(gone=(viewer,))
        live.tick()
        assert live.tail.next_due == float("inf")

    def test_moment_that_is_none_is_an_error_of_the_stream(self, clock, declare):
        stream = declare(Book.objects.all, changes_at=lambda self: "tomorrow")
        with pytest.raises(StreamDefinitionError) as wrong:
            stream({}).next_change(clock())
        assert str(wrong.value) == "changes_at of the stream 'timed' returned str. Return a datetime, or None."

    @pytest.mark.parametrize("seconds", [0, -1, "60", True, float("nan")])
    def test_refresh_every_is_a_number_of_seconds(self, declare, seconds):
        [problem] = problems(declare(Book.objects.all, refresh_every=seconds))
        assert str(problem) == f"Timed.refresh_every is {seconds!r}. Set it to a positive number of seconds."
