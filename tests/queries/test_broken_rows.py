"""Rows that cannot be made: the others follow, the broken one is left out in its place, and the log names it once."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.template import engines

from realtime import ModelStream, live_value
from realtime.queries import broken_rows, page, rendering
from realtime.queries.page import page_part
from tests.models import Book
from tests.support.streams import registered


class Serializer:
    """As much of Django REST framework's as rendering asks for."""

    def __init__(self, context) -> None:
        pass

    def to_representation(self, book) -> dict[str, str]:
        if book.title.startswith("bad"):
            raise ValueError("secret")
        return {"title": book.title}


class ByFields(ModelStream):
    """Books by title; one whose title begins with "bad" cannot be made."""

    name = "by-fields"
    model = Book
    fields = ["checked"]
    allow_anonymous = True

    def authorize(self, user):
        return True

    def get_queryset(self):
        return Book.objects.order_by("title")

    @live_value
    def longest(self):
        return max([len(book.checked) for book in Book.objects.all()], default=0)


class ByUnsendable(ByFields):
    name = "by-unsendable"
    fields = ["unsendable"]


class BySerializer(ByFields):
    name = "by-serializer"
    serializer_class = Serializer


class ByDatabase(ByFields):
    name = "by-database"
    fields = ["asking"]


class ByTemplate(ByFields):
    name = "by-template"
    template_name = "broken/book.html"


class ByLoading(ByFields):
    """Its bad row cannot even be read from the database."""

    name = "by-loading"
    fields = ["title"]


KINDS = [ByFields, ByUnsendable, BySerializer, ByDatabase, ByTemplate, ByLoading]


def checked(book):
    return len("ok") if not book.title.startswith("bad") else book.no_such_attribute


def asking(book):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM no_such_table" if book.title.startswith("bad") else "SELECT 1")
    return book.title


@pytest.fixture(autouse=True)
def streams(monkeypatch):
    broken_rows._named.clear()  # all rows are logged again
    monkeypatch.setattr(Book, "checked", property(lambda book: checked(book) and book.title), raising=False)
    unsendable = property(lambda book: object() if book.title.startswith("bad") else book.title)
    monkeypatch.setattr(Book, "unsendable", unsendable, raising=False)
    monkeypatch.setattr(Book, "asking", property(asking), raising=False)
    template = engines["django"].from_string("<li>{{ book.checked|add:book.checked }}</li>{% if 0 %}{% endif %}")
    render = template.render

    def rendered(context, *args):
        checked(context["book"])
        return render(context, *args)

    template.render = rendered
    for module in (rendering, page):
        monkeypatch.setattr(module, "get_template", lambda name: template)
    with registered(**{stream.name: stream for stream in KINDS}):
        yield


@pytest.fixture
def loading(monkeypatch):
    def from_db(cls, db, names, values, **options):  # Django 6.1 has one more
        book = from_db_of_model(db, names, values, **options)
        if book.title.startswith("bad"):
            raise json.JSONDecodeError("secret", "", 0)
        return book

    from_db_of_model = Book.from_db
    monkeypatch.setattr(Book, "from_db", classmethod(from_db))


def shown(viewer) -> list[tuple[str, bool]]:
    """The titles' places: each key, and whether its row is there."""
    rows = viewer.replica.rows
    return [(key, rows[key] is not None and "data-live-broken" not in str(rows[key])) for key in viewer.keys]


@pytest.mark.parametrize("stream", KINDS, ids=lambda stream: stream.name)
class TestRows:
    @pytest.fixture(autouse=True)
    def loads(self, stream, request):
        if stream is ByLoading:
            request.getfixturevalue("loading")

    @pytest.fixture
    def format(self, stream) -> str:
        return "html" if stream is ByTemplate else "data"

    def test_newcomer_gets_the_others_and_the_log_names_the_broken_one_once(self, live, shelf, stream, format, caplog):
        books = [Book.objects.create(shelf=shelf, title=title) for title in ("a", "bad", "c")]
        for _ in range(2):
            viewer = live(stream, format=format)
        assert shown(viewer) == [(str(books[0].pk), True), (str(books[1].pk), False), (str(books[2].pk), True)]
        [record] = caplog.records
        text = f"The row {books[1].pk} of the stream {stream.name} {{}} cannot be shown; it is left out."
        assert (record.getMessage(), record.levelname, record.exc_info is not None) == (text, "ERROR", True)

    def test_row_that_breaks_leaves_its_place_empty_and_comes_back(self, live, shelf, stream, format, caplog):
        a, b = [Book.objects.create(shelf=shelf, title=title) for title in ("a", "b")]
        viewer = live(stream, format=format)
        good = live("books", shelf=shelf.pk)
        Book.objects.filter(pk=b.pk).update(title="bad")
        c = Book.objects.create(shelf=shelf, title="c")
        tick = live.tick()
        assert (tick.failed, len(good.keys)) == (set(), 3)
        assert shown(viewer) == [(str(a.pk), True), (str(b.pk), False), (str(c.pk), True)]
        assert [cost.broken for cost in live.tail.costs() if cost.key == viewer.key] == [1]
        Book.objects.filter(pk=b.pk).update(title="better")
        live.tick()
        assert shown(viewer) == [(str(a.pk), True), (str(b.pk), True), (str(c.pk), True)]
        assert [cost.broken for cost in live.tail.costs() if cost.key == viewer.key] == [0]


class TestPage:
    def test_broken_row_is_an_element_that_shows_nothing(self, live, shelf, caplog):
        books = [Book.objects.create(shelf=shelf, title=title) for title in ("a", "bad", "c")]
        rows = page_part(AnonymousUser(), "by-template", {}).rows
        assert rows == [
            f'<li data-live-key="{books[0].pk}">aa</li>',
            f'<template data-live-key="{books[1].pk}" data-live-broken></template>',
            f'<li data-live-key="{books[2].pk}">cc</li>',
        ]
        assert len(caplog.records) == 1

    def test_page_goes_on_where_its_rows_stand(self, live, shelf):
        for title in ("a", "bad", "c"):
            Book.objects.create(shelf=shelf, title=title)
        part = page_part(AnonymousUser(), "by-template", {})
        rows = dict(zip([str(book.pk) for book in Book.objects.order_by("title")], part.rows, strict=True))
        viewer = live("by-template", format="html", cursor=part.cursor, rows=rows)
        Book.objects.filter(title="bad").update(title="better")
        live.tick()
        assert [known for _, known in shown(viewer)] == [True, True, True]


class TestLiveValue:
    def test_value_that_fails_is_empty_and_comes_back(self, live, shelf, caplog):
        book = Book.objects.create(shelf=shelf, title="bad")
        assert page_part(AnonymousUser(), "by-fields", {}, "value:longest").rows == [None]
        viewer = live("by-fields", format="value:longest")
        assert viewer.rows == [None]
        Book.objects.filter(pk=book.pk).update(title="good")
        live.tick()
        assert viewer.rows == [4]
        assert [record.getMessage() for record in caplog.records] == [
            "The row longest of the stream by-fields {} cannot be shown; it is left out."
        ]


def test_log_is_not_flooded_by_rows_that_fail_alike(live, shelf, caplog):
    Book.objects.bulk_create(Book(shelf=shelf, title=f"bad {number}") for number in range(30))
    viewer = live(ByFields)
    assert (len(viewer.keys), len(caplog.records)) == (30, broken_rows.MOST_NAMED)
    assert caplog.records[-1].getMessage().endswith("fail in the same way are not named for a while.")
