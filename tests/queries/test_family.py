"""Live queries that ask alike are asked together: statements and renderings do not grow with their number."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from django.db import connection
from django.db.models import Value
from django.db.models.sql.compiler import SQLCompiler
from django.test.utils import CaptureQueriesContext

from realtime import ModelStream
from realtime.queries.family import Families, Family
from tests.models import Book, Shelf, Tag

NUMBER = 12


class Personal(ModelStream):
    name = "personal"
    model = Book
    fields = ["id", "title"]
    template_name = "tests/family_row.html"

    def get_queryset(self) -> Any:
        return Book.objects.order_by("title")


class Sums(Personal):
    """Shows what is counted."""

    name = "sums"
    fields = ["id", "title", "shown"]


def statements(live: Any) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        live.tick()
    return [query["sql"] for query in queries.captured_queries if "tests_book" in query["sql"]]


def expected(**conditions: Any) -> list[str]:
    rows = Book.objects.filter(**conditions).order_by("title", "pk")
    return [str(pk) for pk in rows.values_list("pk", flat=True)]


def only(**conditions: Any) -> Any:
    """The book by its key: MariaDB's log does not name the rows of other conditions."""
    return Book.objects.filter(pk=Book.objects.get(**conditions).pk)


@pytest.fixture
def shelves(committed: None) -> list[Shelf]:
    shelves = [Shelf.objects.create(name=str(number)) for number in range(NUMBER)]
    Book.objects.bulk_create(Book(shelf=shelf, title=title) for shelf in shelves for title in "bdf")
    return shelves


@pytest.mark.parametrize("number", [2, NUMBER])
def test_partitions_that_changed_are_asked_by_one_statement(live, shelves, number):
    viewers = [live("books", shelf=shelf.pk) for shelf in shelves]
    for place, shelf in enumerate(shelves[:number]):
        match place % 4:
            case 0:
                only(shelf=shelf, title="b").update(title="e")
            case 1:
                Book.objects.create(shelf=shelf, title="c")
            case 2:
                only(shelf=shelf, title="d").delete()
            case 3:
                only(shelf=shelf, title="f").update(shelf=shelves[place - 1])
    # on MariaDB, where those are that an UPDATE has moved is looked up
    assert len(statements(live)) == (2 if connection.vendor == "mysql" else 1)
    for viewer, shelf in zip(viewers, shelves, strict=True):
        assert viewer.keys == expected(shelf=shelf)


def test_audiences_who_see_a_row_alike_have_it_read_and_rendered_once(live, shelves, monkeypatch):
    shown: list[int] = []
    monkeypatch.setattr(Book, "shown", property(lambda self: shown.append(self.pk)), raising=False)
    viewers = [live(Sums, audience=number) for number in range(NUMBER)]
    shown.clear()
    only(shelf=shelves[0], title="b").update(title="g")
    assert len(statements(live)) == 1
    assert len(shown) == 1
    assert {tuple(viewer.keys) for viewer in viewers} == {tuple(expected())}
    assert all(viewer.delta == viewers[0].delta for viewer in viewers)


def test_fields_of_an_audience_are_rendered_for_it(live, shelves):
    class Fields(Personal):
        name = "fields"

        def get_fields(self):
            return ["id"] if self.audience_key else ["id", "title"]

    viewers = [live(Fields, audience=number) for number in (0, 1, 2)]
    book = only(shelf=shelves[0], title="b").get()
    Book.objects.filter(pk=book.pk).update(title="g")
    assert len(statements(live)) == 1
    found = [viewer.replica.rows[str(book.pk)] for viewer in viewers]
    assert found == [{"id": book.pk, "title": "g"}, {"id": book.pk}, {"id": book.pk}]


