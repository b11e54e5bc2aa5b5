"""Sizes: a large live query is warned of once, one that is too large is refused, and neither hurts another one."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.test.utils import CaptureQueriesContext

from realtime import ModelStream
from realtime.exceptions import TooManyRows
from tests.models import Book
from tests.support.streams import registered


class Everything(ModelStream):
    name = "everything"
    model = Book
    fields = ["title"]

    def get_queryset(self):
        return Book.objects.order_by("title")


class Ranked(Everything):
    """Its rows are compared as a whole."""

    name = "ranked"

    def get_queryset(self):
        return Book.objects.order_by("title").distinct()[:100]


@pytest.fixture(autouse=True)
def limit(settings):
    settings.REALTIME_LIMITS = {"rows": 40}


def write(shelf, count: int) -> None:
    Book.objects.bulk_create(Book(shelf=shelf, title=f"{number:03}") for number in range(count))


@pytest.mark.parametrize("stream", [Everything, Ranked])
class TestTooLarge:
    def test_newcomer_is_refused_and_no_more_is_read_than_it_takes(self, live, shelf, stream, caplog):
        write(shelf, 50)
        good = live("top", shelf=shelf.pk)
        viewer = live.viewer(stream)
        with CaptureQueriesContext(connection) as queries:
            tick = live.tick(viewer)
        assert (viewer.query, tick.failed, len(good.keys)) == (None, {viewer.key}, 3)
        error = tick.errors[viewer.key]
        assert (type(error), error.code, str(error)) == (
            TooManyRows,
            4201,
            "There are more than 40 rows. (4201 too_large)",
        )
        read = [query["sql"] for query in queries.captured_queries if "tests_book" in query["sql"]]
        assert ["LIMIT 41" in sql for sql in read] == [True]
        [record] = caplog.records
        assert record.getMessage() == (
            f"The live query {stream.name} {{}} has more than 40 rows, the limit `rows` of REALTIME_LIMITS; it is "
            "refused."
        )

    def test_one_that_grows_too_large_ends_and_others_go_on(self, live, shelf, stream, caplog):
        write(shelf, 40)
        viewer, good = live(stream), live("books", shelf=shelf.pk + 1)
        assert len(viewer.keys) == 40
        Book.objects.create(shelf=shelf, title="one too many")
        assert live.tick().failed == {viewer.key}
        assert good.query is not None


def test_large_one_is_warned_of_once(live, shelf, caplog):
    write(shelf, 5)
    viewer = live(Everything)
    Book.objects.create(shelf=shelf, title="one more")
    live.tick()
    assert len(viewer.keys) == 6
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            "The live query everything {} has 5 rows; more than 4 make each change slow. Show a part of them.",
        )
    ]


def test_check_names_a_stream_without_parameters_that_is_large(shelf):
    with registered(everything=Everything):
        assert found(databases=["default"]) == []
        write(shelf, 5)
        assert found() == []
        [text] = found(databases=["default"])
        assert text == (
            "The stream 'everything' has more than 4 rows in a single live query: each change is slow, and beyond 40 "
            "rows subscribers are refused."
        )


def found(**options) -> list[str]:
    return [item.msg for item in run_checks(**options) if item.id == "realtime.W030" and "everything" in item.msg]
