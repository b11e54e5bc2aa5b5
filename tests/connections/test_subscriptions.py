"""Subscriptions: access that keeps changing, and checks that take long, keep nobody else waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from realtime import ModelStream
from realtime.hub.elastic_pool import MAX_LATE
from tests.models import Book, Note, Shelf
from tests.support.streams import registered
from tests.support.waiting import seconds
from tests.support.wire import WireClient, until


class Guarded(ModelStream):
    """The books of a shelf, unless a note forbids them; each check takes as long as two new notes."""

    model = Book
    fields = ["title"]
    partition_by = ["shelf"]
    authorize_depends_on = ["tests.Note"]
    allow_anonymous = True
    noisy = False
    notes = 0  # that were written

    def authorize(self, user, shelf):
        allowed = not Note.objects.filter(text="closed").exists()
        until_note = Guarded.notes + 2
        for _ in range(200):
            if Guarded.notes >= until_note or not Guarded.noisy:
                break
            threading.Event().wait(0.005)
        return allowed

    def get_queryset(self, shelf):
        return Book.objects.filter(shelf=shelf)


class Slow(ModelStream):
    """Its checks take until the test lets them go."""

    model = Book
    fields = ["title"]
    allow_anonymous = True
    go_on: threading.Event
    barrier: threading.Barrier | None = None

    def authorize(self, user, number):
        if Slow.barrier is not None:
            Slow.barrier.wait(seconds(20))
        return Slow.go_on.wait(seconds(20))

    def get_queryset(self, number: int):
        return Book.objects.all()


@pytest.fixture(autouse=True)
def streams():
    Guarded.noisy = False
    Slow.go_on, Slow.barrier = threading.Event(), None
    with registered(guarded=Guarded, slow=Slow):
        yield
        Slow.go_on.set()


@pytest.fixture
def shelf(streams, elsewhere) -> Shelf:
    return elsewhere(Shelf.objects.create, name="one")


@asynccontextmanager
async def changing_access(elsewhere) -> AsyncIterator[None]:
    """Somebody writes notes, without a pause that is long enough for a check."""

    async def write() -> None:
        while True:
            await elsewhere.soon(Note.objects.create, text="open")
            Guarded.notes += 1
            await asyncio.sleep(0.01)

    Guarded.noisy = True
    writing = asyncio.create_task(write())
    yield
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    Guarded.noisy = False


async def test_changes_are_delivered_while_access_keeps_changing(shelf, elsewhere):
    async with WireClient() as client:
        await client.subscribe("guarded", shelf=shelf.pk)
        async with changing_access(elsewhere):
            for number in range(3):
                await elsewhere.soon(Book.objects.create, shelf=shelf, title=str(number))
                await until(lambda number=number: len(client.rows()) == number + 1)
        assert (client.titles(), client.refusals) == (["0", "1", "2"], {})


async def test_newcomer_becomes_live_while_access_keeps_changing(shelf, elsewhere):
    async with changing_access(elsewhere), WireClient() as client:
        await client.subscribe("guarded", shelf=shelf.pk)
        assert client.refusals == {}


async def test_newcomer_is_refused_while_access_keeps_changing(shelf, elsewhere):
    await elsewhere.soon(Note.objects.create, text="closed")
    async with changing_access(elsewhere), WireClient() as client:
        await client.subscribe("guarded", shelf=shelf.pk)
        assert client.refusals == {1: 4214}


async def test_no_row_written_after_a_revocation_is_seen_while_access_keeps_changing(shelf, elsewhere):
    async with WireClient() as client:
        await client.subscribe("guarded", shelf=shelf.pk)
        async with changing_access(elsewhere):
            await elsewhere.soon(Book.objects.create, shelf=shelf, title="before")
            await until(lambda: client.titles())
            await elsewhere.soon(Note.objects.create, text="closed")
            for number in range(10):
                await elsewhere.soon(Book.objects.create, shelf=shelf, title=f"after {number}")
            await until(lambda: client.refusals)
        frames = [str(message) for message in client.received if message["type"] == "frame"]
        assert ("before" in str(frames), "after" in str(frames)) == (True, False)


async def test_slow_checks_do_not_wait_for_one_another(shelf):
    Slow.barrier = threading.Barrier(6)
    Slow.go_on.set()
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(WireClient()) for _ in range(6)]
        await asyncio.gather(*(client.subscribe("slow", number=n) for n, client in enumerate(clients)))
        assert [client.refusals for client in clients] == [{}] * 6


async def test_however_many_checks_are_slow_the_others_go_on(shelf):
    async with AsyncExitStack() as stack:
        for number in range(MAX_LATE + 6):
            client = await stack.enter_async_context(WireClient())
            client.say(client.protocol.subscribe(1, stream="slow", params={"number": number}))
        quick = await stack.enter_async_context(WireClient())
        await quick.subscribe("top", shelf=shelf.pk)
        assert (quick.refusals, Slow.go_on.is_set()) == ({}, False)
        Slow.go_on.set()


async def test_slow_check_of_one_stream_does_not_keep_the_clients_other_streams_waiting(shelf):
    async with WireClient() as client:
        client.say(client.protocol.subscribe(1, stream="slow", params={"number": 0}))
        client.say(client.protocol.subscribe(2, stream="top", params={"shelf": shelf.pk}))
        await until(lambda: client.protocol.subscriptions[2].live)
        await client.subscribe("top", id=3, shelf=shelf.pk + 1)
        assert not client.protocol.subscriptions[1].live
        Slow.go_on.set()
        await until(lambda: client.protocol.subscriptions[1].live)


async def test_check_that_takes_longer_than_the_limit_is_refused(shelf, settings, caplog):
    settings.REALTIME_QUERY_SECONDS = 0.6
    async with WireClient() as client:
        await client.subscribe("slow", number=0)
        assert client.refusals == {1: 4003}
        settings.REALTIME_QUERY_SECONDS = seconds(20)  # the next one is quick, unless the machine is busy
        await client.subscribe("top", id=2, shelf=shelf.pk)
        assert not Slow.go_on.is_set()
    assert [record.getMessage() for record in caplog.records] == [
        "A check of access to a stream takes longer than 0.6 s; it is refused."
    ]
    Slow.go_on.set()
