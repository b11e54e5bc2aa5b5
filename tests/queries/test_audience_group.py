"""Audiences that see the same share one live query, until something in it depends on the audience."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, Q, QuerySet, Value
from django.test.utils import CaptureQueriesContext

from realtime import ModelStream, live_value
from realtime.protocol.live_text import GrowingText, TextName
from realtime.queries.tick import Want
from tests.models import Book, Shelf
from tests.queries.conftest import Live

pytestmark = pytest.mark.databases

NUMBER = 6


def stream(**members: Any) -> type[ModelStream]:
    """A new stream: what is known of others counts for nothing."""

    class Alike(ModelStream):
        name = "alike"
        model = Book
        fields = ["id", "title"]
        template_name = "tests/family_row.html"

        def get_queryset(self) -> Any:
            return Book.objects.order_by("title")

    return type("Alike", (Alike,), {"__module__": __name__, **members})


@pytest.fixture
def books(committed: None) -> list[Book]:
    shelf = Shelf.objects.create(name="one")
    return [Book.objects.create(shelf=shelf, title=title) for title in "bdf"]


def statements(live: Live) -> int:
    with CaptureQueriesContext(connection) as queries:
        live.tick()
    return sum("tests_book" in query["sql"] for query in queries.captured_queries)


def titles() -> list[str]:
    return list(Book.objects.order_by("title").values_list("title", flat=True))


def rename(book: Book, title: str) -> None:
    Book.objects.filter(pk=book.pk).update(title=title)


def test_audiences_that_see_the_same_are_read_once(live, books):
    kind = stream()
    viewers = [live(kind, audience=number) for number in range(NUMBER)]
    assert len({viewer.query for viewer in viewers}) == NUMBER
    rename(books[0], "e")
    assert statements(live) == 1
    assert all(viewer.titles == titles() == ["d", "e", "f"] for viewer in viewers)
    assert all(viewer.delta == viewers[0].delta for viewer in viewers)


def test_audiences_that_open_together_are_read_once(live, books):
    kind = stream()
    viewers = [live.viewer(kind, audience=number) for number in range(NUMBER)]
    with CaptureQueriesContext(connection) as queries:
        live.tick(*viewers)
    assert sum("tests_book" in query["sql"] for query in queries.captured_queries) == 2  # its keys, and its rows
    assert all(viewer.titles == titles() for viewer in viewers)
    live.viewers += viewers
    books[0].delete()
    assert statements(live) == 1
    assert all(viewer.titles == ["d", "f"] for viewer in viewers)


def test_audience_after_which_a_live_query_is_named_leaves_and_returns(live, books):
    kind = stream()
    first, second = live(kind, audience=1), live(kind, audience=2)
    live.tick(gone=(first,))
    rename(books[0], "a")
    tick = live.tick()
    assert second.titles == ["a", "d", "f"]
    assert set(tick.deltas) == {second.query}
    third = live(kind, audience=1, cursor=first.cursor, rows=dict(first.replica.rows))
    assert third.query not in (first.query, second.query)
    rename(books[0], "g")
    live.tick()
    assert third.titles == second.titles == ["d", "f", "g"]
    live.tick(gone=(second, third))
    assert list(live.tail.costs()) == []


def test_queryset_that_asks_for_the_audience_later_is_read_for_each(live, books):
    def get_queryset(self: Any) -> Any:
        rows = Book.objects.order_by("title")
        return rows.filter(pages=self.audience_key) if rows.filter(title="private").exists() else rows

    kind = stream(get_queryset=get_queryset)
    viewers = [live(kind, audience=number) for number in range(3)]
    rename(books[0], "a")
    live.tick()
    assert all(viewer.titles == ["a", "d", "f"] for viewer in viewers)
    for number, book in enumerate(books):
        Book.objects.filter(pk=book.pk).update(pages=number)
    rename(books[2], "private")
    live.tick()
    assert [viewer.titles for viewer in viewers] == [["a"], ["d"], ["private"]]
    rename(books[1], "b")
    tick = live.tick()
    assert set(tick.deltas) == {viewers[1].query}
    assert viewers[1].titles == ["b"]


def test_row_that_asks_for_the_audience_later_is_rendered_for_each(live, books):
    kind = stream()
    viewers = [live(kind, audience=number, format="html") for number in range(3)]
    rename(books[1], "c")
    assert statements(live) == 1
    rename(books[0], "for one")
    late = live.viewer(kind, audience=3, format="html")
    live.tick(late)
    shown = [[row.partition(">")[2] for row in viewer.rows] for viewer in (*viewers, late)]
    assert shown == [["c</li>", "f</li>", f"for one {number}</li>"] for number in range(4)]
    assert [cost.rows for cost in live.tail.costs()] == [3] * 4


def test_streams_that_differ_in_more_than_the_audience_share_nothing(live, books):
    kind = stream(get_queryset=lambda self: Book.objects.filter(title__gte=self.least).order_by("title"))
    viewers = []
    for number, least in enumerate("ac"):
        viewer = live.viewer(kind, audience=number)
        viewer.stream.least = least
        live.tick(viewer)
        viewers.append(viewer)
    live.viewers += viewers
    rename(books[0], "bb")
    live.tick()
    assert [viewer.titles for viewer in viewers] == [["bb", "d", "f"], ["d", "f"]]


def test_live_query_that_fails_fails_for_all_of_its_audiences(live, books):
    broken: list[bool] = []

    def get_queryset(self: Any) -> Any:
        if broken:
            raise RuntimeError("planned")
        return Book.objects.order_by("title")

    kind = stream(get_queryset=get_queryset)
    viewers = [live(kind, audience=number) for number in range(3)]
    broken.append(True)
    rename(books[0], "a")
    late = live.viewer(kind, audience=3)
    tick = live.tail.tick({Want(late.key, None): late.stream}, [])
    assert tick.failed == {viewer.key for viewer in (*viewers, late)}
    assert tick.answers == {}
    assert list(live.tail.costs()) == []


def test_cost_of_a_shared_live_query_counts_once(live, books):
    kind = stream()
    viewers = [live(kind, audience=number) for number in range(4)]
    rename(books[0], "a")
    live.tick()
    costs = list(live.tail.costs())
    assert {cost.key for cost in costs} == {viewer.key for viewer in viewers}
    assert {cost.id for cost in costs} == {viewer.query for viewer in viewers}
    assert len({cost.seconds for cost in costs}) == 1


def number_pages(books: list[Book]) -> None:
    for number, book in enumerate(books):
        Book.objects.filter(pk=book.pk).update(pages=number)


def is_empty(live: Live) -> bool:
    tail = live.tail
    queries = tail._queries
    return not any([queries, queries._groups, queries._group_of, tail._router._indexes, tail._texts._withholding])


def test_live_value_is_computed_for_each_audience(live, books):
    @live_value
    def mine(self: Any) -> str:
        return f"{Book.objects.count()} for {self.audience}"

    kind = stream(mine=mine)
    viewers = [live(kind, audience=number, format="value:mine") for number in range(3)]
    assert [viewer.rows for viewer in viewers] == [["3 for 0"], ["3 for 1"], ["3 for 2"]]
    books[0].delete()
    live.tick()
    assert [viewer.rows for viewer in viewers] == [["2 for 0"], ["2 for 1"], ["2 for 2"]]


def test_pages_are_rendered_for_each_audience(live, books, tmp_path, settings):
    (tmp_path / "realtime").mkdir()
    (tmp_path / "realtime/pages.html").write_text("<nav>{{ stream.audience }}</nav>")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    kind = stream(paginate_by=2)
    viewers = [live(kind, audience=number, format="pages", page=1) for number in range(2)]
    assert [viewer.rows[0].endswith(f">{number}</nav>") for number, viewer in enumerate(viewers)] == [True, True]


class PagesOf(Value):
    """The audience of a stream, which it reads when the QuerySet is compiled."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        super().__init__(0)

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self.stream.audience]


