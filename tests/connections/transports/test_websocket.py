"""WebSockets, over a real daphne: two clients, writers in other processes, and whatever comes over the line."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.models import Book
from tests.support.waiting import quickest

INSIDE = re.compile(r"secret|Traceback|tests_|realtime_|auth_|File \"|/realtime/|sqlite|Exception", re.IGNORECASE)


async def test_change_of_another_process_reaches_both(client, session, shelf, elsewhere):
    async with client(session) as one, client() as two:
        await one.subscribe("books", shelf=shelf.pk)
        await two.subscribe("top", shelf=shelf.pk)
        book = await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
        await one.until(lambda: one.titles() == ["a"])
        await two.until(lambda: two.titles() == ["a"])

        book.title = "b"
        await elsewhere.soon(book.save)
        await one.until(lambda: one.titles() == ["b"])
        await elsewhere.soon(book.delete)
        await one.until(lambda: one.titles() == [])
        await two.until(lambda: two.titles() == [])


async def test_change_of_another_process_comes_well_under_a_second(client, shelf, elsewhere):
    async with client() as remote:
        await remote.subscribe("top", shelf=shelf.pk)

        async def write(number: int) -> None:
            await elsewhere.soon(Book.objects.create, shelf=shelf, title=f"{number}", pages=number)
            await remote.until(lambda: f"{number}" in remote.titles())

        assert await quickest(write) < 1


async def test_call_changes_what_all_see(client, session, shelf):
    async with client(session) as one, client() as two:
        await one.subscribe("books", shelf=shelf.pk)
        await two.subscribe("top", shelf=shelf.pk)
        reply = await one.call("c1", "books", "add", {"title": "a"}, shelf=shelf.pk)
        await one.until(lambda: one.titles() == ["a"])
        await two.until(lambda: two.titles() == ["a"])
    assert reply["result"] == {"pk": int(one.protocol.subscriptions[1].replica.keys[0])}


@pytest.mark.parametrize(
    ("action", "args", "code"),
    [
        ("add", {"title": "x" * 200}, 4216),
        ("add", {}, 4216),
        ("read", {"pk": 10**9}, 4217),
        ("refuse", {}, 4218),
        ("crash", {}, 4001),
        ("burn", {}, 4214),
        ("nothing", {}, 4215),
    ],
)
async def test_call_that_fails_tells_nothing_of_the_inside(client, session, shelf, server, action, args, code):
    server.expected_trouble = ["The action crash of the stream books failed."]
    async with client(session) as remote:
        reply = await remote.call("c1", "books", action, args, shelf=shelf.pk)
        assert reply["error"]["code"] == code
        assert not INSIDE.search(json.dumps(remote.received))
        again = await remote.call("c2", "books", "add", {"title": "a"}, shelf=shelf.pk)
        assert "result" in again


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"stream": "broken"}, 4001),
        ({"stream": "nowhere"}, 4212),
        ({"stream": "books", "params": {"shelf": "tests_book; --"}}, 4213),
        ({"stream": "shelves"}, 4214),
        ({"token": "forged"}, 4211),
    ],
)
async def test_refusal_tells_nothing_of_the_inside(client, session, server, wanted, code):
    server.expected_trouble = ["The live query broken {} cannot be read."]
    async with client(session) as remote:
        await remote.say(json.dumps({"type": "subscribe", "id": 1, **wanted}))
        answer = await remote.step()
        assert (answer["type"], answer["code"]) == ("refused", code)
        assert not INSIDE.search(answer["reason"])


async def test_session_that_does_not_exist_is_a_visitor(client, shelf):
    async with client("nonsense") as remote:
        await remote.subscribe("books", shelf=shelf.pk)
        assert remote.received[-1]["code"] == 4214


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("noise", 4200),
        ("", 4200),
        ("{}", 4200),
        (b"\x00\x01", 4200),
        (b"", 4200),
        ("[" * 1000, 4201),
        ("x" * 70_000, 4201),
        ("€" * 30_000, 4201),
        ('{"type":"hello","version":1}', 4203),
        ('{"type":"ack","messages":5}', 4200),
    ],
)
async def test_what_breaks_the_protocol_closes_its_own_connection_alone(client, shelf, elsewhere, data, code):
    async with client() as good, client() as bad:
        await good.subscribe("top", shelf=shelf.pk)
        await bad.subscribe("top", shelf=shelf.pk)
        await bad.socket.send(data)
        assert (await bad.closed())[0] == code
        assert (bad.received[-1]["type"], bad.received[-1]["code"]) == ("bye", code)
        assert not INSIDE.search(json.dumps(bad.received))

        await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
        await good.until(lambda: good.titles())


async def test_nothing_is_sent_after_the_bye(client, shelf, elsewhere):
    async with client() as bad:
        await bad.subscribe("top", shelf=shelf.pk)
        await bad.socket.send("noise")
        for title in "abc":
            await elsewhere.soon(Book.objects.create, shelf=shelf, title=title)
        await bad.closed()
    assert bad.received[-1]["type"] == "bye"


async def test_page_of_another_site_is_told_so(client, server):
    async with client(origin="https://evil.com", greet=False) as remote:
        assert (await remote.closed())[0] == 4210
    assert remote.received == [
        {
            "type": "bye",
            "code": 4210,
            "reason": (
                "Pages of https://evil.com may not connect to this server. Add their host to ALLOWED_HOSTS or, "
                "for another site, their origin to REALTIME_ALLOWED_ORIGINS."
            ),
        }
    ]


@pytest.mark.parametrize("scheme", ["http", None])
async def test_own_page_and_no_page_connect(client, server, scheme):
    async with client(origin=scheme and f"{scheme}://{server.host}") as remote:
        assert remote.received[0]["type"] == "welcome"


async def test_client_may_speak_before_the_welcome(client, shelf):
    async with client(greet=False) as remote:
        await remote.say(*remote.protocol.open())
        await remote.subscribe("top", shelf=shelf.pk)
    assert [message["type"] for message in remote.received] == ["welcome", "subscribed", "frame"]


async def test_connection_cut_without_a_close_harms_nobody(client, shelf, elsewhere):
    async with client() as good:
        await good.subscribe("top", shelf=shelf.pk)
        async with client() as cut:
            await cut.subscribe("top", shelf=shelf.pk)
            cut.socket.transport.abort()
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
        await good.until(lambda: good.titles())


async def test_many_come_and_go(client, shelf, elsewhere):
    async def visit(number: int) -> list[str]:
        async with client() as remote:
            await remote.subscribe("top", shelf=shelf.pk)
            await remote.until(lambda: remote.titles())
            return remote.titles()

    visits = [asyncio.create_task(visit(number)) for number in range(30)]
    await asyncio.sleep(0.1)
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
    assert await asyncio.gather(*visits) == [["a"]] * 30


async def test_cursor_carries_from_one_connection_to_the_next(client, shelf, elsewhere):
    async with client() as remote:
        await remote.subscribe("top", shelf=shelf.pk)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
        await remote.until(lambda: remote.titles())
        protocol = remote.protocol
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="b")
    async with client(greet=False) as again:
        again.protocol = protocol
        await again.say(*protocol.open())
        await again.until(lambda: protocol.live)
        assert sorted(again.titles()) == ["a", "b"]


async def test_plain_request_gets_no_page(server):
    def ask() -> int:
        try:
            return urllib.request.urlopen(f"http://{server.host}/realtime/ws/").status
        except urllib.error.HTTPError as error:
            return error.code

    assert await asyncio.to_thread(ask) == 404


async def test_other_address_is_no_endpoint(server):
    server.expected_trouble = ["No route found"]
    with pytest.raises(InvalidStatus):
        await connect(f"ws://{server.host}/elsewhere/", proxy=None)
