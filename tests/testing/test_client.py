"""A client as a user, on this process's own hub."""

from __future__ import annotations

import asyncio

import pytest
from django.contrib.auth.models import User
from django.test import TestCase

from realtime.client import RemoteError
from realtime.connections.transports.websocket import RealtimeConsumer
from realtime.exceptions import RealtimeError
from realtime.testing import FaultyNetwork, connect
from tests.models import Book, Shelf
from tests.support.waiting import seconds


async def test_rows_come_and_change(committing, connect_as):
    ann = await User.objects.acreate_user("ann")
    shelf = await Shelf.objects.acreate(name="one")
    async with connect_as(ann) as client:
        books = client.subscribe("books", {"shelf": shelf.pk})
        assert await books.ready() == []

        await Book.objects.acreate(shelf=shelf, title="a")

        [row] = await client.wait_for(books, lambda rows: rows)
        assert row["title"] == "a"


async def test_actions_run_as_the_user(committing):
    ann = await User.objects.acreate_user("ann")
    shelf = await Shelf.objects.acreate(name="one")
    async with connect(ann) as client:
        books = client.subscribe("books", {"shelf": shelf.pk})
        await books.call("add", {"title": "a"})

        await client.wait_for(books, lambda rows: len(rows) == 1)
        with pytest.raises(RemoteError, match="You do not have permission"):
            await books.call("burn")


async def test_visitor_is_refused_where_users_are_let_in(committing):
    async with connect() as client:
        with pytest.raises(RemoteError, match="You do not have permission to view the stream 'books'"):
            await client.wait_for(client.subscribe("books", {"shelf": 1}), bool)
        assert await client.subscribe("top", {"shelf": 1}).ready() == []


async def test_lost_connection_is_resumed(committing):
    shelf = await Shelf.objects.acreate(name="one")
    async with connect() as client:
        top = client.subscribe("top", {"shelf": shelf.pk})
        await top.ready()

        client.cut()
        await Book.objects.acreate(shelf=shelf, title="a")

        await client.wait_for(top, lambda rows: len(rows) == 1)


async def test_waiting_in_vain_says_what_is_there(committing):
    async with connect() as client:
        top = client.subscribe("top", {"shelf": 1})
        await top.ready()
        with pytest.raises(
            AssertionError, match=r"Waited 0\.05 s in vain; the live query is live, its rows are \[\]\."
        ):
            await client.wait_for(top, bool, within=0.05)


async def test_rows_survive_a_bad_network(committing):
    shelf = await Shelf.objects.acreate(name="one")
    network = FaultyNetwork(RealtimeConsumer.as_asgi(), cut=0.2, delay=0.01, refuse=0.2, seed=3)
    async with connect(application=network) as client:
        top = client.subscribe("top", {"shelf": shelf.pk})
        for pages in range(30):
            await Book.objects.acreate(shelf=shelf, title=str(pages), pages=pages)
            await asyncio.sleep(0)

        await client.wait_for(
            top, lambda rows: [row["title"] for row in rows] == ["29", "28", "27"], within=seconds(30)
        )
    assert network.faults["cut"] + network.faults["refused"] > 0, network


class InATransactionTests(TestCase):
    async def test_client_says_that_it_cannot_see_the_transaction(self):
        with pytest.raises(
            RealtimeError, match="A client cannot see what this test writes: the test runs in a transact"
        ):
            async with connect():
                pass
