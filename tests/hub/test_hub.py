"""The hub: one reading of the log for all, everyone served alike, and nothing left behind."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack

import pytest
from django.db import connections

from realtime import ModelStream
from realtime.connections.connection import Connection
from realtime.hub.hub import get_hub
from realtime.queries import rendering
from realtime.queries.tail import Tail
from realtime.streams.registry import registry
from tests.models import Book, Shelf
from tests.support.limits import limit
from tests.support.streams import registered
from tests.support.waiting import wait_until
from tests.support.wire import WireClient, until


@pytest.fixture
def work(monkeypatch) -> list[str]:
    """The statements of the ticks, and the renderings."""
    work: list[str] = []
    tick, rendered = Tail.tick, rendering.encode_row

    def recorded_tick(self, *args):
        with connections["default"].execute_wrapper(
            lambda execute, sql, *rest: work.append(sql) or execute(sql, *rest)
        ):
            return tick(self, *args)

    def recorded_row(*args):
        work.append("rendering")
        return rendered(*args)

    monkeypatch.setattr(Tail, "tick", recorded_tick)
    monkeypatch.setattr("realtime.queries.row_reader.encode_row", recorded_row)
    return work


async def everyone(stack: AsyncExitStack, count: int) -> list[WireClient]:
    return [await stack.enter_async_context(WireClient()) for _ in range(count)]


async def test_change_reaches_all_who_are_subscribed(shelf, add):
    async with WireClient() as one, WireClient() as two, WireClient() as other:
        await one.subscribe("top", shelf=shelf.pk)
        await two.subscribe("top", shelf=shelf.pk)
        await other.subscribe("top", shelf=shelf.pk + 1)
        await add("a")
        await until(lambda: one.titles() and two.titles())

    assert (one.titles(), two.titles(), other.titles()) == (["a"], ["a"], [])
    assert len(other.protocol.frames) == 1


async def test_round_looks_at_no_client_that_it_does_not_concern(shelf, add, monkeypatch):
    """Else each change would cost more with each client."""
    monkeypatch.setattr("realtime.hub.hub.SWEEP_SECONDS", 3600.0)
    looked: list[object] = []
    async with WireClient() as client, AsyncExitStack() as stack:
        await client.subscribe("top", shelf=shelf.pk)
        others = await everyone(stack, 3)
        for other in others:
            await other.subscribe("top", shelf=shelf.pk + 1)
        for name in ("user", "quota", "subscriptions", "unsent"):
            own = getattr(Connection, name).fget
            look = property(lambda self, own=own: looked.append(self) or own(self))
            monkeypatch.setattr(Connection, name, look)
        await add("a")
        await until(lambda: client.titles())
        assert {other.connection for other in others}.isdisjoint(looked)


async def test_frames_go_out_while_clients_are_swept(monkeypatch):
    monkeypatch.setattr("realtime.hub.hub.SWEEP_SECONDS", 0.01)
    monkeypatch.setattr("realtime.hub.hub.SWEPT_AT_ONCE", 1)
    steps: list[str] = []

    def sweep(self, *args):
        steps.append("swept")
        asyncio.get_running_loop().call_soon(steps.append, "something else")

    monkeypatch.setattr(Connection, "sweep", sweep)
    async with WireClient(), WireClient():
        await until(lambda: len(steps) >= 4)
    assert steps[:4] == ["swept", "something else"] * 2


@pytest.mark.parametrize("format", ["data", "html"])
async def test_work_for_a_change_is_the_same_for_one_and_for_two_hundred(shelf, add, work, format, anonymous_books):
    async def measure(count: int) -> list[str]:
        async with AsyncExitStack() as stack:
            clients = await everyone(stack, count)
            await asyncio.gather(
                *(client.subscribe(anonymous_books, format=format, shelf=shelf.pk) for client in clients)
            )
            before = [len(client.rows()) for client in clients]
            assert len(set(before)) == 1
            await asyncio.sleep(0.3)  # whatever was still under way
            work.clear()
            await add("a")
            await until(lambda: all(len(client.rows()) == before[0] + 1 for client in clients))
            # ticks that found nothing came before or after, in whichever number
            return [step for step in work if step == "rendering" or "tests_book" in step]

    alone, together = await measure(1), await measure(200)
    assert (len(alone), alone.count("rendering")) == (len(together), together.count("rendering")) == (2, 1)


@pytest.fixture
def anonymous_books():
    class Open(registry.get("books")):
        allow_anonymous = True

    with registered(**{"open-books": Open}):
        yield "open-books"


async def test_all_share_one_text(shelf, add):
    async with AsyncExitStack() as stack:
        clients = await everyone(stack, 3)
        for client in clients:
            await client.subscribe("top", shelf=shelf.pk)
        texts: list[str] = []
        for client in clients:
            client.connection.peer._transport = Recording(client, texts)
        await add("a")
        await until(lambda: len(texts) == 3)
    assert len({id(text) for text in texts}) == 1


class Recording:
    unsent = 0

    def __init__(self, client: WireClient, texts: list[str]) -> None:
        self.client, self.texts = client, texts

    def send(self, text: str) -> None:
        self.texts.append(text)
        self.client.send(text)

    def close(self, code: int, reason: str) -> None:
        self.client.close(code, reason)


async def test_what_one_transaction_changed_comes_in_one_frame(shelf, elsewhere, add):
    await add("a", "b")
    async with WireClient() as client:
        await client.subscribe("top", id=1, shelf=shelf.pk)
        await client.subscribe("top", id=2, shelf=shelf.pk + 1)
        frames = len(client.protocol.frames)
        second = await elsewhere.soon(Shelf.objects.create, pk=shelf.pk + 1, name="two")

        def move_all():
            for book in Book.objects.all():
                book.shelf = second
                book.save()

        elsewhere.begin()
        await elsewhere.soon(move_all)
        elsewhere.commit()
        await until(lambda: client.titles(2))

        assert (client.titles(1), client.titles(2)) == ([], ["a", "b"])
        assert len(client.protocol.frames) == frames + 1


async def test_nothing_is_left_when_the_last_client_has_gone(shelf, add):
    before, others = asyncio.all_tasks(), threads()
    async with WireClient() as one, WireClient() as two:
        await one.subscribe("top", shelf=shelf.pk)
        await two.subscribe("top", shelf=shelf.pk)
        await add("a")
        await until(lambda: one.titles())
        assert threads() - others
    assert asyncio.all_tasks() == before
    await until(lambda: not threads() - others)  # a thread ends a moment after its last work
    assert (get_hub()._clients, get_hub()._logs, get_hub()._executor) == (set(), {}, None)


async def test_hub_stays_up_for_a_while_after_its_last_client(shelf, monkeypatch):
    monkeypatch.setattr("realtime.hub.hub.LINGER_SECONDS", 30.0)
    monkeypatch.setattr("realtime.hub.hub.SWEEP_SECONDS", 0.01)
    hub, others = get_hub(), threads()
    async with WireClient() as client:
        await client.subscribe("top", shelf=shelf.pk)
    [log] = hub.logs
    async with WireClient() as client:
        await client.subscribe("top", shelf=shelf.pk)
        assert hub.logs == [log]
    await asyncio.sleep(0.1)
    assert hub.logs == [log]
    hub._empty_since -= 30.0
    await until(lambda: not hub.logs)
    await until(lambda: not threads() - others)


def test_loop_that_ends_with_a_hub_ends_its_threads(committed, monkeypatch):
    monkeypatch.setattr("realtime.hub.hub.LINGER_SECONDS", 30.0)
    others = threads()

    async def visit() -> None:
        async with WireClient() as client:
            await client.subscribe("top", shelf=0)
        assert threads() - others

    asyncio.run(visit())
    wait_until(lambda: not threads() - others, what="the hub's threads end")


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("realtime-")}


async def test_clients_come_back_after_the_last_one_has_gone(shelf, add):
    for title in "abc":
        async with WireClient() as client:
            await client.subscribe("top", shelf=shelf.pk)
            await add(title)
            await until(lambda: title in client.titles())  # noqa: B023 - awaited here
    assert client.titles() == ["a", "b", "c"]


async def test_client_that_leaves_does_not_end_the_others(shelf, add):
    async with WireClient() as stays:
        await stays.subscribe("top", shelf=shelf.pk)
        async with WireClient() as leaves:
            await leaves.subscribe("top", shelf=shelf.pk)
        await add("a")
        await until(lambda: stays.titles())


async def test_client_whose_release_is_cancelled_has_gone_too(shelf):
    client = await WireClient().__aenter__()
    client.connection.peer.start(asyncio.Event().wait)
    await asyncio.sleep(0)
    closing = asyncio.create_task(client.connection.close())
    await asyncio.sleep(0)
    closing.cancel()  # as by a server that does not wait for the end of the application
    await asyncio.wait([closing])
    assert client.connection not in get_hub().clients


async def test_live_query_is_let_go_of_with_its_last_subscriber(shelf, add):
    async with WireClient() as client:
        await client.subscribe("top", id=1, shelf=shelf.pk)
        await client.subscribe("books", id=2, shelf=shelf.pk)
        client.say(client.protocol.unsubscribe(1))
        [log] = get_hub()._logs.values()
        await until(lambda: not log._tail._queries)
        kept = log.subscribers
        assert (kept._clients, kept._streams, kept._ids, kept._places) == ({}, {}, {}, {})


@pytest.fixture
def held_ticks(monkeypatch):
    """Ticks wait in their thread while `held_ticks.set()` has not been called."""
    go, entered, tick = threading.Event(), threading.Event(), Tail.tick
    go.set()

    def held(self, *args):
        entered.set()
        assert go.wait(10)
        return tick(self, *args)

    monkeypatch.setattr(Tail, "tick", held)
    go.entered = entered
    yield go
    go.set()


async def hold(held_ticks, client: WireClient, message: list[str]) -> None:
    """Have a tick under way that answers the message."""
    held_ticks.entered.clear()
    held_ticks.clear()
    client.say(message)
    await until(held_ticks.entered.is_set)


async def test_client_that_leaves_during_a_tick_is_not_served(shelf, held_ticks):
    async with WireClient() as stays:
        await stays.subscribe("top", shelf=shelf.pk)
        async with WireClient() as leaves:
            await asyncio.sleep(0.05)
            await hold(held_ticks, leaves, leaves.protocol.subscribe(1, stream="top", params={"shelf": shelf.pk}))
        held_ticks.set()
        [log] = get_hub()._logs.values()
        await until(lambda: not log._waiting.serving)
        assert leaves.connection not in log.subscribers._queries


async def test_subscription_left_during_a_tick_leaves_its_live_query(shelf, held_ticks):
    async with WireClient() as client:
        await client.subscribe("top", id=1, shelf=shelf.pk)
        await hold(held_ticks, client, client.protocol.subscribe(2, stream="top", params={"shelf": 0}))
        client.say(client.protocol.unsubscribe(2))
        await asyncio.sleep(0)
        held_ticks.set()
        [log] = get_hub()._logs.values()
        await until(lambda: not log._waiting.serving and len(log.subscribers._clients) == 1)
        assert [message["id"] for message in client.received if message["type"] == "subscribed"] == [1]


async def test_id_used_anew_during_a_tick_is_answered_for_the_new_one(shelf, add, held_ticks):
    await add("a")
    async with WireClient() as client:
        await client.subscribe("top", id=1, shelf=shelf.pk)
        await hold(held_ticks, client, client.protocol.subscribe(2, stream="top", params={"shelf": 0}))
        client.say(client.protocol.unsubscribe(2))
        client.say(client.protocol.subscribe(2, stream="top", params={"shelf": shelf.pk}))
        await asyncio.sleep(0.05)
        held_ticks.set()
        await until(lambda: client.protocol.subscriptions[2].live)
        assert client.titles(2) == ["a"]
        assert [message["id"] for message in client.received if message["type"] == "subscribed"] == [1, 2]


async def test_live_query_that_was_left_and_asked_for_again_before_a_tick_stays_live(shelf, add, held_ticks):
    async with WireClient() as client:
        await client.subscribe("top", id=1, shelf=shelf.pk + 1)
        await hold(held_ticks, client, client.protocol.subscribe(4, stream="top", params={"shelf": 0}))
        [log] = get_hub()._logs.values()
        for id in (2, 3):  # both are answered by the next tick
            client.say(client.protocol.subscribe(id, stream="top", params={"shelf": shelf.pk}))
            await until(lambda id=id: len(log._waiting._waiting.get(client.connection, ())) == id - 1)
            if id == 2:
                client.say(client.protocol.unsubscribe(2))
        held_ticks.set()
        await until(lambda: client.protocol.live)
        await add("a")
        await until(lambda: client.titles(3) == ["a"])


async def test_one_who_left_while_it_caught_up_is_not_a_subscriber_again(shelf, add, held_ticks, settings):
    limit(settings, window_frames=1)
    async with WireClient() as client, WireClient() as other:
        await other.subscribe("top", shelf=shelf.pk)
        client.protocol.holding_acks = True
        await client.subscribe("top", shelf=shelf.pk)
        await add("a")
        await until(lambda: client.protocol.behind)
        await hold(held_ticks, client, client.protocol.ack())
        client.say(client.protocol.unsubscribe(1))
        await asyncio.sleep(0.05)
        held_ticks.set()
        [log] = get_hub()._logs.values()
        await until(lambda: not log._waiting.serving)
        assert not any(client.connection in found for found in log.subscribers._clients.values())


class Failing(ModelStream):
    model = Book
    fields = ["title"]
    allow_anonymous = True
    partition_by = ["shelf"]
    broken = False

    def authorize(self, user, **params):
        return True

    def get_queryset(self, shelf: int):
        if self.broken:
            raise RuntimeError("secret")
        return Book.objects.filter(shelf=shelf)


@pytest.fixture
def failing(monkeypatch):
    monkeypatch.setattr(Failing, "broken", False)
    with registered(failing=Failing):
        yield Failing


async def test_live_query_that_fails_ends_for_its_subscribers_alone(shelf, add, failing, caplog):
    async with AsyncExitStack() as stack:
        clients = await everyone(stack, 3)
        for client in clients:
            await client.subscribe("failing", id=1, shelf=shelf.pk)
            await client.subscribe("top", id=2, shelf=shelf.pk)
        failing.broken = True
        await add("a")
        await until(lambda: all(client.titles(2) for client in clients))
        await until(lambda: all(client.refusals for client in clients))

        assert [client.refusals for client in clients] == [{1: 4001}] * 3
        assert [client.titles(2) for client in clients] == [["a"]] * 3
        await add("b")
        await until(lambda: all(len(client.titles(2)) == 2 for client in clients))
    assert [record.getMessage() for record in caplog.records] == [
        f'The live query failing {{"shelf":{shelf.pk}}} cannot be read.'
    ]


async def test_live_query_that_failed_may_be_subscribed_to_again(shelf, add, failing, caplog):
    async with WireClient() as client:
        failing.broken = True
        await client.subscribe("failing", id=1, shelf=shelf.pk)
        assert client.refusals == {1: 4001}
        failing.broken = False
        await client.subscribe("failing", id=2, shelf=shelf.pk)
        await add("a")
        await until(lambda: client.titles(2))
    assert len(caplog.records) == 1


async def test_client_whose_handling_fails_does_not_keep_others_from_their_frames(shelf, add, caplog):
    async with AsyncExitStack() as stack:
        bad, *good = await everyone(stack, 4)
        for client in (bad, *good):
            await client.subscribe("top", shelf=shelf.pk)

        def fail(delivery):
            raise RuntimeError("secret")

        bad.connection.deliver = fail
        await add("a")
        await until(lambda: all(client.titles() for client in good))
        assert (bad.titles(), bad.closed[0]) == ([], 4001)
    assert "secret" in caplog.text


async def test_database_that_goes_away_is_asked_again_and_nothing_is_missed(shelf, add, monkeypatch, caplog):
    monkeypatch.setattr("realtime.hub.pacing.RETRY_SECONDS", 0.01)
    async with WireClient() as client:
        await client.subscribe("top", shelf=shelf.pk)
        failures = iter([OSError("gone")] * 3)
        read = type(get_log()).read

        def flaky(self, *args, **kwargs):
            if (error := next(failures, None)) is not None:
                raise error
            return read(self, *args, **kwargs)

        monkeypatch.setattr(type(get_log()), "read", flaky)
        await add("a")
        await until(lambda: client.titles())
        async with WireClient() as late:
            await late.subscribe("top", shelf=shelf.pk)
            assert late.titles() == ["a"]
    assert [record.getMessage() for record in caplog.records] == [
        f"The log default could not be read; trying again in {seconds} s." for seconds in ("0.01", "0.02", "0.04")
    ]


def get_log():
    from realtime.changelog import get_changelog

    return get_changelog("default")


async def test_heartbeat_brings_the_position_to_those_who_heard_nothing(shelf, add, settings):
    async with WireClient() as idle, WireClient() as busy:
        await idle.subscribe("top", shelf=shelf.pk + 1)
        await busy.subscribe("top", shelf=shelf.pk)
        before = idle.protocol.subscriptions[1].cursor
        await add("a")
        await until(lambda: busy.titles())
        now = asyncio.get_running_loop().time() + 1000
        idle.connection.peer.received_at = now
        position = get_hub()._logs["default"].position
        idle.connection.sweep(now, {0: position})
        await until(lambda: idle.protocol.subscriptions[1].cursor != before)
        assert idle.protocol.subscriptions[1].cursor == position


async def test_client_that_comes_while_the_last_one_leaves_finds_threads(shelf, monkeypatch):
    closing, go_on = asyncio.Event(), asyncio.Event()
    async with WireClient() as last:
        await last.subscribe("top", shelf=shelf.pk)
        close = type(get_hub()._background.events).close

        async def slow_close(self):
            closing.set()
            await go_on.wait()
            await close(self)

        monkeypatch.setattr(type(get_hub()._background.events), "close", slow_close)
        leaving = asyncio.create_task(last.connection.close())
        await closing.wait()
        async with WireClient() as first:
            await first.subscribe("top", shelf=shelf.pk)
            go_on.set()
            await leaving
            await first.subscribe("top", id=2, shelf=shelf.pk + 1)
            assert await get_hub().run(int, "7") == 7
