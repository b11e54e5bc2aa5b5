"""What every transport promises: the same messages, the same answers, over a real daphne."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session

from realtime.queries.livequery import PART_ROWS
from tests.models import Book, Note
from tests.support.remotes import REMOTES, Remote, WebSocketRemote
from tests.support.waiting import quickest, seconds

Connect = Callable[..., Remote]


@pytest.fixture(params=REMOTES)
def connect(request, server) -> Connect:
    """`async with connect(session) as remote`: a client of the transport."""
    return lambda session="", **options: REMOTES[request.param](server.host, session=session, **options)


async def test_what_others_write_arrives(connect, session, shelf, elsewhere):
    async with connect(session) as remote:
        await remote.subscribe("books", shelf=shelf.pk)
        book = await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
        await remote.until(lambda: remote.titles() == ["a"])
        book.title = "b"
        await elsewhere.soon(book.save)
        await remote.until(lambda: remote.titles() == ["b"])
        await elsewhere.soon(book.delete)
        await remote.until(lambda: remote.titles() == [])


async def test_what_others_write_arrives_well_under_a_second(connect, shelf, elsewhere):
    async with connect() as remote:
        await remote.subscribe("top", shelf=shelf.pk)

        async def write(number: int) -> None:
            reading = asyncio.create_task(remote.until(lambda: f"{number}" in remote.titles()))
            await elsewhere.soon(Book.objects.create, shelf=shelf, title=f"{number}", pages=number)
            await reading

        assert await quickest(write) < 1


async def test_call_has_its_reply_and_its_effect(connect, session, shelf):
    async with connect(session) as remote:
        await remote.subscribe("books", shelf=shelf.pk)
        reply = await remote.call("c1", "books", "add", {"title": "a"}, shelf=shelf.pk)
        await remote.until(remote.titles)
    assert reply["result"] == {"pk": int(remote.protocol.subscriptions[1].replica.keys[0])}


async def test_event_reaches_those_who_see_the_same_and_not_its_sender(connect, server, session, shelf):
    async with WebSocketRemote(server.host) as other, connect(session) as remote:
        for each in (other, remote):
            await each.subscribe("talk", shelf=shelf.pk)
        await remote.send(json.dumps({"type": "send", "id": 1, "name": "typing", "data": {"book": 7}}))
        reading = asyncio.create_task(remote.until(lambda: remote.events))
        await other.until(lambda: other.events)
        reading.cancel()
    assert ([event["data"]["book"] for event in other.events], remote.events) == ([7], [])


@pytest.mark.parametrize(
    ("action", "args", "code"), [("add", {}, 4216), ("refuse", {}, 4218), ("burn", {}, 4214), ("nothing", {}, 4215)]
)
async def test_call_that_is_refused_says_why(connect, session, shelf, action, args, code):
    async with connect(session) as remote:
        reply = await remote.call("c1", "books", action, args, shelf=shelf.pk)
    assert reply["error"]["code"] == code


@pytest.mark.parametrize(("stream", "code"), [("nowhere", 4212), ("shelves", 4214), ("books", 4213)])
async def test_refused_subscription_leaves_the_others_alone(connect, session, shelf, elsewhere, stream, code):
    async with connect(session) as remote:
        await remote.subscribe("top", shelf=shelf.pk)
        await remote.subscribe(stream, id=2)
        assert remote.protocol.subscriptions[2].refusal["code"] == code
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
        await remote.until(remote.titles)


async def test_session_that_does_not_exist_is_a_visitor(connect, shelf):
    async with connect("nonsense") as remote:
        await remote.subscribe("books", shelf=shelf.pk)
    assert remote.protocol.subscriptions[1].refusal["code"] == 4214


async def test_only_what_was_missed_travels_after_a_pause(connect, session, shelf, elsewhere):
    await elsewhere.soon(Book.objects.bulk_create, [Book(shelf=shelf, title=f"{number:03}") for number in range(50)])
    async with connect(session) as remote:
        await remote.subscribe("books", shelf=shelf.pk)
        await remote.leave()
        remote.received.clear()
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="zzz")
        await remote.until(lambda: remote.titles()[-1] == "zzz")
    [delta] = remote.deltas
    assert [put["row"]["title"] for put in delta["puts"]] == ["zzz"]
    assert not delta.get("reset")


async def test_many_rows_arrive_in_parts(connect, session, shelf, elsewhere):
    books = [Book(shelf=shelf, title=f"{number:04}") for number in range(2 * PART_ROWS + 1)]
    await elsewhere.soon(Book.objects.bulk_create, books)
    async with connect(session) as remote:
        await remote.subscribe("books", shelf=shelf.pk)
        assert remote.titles() == [f"{number:04}" for number in range(2 * PART_ROWS + 1)]
        parts = [message for message in remote.received if message["type"] == "part"]
        assert len(parts) == (3 if remote.protocol.version > 1 else 0)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="zzz")
        await remote.until(lambda: remote.titles()[-1] == "zzz")


async def test_stream_of_writes_brings_each_row_once(connect, session, shelf, elsewhere):
    def write() -> None:
        for number in range(40):
            Book.objects.create(shelf=shelf, title=f"{number:02}")

    async with connect(session) as remote:
        await remote.subscribe("books", shelf=shelf.pk)
        writing = asyncio.create_task(elsewhere.soon(write))
        await remote.until(lambda: len(remote.titles()) == 40)
        await writing
    keys = [put["key"] for delta in remote.deltas for put in delta.get("puts", ())]
    assert len(keys) == len(set(keys)) == 40
    assert not any(delta.get("reset") for delta in remote.deltas[1:])


async def test_end_of_the_session_ends_the_connection(connect, server, session, shelf, elsewhere):
    async with connect(session) as remote:
        await remote.subscribe("books", shelf=shelf.pk)
        ending = asyncio.create_task(remote.ended())
        # a request that comes after the end of the session is a visitor's
        await server.until(lambda clients: clients > 0, user=await elsewhere.soon(User.objects.get, username="ann"))
        await elsewhere.soon(Session.objects.all().delete)
        async with asyncio.timeout(seconds(5)):
            code, _ = await ending
    assert code == 4101


async def test_session_that_ended_during_a_pause_sees_nothing_more(connect, session, shelf, elsewhere):
    async with connect(session) as remote:
        await remote.subscribe("books", shelf=shelf.pk)
        await remote.leave()
        await elsewhere.soon(Session.objects.all().delete)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="secret")
        await remote.until(lambda: remote.protocol.subscriptions[1].refusal)
    assert remote.protocol.subscriptions[1].refusal["code"] == 4214
    assert "secret" not in json.dumps(remote.received)


async def test_ground_of_access_that_goes_takes_the_rows_along(connect, session, shelf, elsewhere):
    note = await elsewhere.soon(Note.objects.create, text="ann all")
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
    async with connect(session) as remote:
        await remote.subscribe("noted", shelf=shelf.pk)
        assert remote.titles() == ["a"]
        await elsewhere.soon(note.delete)
        await remote.until(lambda: remote.protocol.subscriptions[1].refusal)
    assert (remote.protocol.subscriptions[1].refusal["code"], remote.titles()) == (4214, [])


async def test_user_who_now_sees_other_rows_gets_those(connect, session, shelf, elsewhere):
    note = await elsewhere.soon(Note.objects.create, text="ann all")
    await elsewhere.soon(Book.objects.bulk_create, [Book(shelf=shelf, title=title) for title in ("a1", "b1")])
    async with connect(session) as remote:
        await remote.subscribe("noted", shelf=shelf.pk)
        note.text = "ann b"
        await elsewhere.soon(note.save)
        await remote.until(lambda: remote.titles() == ["b1"])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ('"noise"', 4200),
        ("{}", 4200),
        ("[" * 20 + "]" * 20, 4201),
        (f'"{"x" * 70_000}"', 4201),
        ('{"type":"hello","version":1}', 4203),
        ('{"type":"ack","frames":5}', 4200),
    ],
)
async def test_what_breaks_the_protocol_ends_its_own_connection_alone(connect, shelf, elsewhere, data, code):
    async with connect() as good, connect() as bad:
        await good.subscribe("top", shelf=shelf.pk)
        await bad.send(data)
        assert (await bad.ended())[0] == code
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
        await good.until(good.titles)


async def test_connection_has_so_many_subscriptions(connect, shelf):
    async with connect() as remote:
        for number in range(101):
            remote.protocol.subscribe(number, stream="top", params={"shelf": shelf.pk}, format="data")
        await remote.until(lambda: remote.protocol.subscriptions[100].refusal)
        refusal = remote.protocol.subscriptions[100].refusal
        await remote.until(lambda: all(remote.protocol.subscriptions[number].live for number in range(100)))
    assert (refusal["code"], refusal["reason"]) == (4002, "A connection may have up to 100 subscriptions.")


async def test_page_of_another_site_is_told_the_setting_and_so_is_the_log(connect, server):
    async with connect(origin="https://evil.com") as remote:
        code, reason = await remote.ended()
    assert code == 4210
    assert "REALTIME_ALLOWED_ORIGINS" in reason
    assert (
        "Refused: Pages of https://evil.com may not connect to this server. Add their host to ALLOWED_HOSTS or, "
        "for another site, their origin to REALTIME_ALLOWED_ORIGINS. (4210 origin_refused)"
    ) in server.news()


@pytest.mark.parametrize("origin", ["http://{host}", "https://{host}", None])
async def test_own_page_connects_whatever_the_proxy_does_with_tls(connect, server, session, shelf, origin):
    async with connect(session, origin=origin and origin.format(host=server.host)) as remote:
        await remote.subscribe("books", shelf=shelf.pk)
    assert remote.protocol.subscriptions[1].live


async def test_client_that_hangs_up_is_let_go_at_once(connect, server, shelf):
    async with connect() as remote:
        await remote.subscribe("top", shelf=shelf.pk)
        await server.until_gone(remote)


async def test_client_that_is_cut_off_harms_nobody(connect, shelf, elsewhere):
    async with connect() as good:
        await good.subscribe("top", shelf=shelf.pk)
        async with connect() as cut:
            await cut.subscribe("top", shelf=shelf.pk)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
        await good.until(good.titles)


async def test_client_moves_from_one_transport_to_another(server, session, shelf, elsewhere):
    protocol = None
    for number, kind in enumerate([*REMOTES.values(), *REMOTES.values()]):
        async with kind(server.host, session=session) as remote:
            if protocol is None:
                await remote.subscribe("books", shelf=shelf.pk)
            protocol = remote.protocol = protocol or remote.protocol
            await elsewhere.soon(Book.objects.create, shelf=shelf, title=f"{number}")
            await remote.until(lambda remote=remote, number=number: len(remote.titles()) == number + 1)
            assert not any(delta.get("reset") for delta in remote.deltas[1 if number == 0 else 0 :])
            assert sum(len(delta.get("puts", ())) for delta in remote.deltas) == 1
