"""Fixtures of the capture suite: each way to capture, and what the log was told."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.db import connection, models
from django.test import override_settings

from realtime.capture import install, triggers
from realtime.models import Change
from realtime.streams.keys import key_text, parse_key
from tests.capture.models import Book, Loan, Reader, Shelf, Tag


class Told(NamedTuple):
    """What the log was told of an object."""

    operation: str
    key: str
    values: tuple[str | None, ...] | None  # of the field that routes it: the new one, and the old one if it differs


class Coarse(set[Told]):
    """Equal to what it covers: a change whose place is not known covers each place, "read afresh" all that its values
    name. On MySQL an UPDATE does not say what it has written; `test_conditions.py` has what exactly is logged then.
    """

    __hash__ = None

    def __eq__(self, expected: object) -> bool:
        assert isinstance(expected, set)
        rereads = [told for told in self if told.operation == "r"]
        listed = {told.key for told in self if told.operation != "r"}
        is_covered = all(any(covers(told, wanted) for told in self) for wanted in expected)
        return is_covered and listed <= {told.key for told in expected} and bool(rereads or listed) == bool(expected)


def covers(told: Told, wanted: Told) -> bool:
    if told == wanted:
        return True
    if told.values is not None and not set(told.values) >= set(wanted.values or [None]):
        return False
    return told.operation == "r" or told[:2] == wanted[:2]


class Anything(set[str]):
    """Keys that are not listed."""

    __hash__ = None

    def __eq__(self, expected: object) -> bool:
        return bool(expected)


class Log:
    """`log.of(Book)`: what the log was told of books since `clear`, each thing once."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._last = max(Change.objects.values_list("pk", flat=True), default=0)

    def of(self, model: type[models.Model]) -> set[Told]:
        """What was logged of each object, as one; see `Coarse` for what the ORM's capture cannot know on MySQL."""
        # not by cursor: the whole test is one transaction
        told: list[Told] = []
        for change in Change.objects.filter(pk__gt=self._last, model=model._meta.label_lower).order_by("pk"):
            new = Told(change.operation, change.key, self._values(model, change))
            refers = change.routing is not None and not all(json.loads(change.routing).values())
            before = [each for each in told if each[:2] == new[:2]] if refers else []
            if before:  # a computed value: the old one came first, and here is the row's own
                told.remove(before[-1])
                new = new._replace(values=tuple(dict.fromkeys([*new.values, *before[-1].values])))
            told.append(new)
        # a trigger does not read the row of a parent on MySQL, which would lock it
        is_coarse = connection.vendor == "mysql" and (settings.REALTIME_CAPTURE == "orm" or model._meta.parents)
        return Coarse(told) if is_coarse else set(told)

    def keys(self, model: type[models.Model]) -> set[str]:
        keys = {told.key for told in self.of(model)}
        return Anything() if "" in keys and isinstance(self.of(model), Coarse) else keys

    @staticmethod
    def _values(model: type[models.Model], change: Change) -> tuple[str | None, ...] | None:
        """The values of all fields; where the log refers to the row, the row's own."""
        if change.routing is None:
            return None
        routing = json.loads(change.routing)
        if not all(routing.values()):
            row = model._base_manager.filter(pk=parse_key(model, change.key)).first()
            if row is None:  # it has been deleted since
                return ()
            attributes = {name: model._meta.get_field(name).attname for name in routing}
            routing = {name: values or [_text(getattr(row, attributes[name]))] for name, values in routing.items()}
        return tuple(value for values in routing.values() for value in values)


def _text(value: Any) -> str | None:
    return None if value is None else key_text(value)


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
        install.install()
        yield request.param
        triggers.remove("default")
    install.install()


@pytest.fixture
def shelves(committed):
    found = [Shelf.objects.create(name=name) for name in ("first", "second")]
    yield found
    for model in (Reader, Book, Tag, Shelf):
        model.objects.all().delete()