def test_template_that_asks_its_stream_is_rendered_for_each(live, shelves):
    viewers = [live(Personal, audience=number, format="html") for number in (1, 2, 3)]
    only(shelf=shelves[0], title="b").update(title="for one")
    live.tick()  # which sees this for the first time
    only(title="for one").update(pages=2)
    only(shelf=shelves[1], title="b").update(title="for all")
    assert len(statements(live)) == 1
    texts = [[row for row in viewer.rows if "for" in row] for viewer in viewers]
    assert [text[0].partition(">")[2] for text in texts] == ["for all</li>"] * 3
    assert [text[1].partition(">")[2] for text in texts] == [f"for one {number}</li>" for number in (1, 2, 3)]


def test_rows_of_an_audience_are_asked_for_it(live, shelves):
    class Own(Personal):
        name = "own"

        def get_queryset(self):
            return Book.objects.filter(pages=self.audience_key).order_by("title")

    viewers = [live(Own, audience=number) for number in range(3)]
    for number, shelf in enumerate(shelves[:3]):
        only(shelf=shelf, title="b").update(pages=number, title=f"own {number}")
    live.tick()
    for number, viewer in enumerate(viewers):
        assert viewer.keys == expected(pages=number)


def test_live_query_that_cannot_be_read_ends_no_other(live, shelves):
    """What goes wrong for all together is looked at one by one."""

    class Wrong(Personal):
        name = "wrong"

        def get_queryset(self):
            if self.audience_key == 1 and Book.objects.filter(title="trap").exists():
                raise RuntimeError("planned")
            return Book.objects.order_by("title")

    viewers = [live(Wrong, audience=number) for number in range(3)]
    only(shelf=shelves[0], title="b").update(title="trap")
    tick = live.tick()
    assert {key.audience for key in tick.failed} == {1}
    assert viewers[0].keys == viewers[2].keys == expected()


def test_queryset_that_python_changes_is_asked_as_it_is_now(live, shelves):
    least = ["c"]

    class Moving(Personal):
        name = "moving"

        def get_queryset(self):
            return Book.objects.filter(title__gte=least[0]).order_by("title")

    viewers = [live(Moving, audience=number) for number in range(3)]
    least[0] = "a"
    only(shelf=shelves[0], title="f").update(title="g")
    live.tick()
    for viewer in viewers:
        assert viewer.keys == expected()


