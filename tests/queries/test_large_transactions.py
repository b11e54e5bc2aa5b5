"""A transaction of more changes than one reading may have is routed as a small one is."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from realtime.queries.tail import MOST_PARTS
from tests.models import Book, Shelf
from tests.queries.conftest import Live

pytestmark = pytest.mark.databases

LIMIT = 5


@pytest.fixture
def live(committed: None) -> Live:
    return Live(max_changes=LIMIT)


def add(shelf: Shelf, number: int, **fields: object) -> None:
    Book.objects.bulk_create([Book(shelf=shelf, title=f"{place:03}", **fields) for place in range(number)])


def test_rows_that_nobody_sees_reset_nobody(live, shelf, other_shelf):
    add(shelf, 1)
    seen, shelves = live("books", shelf=shelf.pk), live("top", shelf=shelf.pk)
    add(other_shelf, 3 * LIMIT)
    with CaptureQueriesContext(connection) as queries:
        tick = live.tick()
    assert (tick.deltas, tick.resets, tick.changes) == ({}, 0, 3 * LIMIT)
    assert not [query for query in queries.captured_queries if "tests_book" in query["sql"]]
    assert (seen.delta, shelves.delta) == (None, None)


def test_live_query_that_it_concerns_is_read_afresh(live, shelf, other_shelf):
    one, other = live("books", shelf=shelf.pk), live("books", shelf=other_shelf.pk)
    add(shelf, 3 * LIMIT)
    add(other_shelf, 1)
    live.tick()
    assert (one.delta["reset"], len(one.keys)) == (True, 3 * LIMIT)
    assert [put["row"]["title"] for put in other.delta["puts"]] == ["000"]
    assert "reset" not in other.delta


def test_more_than_can_be_routed_resets_all(live, shelf, other_shelf):
    one, other = live("books", shelf=shelf.pk), live("books", shelf=other_shelf.pk)
    add(shelf, MOST_PARTS * LIMIT + 1)
    live.tick()
    assert (one.delta["reset"], other.delta["reset"]) == (True, True)
    assert len(one.keys) == MOST_PARTS * LIMIT + 1


def test_dependants_that_nobody_looks_at_do_not_count(live, shelf, other_shelf):
    owner = get_user_model().objects.create(username="ann")
    add(other_shelf, 2 * LIMIT, owner=owner)
    add(shelf, 2, owner=owner)
    add(shelf, 2)
    seen = live("books", shelf=shelf.pk)
    get_user_model().objects.filter(pk=owner.pk).update(username="zoe")
    live.tick()
    assert "reset" not in seen.delta
    assert [put["row"]["owner.username"] for put in seen.delta["puts"]] == ["zoe", "zoe"]
