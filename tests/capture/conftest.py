"""Fixtures of the capture tests: each kind of capture, and the entries of the log."""

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
from tests.capture.models import Loan, Shelf


class Entry(NamedTuple):
    """A log entry about an object."""

    operation: str
    key: str
    values: tuple[str | None, ...] | None  # of the routing field: the new one, and the old one if it differs


class CoarseEntries(set[Entry]):
    """Entries that equal all entries that they cover: a change of an unknown partition covers every partition, and a
    reread covers all objects with its values. On MySQL, an UPDATE does not return its rows; `test_conditions.py` tests
    the exact entries.
    """

    __hash__ = None

    def __eq__(self, expected: object) -> bool:
        assert isinstance(expected, set)
        rereads = [entry for entry in self if entry.operation == "r"]
        listed = {entry.key for entry in self if entry.operation != "r"}
        is_covered = all(any(covers(entry, wanted) for entry in self) for wanted in expected)
        return is_covered and listed <= {entry.key for entry in expected} and bool(rereads or listed) == bool(expected)


def covers(entry: Entry, wanted: Entry) -> bool:
    if entry == wanted:
        return True
    if entry.values is not None and not set(entry.values) >= set(wanted.values or [None]):
        return False
    return entry.operation == "r" or entry[:2] == wanted[:2]


class AnyKeys(set[str]):
    """Keys of a reread, which lists none."""

    __hash__ = None

    def __eq__(self, expected: object) -> bool:
        return bool(expected)


class Log:
    """`log.of(Book)` returns the entries about books since `clear`, each once."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._last = max(Change.objects.values_list("pk", flat=True), default=0)

    def of(self, model: type[models.Model]) -> set[Entry]:
        """Return one entry for each object; on MySQL, the ORM capture has only `CoarseEntries`."""
        # without a cursor, because the whole test is one transaction
        entry: list[Entry] = []
        for change in Change.objects.filter(pk__gt=self._last, model=model._meta.label_lower).order_by("pk"):
            new = Entry(change.operation, change.key, self._values(model, change))
            refers = change.routing is not None and not all(json.loads(change.routing).values())
            before = [each for each in entry if each[:2] == new[:2]] if refers else []
            if before:  # a computed value: first an entry with the old one, then this one, which refers to the row
                entry.remove(before[-1])
                new = new._replace(values=tuple(dict.fromkeys([*new.values, *before[-1].values])))
            entry.append(new)
        # on MySQL, a trigger does not read the parent's row, because that would lock it
        is_coarse = connection.vendor == "mysql" and (settings.REALTIME_CAPTURE == "orm" or model._meta.parents)
        return CoarseEntries(entry) if is_coarse else set(entry)

    def keys(self, model: type[models.Model]) -> set[str]:
        keys = {entry.key for entry in self.of(model)}
        return AnyKeys() if "" in keys and isinstance(self.of(model), CoarseEntries) else keys

    @staticmethod
    def _values(model: type[models.Model], change: Change) -> tuple[str | None, ...] | None:
        """Return the values of all routing fields, from the row if the log refers to it."""
        if change.routing is None:
            return None
        routing = json.loads(change.routing)
        if not all(routing.values()):
            row = model._base_manager.filter(pk=parse_key(model, change.key)).first()
            if row is None:  # deleted since
                return ()
            attributes = {name: model._meta.get_field(name).attname for name in routing}
            routing = {name: values or [_text(getattr(row, attributes[name]))] for name, values in routing.items()}
        return tuple(value for values in routing.values() for value in values)


def _text(value: Any) -> str | None:
    return None if value is None else key_text(value)


def made(item: Any) -> Entry:
    return Entry("i", key_text(item.pk), _routing(item))


def updated(item: Any, *, moved_from: Any = ()) -> Entry:
    """Return the entry for an update of the object; `moved_from` is its previous shelf, if it has moved."""
    old = () if moved_from == () else (moved_from and str(moved_from.pk),)
    return Entry("u", key_text(item.pk), (*_routing(item), *old))


def linked(item: Any) -> Entry:
    """Return the entry for a write of a through row that links the object, which has not changed itself."""
    return Entry("l", key_text(item.pk), _routing(item))


def deleted(item: Any) -> Entry:
    return Entry("d", key_text(item.pk), _routing(item))


def keys(*items: Any) -> set[str]:
    return {key_text(item.pk) for item in items}


REREAD = {Entry("r", "", None)}


def _routing(item: Any) -> tuple[str | None, ...]:
    name = "book_id" if isinstance(item, Loan) else "shelf_id"  # books depend on readers through loans
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that need the fixture `capture` last: those with a capture of their own must not run amid them."""
    items.sort(key=lambda item: hasattr(item, "callspec") and "capture" in item.callspec.params)


@pytest.fixture(scope="package", params=["orm", "triggers"], autouse=True)
def capture(request, django_db_setup, django_db_blocker):
    """Run every test with each kind of capture; once for all, since MariaDB takes long to create triggers."""
    with django_db_blocker.unblock(), override_settings(REALTIME_CAPTURE=request.param):
        if request.param == "triggers":
            triggers.install("default")
        install.install()
        yield request.param
        triggers.remove("default")
    install.install()


@pytest.fixture
def shelves(committed):
    return [Shelf.objects.create(name=name) for name in ("first", "second")]
