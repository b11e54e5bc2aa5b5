"""A QuerySet that depends on its parameters alone is asked for once; any other at each change, and is as it is now."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import F, Manager, Q

from realtime import ModelStream
from tests.models import Book, Shelf

pytestmark = pytest.mark.databases

least = "c"  # the titles that the streams below show, as far as they look


class Rows(ModelStream):
    name = "rows"
    model = Book
    fields = ["title"]


class ByParameters(Rows):
    def get_queryset(self, shelf: int, search: str = "") -> Any:
        books = Book.objects.filter(Q(shelf=shelf) | Q(pages__gt=F("shelf")), title__lt="z")
        if search:
            books = books.filter(title__gte=search)
        return books.order_by("title")


class ByGlobal(Rows):
    def get_queryset(self, shelf: int) -> Any:
        return Book.objects.filter(shelf=shelf, title__gte=least).order_by("title")


class BySelf(Rows):
    @property
    def alias(self) -> str:  # by the name of a method of QuerySets
        return least

    def get_queryset(self, shelf: int) -> Any:
        return Book.objects.filter(shelf=shelf, title__gte=self.alias).order_by("title")


class ByBranch(Rows):
    """It names nothing but lazy methods, and asks the database whether there are rows."""

    def get_queryset(self, shelf: int) -> Any:
        books = Book.objects.filter(shelf=shelf).order_by("title")
        return books.filter(title__gte="a") if Shelf.objects.filter(name="open") else books.filter(title__gte="c")


class ByFirst(Rows):
    def get_queryset(self, shelf: int) -> Any:
        first = Shelf.objects.filter(pk=shelf).values_list("name")[0][0]
        return Book.objects.filter(shelf=shelf, title__gte=first).order_by("title")


class ByPart(Rows):
    def get_queryset(self, shelf: int) -> Any:
        books = Book.objects.filter(shelf=shelf).order_by("title")
        return books.filter(*(Q(title__gte=each) for each in [least]))


class ByManager(Rows):
    def get_queryset(self, shelf: int) -> Any:
        return Book.objects.filter(shelf=shelf).order_by("title")


class Least(Manager):
    def get_queryset(self) -> Any:
        return super().get_queryset().filter(title__gte=least)


@pytest.fixture
def asked(monkeypatch) -> list[ModelStream]:
    """The streams whose QuerySets were asked for."""
    asked: list[ModelStream] = []
    all_rows = ModelStream.all_rows

    def counted(self: ModelStream) -> Any:
        asked.append(self)
        return all_rows(self)

    monkeypatch.setattr(ModelStream, "all_rows", counted)
    return asked


@pytest.fixture
def books(shelf, other_shelf) -> list[Book]:
    shelf.name = "c"
    shelf.save()
    return [Book.objects.create(shelf=each, title=title) for each in (shelf, other_shelf) for title in "bdf"]


def test_queryset_of_parameters_alone_is_asked_for_once(live, shelf, other_shelf, books, asked):
    viewers = [
        live(ByParameters, shelf=each.pk, search=search) for each in (shelf, other_shelf) for search in ("", "c")
    ]
    assert len(asked) == len(viewers)
    asked.clear()
    for book in books:
        Book.objects.filter(pk=book.pk).update(title=f"{book.title}!")
    Book.objects.filter(pk=books[1].pk).update(shelf=other_shelf)
    live.tick()
    assert asked == []
    assert [viewer.titles for viewer in viewers] == [
        ["b!", "f!"],
        ["f!"],
        ["b!", "d!", "d!", "f!"],
        ["d!", "d!", "f!"],
    ]


@pytest.mark.parametrize("kind", [ByGlobal, BySelf, ByBranch, ByFirst, ByPart, ByManager])
def test_queryset_that_looks_further_is_as_it_is_now(live, shelf, books, monkeypatch, kind):
    if kind is ByManager:
        manager = Least()
        manager.model = Book
        monkeypatch.setattr(Book, "objects", manager)
    viewer = live(kind, shelf=shelf.pk)
    assert viewer.titles == ["d", "f"]
    monkeypatch.setattr(f"{__name__}.least", "a")
    Shelf.objects.create(name="open")
    Shelf.objects.filter(pk=shelf.pk).update(name="a")
    for book in books[:2]:
        Book._base_manager.filter(pk=book.pk).update(pages=1)
    live.tick()
    assert viewer.titles == ["b", "d", "f"]


def test_method_that_is_replaced_is_asked_again(live, shelf, books, monkeypatch):
    viewer = live(ByParameters, shelf=shelf.pk)
    monkeypatch.setattr(ByParameters, "get_queryset", lambda self, shelf, search: Book.objects.filter(title__gte="c"))
    Book.objects.filter(pk=books[2].pk).update(title="g")
    Book.objects.filter(pk=books[0].pk).update(title="a")
    live.tick()
    assert viewer.titles == ["d", "g", "d", "f"]
