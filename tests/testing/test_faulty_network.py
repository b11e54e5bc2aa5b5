"""A bad network does what it is told, and the same to the same messages."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from realtime.testing import FaultyNetwork


class Peer:
    """A client's end of an ASGI application, over HTTP or a WebSocket."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.up: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.arrived: asyncio.Queue[str] = asyncio.Queue()
        for message in messages:
            self.up.put_nowait(message)

    async def take(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self.arrived.put_nowait(message["type"])

    async def talk(self, network: FaultyNetwork, kind: str = "websocket", path: str = "/realtime/ws/") -> list[str]:
        await network({"type": kind, "path": path}, self.up.get, self.take)
        return [message["type"] for message in self.sent]


class Echo:
    """Answers each message with itself; `heard` is what came."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.heard.append((await receive())["body"])
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"done"})
            return
        while (message := await receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.connect":
                await send({"type": "websocket.accept"})
            else:
                self.heard.append(message["text"])
                await send({"type": "websocket.send", "text": message["text"]})
        self.heard.append(message["code"])


CONNECT, GONE = {"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001}
POST = {"type": "http.request", "body": b"x", "more_body": False}


def texts(number: int) -> list[dict[str, Any]]:
    return [{"type": "websocket.receive", "text": str(index)} for index in range(number)]


async def test_good_network_changes_nothing():
    echo, peer = Echo(), Peer(CONNECT, *texts(3), GONE)
    assert await peer.talk(FaultyNetwork(echo, delay=0.001)) == ["websocket.accept", *3 * ["websocket.send"]]
    assert echo.heard == ["0", "1", "2", 1001]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_same_seed_has_the_same_faults(seed):
    async def once() -> tuple[list[Any], list[str]]:
        echo = Echo()
        sent = await Peer(CONNECT, *texts(30), GONE).talk(FaultyNetwork(echo, cut=0.2, seed=seed))
        return echo.heard, sent

    assert await once() == await once()


async def test_what_is_cut_off_ends_both_sides():
    echo, peer = Echo(), Peer(CONNECT, *texts(1), GONE)
    network = FaultyNetwork(echo, cut=1)

    assert await peer.talk(network) == ["websocket.accept", "websocket.close"]
    assert echo.heard == [1006]
    assert network.faults["cut"] == 1


async def test_refused_connection_does_not_reach_the_application():
    echo = Echo()
    assert await Peer(CONNECT).talk(FaultyNetwork(echo, refuse=1)) == ["websocket.close"]
    peer = Peer(POST)
    await peer.talk(FaultyNetwork(echo, refuse=1), "http")
    assert (peer.sent[0]["status"], echo.heard) == (503, [])


async def test_other_addresses_are_left_alone():
    echo, peer = Echo(), Peer(POST)
    await peer.talk(FaultyNetwork(echo, cut=1, refuse=1, repeat=1), "http", "/board/1/")
    assert (peer.sent[0]["status"], echo.heard) == (200, [b"x"])


async def test_lost_answer_has_had_its_effect():
    echo, peer = Echo(), Peer(POST)
    await peer.talk(FaultyNetwork(echo, cut=1), "http")
    assert (peer.sent[0]["status"], echo.heard) == (502, [b"x"])


async def test_repeated_request_is_answered_once():
    echo, peer = Echo(), Peer({**POST, "more_body": True}, {**POST, "body": b"y"})
    assert await peer.talk(FaultyNetwork(echo, repeat=1), "http") == ["http.response.start", "http.response.body"]
    assert echo.heard == [b"xy", b"xy"]


async def test_disconnect_cuts_what_is_open_from_another_thread():
    echo, peer = Echo(), Peer(CONNECT)
    network = FaultyNetwork(echo)
    talking = asyncio.create_task(peer.talk(network))
    assert await peer.arrived.get() == "websocket.accept"

    await asyncio.to_thread(network.disconnect)
    assert await peer.arrived.get() == "websocket.close"
    peer.up.put_nowait({"type": "websocket.disconnect", "code": 1006})

    assert await talking == ["websocket.accept", "websocket.close"]
