"""Personal live queries that differ in nothing but the audience's key are read by the same statements."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from realtime import ModelStream
from realtime.queries.any_audience import queryset_of_any
from tests.models import Book, Shelf, Tag

pytestmark = pytest.mark.databases

NUMBER = 6


def stream(get_queryset: Any = lambda self: Book.objects.filter(tags=self.audience).order_by("title")) -> Any:
    members = {"get_queryset": get_queryset, "audience": lambda self, user: user.pk, "__module__": __name__}
    base = {"name": "mine", "model": Book, "fields": ["id", "title", "shown"], "depends_on": ["tags"]}
    return type("Mine", (ModelStream,), {**base, "audience_by": "tags", **members})


@pytest.fixture
def tags(committed: None) -> list[Tag]:
    return Tag.objects.bulk_create([Tag(name=str(number)) for number in range(NUMBER)])


@pytest.fixture
def books(tags: list[Tag]) -> list[Book]:
    """The first is for all, and each other one for one audience."""
    shelf = Shelf.objects.create(name="one")
    books = [Book.objects.create(shelf=shelf, title="m"), *(Book.objects.create(shelf=shelf, title=t) for t in "dhtz")]
    books[0].tags.set(tags)
    for book, tag in zip(books[1:], tags, strict=False):
        book.tags.add(tag)
    return books


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    shown: list[int] = []
    monkeypatch.setattr(Book, "shown", property(lambda self: shown.append(self.pk)), raising=False)
    return shown


def titles(tag: Tag) -> list[str]:
    return list(Book.objects.filter(tags=tag).order_by("title", "pk").values_list("title", flat=True))


@pytest.mark.parametrize("number", [2, NUMBER])
def test_row_for_all_is_read_by_as_many_statements_as_a_row_for_two(live, books, tags, shown, number):
    kind = stream()
    viewers = [live(kind, audience=tag.pk) for tag in tags[:number]]
    for title in ("a", "k", "zz"):
        shown.clear()
        Book.objects.filter(pk=books[0].pk).update(title=title)
        with CaptureQueriesContext(connection) as queries:
            live.tick()
        asked = [query["sql"] for query in queries.captured_queries if "tests_book" in query["sql"]]
        assert len(asked) == 3  # the row's audiences, its place for each, and the row
        assert len(shown) == 1
        assert [viewer.titles for viewer in viewers] == [titles(tag) for tag in tags[:number]]


def test_rows_that_enter_and_leave_audiences_do_so_for_these_alone(live, books, tags, shown):
    kind = stream()
    viewers = [live(kind, audience=tag.pk) for tag in tags]
    books[0].tags.remove(tags[0], tags[1])
    books[1].tags.set(tags[2:4])
    books[2].delete()
    Book.objects.filter(pk=books[3].pk).update(title="b")
    live.tick()
    assert [viewer.titles for viewer in viewers] == [titles(tag) for tag in tags]
    books[0].tags.set(tags)
    Book.objects.filter(pk=books[0].pk).update(title="c")
    live.tick()
    assert [viewer.titles for viewer in viewers] == [titles(tag) for tag in tags]


def test_audience_that_has_missed_changes_gets_whole_rows_beside_others(live, books, tags, shown):
    kind = stream()
    viewers = [live(kind, audience=tag.pk) for tag in tags[:3]]
    Book.objects.filter(pk=books[0].pk).update(title="a")
    live.tick()
    viewers.append(live(kind, audience=tags[3].pk))
    for title in ("b", "c"):
        Book.objects.filter(pk=books[0].pk).update(title=title)
        live.tick()
        assert [viewer.titles for viewer in viewers] == [titles(tag) for tag in tags[:4]]


def looks(self: Any) -> Any:
    rows = Book.objects.filter(tags=self.audience)
    return rows.filter(pages=0) if self.audience == Tag.objects.earliest("pk").pk else rows


def asks_for_type(self: Any) -> Any:
    return Book.objects.filter(tags=self.audience) if isinstance(self.audience, int) else Book.objects.all()


def counts(self: Any) -> Any:
    return Book.objects.filter(tags=int(self.audience))


def asks_twice(self: Any) -> Any:
    return Book.objects.filter(tags=self.audience, pages__lt=self.audience)


def asks_by_itself(self: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT book_id FROM tests_book_tags WHERE tag_id = %s", [self.audience])
        return Book.objects.filter(pk__in=[pk for (pk,) in cursor.fetchall()], tags=self.audience)


def keeps(self: Any) -> Any:
    self.kept = self.audience
    return Book.objects.filter(tags=self.audience)


@pytest.mark.parametrize("get_queryset", [looks, asks_for_type, counts, asks_twice, asks_by_itself, keeps])
def test_queryset_that_looks_at_the_audience_is_made_for_each(live, books, tags, shown, get_queryset):
    kind = stream(get_queryset)
    viewers = [live(kind, audience=tag.pk) for tag in tags]
    assert queryset_of_any(viewers[0].stream) is None
    Book.objects.filter(pk=books[0].pk).update(title="a", pages=1)
    live.tick()
    for viewer in viewers:
        assert sorted(viewer.titles) == sorted(viewer.stream.get_queryset().values_list("title", flat=True))


def test_queryset_that_changes_for_all_is_read_as_it_is_now(live, books, tags, shown):
    least = ["a"]
    kind = stream(lambda self: Book.objects.filter(tags=self.audience, title__gte=least[0]).order_by("title"))
    viewers = [live(kind, audience=tag.pk) for tag in tags]
    Book.objects.filter(pk=books[0].pk).update(title="n")
    live.tick()
    least[0] = "p"
    Book.objects.filter(pk=books[0].pk).update(title="o")
    live.tick()
    Book.objects.filter(pk=books[0].pk).update(title="q")
    live.tick()
    assert all("q" in viewer.titles and "n" not in viewer.titles for viewer in viewers)
