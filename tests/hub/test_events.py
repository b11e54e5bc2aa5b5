"""Events: they reach those who look at the same, and nobody else; they may be lost, and never hold anyone up."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time

import msgspec
import pytest
from channels.layers import channel_layers, get_channel_layer
from django.contrib.auth.models import User
from django.db import connection, connections

import realtime
from realtime.auth.identity import Identity
from realtime.auth.limits import Quotas
from realtime.exceptions import BadParameters, EventTooLarge, RealtimeError, UnknownStream
from realtime.hub.hub import get_hub
from realtime.hub.pubsub import channel_layer, event_bus, postgresql, sender
from realtime.protocol.envelope import Envelope
from realtime.protocol.flow_control import EVENT_SECONDS
from tests.models import Note, Shelf
from tests.settings import BACKEND
from tests.streams import TalkStream
from tests.support.limits import limit
from tests.support.processes import run
from tests.support.waiting import seconds, wait_until
from tests.support.wire import WireClient, until


@pytest.fixture
def people(elsewhere) -> list[User]:
    return [elsewhere(User.objects.create_user, name) for name in ("ann", "bob", "cid")]


@pytest.fixture
async def clients(shelf, people):
    """Ann, Bob and Cid, each subscribed to the talk about a shelf."""
    made = [WireClient(Identity(str(user.pk))) for user in people]
    for client in made:
        await client.__aenter__()
        await client.subscribe("talk", shelf=shelf.pk)
    yield made
    for client in made:
        await client.__aexit__()


def of(user: User) -> str:
    return str(user.pk)


async def unsent(client: WireClient, number: int = 1) -> list[tuple[str, int, str]]:
    await until(lambda: len(client.protocol.rejected_events) >= number)
    return [(item["name"], item["code"], item["reason"]) for item in client.protocol.rejected_events]


class TestFromClients:
    async def test_reaches_all_others_who_look_at_the_same(self, clients, people):
        ann, bob, cid = clients
        ann.tell("typing", {"book": 3, "words": ["a"]})
        await until(lambda: bob.events and cid.events)
        assert bob.events == cid.events == [("typing", {"book": 3, "words": ["a"]}, of(people[0]))]
        assert ann.events == []

    async def test_reaches_other_pages_of_its_sender(self, clients, people, shelf):
        async with WireClient(Identity(of(people[0]))) as second:
            await second.subscribe("talk", shelf=shelf.pk)
            clients[0].tell("typing", {"book": 3})
            await until(lambda: second.events)
        assert second.events == [("typing", {"book": 3, "words": []}, of(people[0]))]

    async def test_reaches_those_who_see_the_rows_in_another_format(self, clients, people, shelf):
        async with WireClient(Identity(of(people[1]))) as page:
            await page.subscribe("talk", format="html", shelf=shelf.pk)
            clients[0].tell("typing", {"book": 3})
            await until(lambda: page.events)

    async def test_does_not_reach_those_who_look_at_something_else(self, clients, people, elsewhere):
        other = await elsewhere.soon(Shelf.objects.create, name="two")
        async with WireClient(Identity(of(people[1]))) as away:
            await away.subscribe("talk", shelf=other.pk)
            await away.subscribe("books", id=2, shelf=other.pk)
            clients[0].tell("typing", {"book": 3})
            await until(lambda: clients[1].events)
        assert away.events == []

    async def test_does_not_reach_another_audience(self, people, committed):
        async with WireClient(Identity(of(people[0]))) as ann, WireClient(Identity(of(people[1]))) as bob:
            async with WireClient(Identity(of(people[0]))) as second:
                for client in (ann, bob, second):
                    await client.subscribe("own")
                ann.tell("nod")
                await until(lambda: second.events)
            assert bob.events == []

    async def test_the_hook_says_what_is_sent(self, clients, people, shelf):
        ann, bob, _ = clients
        ann.tell("hello")
        await until(lambda: bob.events)
        assert bob.events == [("hello", {"name": "ann", "shelf": shelf.pk}, of(people[0]))]

    async def test_the_sender_is_whom_the_server_knows(self, clients, people):
        ann, bob, _ = clients
        ann.say([ann.protocol.text(type="send", id=1, name="typing", data={"book": 1}, sender="1", user="1")])
        await until(lambda: bob.events)
        assert bob.events[0][2] == of(people[0])

    async def test_a_visitor_has_no_name(self, clients, shelf):
        async with WireClient() as visitor:
            await visitor.subscribe("talk", shelf=shelf.pk)
            visitor.tell("typing", {"book": 1})
            await until(lambda: clients[0].events)
        assert clients[0].events[0][2] is None

    async def test_order_is_kept(self, clients):
        ann, bob, _ = clients
        for book in range(10):
            ann.tell("typing", {"book": book})
        await until(lambda: len(bob.events) == 10)
        assert [data["book"] for _, data, _ in bob.events] == list(range(10))


INVALID = "The data of the event 'typing' is invalid. "


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "data", "code", "reason"),
        [
            (
                "toast",
                {},
                4220,
                "Clients cannot send 'toast' to 'talk'; they can send: crash, hello, ",
            ),
            (
                "get_queryset",
                {},
                4220,
                "Clients cannot send 'get_queryset' to 'talk'; they can send: crash",
            ),
            ("typing", {}, 4216, INVALID + "book: This argument is required."),
            ("typing", {"book": "x"}, 4216, INVALID + "book: Enter a whole number."),
            ("typing", {"book": 1, "words": ["a", 5]}, 4216, INVALID + "words[1]: This must be text."),
            (
                "typing",
                {"book": 1, "more": 1},
                4216,
                INVALID + "more: The event 'typing' has no such argument; it has: book, words.",
            ),
            (
                "typing",
                {"book": 1, "user": 1},
                4216,
                INVALID + "user: The event 'typing' has no such argument; it has: book, words.",
            ),
            ("typing", [1], 4216, "The data of the event 'typing' must be an object with named values."),
            ("typing", "x", 4216, "The data of the event 'typing' must be an object with named values."),
            (
                "typing",
                {"book": 1, "words": ["x" * 9000]},
                4201,
                "The data of an event may have up to 8192 bytes; ",
            ),
            ("whisper", {"text": "secret"}, 4214, "Not this."),
            ("whisper", {"text": "x"}, 4218, "Speak up."),
        ],
    )
    async def test_what_is_refused_is_said_and_reaches_nobody(self, clients, name, data, code, reason):
        ann, bob, _ = clients
        ann.tell(name, data)
        [(told_name, told_code, told_reason)] = await unsent(ann)
        assert (told_name, told_code) == (name, code)
        assert told_reason.startswith(reason)
        assert bob.events == []

    async def test_a_failing_hook_tells_nothing_of_the_inside(self, clients, caplog):
        clients[0].tell("crash")
        assert await unsent(clients[0]) == [("crash", 4001, "Internal server error; see the server's log.")]
        assert "The event crash of the stream talk failed." in caplog.text

    async def test_without_a_subscription_there_is_nobody_to_send_to(self, clients):
        clients[0].tell("typing", {"book": 1}, id=7)
        assert await unsent(clients[0]) == [("typing", 4214, "The subscription does not exist.")]

    async def test_that_comes_with_its_subscription_waits_until_that_is_admitted(self, clients, shelf, people):
        async with WireClient(Identity(of(people[0]))) as second:
            second.say(second.protocol.subscribe(1, stream="talk", params={"shelf": shelf.pk}))
            for book in (1, 2):
                second.tell("typing", {"book": book})
            await until(lambda: len(clients[1].events) == 2)
        assert [data["book"] for _, data, _ in clients[1].events] == [1, 2]

    async def test_whose_subscription_is_refused_is_told(self, clients, people):
        async with WireClient(Identity(of(people[0]))) as stranger:
            stranger.say(stranger.protocol.subscribe(1, stream="nowhere", params={}))
            stranger.tell("typing", {"book": 1})
            assert await unsent(stranger) == [("typing", 4214, "The subscription does not exist.")]

    async def test_too_many_are_dropped_and_it_is_said_once(self, clients):
        ann, bob, _ = clients
        for book in range(200):
            ann.tell("typing", {"book": book})
        told = await unsent(ann)
        await until(lambda: len(bob.events) >= 20)
        assert told == [("typing", 4002, "You may send 20 events per second on average; more are dropped.")]
        assert len(bob.events) < 100

    async def test_all_connections_of_a_user_use_up_one_allowance(self, clients, people, shelf, settings):
        limit(settings, events_per_second=0.001)
        get_hub().quotas = Quotas()
        async with WireClient(Identity(of(people[0]))) as ann:
            await ann.subscribe("talk", shelf=shelf.pk)
            ann.tell("typing", {"book": 1})
            await until(lambda: clients[1].events)
        async with WireClient(Identity(of(people[0]))) as ann:  # as the next request over HTTP is
            await ann.subscribe("talk", shelf=shelf.pk)
            ann.tell("typing", {"book": 1})
            reason = "You may send 0.001 events per second on average; more are dropped."
            assert await unsent(ann) == [("typing", 4002, reason)]
        async with WireClient(Identity(of(people[1]))) as bob:
            await bob.subscribe("talk", shelf=shelf.pk)
            bob.tell("typing", {"book": 2})
            await until(lambda: ("typing", {"book": 2, "words": []}, of(people[1])) in clients[2].events)

    async def test_whoever_lost_access_neither_gets_nor_sends(self, clients, elsewhere):
        ann, bob, cid = clients
        await elsewhere.soon(Note.objects.create, text="not bob")
        await until(lambda: bob.refusals)
        bob.tell("typing", {"book": 1})
        await unsent(bob)
        async with asyncio.timeout(seconds(10)):
            while not cid.events:  # lost while the access of ann and cid is being asked again
                ann.tell("typing", {"book": 2})
                await asyncio.sleep(0.1)
        assert bob.events == []
        assert {data["book"] for _, data, _ in cid.events} == {2}


class TestFromPython:
    async def test_reaches_all_who_look(self, clients, shelf, elsewhere):
        await elsewhere.soon(realtime.send_event, "talk", {"shelf": shelf.pk}, "imported", {"count": 3})
        await until(lambda: all(client.events for client in clients))
        assert clients[0].events == [("imported", {"count": 3}, "server")]

    async def test_from_async_code_with_an_object_as_parameter(self, clients, shelf):
        await realtime.asend_event("talk", {"shelf": shelf}, "imported")
        await until(lambda: all(client.events for client in clients))
        assert clients[0].events == [("imported", None, "server")]

    async def test_may_be_for_one_audience(self, people, committed):
        async with WireClient(Identity(of(people[0]))) as ann, WireClient(Identity(of(people[1]))) as bob:
            for client in (ann, bob):
                await client.subscribe("own")
            realtime.send_event("own", {}, "one", audience=people[0].pk)
            realtime.send_event("own", {}, "all")
            await until(lambda: ("all", None, "server") in ann.events and bob.events)
            assert [name for name, _, _ in ann.events] == ["one", "all"]
            assert [name for name, _, _ in bob.events] == ["all"]

    async def test_may_be_for_one_user_whatever_they_look_at(self, clients, people):
        async with WireClient(Identity(of(people[0]))) as second:
            await until(lambda: second.protocol.window)
            realtime.send_user_event(people[0], "toast", "Done.")
            await realtime.asend_user_event(people[0].pk, "toast", "Again.")
            await until(lambda: len(clients[0].events) == len(second.events) == 2)
        assert second.events == [("toast", "Done.", "server"), ("toast", "Again.", "server")]
        assert next(message for message in second.received if message["type"] == "event") == {
            "type": "event",
            "name": "toast",
            "data": "Done.",
        }
        assert clients[1].events == []

    def test_what_cannot_be_sent_is_an_error(self, db):
        with pytest.raises(UnknownStream):
            realtime.send_event("nothing", {}, "x")
        with pytest.raises(BadParameters):
            realtime.send_event("talk", {"shelf": "x"}, "x")
        with pytest.raises(EventTooLarge, match="may have up to 8192 bytes; 'x' has 9002"):
            realtime.send_event("talk", {"shelf": 1}, "x", "y" * 9000)
        with pytest.raises(RealtimeError, match="cannot be sent to a visitor"):
            realtime.send_user_event(type("Visitor", (), {"is_authenticated": False})(), "x")

    def test_a_process_alone_says_once_that_nobody_is_reached(self, db, caplog, monkeypatch):
        monkeypatch.setattr(event_bus, "_warned", False)
        monkeypatch.setattr(postgresql, "carries_events", lambda: False)
        for _ in range(2):
            realtime.send_user_event(1, "toast")
        assert [record.getMessage()[:42] for record in caplog.records] == [
            "An event was sent in a process without cli"
        ]


class TestSlowClients:
    async def test_who_does_not_acknowledge_loses_events_and_gets_the_next_ones_when_they_do(
        self, settings, shelf, people
    ):
        limit(settings, window_bytes=2000)
        async with WireClient(Identity(of(people[0]))) as slow, WireClient(Identity(of(people[1]))) as quick:
            for client in (slow, quick):
                await client.subscribe("talk", shelf=shelf.pk)
            slow.protocol.holding_acks = True
            for number in range(100):
                realtime.send_event("talk", {"shelf": shelf.pk}, "n", number)
                await until(lambda number=number: len(quick.events) == number + 1)
            assert 0 < len(slow.events) < 50

            slow.say(slow.protocol.ack())
            await until(lambda: slow.connection.peer.session.has_room)
            realtime.send_event("talk", {"shelf": shelf.pk}, "n", "last")
            await until(lambda: slow.events[-1] == ("n", "last", "server"))


async def test_nothing_is_left_behind(people, committed, shelf):
    before = asyncio.all_tasks()
    async with WireClient(Identity(of(people[0]))) as client:
        await client.subscribe("talk", shelf=shelf.pk)
    assert (asyncio.all_tasks(), get_hub()._users, event_bus._buses) == (before, {}, set())


SCRIPT = """
import django; django.setup()
import realtime
realtime.send_event("talk", {"shelf": %d}, "imported", {"count": 3})
realtime.send_user_event(%d, "toast", "Done.")
"""


async def an_own_event_comes_once(clients):
    """Each event of a client, which is sent to other processes too, comes once to those of its own."""
    for number in range(3):
        clients[0].tell("typing", {"book": number})
    await until(lambda: len(clients[1].events) == 3)
    assert await asyncio.to_thread(sender.flush, seconds(10))
    await asyncio.sleep(0.1)  # for what must not come
    assert len(clients[1].events) == 3


class TestBetweenProcesses:
    """Through a channel layer on Redis."""

    @pytest.fixture(params=["core.RedisChannelLayer", "pubsub.RedisPubSubChannelLayer"])
    def layer(self, request, settings, redis_url):
        config = {"hosts": [redis_url], "prefix": f"events-{os.getpid()}"}
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"channels_redis.{request.param}", "CONFIG": config}}
        channel_layers.backends.clear()
        yield
        channel_layers.backends.clear()

    async def test_a_script_reaches_the_clients_of_a_server(self, layer, clients, shelf, people, settings):
        script = SCRIPT % (shelf.pk, people[0].pk)
        await until(lambda: get_hub()._background.events._joined)
        await asyncio.to_thread(run_elsewhere, script, settings.CHANNEL_LAYERS)
        await until(lambda: len(clients[0].events) == 2)
        assert clients[0].events == [("imported", {"count": 3}, "server"), ("toast", "Done.", "server")]
        assert clients[1].events == [("imported", {"count": 3}, "server")]

    async def test_all_arrive_while_the_group_is_joined_again_and_again(self, layer, clients, shelf, monkeypatch):
        monkeypatch.setattr(channel_layer, "REJOIN_SECONDS", 0.02)
        await until(lambda: get_hub()._background.events._joined)
        other, number = get_channel_layer(), 300
        params = TalkStream({"shelf": shelf.pk}).params_key().decode()
        for count in range(number):
            envelope = Envelope("n", msgspec.Raw(b"%d" % count), "talk", params, origin="another process")
            await other.group_send(
                event_bus.GROUP, {"type": "realtime.event", "body": msgspec.json.encode(envelope).decode()}
            )
            await asyncio.sleep(0.002)
        await until(lambda: clients[0].events and clients[0].events[-1][1] == number - 1)
        assert [data for _, data, _ in clients[0].events] == list(range(number))

    async def test_what_was_long_under_way_is_dropped_whatever_the_clocks_say(self, layer, clients, shelf):
        await until(lambda: get_hub()._background.events._joined)
        other, params = get_channel_layer(), TalkStream({"shelf": shelf.pk}).params_key().decode()
        clock = time.time() - 86_400  # of a machine that is a day behind
        for number, age in enumerate([0, EVENT_SECONDS + 5, 0]):
            envelope = Envelope("n", msgspec.Raw(b"%d" % number), "talk", params, origin="other", sent=clock - age)
            body = msgspec.json.encode(envelope).decode()
            await other.group_send(event_bus.GROUP, {"type": "realtime.event", "body": body})
        await until(lambda: clients[0].events and clients[0].events[-1][1] == 2)
        assert [data for _, data, _ in clients[0].events] == [0, 2]

    async def test_an_own_event_comes_once(self, layer, clients, shelf):
        await until(lambda: get_hub()._background.events._joined)
        await an_own_event_comes_once(clients)

    async def test_a_layer_that_is_gone_holds_nobody_up(self, settings, clients, shelf, caplog):
        config = {"hosts": ["redis://127.0.0.1:1"]}
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": config}}
        channel_layers.backends.clear()
        with caplog.at_level(logging.WARNING, "realtime"):
            clients[0].tell("typing", {"book": 1})
            await until(lambda: clients[1].events)
            await until(lambda: "events reach this process alone" in caplog.text)
        channel_layers.backends.clear()


@pytest.mark.databases
@pytest.mark.skipif(BACKEND != "postgresql", reason="about PostgreSQL")
class TestThroughPostgreSQL:
    """Without a channel layer, by NOTIFY."""

    @pytest.fixture(autouse=True)
    async def joined(self, clients):
        await until(lambda: get_hub()._background.events._joined)

    async def test_a_script_reaches_the_clients_of_a_server(self, clients, shelf, people):
        await asyncio.to_thread(run_elsewhere, SCRIPT % (shelf.pk, people[0].pk), {})
        await until(lambda: len(clients[0].events) == 2)
        assert clients[0].events == [("imported", {"count": 3}, "server"), ("toast", "Done.", "server")]
        assert clients[1].events == [("imported", {"count": 3}, "server")]

    async def test_any_text_arrives_whole_and_in_order(self, clients, shelf):
        texts = ["x" * 8000, "\U0001f600" * 2000, "\u0000'\\\"%s", "", "same", "same"]
        script = f"import django; django.setup(); import realtime\nfor text in {texts!r}:\n"
        script += f"    realtime.send_event('talk', {{'shelf': {shelf.pk}}}, 'n', text)"
        await asyncio.to_thread(run_elsewhere, script, {})
        await until(lambda: len(clients[0].events) == len(texts))
        assert [data for _, data, _ in clients[0].events] == texts

    async def test_an_own_event_comes_once(self, clients):
        await an_own_event_comes_once(clients)

    async def test_who_listens_and_who_sends_come_back_after_a_cut(self, clients, shelf, caplog):
        assert await asyncio.to_thread(cut, "LISTEN realtime_events") >= 1  # a hub before may linger
        params = TalkStream({"shelf": shelf.pk}).params_key().decode()
        other = Envelope("n", msgspec.Raw(b"1"), "talk", params, origin="another process")
        message = {"body": msgspec.json.encode(other).decode()}

        def came() -> bool:
            sender.send(event_bus.GROUP, message, by=postgresql.EventsCarrier)
            return bool(clients[0].events)

        await until(came)
        assert "LISTEN on the database 'default' is not available" in caplog.text
        await asyncio.to_thread(cut, "pg_notify")
        clients[0].events.clear()
        await until(came)

    async def test_sender_that_rests_keeps_no_connection(self, clients):
        clients[0].tell("typing", {"book": 1})
        await until(lambda: clients[1].events)
        await asyncio.to_thread(wait_until, lambda: not connected("pg_notify"), what="the sender to rest")


def test_parts_that_begin_before_anybody_listens_are_left_out():
    first, second = (postgresql.parts(number, json.dumps("a" * 10_000)) for number in (1, 2))
    assembly = postgresql.Assembly()
    assert [assembly.add(7, part) for part in [first[1], *second]] == [None, None, json.dumps("a" * 10_000)]
    assert [assembly.add(7, part) for part in [first[0], second[1], *first]] == [
        None,
        None,
        None,
        json.dumps("a" * 10_000),
    ]
    assert [assembly.add(pid, part) for pid, part in zip((7, 8), first, strict=True)] == [None, None]
    assert assembly.add(7, "nonsense") is None


def connected(statement: str) -> list[int]:
    """The other connections whose last statement was like this."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND query LIKE %s",
                [f"%{statement}%"],
            )
            return [pid for (pid,) in cursor.fetchall()]
    finally:
        connections.close_all()


def cut(statement: str) -> int:
    """End these connections; return how many there were."""
    pids = connected(statement)
    try:
        with connection.cursor() as cursor:
            for pid in pids:
                cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    finally:
        connections.close_all()
    return len(pids)


def run_elsewhere(script: str, layers: dict) -> None:
    name = str(connections["default"].settings_dict["NAME"])
    prelude = (
        "from django.conf import settings\n"
        f"settings.CHANNEL_LAYERS = {layers!r}\nsettings.DATABASES['default']['NAME'] = {name!r}\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = run([sys.executable, "-c", prelude + script], env=environment)
    assert done.returncode == 0, done.stderr
