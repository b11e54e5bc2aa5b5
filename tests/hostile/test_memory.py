"""Clients that ask without end and read nothing: they are ended with 4002, and the server's memory is as it was."""

from __future__ import annotations

import asyncio

import pytest

from tests.models import Book
from tests.support.rawsocket import PING, TEXT, RawSocket, frame

MESSAGES = 20_000
GROWTH_MEGABYTES = 30  # of a process of 100 or so; what was sent below would come to more, were it kept
WINDOW_BYTES = 1024 * 1024


def call(number: int) -> str:
    """A call whose refusal repeats a long name."""
    name = "x" * 190
    return f'{{"type":"call","id":"{number:064}","stream":"top","action":"{name}","params":{{"shelf":1}}}}'


def subscribe(number: int) -> str:
    return f'{{"type":"subscribe","id":{number},"stream":"top","params":{{"shelf":1}}}}'


def subscribe_and_leave(number: int) -> str:
    return '{"type":"unsubscribe","id":1}' if number % 2 else subscribe(1)


def refused(number: int) -> str:
    return f'{{"type":"subscribe","id":{number},"stream":"{"x" * 190}"}}'


def flood(socket: RawSocket, message) -> int:
    """Say hello, then ask until the server takes no more; return how many went out."""
    socket.send(frame(TEXT, b'{"type":"hello","version":1}'))
    for number in range(MESSAGES):
        if not socket.try_to_send(frame(TEXT, message(number).encode())):
            return number
    return MESSAGES


@pytest.mark.parametrize("message", [call, subscribe, refused])
def test_client_that_asks_endlessly_and_never_reads_is_ended(raw, memory, message):
    socket = raw(buffer=4096)
    before = memory()
    flood(socket, message)
    assert memory() - before < GROWTH_MEGABYTES
    messages, code = socket.end()
    assert sum(map(len, map(str, messages))) < 3 * WINDOW_BYTES
    assert not all(socket.try_to_send(frame(TEXT, b"{}")) for _ in range(100)), "The connection has not ended."
    if code is not None:  # what is on its way to a client that goes on sending may be lost when the server closes
        assert (messages[-1]["type"], messages[-1]["code"]) == ("bye", code)
        assert code == 4002


def test_client_that_subscribes_and_leaves_endlessly_stores_nothing(raw, memory):
    socket = raw(buffer=4096)
    flood(socket, subscribe_and_leave)
    before = memory()
    for _ in range(MESSAGES // 4):
        socket.try_to_send(frame(TEXT, subscribe_and_leave(0).encode()) + frame(TEXT, subscribe_and_leave(1).encode()))
    assert memory() - before < GROWTH_MEGABYTES


def pages(neighbour) -> list[int]:
    return [row["pages"] for _, row in neighbour.protocol.subscriptions[1].replica.ordered]


async def test_many_who_do_not_read_slow_nobody(client, raw, shelf, elsewhere, memory):
    async with client() as neighbour:
        await neighbour.subscribe("top", shelf=shelf.pk)
        before = memory()
        silent = [await asyncio.to_thread(raw, buffer=4096) for _ in range(20)]
        for socket in silent:
            socket.say(type="hello", version=1)
            socket.say(type="subscribe", id=1, stream="top", params={"shelf": shelf.pk})
        for number in range(30):
            await elsewhere.soon(Book.objects.create, shelf=shelf, title="x" * 90, pages=number)
            await neighbour.until(lambda: number in pages(neighbour))  # noqa: B023
        assert memory() - before < GROWTH_MEGABYTES


def test_handshakes_that_are_never_finished_take_little(server, raw, memory):
    before = memory()
    for _ in range(100):
        raw(handshake=False).send(b"GET /realtime/ws/ HTTP/1.1\r\nHost: x\r\nUpgr")
    socket = raw()
    socket.send(frame(PING, b"still there"))
    assert socket.read() is not None
    assert memory() - before < GROWTH_MEGABYTES
