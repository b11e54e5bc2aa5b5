"""Pruning by a server: soon after a client has come, apart from what lets clients in."""

from __future__ import annotations

import threading

import pytest

from realtime.hub import pruning
from realtime.models import Change
from tests.models import Book, Shelf
from tests.support.transactions import wait_for_older_transactions
from tests.support.waiting import seconds
from tests.support.wire import WireClient, until

pytestmark = pytest.mark.databases


@pytest.fixture
def shelf(elsewhere, monkeypatch) -> Shelf:
    """A shelf, after old changes, in a process that has not pruned yet."""
    monkeypatch.setattr(pruning, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(pruning, "_pruned", {})
    shelf = elsewhere(Shelf.objects.create, name="one")
    for number in range(5):
        elsewhere(Book.objects.create, shelf=shelf, title=str(number))
    elsewhere(Change.objects.update, at=1)
    elsewhere(wait_for_older_transactions)
    return shelf


async def test_short_visit_prunes(shelf, elsewhere):
    async with WireClient() as client:
        await client.subscribe("top", shelf=shelf.pk)
        await until(lambda: elsewhere(Change.objects.count) == 1)
    noted = dict(pruning._pruned)
    async with WireClient() as client:  # the next one does not, so soon
        await client.subscribe("top", shelf=shelf.pk)
    assert pruning._pruned == noted


async def test_clients_are_let_in_while_the_log_is_pruned(shelf, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(pruning, "prune", lambda alias: begun.set() or go_on.wait(seconds(20)))
    async with WireClient() as first, WireClient() as second:
        await until(begun.is_set)
        await first.subscribe("top", shelf=shelf.pk)
        await second.subscribe("top", shelf=shelf.pk)
        assert not go_on.is_set()
        go_on.set()
