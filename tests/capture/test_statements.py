"""Statements: except for those to the log, the ORM sends the same statements with and without capture."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from realtime.capture import install, orm
from tests.capture.models import Book, Loan, Reader, Shelf, Tag

WRITES = {
    "save": lambda book, other: book.save(),
    "save to another partition": lambda book, other: Book(pk=book.pk, title="x", shelf=other).save(),
    "create": lambda book, other: Book.objects.create(shelf=other),
    "update": lambda book, other: Book.objects.filter(shelf=book.shelf, title="a").update(pages=F("pages") + 1),
    "update of all": lambda book, other: Book.objects.update(shelf=other),
    "update by keys": lambda book, other: Book.objects.filter(pk__in=[book.pk, 5, 6]).update(shelf=other),
    "update by a join": lambda book, other: Book.objects.filter(shelf__name="first").update(pages=2),
    "bulk_create": lambda book, other: Book.objects.bulk_create([Book(shelf=other), Book(shelf=other)]),
    "bulk_update": lambda book, other: Book.objects.bulk_update([book], ["title", "shelf"]),
    "delete": lambda book, other: book.delete(),
    "delete of all": lambda book, other: Book.objects.all().delete(),
    "delete of a shelf": lambda book, other: book.shelf.delete(),
    "add": lambda book, other: book.tags.add(Tag.objects.create()),
    "clear": lambda book, other: book.tags.clear(),
    "through": lambda book, other: Loan.objects.create(book=book, reader=Reader.objects.create(pk=READER)),
}
READER = "6f1d3c0e-8c5d-4a39-9f0c-0d2f6f7f1f00"


def sent(write):
    """Return the statements of a write to new rows, except those to the log, and its result.

    Ids differ between runs, so all numbers are replaced by 0. Capture may make an INSERT return its keys.
    """
    shelf, other = (Shelf.objects.create(pk=number, name=name) for number, name in ((71, "first"), (72, "second")))
    book = Book.objects.create(pk=70, title="a", shelf=shelf)
    with CaptureQueriesContext(connection) as queries:
        returned = write(book, other)
    statements = [query["sql"] for query in queries if "realtime_" not in query["sql"]]
    statements = [re.sub(r"\d+", "0", sql.partition(" RETURNING ")[0]) for sql in statements]
    for model in (Loan, Reader, Book, Tag, Shelf):
        model.objects.all().delete()
    return statements, re.sub(r"\d+", "0", repr(returned))


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_statement_is_the_same_as_without_capture(db, capture, vendor, write):
    if capture == "orm" and vendor == "postgresql":
        pytest.skip("on PostgreSQL, the statement is part of a CTE")
    orm.unwatch()
    expected = sent(write)
    install.install()
    assert sent(write) == expected