def test_get_queryset_that_does_not_look_at_the_audience_is_called_once(live, shelves):
    calls: list[Any] = []

    class Counted(Personal):
        name = "counted"

        def get_queryset(self):
            calls.append(self)
            return Book.objects.order_by("title")

    viewers = [live(Counted, audience=number) for number in range(NUMBER)]
    only(shelf=shelves[0], title="b").update(title="g")
    calls.clear()
    live.tick()
    assert len(calls) == 1
    assert {tuple(viewer.keys) for viewer in viewers} == {tuple(expected())}


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements for changed rows that Django compiles from now on."""
    found: list[str] = []
    compile = SQLCompiler.as_sql

    def note(self: Any, *args: Any, **options: Any) -> Any:
        sql, params = compile(self, *args, **options)
        found.extend([sql] if "title" in sql else [])  # not those that ask where rows belong
        return sql, params

    monkeypatch.setattr(SQLCompiler, "as_sql", note)
    return found


def compiled_at_each_tick(live: Any, shelves: list[Shelf], compiled: list[str], changes: list[int]) -> list[int]:
    """Return how many statements each tick compiles, with so many changed rows."""
    found = []
    for step, number in enumerate(changes):
        for shelf in shelves[:number]:
            only(shelf=shelf, title="b").update(pages=step)
        compiled.clear()
        live.tick()
        found.append(len(compiled))
    return found


def test_statement_is_compiled_once_for_each_power_of_two_of_changed_rows(live, shelves, compiled):
    """If this fails with a new Django: `CompiledRows` replaces the compiler of a query."""
    viewers = [live("books", shelf=shelf.pk) for shelf in shelves]
    _, *others = compiled_at_each_tick(live, shelves, compiled, [1, 2, 3, 4, 1, 2, 3, 4, 5, 8, 1])
    # PostgreSQL takes an array, with any number of values
    assert others == ([0] * 10 if connection.vendor == "postgresql" else [1, 1, 0, 0, 0, 0, 0, 1, 0, 0])
    for viewer, shelf in zip(viewers, shelves, strict=True):
        assert viewer.keys == expected(shelf=shelf)
        assert [row["title"] for row in viewer.rows] == ["b", "d", "f"]


def test_statements_of_linked_audiences_are_compiled_once(live, shelves, compiled):
    class Tagged(Personal):
        name = "tagged"
        audience_by = "tags"

    tags = [Tag.objects.create(name=str(number)) for number in range(3)]
    for shelf in shelves[:3]:
        only(shelf=shelf, title="b").get().tags.set(tags)
    viewers = [live(Tagged, audience=tag.pk) for tag in tags]
    first, *others = compiled_at_each_tick(live, shelves, compiled, [1, 1, 1])
    assert first > 0
    assert max(others) == 0
    assert {tuple(viewer.keys) for viewer in viewers} == {tuple(expected(tags=tags[0]))}


class Least(Value):
    """A number that Python decides when the QuerySet is compiled."""

    least = 0

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self.least]


def test_statement_that_code_of_the_project_compiles_is_compiled_each_time(live, shelves, monkeypatch):
    class Later(Personal):
        name = "later"

        def get_queryset(self):
            return Book.objects.filter(pages__gte=Least(0)).order_by("title")

    viewer = live(Later)
    for least in (0, 5, 0):
        monkeypatch.setattr(Least, "least", least)
        only(shelf=shelves[0], title="b").update(pages=least and 1)
        live.tick()
        book = only(shelf=shelves[0], title="b").get()
        assert (str(book.pk) in viewer.keys) == (book.pages >= least)


@pytest.mark.parametrize("look", ["audience", "audience_key"])
def test_get_queryset_that_begins_to_look_at_the_audience_is_called_for_each(live, shelves, look):
    looks = False

    class Later(Personal):
        name = f"later-{look}"

        def get_queryset(self):
            rows = Book.objects.order_by("title")
            return rows.filter(pages=getattr(self, look)) if looks else rows

    viewers = [live(Later, audience=number) for number in range(3)]
    looks = True
    only(shelf=shelves[0], title="b").update(pages=1)
    live.tick()
    for number, viewer in enumerate(viewers):
        assert viewer.keys == expected(pages=number)


def test_what_get_queryset_keeps_on_the_stream_is_each_ones_own(live, shelves):
    class Keeping(Personal):
        name = "keeping"

        def get_queryset(self):
            self.kept = Book.objects.count()
            return Book.objects.order_by("title")

    viewers = [live(Keeping, audience=number) for number in range(3)]
    Book.objects.create(shelf=shelves[0], title="new")
    live.tick()
    assert {viewer.stream.kept for viewer in viewers} == {3 * NUMBER + 1}


class Searched(ModelStream):
    name = "searched"
    model = Book
    fields = ["id", "title"]

    def get_queryset(self, search: str) -> Any:
        return Book.objects.filter(title__gte=search).order_by("title")


def families_alive() -> tuple[int, int]:
    """Return how many families there are, and how many are remembered by what distinguishes them."""
    gc.collect()
    objects = gc.get_objects()
    remembered = sum(len(each._found) for each in objects if isinstance(each, Families))
    return sum(isinstance(each, Family) for each in objects), remembered


@pytest.mark.once
def test_families_are_forgotten_with_their_live_queries(live, shelves):
    """Else a visitor who searches on and on would fill the memory of the server."""
    before = families_alive()  # of other tests too
    live(Searched, search="a")
    for number in range(20):
        viewer = live(Searched, search=str(number))
        only(shelf=shelves[0], title="b").update(pages=number)
        live.tick()
        live.tick(gone=(viewer,))
    assert all(now <= then + 2 for now, then in zip(families_alive(), before, strict=True))
