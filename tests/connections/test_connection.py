"""A connection: one client's messages, answered in order, with the code and sentence of each refusal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from realtime import ModelStream, live_value
from realtime.auth import tokens
from realtime.auth.identity import Identity
from realtime.changelog import get_changelog
from realtime.exceptions import BadMessage
from realtime.hub.hub import get_hub
from realtime.streams.surroundings import Surroundings
from tests.models import Book, Shelf
from tests.support.limits import limit
from tests.support.streams import registered
from tests.support.waiting import seconds
from tests.support.wire import WireClient, until


@pytest.fixture
def user(elsewhere) -> User:
    return elsewhere(User.objects.create_user, "ann")


@pytest.fixture
def identity(user) -> Identity:
    return Identity(str(user.pk))


def page_token(shelf, user, **changes):
    fields = {"stream": "books", "params": {"shelf": shelf.pk}, "format": "html", "user": user.pk and str(user.pk)}
    return tokens.sign(**fields | changes)


class Picky(ModelStream):
    """Books of that many pages."""

    model = Book
    fields = ["title"]

    def authorize(self, user, least):
        return True

    def get_queryset(self, least: int = 0):
        if least < 0:
            raise ValidationError({"least": "Mindestens 0."})
        return Book.objects.filter(pages__gte=least)

    @live_value
    def number(self):
        return self.get_queryset(**self.params).count()


@pytest.fixture
def picky() -> Iterator[None]:
    with registered(picky=Picky):
        yield


async def refused(client: WireClient, id: int = 1, **message) -> tuple[int, str]:
    client.say([json.dumps({"type": "subscribe", "id": id, **message})])
    await until(lambda: id in client.refusals)
    answer = client.received[-1]
    return answer["code"], answer["reason"]


def of_type(client: WireClient, kind: str) -> list[dict]:
    return [message for message in client.received if message["type"] == kind]


class TestSubscribing:
    async def test_page_gets_only_what_it_missed(self, shelf, user, identity, add, elsewhere):
        [had] = await add("a")
        cursor = await elsewhere.soon(get_changelog("default").head)
        [missed] = await add("b")
        async with WireClient(identity) as client:
            client.say(client.protocol.subscribe(1, token=page_token(shelf, user), cursor=cursor))
            client.protocol.subscriptions[1].replica.rows[str(had.pk)] = "as it was"
            await until(lambda: of_type(client, "frame"))
            [delta] = [delta for frame in of_type(client, "frame") for delta in frame["deltas"]]

        assert [put["key"] for put in delta["puts"]] == [str(missed.pk)]
        assert "reset" not in delta

    async def test_page_that_missed_nothing_gets_an_empty_frame(self, shelf, user, identity, add, elsewhere):
        await add("a")
        cursor = await elsewhere.soon(get_changelog("default").head)
        async with WireClient(identity) as client:
            client.say(client.protocol.subscribe(1, token=page_token(shelf, user), cursor=cursor))
            await until(lambda: of_type(client, "frame"))
        assert [message["type"] for message in client.received] == ["welcome", "subscribed", "frame"]
        assert client.received[-1]["deltas"] == []

    async def test_without_a_cursor_all_rows_come(self, shelf, user, identity, add):
        await add("a")
        async with WireClient(identity) as client:
            await client.subscribe("books", shelf=shelf.pk)
            [delta] = client.received[-1]["deltas"]
        assert (delta["reset"], client.titles()) == (True, ["a"])

    async def test_fields_that_the_database_decides(self, shelf, user, identity, add, elsewhere):
        class Decided(Picky):
            def get_fields(self):
                return ["title"] if Shelf.objects.exists() else []

        await add("a")
        with registered(decided=Decided):
            cursor = await elsewhere.soon(get_changelog("default").head)
            async with WireClient(identity) as client:
                await client.subscribe("decided")
                assert client.titles() == ["a"]
                [accepted] = of_type(client, "subscribed")
            async with WireClient(identity) as client:
                place = {"cursor": cursor, "fingerprint": accepted["fingerprint"]}
                client.say([json.dumps({"type": "subscribe", "id": 1, "stream": "decided", "params": {}, **place})])
                await until(lambda: of_type(client, "frame"))
        assert client.received[-1]["deltas"] == []

    async def test_subscriptions_sent_at_once_are_answered_by_one_frame(self, shelf, identity, add, monkeypatch):
        monkeypatch.setattr("realtime.connections.subscriptions.TOGETHER_SECONDS", seconds(10))
        await add("a")
        async with WireClient(identity) as client:
            for id, stream in enumerate(["books", "top", "books"], 1):
                client.say(client.protocol.subscribe(id, stream=stream, params={"shelf": shelf.pk}))
            await until(lambda: client.protocol.live)
            assert [client.titles(id) for id in (1, 2, 3)] == [["a"]] * 3
        assert [message["type"] for message in client.received] == ["welcome", *["subscribed"] * 3, "frame"]

    async def test_two_subscriptions_of_a_live_query_share_it(self, shelf, identity, add):
        async with WireClient(identity) as client:
            await client.subscribe("books", id=1, shelf=shelf.pk)
            await client.subscribe("books", id=2, shelf=str(shelf.pk))
            await add("a")
            await until(lambda: client.titles(1) and client.titles(2))
            one, two = client.protocol.subscriptions.values()
            assert (one.query, one.replica.ordered) == (two.query, two.replica.ordered)

            client.say(client.protocol.unsubscribe(1))
            await add("b")
            await until(lambda: len(client.titles(2)) == 2)

    async def test_second_subscription_with_an_old_cursor_has_all_the_same(self, shelf, identity, add, elsewhere):
        await add("a")
        cursor = await elsewhere.soon(get_changelog("default").head)
        await add("b")
        async with WireClient(identity) as client:
            await client.subscribe("books", id=1, shelf=shelf.pk)
            client.say(client.protocol.subscribe(2, stream="books", params={"shelf": shelf.pk}, cursor=cursor))
            await until(lambda: client.protocol.live)
            assert (client.titles(1), client.titles(2)) == (["a", "b"], ["a", "b"])

    async def test_unsubscribed_is_not_told_any_more(self, shelf, identity, add):
        async with WireClient(identity) as client, WireClient(identity) as other:
            await client.subscribe("books", shelf=shelf.pk)
            await other.subscribe("books", shelf=shelf.pk)
            client.say(client.protocol.unsubscribe(1))
            await asyncio.sleep(0.01)
            count = len(client.received)
            await add("a")
            await until(lambda: other.titles())
        assert len(client.received) == count


class TestRefusals:
    """Each leaves the connection, and the other subscriptions, as they were."""

    CASES = {
        "unknown stream": ({"stream": "nowhere"}, 4212, "There is no stream 'nowhere'."),
        "missing parameter": (
            {"stream": "books"},
            4213,
            "The stream 'books' needs the parameter 'shelf'; it has: shelf.",
        ),
        "unknown parameter": (
            {"stream": "books", "params": {"shelf": 1, "x": 1}},
            4213,
            "The stream 'books' has no parameter 'x'; it has: shelf.",
        ),
        "wrong parameter": (
            {"stream": "books", "params": {"shelf": "secret"}},
            4213,
            "The parameter 'shelf' of the stream 'books' has a value of the wrong type.",
        ),
        "forbidden": (
            {"stream": "shelves"},
            4214,
            "You do not have permission to view the stream 'shelves' with these parameters.",
        ),
        "format": ({"stream": "shelves", "format": "html"}, 4214, None),
        "format not served": (
            {"stream": "top", "params": {"shelf": 1}, "format": "html"},
            4213,
            "The stream 'top' does not serve 'html'.",
        ),
        "value not served": (
            {"stream": "top", "params": {"shelf": 1}, "format": "value:authorize"},
            4213,
            "The stream 'top' does not serve 'value:authorize'.",
        ),
        "rows that no page has": (
            {"stream": "top", "params": {"shelf": 1}, "format": "html:tests/book.html#1:forged"},
            4211,
            "The token of this subscription was not issued by this server. Reload the page.",
        ),
        "forged token": (
            {"token": "x"},
            4211,
            "The token of this subscription was not issued by this server. Reload the page.",
        ),
        "rows that cannot be read": ({"stream": "broken"}, 4001, "Internal server error; see the server's log."),
    }

    async def test_reason_of_a_refusal_is_in_the_log(self, identity, caplog):
        with caplog.at_level("INFO", "realtime.connections"):
            async with WireClient(identity) as client:
                await refused(client, stream="shelves")
        [said] = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
        assert said == (
            "A live query is refused: You do not have permission to view the stream 'shelves' with these "
            "parameters. The user lacks the permission 'tests.view_shelf', which decides because ShelfStream has no "
            "authorize() of its own. (4214 forbidden)"
        )

    async def test_format_that_is_not_served_is_refused_with_the_remedy_in_the_log(self, identity, shelf, caplog):
        with caplog.at_level("INFO", "realtime.connections"):
            async with WireClient(identity) as client:
                await refused(client, stream="top", params={"shelf": shelf.pk}, format="html")
        [said] = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
        assert said == (
            "A live query is refused: The stream 'top' does not serve 'html'. Set `template_name` in its class. "
            "(4213 bad_parameters)"
        )

    @pytest.mark.parametrize("case", CASES)
    async def test_refusal(self, case, shelf, identity, add, caplog):
        message, code, reason = self.CASES[case]
        async with WireClient(identity) as client:
            await client.subscribe("books", id=7, shelf=shelf.pk)
            answer = await refused(client, **message)
            assert answer == (code, reason or answer[1])
            assert "secret" not in json.dumps(client.received)

            await add("a")
            await until(lambda: client.titles(7))
            await client.subscribe("books", id=1, shelf=shelf.pk)  # the id is free again
            await until(lambda: client.titles(1))
            assert client.closed is None
        assert len(caplog.records) == (1 if code == 4001 else 0)

    async def test_expired_token(self, shelf, user, identity, settings):
        settings.REALTIME_TOKEN_SECONDS = -1
        async with WireClient(identity) as client:
            answer = await refused(client, token=page_token(shelf, user))
        assert answer == (4100, "This page has expired. Reload it.")

    @pytest.mark.parametrize("whose", ["another's", "a visitor's"])
    async def test_token_of_someone_else(self, whose, shelf, user, identity):
        user.pk = user.pk + 1 if whose == "another's" else None
        token = page_token(shelf, user)
        async with WireClient(identity) as client:
            answer = await refused(client, token=token)
        assert answer == (4211, "This page belongs to another user. Reload it.")

    async def test_token_opens_no_stream_that_its_user_may_not_see(self, shelf, user, identity):
        async with WireClient(identity) as client:
            answer = await refused(client, token=page_token(shelf, user, stream="shelves", params={}, format="data"))
        assert answer == (4214, "You do not have permission to view the stream 'shelves' with these parameters.")

    async def test_visitor(self, shelf):
        async with WireClient() as client:
            answer = await refused(client, stream="books", params={"shelf": shelf.pk})
            await client.subscribe("top", id=2, shelf=shelf.pk)
        assert answer == (4214, "You do not have permission to view the stream 'books' with these parameters.")

    @pytest.mark.parametrize("format", ["data", "value:number"])
    @pytest.mark.parametrize(
        ("params", "details"),
        [
            ({"least": "some"}, {"least": ["Bitte eine ganze Zahl eingeben."]}),
            ({"least": -1}, {"least": ["Mindestens 0."]}),
            ({"other": 1}, None),
        ],
    )
    async def test_parameters_are_refused_in_the_users_language(
        self, shelf, identity, caplog, picky, format, params, details
    ):
        german = identity._replace(surroundings=Surroundings(language="de"))
        async with WireClient(german) as client:
            code, _ = await refused(client, stream="picky", params=params, format=format)
            answer = client.received[-1]
        assert (code, answer.get("details"), caplog.messages) == (4213, details, [])

    async def test_token_with_other_parameters_opens_their_rows(self, shelf, user, identity, add, elsewhere):
        other = await elsewhere.soon(Shelf.objects.create, name="two")
        await add("a")
        async with WireClient(identity) as client:
            token, params = page_token(other, user, format="data"), {"shelf": shelf.pk}
            client.say([json.dumps({"type": "subscribe", "id": 1, "token": token, "params": params})])
            await until(lambda: of_type(client, "frame"))
            [frame] = of_type(client, "frame")
        assert [put["row"]["title"] for put in frame["deltas"][0]["puts"]] == ["a"]

    async def test_check_that_fails_is_logged_and_told_without_its_reason(self, shelf, identity, caplog, monkeypatch):
        def fail(self, user, shelf):
            raise RuntimeError("secret")

        monkeypatch.setattr("tests.streams.BookStream.authorize", fail)
        async with WireClient(identity) as client:
            answer = await refused(client, stream="books", params={"shelf": shelf.pk})
        assert answer == (4001, "Internal server error; see the server's log.")
        assert (caplog.messages, "secret" in caplog.text) == (["A subscription could not be checked."], True)


class TestProtocolErrors:
    """What breaks the protocol ends this connection, with a bye and the same code on the socket; no other."""

    @pytest.mark.parametrize(
        ("data", "code", "reason"),
        [
            ("noise", 4200, "This is not a message of the protocol. It is not valid JSON (at byte 4)."),
            (
                '{"type":"shout"}',
                4200,
                "This is not a message of the protocol. The field 'type' has an unknown value 'shout'.",
            ),
            (b'{"type":"hello","version":1}', 4200, "Messages must be text frames; this one is binary."),
            ("x" * 65537, 4201, "A message may have up to 16384 bytes; this one has 65537."),
            ("[" * 17 + "]" * 17, 4201, "A message may have up to 16 levels of nesting."),
            ('{"type":"hello","version":1}', 4203, "A connection that is open does not accept 'hello'."),
            ('{"type":"subscribe","id":1}', 4200, "A subscription needs either 'token' or 'stream'."),
            ('{"type":"subscribe","id":7,"stream":"top"}', 4203, "The subscription id 7 is in use."),
            ('{"type":"ack","messages":99}', 4200, "Acknowledged 99 messages; expected 0 to 2."),
            (
                '{"type":"call","id":"c","stream":"s","action":"a","args":{"x":"\\u0000"}}',
                4200,
                "A message contains the character U+0000, which databases reject.",
            ),
        ],
    )
    async def test_bye(self, data, code, reason, shelf, add):
        async with WireClient() as client, WireClient() as other:
            await client.subscribe("top", id=7, shelf=shelf.pk)
            await other.subscribe("top", shelf=shelf.pk)
            client.connection.receive(data)
            assert client.received[-1] == {"type": "bye", "code": code, "reason": reason}
            assert client.closed == (code, reason)

            await add("a")
            await until(lambda: other.titles())
            assert (client.received[-1]["type"], client.titles(7)) == ("bye", [])

    async def test_nothing_but_hello_comes_first(self, committed):
        for data in ('{"type":"ack","messages":0}', '{"type":"subscribe","id":1,"stream":"top"}'):
            client = WireClient()
            async with client:
                client.connection.receive(data)
                assert client.closed[0] == 4203

    async def test_version_that_is_not_spoken(self, committed):
        async with WireClient() as client:
            client.connection.receive('{"type":"hello","version":3}')
            assert client.closed == (4202, "This server supports protocol versions 1 and 2, not 3.")

    async def test_failure_of_the_server_itself_is_logged(self, committed, caplog, monkeypatch):
        async with WireClient() as client:
            await asyncio.sleep(0)
            monkeypatch.setattr(type(client.connection.peer.session), "receive", lambda *args: 1 / 0)
            client.connection.receive("{}")
            assert client.closed == (4001, "Internal server error; see the server's log.")
        assert "ZeroDivisionError" in caplog.text


class TestCalls:
    async def call(self, client: WireClient, id: str, action: str, shelf, **args) -> dict:
        self.ask(client, id, action, shelf, **args)
        await until(lambda: id in client.protocol.replies)
        return client.protocol.replies[id]

    def ask(self, client: WireClient, id: str, action: str, shelf, **args) -> None:
        params = {"shelf": shelf.pk}
        call = {"type": "call", "id": id, "stream": "books", "params": params, "action": action, "args": args}
        client.connection.receive(json.dumps(call))

    async def test_what_a_call_changed_comes_back_as_a_frame_too(self, shelf, identity):
        async with WireClient(identity) as client, WireClient(identity) as other:
            await client.subscribe("books", shelf=shelf.pk)
            await other.subscribe("books", shelf=shelf.pk)
            reply = await self.call(client, "c1", "add", shelf, title="a")
            await until(lambda: client.titles() and other.titles())
            assert reply["result"] == {"pk": client.rows()[0]["id"]}

    async def test_calls_are_run_one_after_the_other_in_their_order(self, shelf, identity):
        async with WireClient(identity) as client:
            await asyncio.sleep(0)
            for number in range(10):
                self.ask(client, f"c{number}", "add", shelf, title=str(number))
            await until(lambda: len(client.protocol.replies) == 10)
        replies = of_type(client, "reply")
        assert [reply["id"] for reply in replies] == [f"c{number}" for number in range(10)]
        pks = [reply["result"]["pk"] for reply in replies]
        assert pks == sorted(pks)

    async def test_more_calls_than_may_wait_are_refused(self, shelf, identity, settings):
        limit(settings, queued_calls=3)
        async with WireClient(identity) as client:
            await asyncio.sleep(0)
            for number in range(6):
                self.ask(client, f"c{number}", "add", shelf, title=str(number))
            await until(lambda: len(client.protocol.replies) == 6)
        errors = [reply["error"] for reply in client.protocol.replies.values() if "error" in reply]
        assert errors
        assert errors[0] == {"code": 4002, "reason": "3 calls are already queued."}

    async def test_crash_leaks_nothing_and_ends_nothing(self, shelf, identity, caplog):
        async with WireClient(identity) as client:
            await client.subscribe("books", shelf=shelf.pk)
            reply = await self.call(client, "c1", "crash", shelf)
            assert reply["error"] == {"code": 4001, "reason": "Internal server error; see the server's log."}
            await self.call(client, "c2", "add", shelf, title="a")
            await until(lambda: client.titles())
        assert "secret" not in json.dumps(client.received)
        assert "secret" in caplog.text

    async def test_call_without_a_subscription(self, shelf, identity):
        async with WireClient(identity) as client:
            await asyncio.sleep(0)
            assert "result" in await self.call(client, "c1", "add", shelf, title="a")

    async def test_reply_to_a_client_that_has_gone_harms_nobody(self, shelf, identity, caplog):
        async with WireClient(identity) as client:
            await asyncio.sleep(0)
            self.ask(client, "c1", "add", shelf, title="a")
            client.connection.end(BadMessage("No."))
        await sync_to_async(lambda: None)()
        assert (of_type(client, "reply"), caplog.messages) == ([], [])


class TestFlow:
    async def test_client_that_does_not_acknowledge_is_told_once_and_then_caught_up(self, shelf, add, settings):
        limit(settings, window_frames=2)
        async with WireClient() as slow, WireClient() as other:
            slow.protocol.holding_acks = True
            await slow.subscribe("top", shelf=shelf.pk)
            await other.subscribe("top", shelf=shelf.pk)
            for title in "abcde":
                await add(title)
                await until(lambda: title in other.titles() or len(other.titles()) == 3)  # noqa: B023
            await until(lambda: slow.protocol.behind)
            sent = len(of_type(slow, "frame"))
            assert (sent, len(of_type(slow, "behind"))) == (2, 1)

            slow.say(slow.protocol.ack())
            await until(lambda: slow.protocol.live)
            assert len(of_type(slow, "frame")) == 3
            assert slow.protocol.subscriptions[1].replica.ordered == other.protocol.subscriptions[1].replica.ordered

    async def test_client_that_hears_nothing_again_does_not_grow(self, shelf, add, settings):
        limit(settings, window_frames=1)
        async with WireClient() as slow:
            slow.protocol.holding_acks = True
            await slow.subscribe("top", shelf=shelf.pk)
            await add(*"abcdefgh")
            await until(lambda: slow.protocol.behind)
            await asyncio.sleep(0.2)
            assert [message["type"] for message in slow.received] == ["welcome", "subscribed", "frame", "behind"]
            assert slow.connection.peer.session._credit.sent == 3

    async def test_window_is_that_of_the_settings(self, committed, settings):
        limit(settings, window_frames=5, window_bytes=5000)
        settings.REALTIME_HEARTBEAT_SECONDS = 7.5
        async with WireClient() as client:
            await until(lambda: client.received)
        assert client.received == [
            {"type": "welcome", "version": 2, "heartbeat": 7.5, "window": {"frames": 5, "bytes": 5000}}
        ]


class TestDeadlines:
    """The test moves the clock: each sweep is given its time, counted from what the connection itself has noted."""

    async def test_hello_has_to_come_in_time(self, committed):
        async with WireClient() as client:
            opened = client.connection._opened
            client.connection.sweep(opened + 9.9, {})
            assert client.closed is None
            client.connection.sweep(opened + 10.1, {})
            assert client.closed == (4003, "No 'hello' was received within 10 seconds.")

    async def test_hub_itself_looks_at_deadlines(self, committed, settings, monkeypatch):
        monkeypatch.setattr("realtime.hub.hub.SWEEP_SECONDS", 0.02)
        async with WireClient() as greets:
            await until(lambda: greets.received)
            silent = WireClient()
            silent.protocol.open = list
            async with silent:
                limit(settings, handshake_seconds=0.01)
                await until(lambda: silent.closed)
            assert (silent.closed[0], greets.closed) == (4003, None)

    async def test_silent_client_is_taken_for_gone(self, committed):
        async with WireClient() as client:
            await until(lambda: client.received)
            heard = client.connection.peer.received_at
            client.connection.sweep(heard + 62, {})
            assert client.closed is None
            client.connection.sweep(heard + 63, {})
            assert client.closed == (4003, "Nothing was received for 62.5 seconds.")

    async def test_heartbeat_comes_after_as_many_seconds_and_not_before(self, shelf):
        async with WireClient() as client:
            await client.subscribe("top", shelf=shelf.pk)
            opened, position = client.connection._opened, get_hub()._logs["default"].position
            client.connection.sweep(opened + 24, {0: position})
            assert of_type(client, "heartbeat") == []
            client.connection.sweep(opened + 26, {0: position})
            client.connection.sweep(opened + 27, {0: position})
            assert of_type(client, "heartbeat") == [{"type": "heartbeat", "cursors": {"0": position}}]

    async def test_answer_to_a_heartbeat_is_a_sign_of_life(self, shelf):
        async with WireClient() as client:
            await client.subscribe("top", shelf=shelf.pk)
            connection, now = client.connection, client.connection.peer.received_at
            connection.peer.received_at = connection._last_heartbeat = now - 60
            connection.sweep(now, {})
            await until(lambda: connection.peer.received_at >= now)  # the answer
            connection.sweep(now + 10, {})
            assert client.closed is None
