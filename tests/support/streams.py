"""Streams that several tests need, and a way to register streams for the time of a test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest import mock

from django.core.checks import CheckMessage

from realtime import ModelStream
from realtime.capture import install
from realtime.streams.registry import registry
from tests.models import Book
from tests.support.waiting import seconds


class OpenBooks(ModelStream):
    """The books of a shelf, for everyone."""

    model = Book
    fields = ["id", "title"]
    partition_by = ["shelf"]
    allow_anonymous = True

    def authorize(self, user, shelf):
        return True

    def get_queryset(self, shelf):
        return Book.objects.filter(shelf=shelf).order_by("title")


@contextmanager
def registered(**streams: type[ModelStream]) -> Iterator[None]:
    """Register streams by their names, and capture changes of their models."""
    for name, stream in streams.items():
        registry.add(name, stream)
    install.install()
    try:
        yield
    finally:
        for name in streams:
            registry.remove(name)
        install.install()


@contextmanager
def no_streams() -> Iterator[None]:
    """Hide the registered streams, so that checks look only at those that a test registers meanwhile."""
    with mock.patch.object(registry, "_streams", {}):
        yield


def said_of(stream: type[ModelStream], *checks: Callable[[None], Sequence[CheckMessage]]) -> list[CheckMessage]:
    """What system checks say of a registered stream, while the others are hidden: to check all takes a while."""
    with mock.patch.object(registry, "_streams", {stream.name: stream}):
        return [message for check in checks for message in check(None)]


class WaitingBooks(ModelStream):
    """The books of a shelf; while it `waits`, reading them waits until the test lets it go, once it has begun to."""

    model = Book
    fields = ["title"]
    partition_by = ["shelf"]
    allow_anonymous = True
    waits = False
    reading: threading.Event
    go_on: threading.Event

    def authorize(self, user: Any, shelf: int) -> bool:
        return True

    def get_queryset(self, shelf: int) -> Any:
        if self.waits:
            self.reading.set()
            self.go_on.wait(seconds(20))
        return Book.objects.filter(shelf=shelf)

    @classmethod
    def reset(cls) -> None:
        cls.waits, cls.reading, cls.go_on = False, threading.Event(), threading.Event()


class CheckedStream(ModelStream):
    """The books of a shelf. A subclass says who may see them, and notes in `checked` whom it was called for."""

    model = Book
    fields = ["title"]
    partition_by = ["shelf"]
    checked: ClassVar[list[Any]]

    def get_queryset(self, shelf):
        return Book.objects.filter(shelf=shelf)


class FoundStream(ModelStream):
    """A search that everybody may make: its parameter is free, and it is not partitioned."""

    model = Book
    fields = ["title"]
    allow_anonymous = True

    def authorize(self, user, **params):
        return True

    def get_queryset(self, title: str):
        return Book.objects.filter(title__startswith=title)


class PagedStream(ModelStream):
    """The books of a shelf, page by page, as many as have a part of a title: a change concerns all its searches."""

    model = Book
    fields = ["title"]
    partition_by = ["shelf"]
    paginate_by = 10
    allow_anonymous = True

    def authorize(self, user, **params):
        return True

    def get_queryset(self, shelf: int, title: str = ""):
        return Book.objects.filter(shelf=shelf, title__contains=title).order_by("title")
