"""The site that is attacked: the test project, with what attackers like best."""

from __future__ import annotations

import time

from realtime import ModelStream, action
from realtime.streams.registry import registry
from tests.asgi import application
from tests.models import Book

__all__ = ["application"]


class Found(ModelStream):
    """A search that everybody may make: its parameter is free, and it is not partitioned."""

    model = Book
    fields = ["title"]
    allow_anonymous = True

    def authorize(self, user, **params):
        return True

    def get_queryset(self, title: str):
        return Book.objects.filter(title__startswith=title)

    @action
    def slow(self, user):
        time.sleep(2)


class Paged(ModelStream):
    """The books of a shelf, page by page, as many as have a part of a title."""

    model = Book
    fields = ["title"]
    partition_by = ["shelf"]
    paginate_by = 10
    allow_anonymous = True

    def authorize(self, user, **params):
        return True

    def get_queryset(self, shelf: int, title: str = ""):
        return Book.objects.filter(shelf=shelf, title__contains=title).order_by("title")


registry.add("found", Found)
registry.add("paged", Paged)
