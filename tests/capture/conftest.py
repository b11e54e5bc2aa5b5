"""Fixtures of the capture suite: each way to capture, and what the log was told."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from django.db import connection, models
from django.test import override_settings

from realtime.capture import installation, triggers
from realtime.models import Change
from realtime.streams.keys import key_text
from tests.capture.models import Loan, Shelf


class Told(NamedTuple):
    """What the log was told of an object."""

    operation: str
    key: str
    values: tuple[str | None, ...] | None  # of the field that routes it: the new one, and the old one if it differs


class Log:
    """`log.of(Book)`: what the log was told of books since `clear`, each thing once."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._last = max(Change.objects.values_list("pk", flat=True), default=0)

    def of(self, model: type[models.Model]) -> set[Told]:
        # not by cursor: the whole test is one transaction
        changes = Change.objects.filter(pk__gt=self._last, model=model._meta.label_lower)
        return {Told(change.operation, change.key, self._values(change.routing)) for change in changes}

    def keys(self, model: type[models.Model]) -> set[str]:
        return {told.key for told in self.of(model)}

    @staticmethod
    def _values(routing: str | None) -> tuple[str | None, ...] | None:
        return None if routing is None else tuple(value for values in json.loads(routing).values() for value in values)


def made(item: Any) -> Told:
    return Told("i", key_text(item.pk), _routing(item))


def updated(item: Any, *, was: Any = ()) -> Told:
    """The object is as it is; `was` is the shelf that it stood in before, if that was another."""
    old = () if was == () else (was and str(was.pk),)
    return Told("u", key_text(item.pk), (*_routing(item), *old))


def linked(item: Any) -> Told:
    """A row between the object and another one has been written; the object is as it was."""
    return Told("l", key_text(item.pk), _routing(item))


def deleted(item: Any) -> Told:
    return Told("d", key_text(item.pk), _routing(item))


def keys(*items: Any) -> set[str]:
    return {key_text(item.pk) for item in items}


REREAD = {Told("r", "", None)}


def _routing(item: Any) -> tuple[str | None, ...]:
    name = "book_id" if isinstance(item, Loan) else "shelf_id"  # books depend on readers, by way of loans
    return (getattr(item, name) and str(getattr(item, name)),) if hasattr(item, name) else ()


@pytest.fixture
def log(db: None) -> Log:
    return Log()


@pytest.fixture
def shelf(db: None) -> Shelf:
    return Shelf.objects.create(name="first")


@pytest.fixture
def other(db: None) -> Shelf:
    return Shelf.objects.create(name="second")


@pytest.fixture
def vendor() -> str:
    return connection.vendor


@pytest.fixture(scope="module", params=["orm", "triggers"], autouse=True)
def capture(request, django_db_setup, django_db_blocker):
    """Each way to capture, for every test of the suite."""
    with django_db_blocker.unblock(), override_settings(REALTIME_CAPTURE=request.param):
        if request.param == "triggers":
            triggers.install("default")
        installation.install()
        yield request.param
        triggers.remove("default")
    installation.install()
