"""Limits of a connection: each says so with a code and a sentence, and ends no more than it has to."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import AsyncExitStack

import pytest
from django.contrib.auth.models import User

from realtime import action
from realtime.auth.identity import Identity
from realtime.exceptions import Overloaded
from realtime.protocol.messages import Failure, Reply
from tests.models import Book, Shelf
from tests.streams import BookStream, TopStream
from tests.support.limits import limit
from tests.support.wire import WireClient, until


@pytest.fixture
def identity(elsewhere) -> Identity:
    return Identity(str(elsewhere(User.objects.create_user, "ann").pk))


def call(id: str, shelf: Shelf, action: str = "refuse", **args) -> str:
    params = {"shelf": shelf.pk}
    return json.dumps({"type": "call", "id": id, "stream": "books", "params": params, "action": action, "args": args})


def of_type(client: WireClient, kind: str) -> list[dict]:
    return [message for message in client.received if message["type"] == kind]


async def test_one_subscription_too_many_is_refused_alone(shelf, settings):
    limit(settings, subscriptions=2)
    async with WireClient() as client:
        for id in (1, 2, 3):
            await client.subscribe("top", id=id, shelf=shelf.pk)
        assert of_type(client, "refused") == [
            {"type": "refused", "id": 3, "code": 4002, "reason": "A connection may have up to 2 subscriptions."}
        ]
        client.say(client.protocol.unsubscribe(1))
        await client.subscribe("top", id=4, shelf=shelf.pk)
        assert client.protocol.subscriptions[4].live


async def test_too_many_messages_end_the_connection_and_say_when_to_come_back(shelf, settings):
    limit(settings, messages_per_second=1.0)
    async with WireClient() as client, WireClient() as other:
        await until(lambda: client.received)
        for _ in range(12):
            client.connection.receive('{"type":"ack","messages":0}')
        bye = client.received[-1]
        assert (bye["code"], bye["reason"]) == (4002, "A connection may send 1 messages per second on average.")
        assert 0 < bye["retry"] <= 1
        await other.subscribe("top", shelf=shelf.pk)


async def test_long_message_counts_as_several(shelf, settings):
    limit(settings, messages_per_second=1.0)
    async with WireClient() as client:
        await until(lambda: client.received)
        client.connection.receive('{"type":"ack","messages":0}' + " " * 9 * 1024)
        assert client.closed is None
        for _ in range(7):
            client.connection.receive('{"type":"ack","messages":0}')
        assert client.closed == (4002, "A connection may send 1 messages per second on average.")


async def test_messages_of_all_connections_of_a_user_are_counted_together(identity, settings):
    limit(settings, messages_per_second_per_user=1.0)
    async with WireClient(identity) as one, WireClient(identity) as other, WireClient() as visitor:
        await until(lambda: one.received and other.received and visitor.received)
        for _ in range(6):
            one.connection.receive('{"type":"ack","messages":0}')
            other.connection.receive('{"type":"ack","messages":0}')
            visitor.connection.receive('{"type":"ack","messages":0}')
        assert other.closed == (4002, "The connections of a user may send 1 messages per second on average.")
        assert visitor.closed is None


async def test_messages_of_visitors_are_smaller(identity):
    async with WireClient(identity) as client, WireClient() as visitor:
        await until(lambda: client.received and visitor.received)
        for each in (client, visitor):
            each.connection.receive('{"type":"ack","messages":0}' + " " * 20_000)
        assert client.closed is None
        assert visitor.closed == (4201, "A message may have up to 16384 bytes; this one has 20027.")


async def test_nothing_is_read_of_what_comes_after_the_end(monkeypatch):
    async with WireClient() as client:
        await until(lambda: client.received)
        client.connection.receive("[]")
        assert client.closed[0] == 4200
        monkeypatch.setattr("realtime.protocol.codec.decode", lambda *_, **__: pytest.fail("A message was read."))
        for _ in range(3):
            client.connection.receive('{"type":"ack","messages":0}')


async def test_more_subscriptions_than_may_be_checked_are_refused_and_say_when_to_ask_again(shelf, identity, settings):
    limit(settings, checks_per_second=0.2)
    async with WireClient(identity) as client, WireClient(identity) as same, WireClient() as visitor:
        await until(lambda: client.received and same.received)
        for each, id in ((client, 1), (client, 2), (same, 3)):  # at once: in five seconds there would be one more
            each.say(each.protocol.subscribe(id, stream="top", params={"shelf": shelf.pk}))
        await until(lambda: client.protocol.live and same.refusals)
        [refused] = of_type(same, "refused")
        assert 0 < refused.pop("retry") <= 5
        rule = "may send 0.2 subscriptions, tokens and sessions per second on average."
        reason = f"The connections of a user {rule}"
        assert refused == {"type": "refused", "id": 3, "code": 4002, "reason": reason}
        await visitor.subscribe("top", shelf=shelf.pk)
        assert visitor.refusals == {}


async def test_too_many_calls_are_refused_one_by_one_and_say_when_to_call_again(shelf, identity, settings):
    limit(settings, calls_per_second=0.2)
    async with WireClient(identity) as client, WireClient(identity) as same:
        await until(lambda: client.received and same.received)
        client.connection.receive(call("c1", shelf))
        client.connection.receive(call("c2", shelf))
        same.connection.receive(call("c3", shelf))
        await until(lambda: "c2" in client.protocol.replies and same.protocol.replies)
        error = same.protocol.replies["c3"]["error"]
        assert (error["code"], error["reason"]) == (4002, "You may make 0.2 calls per second on average.")
        assert 0 < error["retry"] <= 5
        assert client.protocol.replies["c2"]["error"]["code"] == 4218
        assert same.closed is None


async def test_one_connection_too_many_is_not_made(committed, identity, settings):
    limit(settings, connections_per_user=1)
    async with WireClient(identity):
        with pytest.raises(Overloaded):
            await WireClient(identity).__aenter__()
        async with WireClient():
            pass
    async with WireClient(identity):
        pass


@pytest.mark.parametrize("length", [1001, 50_000])
async def test_long_parameter_is_refused(shelf, identity, length):
    async with WireClient(identity) as client:
        await client.subscribe("books", shelf="7" * length)
        assert client.refusals == {1: 4213}
        assert client.closed is None


async def test_slow_actions_keep_nobody_from_subscribing(shelf, identity, settings, monkeypatch):
    settings.REALTIME_THREADS = 1
    done = threading.Event()
    monkeypatch.setattr(BookStream, "crash", action(lambda self, user: done.wait(30)))
    async with WireClient(identity) as client, WireClient(identity) as other:
        await until(lambda: client.received)
        for number in range(3):
            client.connection.receive(call(f"c{number}", shelf, "crash"))
        await other.subscribe("books", shelf=shelf.pk)
        assert other.protocol.live
        assert client.protocol.replies == {}
        done.set()
        await until(lambda: len(client.protocol.replies) == 3)


async def test_slow_actions_of_visitors_keep_no_user_from_a_quick_one(shelf, identity, settings, monkeypatch):
    settings.REALTIME_THREADS = 2
    done = threading.Event()
    entered = []
    monkeypatch.setattr(
        TopStream, "slow", action(lambda self, user: entered.append(1) or done.wait(30)), raising=False
    )
    async with AsyncExitStack() as stack:
        visitors = [await stack.enter_async_context(WireClient()) for _ in range(12)]
        client = await stack.enter_async_context(WireClient(identity))
        await until(lambda: all(each.received for each in [*visitors, client]))
        for number, visitor in enumerate(visitors):
            message = {
                "type": "call",
                "id": f"v{number}",
                "stream": "top",
                "params": {"shelf": shelf.pk},
                "action": "slow",
            }
            visitor.connection.receive(json.dumps(message))
        await until(lambda: entered)
        client.connection.receive(call("c1", shelf, "add", title="quick"))
        await until(lambda: "c1" in client.protocol.replies)
        assert len(entered) == 1
        done.set()
        await until(lambda: all(each.protocol.replies for each in visitors))


class TestClientThatDoesNotAcknowledge:
    """Nothing is acknowledged; the window is small."""

    @pytest.fixture(autouse=True)
    def window(self, settings):
        limit(settings, window_bytes=500)

    async def silent(self, client: WireClient) -> None:
        client.protocol.holding_acks = True
        await until(lambda: client.received)

    async def test_its_calls_wait_and_run_when_it_does(self, shelf, identity, elsewhere):
        async with WireClient(identity) as client:
            await self.silent(client)
            for number in range(20):
                client.connection.receive(call(f"c{number}", shelf, "add", title=str(number)))
            connection = client.connection
            await until(lambda: not connection.peer.session.has_room and "Calls._run" not in connection.peer._tasks)
            done = await elsewhere.soon(Book.objects.count)
            assert 0 < done == len(client.protocol.replies) < 20

            client.protocol.holding_acks = False
            client.say(client.protocol.ack())
            await until(lambda: len(client.protocol.replies) == 20)

    async def test_its_subscriptions_wait_and_come_when_it_does(self, shelf, identity):
        async with WireClient(identity) as client:
            await self.fill(client, shelf)
            client.say(client.protocol.subscribe(1, stream="top", params={"shelf": shelf.pk}))
            await asyncio.sleep(0.05)
            assert of_type(client, "subscribed") == []

            client.protocol.holding_acks = False  # the calls that wait use up credit too
            client.say(client.protocol.ack())
            await until(lambda: client.protocol.subscriptions[1].live)

    async def fill(self, client: WireClient, shelf: Shelf) -> None:
        await self.silent(client)
        for number in range(20):
            client.connection.receive(call(f"c{number}", shelf))
        await until(lambda: not client.connection.peer.session.has_room)

    async def test_more_calls_than_may_wait_end_it(self, shelf, identity, settings):
        limit(settings, queued_calls=30)
        async with WireClient(identity) as client:
            await self.fill(client, shelf)
            for number in range(50):
                client.connection.receive(call(f"more {number}", shelf))
            assert client.closed == (4002, "30 calls are already queued.")

    async def test_subscribing_and_leaving_endlessly_stores_nothing(self, shelf, identity, settings):
        limit(settings, messages_per_second=1000.0)
        limit(settings, subscriptions=10)
        async with WireClient(identity) as client:
            await self.fill(client, shelf)
            for _ in range(500):
                client.connection.receive('{"type":"subscribe","id":1,"stream":"top"}')
                client.connection.receive('{"type":"unsubscribe","id":1}')
            assert len(client.connection._subscriptions._subscribing) <= 11

    async def test_what_cannot_wait_may_come_to_a_window_more_and_then_ends_it(self, shelf, identity):
        async with WireClient(identity) as client:
            await self.fill(client, shelf)
            for number in range(10):
                client.connection._calls._reply(Reply(id=f"late {number}", error=Failure(4218, "x" * 100)))
            assert client.closed == (4002, "The client does not acknowledge messages.")

    async def test_heartbeats_do_not_pile_up(self, shelf):
        async with WireClient() as client:
            await self.silent(client)
            now = asyncio.get_running_loop().time()
            for heartbeat in range(1, 10):
                client.connection.peer.received_at = now + 25 * heartbeat
                client.connection.sweep(now + 26 * heartbeat, {})
            assert len(of_type(client, "heartbeat")) == 1
