"""Every server of the docs does what the table there says."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.request

import pytest
from websockets.asyncio.client import connect

import realtime.client
from tests.models import Book
from tests.support.bombs import compressed_messages, endless_message, growth
from tests.support.rawsocket import TEXT, RawSocket, frame
from tests.support.remotes import REMOTES
from tests.support.waiting import seconds, wait_until
from tests.support.wire import until

GROWTH_MEGABYTES = 20  # of what would be hundreds, or the 32 that are sent


@pytest.mark.parametrize("transport", REMOTES)
async def test_rows_changes_and_calls_come_over_each_transport(server, session, shelf, elsewhere, transport):
    assert server.row["WebSocket"] == server.row["SSE and long-poll"] == "yes"
    async with REMOTES[transport](server.host, session=session) as remote:
        await remote.subscribe("books", shelf=shelf.pk)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
        await remote.until(lambda: remote.titles() == ["a"])
        reply = await remote.call("c1", "books", "add", {"title": "b"}, shelf=shelf.pk)
        await remote.until(lambda: remote.titles() == ["a", "b"])
    assert reply["result"] == {"pk": int(remote.protocol.subscriptions[1].replica.keys[1])}


async def test_python_client_is_served(server, session, shelf):
    async with realtime.client.connect(server.url, session=session) as client:
        books = client.subscribe("books", {"shelf": shelf.pk})
        await client.wait_until_live()
        await books.call("add", {"title": "a"})
        await until(lambda: [row["title"] for row in books.rows] == ["a"])


async def test_page_of_another_site_is_told_why_it_is_refused(server):
    async with REMOTES["websocket"](server.host, origin="https://evil.example") as remote:
        code, reason = await remote.ended()
    assert (code, "REALTIME_ALLOWED_ORIGINS" in reason) == (4210, True)


async def test_ready_frames_are_taken_as_the_table_says(server):
    async with connect(f"ws://{server.host}/fast/", proxy=None) as socket:
        await socket.send('"known"')
        assert json.loads(await socket.recv()) is (server.row["ready frames"] == "yes")


@pytest.mark.parametrize("before", ["", "auth/"])
async def test_no_compression_is_agreed_on(server, before):
    async with connect(f"ws://{server.host}/{before}realtime/ws/", compression="deflate", proxy=None) as socket:
        assert socket.protocol.extensions == []


def test_compressed_messages_do_not_fill_the_memory(server):
    server.expected_trouble = ["rsv", "RSV", "reserved"]
    assert growth(server.port, server.pid, compressed_messages()) < GROWTH_MEGABYTES


def test_message_without_an_end_does_not_fill_the_memory(server):
    if server.row["messages it reads"] == "64 MiB":
        pytest.skip("as the table says")
    assert growth(server.port, server.pid, endless_message()) < GROWTH_MEGABYTES


def test_client_that_acknowledges_what_it_does_not_read_is_ended(server, shelf, elsewhere):
    """After each of its messages it is sent half a megabyte, of which the sockets hold some."""
    elsewhere(Book.objects.bulk_create, [Book(shelf=shelf, title="x" * 90) for _ in range(4000)])
    socket = RawSocket(server.port, buffer=4096)
    socket.say(type="hello", version=1)
    assert socket.message()["type"] == "welcome"
    sent = 0
    for id in range(1, 31):
        said = [{"type": "subscribe", "id": id, "stream": "talk", "params": {"shelf": shelf.pk}}]
        said += [{"type": "unsubscribe", "id": id - 1}, {"type": "ack", "messages": sent}] if id > 1 else []
        if not socket.try_to_send(b"".join(frame(TEXT, json.dumps(each).encode()) for each in said)):
            break
        [sent] = wait_until(lambda sent=sent: sent_beyond(server, sent), what="an answer, or the end")
        if not sent:
            break
    messages, _ = socket.end()
    socket.close()
    rule = "The client acknowledges messages that it has not read."
    assert messages[-1].get("reason", rule) == rule  # daphne cuts the connection, with what is on its way
    assert len(messages) < 50


def sent_beyond(server, before: int) -> list[int]:
    """How many messages the client was sent, once a subscription more is answered; 0 once it has gone."""
    with urllib.request.urlopen(f"http://{server.host}/sent/?stream=talk", timeout=seconds(20)) as answer:
        found: list[int] = json.load(answer)
    return [number for number in found if number >= before + 2] or [0] * (before > 0 and not found)


def test_message_that_is_a_little_too_large_is_refused_with_a_code(server):
    socket = RawSocket(server.port)
    socket.say(type="hello", version=1, padding="x" * 100_000)
    messages, code = socket.end()
    socket.close()
    assert (messages[-1]["type"], messages[-1]["code"]) == ("bye", code)


async def test_sigterm_sends_clients_on(server):
    """The last one: the server is gone after it."""
    process = server._process._popen
    async with (
        REMOTES["websocket"](server.host) as websocket,
        REMOTES["sse"](server.host) as sse,
        REMOTES["longpoll"](server.host) as longpoll,
    ):
        remotes = (websocket, sse, longpoll)
        for remote in remotes:
            await remote.subscribe("top", shelf=1)
        ending = [asyncio.create_task(remote.ended()) for remote in remotes]
        while longpoll.requests < 2:  # noqa: ASYNC110 - the client counts them
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(seconds(20)):
            assert [(await end)[0] for end in ending] == [4000] * 3
    assert await asyncio.to_thread(process.wait, seconds(20)) in (0, -signal.SIGTERM)
