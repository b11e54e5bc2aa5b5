"""Attempts to get in: by tokens, cursors, parameters and actions that are not one's own, and from foreign pages."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User

from realtime.auth import tokens
from realtime.changelog import get_changelog
from tests.models import Book, Shelf
from tests.support.rawsocket import TEXT, frame


@pytest.fixture
def ann(session, elsewhere) -> User:
    return elsewhere(User.objects.get, username="ann")


@pytest.fixture
def bob(elsewhere) -> User:
    return elsewhere(User.objects.create_user, "bob")


async def answer(remote, **message):
    """What the server says to a subscription."""
    await remote.say(json.dumps({"type": "subscribe", "id": 9, **message}))
    while (told := await remote.step())["type"] in ("heartbeat", "subscribed"):
        pass
    return told


class TestTokenOfAPage:
    def sign(self, user, **changes):
        fields = {"stream": "books", "params": {"shelf": 1}, "format": "data", "user": user and str(user.pk)}
        return tokens.sign(**fields | changes)

    async def test_of_another_user_opens_nothing(self, client, session, bob):
        async with client(session) as remote:
            assert (await answer(remote, token=self.sign(bob)))["code"] == 4211

    async def test_of_a_user_opens_nothing_for_a_visitor(self, client, ann):
        async with client() as remote:
            assert (await answer(remote, token=self.sign(ann)))["code"] == 4211

    async def test_of_a_visitor_opens_nothing_for_a_user(self, client, session):
        async with client(session) as remote:
            assert (await answer(remote, token=self.sign(None)))["code"] == 4211

    async def test_opens_no_stream_that_its_user_may_not_see(self, client, session, ann):
        async with client(session) as remote:
            assert (await answer(remote, token=self.sign(ann, stream="shelves", params={})))["code"] == 4214

    async def test_cannot_be_used_with_other_parameters(self, client, session, ann):
        async with client(session) as remote:
            await remote.say(
                json.dumps({"type": "subscribe", "id": 1, "token": self.sign(ann), "stream": "books", "params": {}})
            )
            assert (await remote.closed())[0] == 4200


class TestParameters:
    @pytest.mark.parametrize(
        "params",
        [
            {"shelf": "1 OR 1=1"},
            {"shelf": "1; DROP TABLE tests_book"},
            {"shelf": "1') UNION SELECT 1 --"},
            {"shelf__in": 1},
            {"shelf": 1, "owner": 1},
            {"shelf": 1, "self": 1},
            {"shelf": 1, "user": 1},
            {"shelf": 1, "shelf__gte": 0},
            {"shelf": True},
            {"shelf": 1.5},
            {"shelf": 10**30},
            {"shelf": -(2**70)},
            {"shelf": "\U0001f4a3" * 1000},
            {"shelf": [1, 2]},
            {"shelf": [1] * 10_000},
        ],
    )
    async def test_that_mean_more_than_they_should_are_refused(self, client, session, params):
        async with client(session) as remote:
            told = await answer(remote, stream="books", params=params)
            assert (told["type"], told["code"]) == ("refused", 4213)

    @pytest.mark.parametrize("params", [{"shelf": {"pk": 1}}, {"shelf": [[1]]}, {"shelf": [{"pk": 1}]}, [1], "shelf"])
    async def test_that_are_no_scalars_break_the_protocol(self, client, session, params):
        async with client(session) as remote:
            await remote.say(json.dumps({"type": "subscribe", "id": 9, "stream": "books", "params": params}))
            assert (await remote.closed())[0] == 4200

    @pytest.mark.parametrize("format", ["value:authorize", "value:__class__", "value:actions", "html"])
    async def test_of_formats_that_the_stream_has_not_are_refused(self, client, shelf, format):
        async with client() as remote:
            told = await answer(remote, stream="top", params={"shelf": shelf.pk}, format=format)
            assert told["code"] == 4213


@pytest.mark.databases
class TestCursors:
    FORGED = [
        "",
        "0",
        "-1",
        "x",
        "e.1",
        "9" * 400,
        "1.2.3.4",
        "0.0:0:",
        "null",
        "'; DROP TABLE realtime_change; --",
        "\U0001f4a3",
        "%s%s%s",
        "99999999999999999999.99999999999999999999",
    ]

    @pytest.mark.parametrize("cursor", FORGED)
    async def test_forged_one_is_answered_with_all_that_may_be_seen_and_no_more(
        self, client, session, bob, ann, shelf, elsewhere, cursor
    ):
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="ann's", owner=ann)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="bob's", owner=bob)
        async with client(session) as remote:
            told = await answer(remote, stream="mine", params={}, cursor=cursor)
            [delta] = told["deltas"]
            assert [put["row"]["title"] for put in delta["puts"]] == ["ann's"]
            assert (delta["reset"], delta.get("drops"), delta.get("order")) == (True, None, None)

    @pytest.mark.parametrize("spoil", [lambda text: text[:-1], lambda text: text + "9", lambda text: text + ",1,2,3"])
    async def test_true_one_that_was_changed_does_no_harm(self, client, session, ann, shelf, elsewhere, spoil):
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="ann's", owner=ann)
        cursor = await elsewhere.soon(get_changelog("default").head)
        async with client(session) as remote:
            told = await answer(remote, stream="mine", params={}, cursor=spoil(cursor))
            assert told["type"] == "frame"
            await remote.subscribe("books", shelf=shelf.pk)

    async def test_another_audiences_tag_gives_no_delta_on_its_rows(self, client, session, ann, bob, shelf, elsewhere):
        mine = await elsewhere.soon(Book.objects.create, shelf=shelf, title="ann's", owner=ann)
        cursor = await elsewhere.soon(get_changelog("default").head)
        async with client(session) as remote:
            for fingerprint in ("", "forged"):
                told = await answer(remote, stream="mine", params={}, cursor=cursor, fingerprint=fingerprint)
                [delta] = told["deltas"]
                assert (delta["reset"], [put["key"] for put in delta["puts"]]) == (True, [str(mine.pk)])
                await remote.say('{"type":"unsubscribe","id":9}')


class TestKeys:
    """No message names a key of a row that the client could not see."""

    async def test_drops_tell_nothing_of_rows_that_were_never_visible(
        self, client, session, ann, bob, shelf, elsewhere
    ):
        before = await elsewhere.soon(get_changelog("default").head)
        theirs = await elsewhere.soon(Book.objects.create, pk=987654, shelf=shelf, title="bob's", owner=bob)
        async with client(session) as remote:
            await remote.subscribe("mine")
            await elsewhere.soon(theirs.save)
            await elsewhere.soon(theirs.delete)
            for cursor in (before, "0"):
                await remote.say(
                    json.dumps({"type": "subscribe", "id": 5, "stream": "mine", "params": {}, "cursor": cursor})
                )
                await remote.say('{"type":"unsubscribe","id":5}')
            await elsewhere.soon(Book.objects.create, shelf=shelf, title="ann's", owner=ann)
            await remote.until(lambda: remote.titles() == ["ann's"])
            assert "987654" not in json.dumps(remote.received)

    async def test_missing_and_forbidden_are_told_apart_by_nothing(self, client, session, elsewhere):
        there = await elsewhere.soon(Shelf.objects.create, name="secret")
        async with client(session) as remote:
            answers = [
                await answer(remote, stream="noted", params={"shelf": pk}) for pk in (there.pk, there.pk + 10_000)
            ]
        assert {(told["code"], told["reason"]) for told in answers} == {
            (4214, "You do not have permission to view the stream 'noted' with these parameters.")
        }


class TestForeignPages:
    """Cross-site WebSocket hijacking: a page of another site, in the browser of a user who is logged in."""

    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example",
            "null",
            "http://127.0.0.1",
            "http://127.0.0.1:1",
            "http://{host}.evil.example",
            "http://evil.example/{host}",
            "http://{host}@evil.example",
            "file://{host}",
            "javascript://{host}",
            "",
        ],
    )
    def test_is_told_no_whatever_its_cookie(self, server, session, raw, origin):
        headers = {"Origin": origin.format(host=server.host), "Cookie": f"sessionid={session}"}
        socket = raw(headers=headers)
        call = {"type": "call", "id": "c1", "stream": "books", "action": "add", "params": {"shelf": 1}}
        for message in ({"type": "hello", "version": 1}, call):
            socket.try_to_send(frame(TEXT, json.dumps(message).encode()))
        messages, _ = socket.end()
        assert [(message["type"], message["code"]) for message in messages] in ([("bye", 4210)], [])
        assert " 101 " not in socket.answer or messages

    def test_a_host_that_the_attacker_has_made_up_does_not_help(self, session, raw):
        headers = {"Host": "evil.example", "Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"}
        messages, code = raw(headers={**headers, "Cookie": f"sessionid={session}"}).end()
        assert ([message["code"] for message in messages], code) == ([4210], 4210)


class TestActions:
    @pytest.mark.parametrize(
        ("stream", "action", "code"),
        [
            ("books", "burn", 4214),
            ("shelves", "delete", 4214),
            ("noted", "add", 4214),
            *[
                ("books", name, 4215)
                for name in (
                    "authorize",
                    "get_queryset",
                    "audience",
                    "__init__",
                    "__class__",
                    "format_fingerprint",
                    "database",
                    "Add",
                )
            ],
        ],
    )
    async def test_that_the_user_may_not_call_or_that_are_none_do_nothing(
        self, client, session, shelf, elsewhere, stream, action, code
    ):
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
        params = {} if stream == "shelves" else {"shelf": shelf.pk}
        async with client(session) as remote:
            reply = await remote.call("c1", stream, action, {}, **params)
        assert reply["error"]["code"] == code
        assert await elsewhere.soon(Book.objects.count) == 1

    @pytest.mark.parametrize("args", [{"self": 1}, {"user": 1}, {"title": "a", "shelf": 2}, {"title": {"$ne": 1}}])
    async def test_take_no_arguments_but_their_own(self, client, session, shelf, elsewhere, args):
        async with client(session) as remote:
            reply = await remote.call("c1", "books", "add", args, shelf=shelf.pk)
        assert reply["error"]["code"] == 4216
        assert await elsewhere.soon(Book.objects.count) == 0

    async def test_of_visitors_are_refused(self, client, shelf):
        async with client() as remote:
            reply = await remote.call("c1", "books", "add", {"title": "a"}, shelf=shelf.pk)
        assert reply["error"]["code"] == 4214

    def test_cannot_be_called_by_a_plain_request(self, server, session, raw):
        """Cross-site request forgery: there is nothing to post to over the WebSocket's address."""
        socket = raw(handshake=False)
        body = b'{"type":"call","id":"c1","stream":"books","action":"add"}'
        head = f"POST /realtime/ws/ HTTP/1.1\r\nHost: {server.host}\r\nCookie: sessionid={session}\r\n"
        socket.send(f"{head}Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        assert socket.read_head().split()[1] in ("403", "404")