def by_compiling(self: Any) -> Any:
    return Book.objects.filter(pages=PagesOf(self)).order_by("title")


def by_copying(self: Any) -> Any:
    return Book.objects.filter(pages=copy.copy(self).audience).order_by("title")


@pytest.mark.parametrize("get_queryset", [by_compiling, by_copying])
def test_queryset_that_reads_the_audience_out_of_sight_is_read_for_each(live, books, get_queryset):
    number_pages(books)
    kind = stream(get_queryset=get_queryset)
    viewers = [live(kind, audience=number) for number in range(3)]
    assert [viewer.titles for viewer in viewers] == [["b"], ["d"], ["f"]]
    rename(books[0], "a")
    live.tick()
    assert [viewer.titles for viewer in viewers] == [["a"], ["d"], ["f"]]


class Told(QuerySet[Any]):
    """Tells its rows the stream."""

    stream: Any = None

    def _clone(self) -> Any:
        clone = super()._clone()  # type: ignore[misc]
        clone.stream = self.stream
        return clone

    def _fetch_all(self) -> None:
        super()._fetch_all()  # type: ignore[misc]
        for row in self._result_cache or ():
            if isinstance(row, Book):
                row.stream = self.stream  # type: ignore[attr-defined]


@pytest.mark.parametrize("late", [False, True])
def test_rows_that_read_the_audience_by_themselves_are_read_for_each(live, books, monkeypatch, late):
    def whose(self: Any) -> str:
        return f"{self.title} {self.stream.audience if asks else None}"

    def get_queryset(self: Any) -> Any:
        rows = Told(Book).order_by("title")
        rows.stream = self
        return rows

    asks = not late
    monkeypatch.setattr(Book, "whose", property(whose), raising=False)
    kind = stream(get_queryset=get_queryset, fields=["whose"])
    viewers = [live(kind, audience=number) for number in range(2)]
    asks = True
    for title in "ac":
        rename(books[0], title)
        live.tick()
        assert [viewer.rows[0]["whose"] for viewer in viewers] == [f"{title} 0", f"{title} 1"]


