"""Read your writes: the frame that brings what a call changed names the call, to its caller alone."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from django.contrib.auth.models import User

from realtime import ModelStream, action
from realtime.auth.identity import Identity
from realtime.hub.hub import get_hub
from realtime.queries.tail import Tail
from tests.models import Book, Shelf
from tests.support.limits import limit
from tests.support.streams import registered
from tests.support.waiting import seconds
from tests.support.wire import WireClient, until


class Slow(ModelStream):
    """A stream whose action waits until it is let go."""

    model = Book
    fields = ["id"]
    allow_anonymous = True
    entered = threading.Event()
    gate = threading.Event()

    def authorize(self, user):
        return True

    @action
    def add(self, user, shelf: int):
        Slow.entered.set()
        Slow.gate.wait(seconds(10))
        return Book.objects.create(shelf_id=shelf, title="slow").pk

    @action
    async def sleep(self, user):
        await asyncio.sleep(60)


@pytest.fixture(autouse=True)
def slow():
    Slow.entered.clear()
    Slow.gate.clear()
    with registered(slow=Slow):
        yield
        Slow.gate.set()


@pytest.fixture
def identity(elsewhere) -> Identity:
    return Identity(str(elsewhere(User.objects.create_user, "ann").pk))


def ask(client: WireClient, id: str, action: str, shelf: Shelf, **args) -> None:
    params = {"shelf": shelf.pk}
    call = {"type": "call", "id": id, "stream": "books", "params": params, "action": action, "args": args}
    client.connection.receive(json.dumps(call))


def ask_slow(client: WireClient, id: str, action: str = "add", **args) -> None:
    client.connection.receive(json.dumps({"type": "call", "id": id, "stream": "slow", "action": action, "args": args}))


def frames(client: WireClient) -> list[dict]:
    return [message for message in client.received if message["type"] == "frame"]


async def test_the_frame_with_the_row_names_the_call(shelf, identity):
    async with WireClient(identity) as client:
        await client.subscribe("books", shelf=shelf.pk)
        for number in range(20):
            ask(client, f"c{number}", "add", shelf, title=f"{number:02}")
        await until(lambda: len(client.protocol.named) == 20)
        brought, named = set(), set()
        for frame in frames(client):
            puts = [put["row"]["title"] for delta in frame["deltas"] for put in delta.get("puts", ())]
            brought.update(f"c{int(title)}" for title in puts)
            named.update(frame.get("calls", ()))
            assert brought == named


async def test_only_the_caller_is_told(shelf, identity):
    async with WireClient(identity) as client, WireClient(identity) as other:
        await client.subscribe("books", shelf=shelf.pk)
        await other.subscribe("books", shelf=shelf.pk)
        ask(client, "c1", "add", shelf, title="a")
        await until(lambda: client.protocol.named and other.titles())
        assert other.protocol.named == []
        assert [delta["puts"] for frame in frames(client)[1:] for delta in frame["deltas"]] == [
            delta["puts"] for frame in frames(other)[1:] for delta in frame["deltas"]
        ]


async def test_a_call_that_changes_nothing_is_named_too(shelf, identity):
    async with WireClient(identity) as client:
        await client.subscribe("books", shelf=shelf.pk + 1)
        ask(client, "c1", "add", shelf, title="a")
        await until(lambda: client.protocol.named == ["c1"])
        assert frames(client)[-1]["deltas"] == []


async def test_a_call_without_a_subscription_is_named_too(shelf, identity):
    async with WireClient(identity) as client:
        await asyncio.sleep(0)
        ask(client, "c1", "add", shelf, title="a")
        await until(lambda: client.protocol.named == ["c1"])


async def test_a_refused_call_is_never_named(shelf, identity):
    async with WireClient(identity) as client:
        await client.subscribe("books", shelf=shelf.pk)
        ask(client, "c1", "refuse", shelf)
        ask(client, "c2", "add", shelf, title="a")
        await until(lambda: client.protocol.named)
        assert client.protocol.named == ["c2"]


async def test_a_client_out_of_credit_is_told_with_the_frame_that_catches_up(shelf, identity, settings, elsewhere):
    limit(settings, window_frames=2)
    async with WireClient(identity) as client:
        client.protocol.holding_acks = True
        await client.subscribe("books", shelf=shelf.pk)
        ask_slow(client, "c1", shelf=shelf.pk)
        await until(Slow.entered.is_set)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
        await until(client.titles)  # the credit is used up
        Slow.gate.set()
        await until(lambda: "c1" in client.protocol.replies and client.protocol.behind)
        assert (client.protocol.named, client.titles()) == ([], ["a"])

        client.protocol.holding_acks = False
        client.say(client.protocol.ack())
        await until(lambda: client.protocol.named == ["c1"])
        assert sorted(client.titles()) == ["a", "slow"]


async def test_calls_of_a_client_that_reads_nothing_wait_and_are_bounded(shelf, identity, settings):
    limit(settings, window_frames=1, queued_calls=2)
    async with WireClient(identity) as client:
        client.protocol.holding_acks = True
        await client.subscribe("books", shelf=shelf.pk)
        for number in range(3):
            ask(client, f"c{number}", "add", shelf, title=str(number))
        await until(lambda: client.closed)
        assert client.closed == (4002, "2 calls are already queued.")
        assert client.protocol.replies == {}


async def test_a_client_that_comes_back_is_told_with_its_first_frame(shelf, identity):
    async with WireClient(identity) as client:
        await client.subscribe("books", shelf=shelf.pk)
        ask(client, "c1", "add", shelf, title="a")
        await until(lambda: "c1" in client.protocol.replies)
    async with WireClient(identity) as again:
        await asyncio.sleep(0)
        ask(again, "c1", "add", shelf, title="a")
        await again.subscribe("books", shelf=shelf.pk)
        await until(lambda: again.protocol.named == ["c1"] and "c1" in again.protocol.replies)
        assert again.titles() == ["a"]
        assert again.protocol.replies["c1"]["result"] == client.protocol.replies["c1"]["result"]


async def test_a_call_that_is_repeated_while_it_runs_runs_once_and_both_hear_of_it(shelf, identity, elsewhere):
    async with WireClient(identity) as client, WireClient(identity) as again:
        await asyncio.sleep(0)
        ask_slow(client, "c1", shelf=shelf.pk)
        await until(Slow.entered.is_set)
        ask_slow(again, "c1", shelf=shelf.pk)
        Slow.gate.set()
        await until(lambda: client.protocol.named == again.protocol.named == ["c1"])
        assert client.protocol.replies == again.protocol.replies
        assert await elsewhere.soon(Book.objects.count) == 1


async def test_a_call_goes_on_when_its_connection_is_cut(shelf, identity, elsewhere):
    async with WireClient(identity) as other:
        async with WireClient(identity) as client:
            await asyncio.sleep(0)
            ask_slow(client, "c1", shelf=shelf.pk)
            await until(Slow.entered.is_set)
        Slow.gate.set()
        ask_slow(other, "c1", shelf=shelf.pk)
        await until(lambda: other.protocol.named == ["c1"])
        assert await elsewhere.soon(Book.objects.count) == 1


async def test_closing_does_not_wait_for_an_action_that_does_not_return(shelf, identity):
    async with asyncio.timeout(seconds(5)):
        async with WireClient(identity) as client:
            await asyncio.sleep(0)
            ask_slow(client, "c1", shelf=shelf.pk)
            await until(Slow.entered.is_set)
    assert not Slow.gate.is_set()
    Slow.gate.set()
    await until(lambda: not any(thread.name == "realtime-action" for thread in threading.enumerate()))


async def test_an_action_that_takes_too_long_is_refused_and_the_client_goes_on(
    shelf, identity, settings, elsewhere, caplog
):
    settings.REALTIME_ACTION_SECONDS = 1.0
    async with WireClient(identity) as client:
        await client.subscribe("books", shelf=shelf.pk)
        ask_slow(client, "stuck", shelf=shelf.pk)
        ask_slow(client, "asleep", "sleep")
        await until(lambda: len(client.protocol.replies) == 2)
        get_hub()._executor._seconds = seconds(20)  # the next one is quick, unless the machine is busy
        ask(client, "c1", "add", shelf, title="a")
        await until(lambda: client.protocol.named == ["c1"])
        sentence = "The action took longer than 1 seconds and was cancelled; nothing was saved."
        errors = [client.protocol.replies[id]["error"] for id in ("stuck", "asleep")]
        assert errors == [{"code": 4003, "reason": sentence}] * 2
        Slow.gate.set()
    assert await elsewhere.soon(lambda: list(Book.objects.values_list("title", flat=True))) == ["a"]


async def test_calls_are_named_after_a_tick_that_failed(shelf, identity, monkeypatch, caplog):
    read, failures = Tail._read, iter([True])
    async with WireClient(identity) as client:
        await client.subscribe("books", shelf=shelf.pk)

        def fail_once(self, *args):
            if next(failures, False):
                raise RuntimeError("the database is away")
            return read(self, *args)

        monkeypatch.setattr(Tail, "_read", fail_once)
        ask(client, "c1", "add", shelf, title="a")
        await until(lambda: client.protocol.named == ["c1"])
        assert client.titles() == ["a"]


async def test_calls_are_named_where_the_log_is_read_afresh(shelf, identity, settings):
    limit(settings, changes=1)
    async with WireClient(identity) as client:
        await client.subscribe("books", shelf=shelf.pk)
        for number in range(5):
            ask(client, f"c{number}", "add", shelf, title=str(number))
        await until(lambda: len(client.protocol.named) == 5)
        assert client.titles() == ["0", "1", "2", "3", "4"]


async def test_a_visitor_s_session_owns_their_calls(shelf, elsewhere):
    Slow.gate.set()
    results = []
    for visitor in ("one", "two", "one"):
        async with WireClient(Identity(visitor=visitor)) as client:
            await until(lambda client=client: client.received)
            ask_slow(client, "c1", shelf=shelf.pk)
            await until(lambda client=client: client.protocol.replies)
            results.append(client.protocol.replies["c1"]["result"])
    assert results == [results[0], results[1], results[0]]
    keys = await elsewhere.soon(lambda: list(Book.objects.order_by("pk").values_list("pk", flat=True)))
    assert keys == results[:2]
