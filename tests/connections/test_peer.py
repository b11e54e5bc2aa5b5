"""A peer: messages in, effects to its handler, messages out; without a hub that runs, and without a database."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from msgspec import Raw

from realtime.auth.identity import Identity
from realtime.connections.peer import Peer
from realtime.exceptions import BadMessage, Code, Overloaded, UnexpectedMessage
from realtime.hub.hub import Hub
from realtime.protocol.effects import Subscription
from realtime.protocol.messages import Reply
from tests.support.limits import limit

HELLO = '{"type":"hello","version":1}'
SUBSCRIBE = '{"type":"subscribe","id":1,"stream":"top"}'


class SentMessages:
    """A transport that is a list."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self.unsent = 0

    def send(self, text: str) -> None:
        self.messages.append(json.loads(text))

    def close(self, code: int, reason: str) -> None:
        self.closed = (int(code), reason)


def peer_of(handled: list[Any], **options: Any) -> tuple[Peer, SentMessages]:
    sent = SentMessages()
    return Peer(hub=Hub(), transport=sent, handle=handled.append, identity=Identity(), **options), sent


async def test_demands_of_messages_go_to_the_handler():
    handled: list[Any] = []
    peer, sent = peer_of(handled)
    for message in (HELLO, SUBSCRIBE):
        peer.receive(message)
    assert ([type(effect) for effect in handled], sent.messages[0]["type"]) == ([Subscription], "welcome")


async def test_message_out_of_turn_is_raised_and_handled_by_nobody():
    handled: list[Any] = []
    peer, sent = peer_of(handled)
    with pytest.raises(UnexpectedMessage):
        peer.receive(SUBSCRIBE)
    assert (handled, sent.messages) == ([], [])


async def test_acknowledgement_of_what_the_client_cannot_have_read_is_an_error():
    peer, sent = peer_of([])
    peer.receive(HELLO)
    peer.send([peer.session.reply(Reply(id="c", result=Raw(b'"' + b"x" * 200_000 + b'"')))])
    sent.unsent = 200_000  # the client does not read, which is no error
    peer.receive('{"type":"ack","messages":0}')
    with pytest.raises(BadMessage, match="acknowledges messages that it has not read"):
        peer.receive('{"type":"ack","messages":1}')


async def test_end_says_why_once_and_closes_the_transport():
    peer, sent = peer_of([])
    peer.receive(HELLO)
    for _ in range(2):
        peer.end(BadMessage("No."))
    assert [message["type"] for message in sent.messages] == ["welcome", "bye"]
    assert sent.closed == (4200, "No.")


async def test_work_of_one_kind_has_one_task_at_a_time():
    peer, _ = peer_of([])
    begun = []

    async def work() -> None:
        begun.append(1)
        await asyncio.sleep(0)

    assert peer.start(work) is peer.start(work)
    await peer.start(work)
    await peer.start(work)
    assert len(begun) == 2


async def test_work_that_fails_ends_the_client(caplog):
    peer, sent = peer_of([])
    peer.receive(HELLO)

    async def work() -> None:
        raise ZeroDivisionError

    await peer.start(work)
    assert (sent.messages[-1]["type"], sent.messages[-1]["code"]) == ("bye", Code.INTERNAL_ERROR)
    assert "could not be handled" in caplog.text


async def test_address_has_a_share_of_connections_which_is_given_back(settings):
    limit(settings, connections_per_address=1)
    hub, sent = Hub(), SentMessages()
    options: dict[str, Any] = {"hub": hub, "transport": sent, "handle": print, "identity": Identity(), "address": "a"}
    first = Peer(**options)
    with pytest.raises(Overloaded):
        Peer(**options)
    first.abandon()
    assert Peer(**options).id != first.id