def test_stream_with_slots_is_read_for_each_audience(live, books):
    class Slotted(stream()):  # type: ignore[misc]
        __slots__ = ("owner",)

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.owner = self.audience_key

        def get_queryset(self) -> Any:
            return Book.objects.filter(pages=self.owner)

    number_pages(books)
    viewers = [live(Slotted, audience=number) for number in range(3)]
    assert [viewer.titles for viewer in viewers] == [["b"], ["d"], ["f"]]


def test_audiences_are_told_apart_without_asking_the_stream_for_its_fields_again(live, books):
    def get_fields(self: Any) -> list[str]:
        if split:
            raise RuntimeError("planned")
        return ["id", "title"]

    def get_queryset(self: Any) -> Any:
        return Book.objects.exclude(Q(pages=self.audience) if split else Q(pk=None)).order_by("title")

    split: list[bool] = []
    number_pages(books)
    kind = stream(get_fields=get_fields, get_queryset=get_queryset)
    viewers = [live(kind, audience=number) for number in range(3)]
    split.append(True)
    rename(books[0], "a")
    assert live.tick().failed == set()
    assert [viewer.titles for viewer in viewers] == [["d", "f"], ["a", "f"], ["a", "d"]]
    live.tick(gone=tuple(viewers))
    assert is_empty(live)


def test_failure_of_one_audience_fails_for_no_other(live, books):
    def get_queryset(self: Any) -> Any:
        if broken and self.audience == 0:
            raise RuntimeError("planned")
        return Book.objects.order_by("title")

    broken: list[bool] = []
    kind = stream(get_queryset=get_queryset)
    first, *others = [live(kind, audience=number) for number in range(3)]
    broken.append(True)
    rename(books[0], "a")
    assert live.tick().failed == {first.key}
    assert [viewer.titles for viewer in others] == [["a", "d", "f"]] * 2


def test_database_error_ends_all_audiences_at_once(live, books, monkeypatch):
    def get_queryset(self: Any) -> Any:
        rows = Book.objects.order_by("title")
        return rows.extra(where=["nonsense"]) if broken else rows

    broken: list[bool] = []
    kind = stream(get_queryset=get_queryset)
    viewers = [live(kind, audience=number) for number in range(4)]
    broken.append(True)
    rename(books[0], "a")
    rounds = []
    read = live.tail._read
    monkeypatch.setattr(live.tail, "_read", lambda *args: rounds.append(args) or read(*args))
    assert live.tick().failed == {viewer.key for viewer in viewers}
    assert len(rounds) == 2
    assert is_empty(live)


@pytest.mark.parametrize("knows", [False, True])
def test_audience_resumes_after_it_was_told_apart(live, books, knows):
    def get_queryset(self: Any) -> Any:
        rows = Book.objects.order_by("title")
        return rows.exclude(pages=self.audience) if split else rows

    split: list[bool] = []
    number_pages(books)
    kind = stream(get_queryset=get_queryset)
    viewers = [live(kind, audience=number) for number in range(3)]
    rename(books[0], "a")
    live.tick()
    cursor, rows = viewers[1].cursor, dict(viewers[1].replica.rows)
    fingerprint = live.tail._queries.get(viewers[1].key)
    want = Want(viewers[1].key, cursor, fingerprint.planner.question if knows else None)
    split.append(True)
    rename(books[1], "c")
    live.tick()
    back = live.viewer(kind, audience=1, cursor=cursor)
    back.replica.hold(rows)
    answer = live.tail.tick({want: back.stream}, []).answers[want]
    back.query = answer.query
    back.take(answer.delta)
    assert back.titles == viewers[1].titles == ["a", "f"]


def test_audience_that_joins_is_shown_the_live_texts_that_the_others_are_shown(live, books):
    kind = stream()
    first = live(kind, audience=0)
    name = TextName("default", "tests.book", str(books[1].pk), "title")
    texts = {name: GrowingText(0, 1000)}
    Book.objects.filter(pk=books[1].pk).update(pages=1)
    assert set(live.tail.tick({}, [], texts=texts).texts) == {first.query}
    late = live.viewer(kind, audience=1)
    want = Want(late.key, None)
    tick = live.tail.tick({want: late.stream}, [], texts=texts)
    assert (tick.deltas, tick.new_texts) == ({}, {tick.answers[want].query: {name}})


def test_groups_of_rows_are_told_apart_too(live, books):
    def get_queryset(self: Any) -> Any:
        rows = Book.objects.exclude(title=f"of {self.audience}") if split else Book.objects.all()
        return rows.values("pages").annotate(n=Count("pk")).order_by("pages")

    split: list[bool] = []
    number_pages(books)
    kind = stream(get_queryset=get_queryset, fields=["pages", "n"])
    viewers = [live(kind, audience=number) for number in range(2)]
    split.append(True)
    rename(books[0], "of 0")
    live.tick()
    assert [[row["pages"] for row in viewer.rows] for viewer in viewers] == [[1, 2], [0, 1, 2]]
    index = live.tail._router.index(live.tail._queries.get(viewers[0].key))
    assert index._holders._by_key == {}
