"""Every message survives the way over the wire, and every example of the reference is one."""

import json
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from msgspec import Raw

from realtime.exceptions import Code
from realtime.protocol import codec
from realtime.protocol.messages import (
    Ack,
    Authenticate,
    Authenticated,
    Behind,
    Bye,
    Call,
    ClientMessage,
    Event,
    EventRejected,
    Failure,
    Frame,
    Heartbeat,
    Hello,
    Part,
    Patched,
    Present,
    Refused,
    Reply,
    Send,
    ServerMessage,
    ServerObject,
    Subscribe,
    Subscribed,
    Text,
    TextEnded,
    TextMore,
    Unsubscribe,
    Welcome,
    Window,
)

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "protocol.md"

FROM_CLIENTS = [
    Hello(version=1),
    Hello(version=1, token="t"),
    Authenticate(token="t"),
    Subscribe(id=1, token="t", cursor="e.1"),
    Subscribe(id=2, stream="tasks", params={"a": 1, "b": None, "c": "x", "d": 1.5, "e": True}, format="html"),
    Unsubscribe(id=1),
    Call(id="c1", stream="tasks", action="toggle", params={"project": 7}, args={"pk": [1, {"a": 2}]}),
    Send(id=1, name="typing", data={"card": 3}),
    Present(id=2, data={"card": [3]}),
    Ack(messages=2**53),
]
FROM_SERVERS = [
    Welcome(version=1, heartbeat=25.0, window=Window(frames=32, bytes=1048576)),
    Welcome(version=1, heartbeat=25.0, window=Window(frames=32, bytes=1048576), expires=3600.0),
    Authenticated(),
    Authenticated(expires=3600.0),
    Subscribed(id=1, query=17, log=0),
    Part(id=1, puts=Raw(b'[{"key":"3","row":"<li>"}]')),
    Part(id=1, puts=Raw(b"[]"), first=True),
    Frame(log=0, cursor="e.2", deltas=(Raw(b'{"query":17}'),)),
    Behind(),
    Heartbeat(cursors={"0": "e.2"}),
    Refused(id=1, code=4214, reason="No."),
    Refused(id=1, code=4002, reason="No.", retry=5.0),
    Reply(id="c1", result=Raw(b"null")),
    Reply(id="c1", error=Failure(4216, "No.", {"title": ["Wrong."]})),
    Reply(id="c1", error=Failure(4002, "No.", retry=0.5)),
    Event(name="typing", data=Raw(b'{"card":3}'), query=17, sender=None),
    Event(name="toast", data=Raw(b"null")),
    EventRejected(id=1, name="typing", code=4220, reason="No."),
    Text(number=5, query=17, key="3", field="text", offset=120, text=" and more"),
    TextMore(5, " of it"),
    Patched(17, {"3": Raw(b'[1103032452,8,0," today"]')}),
    TextEnded(query=17, key="3", field="text", length=130),
    Bye(code=4000, reason="Later.", retry=5.0),
    Bye(code=4200, reason="No."),
]


@pytest.mark.parametrize("message", FROM_CLIENTS, ids=lambda message: type(message).__name__)
def test_client_message_survives_the_wire(message):
    assert codec.decode(codec.encode(message).text, max_bytes=10_000) == message


@pytest.mark.parametrize("message", FROM_SERVERS, ids=lambda message: type(message).__name__)
def test_server_message_survives_the_wire(message):
    assert codec.decode_server(codec.encode(message).text) == message


def test_each_message_is_tried():
    assert {type(message) for message in FROM_CLIENTS} == set(get_args(ClientMessage))
    assert {type(message) for message in FROM_SERVERS} == set(get_args(ServerMessage))


def test_failed_reply_has_no_result_and_one_that_succeeded_no_error():
    assert codec.encode(Reply(id="c1", result=Raw(b"null"))).text == '{"type":"reply","id":"c1","result":null}'
    assert codec.encode(Reply(id="c1", error=Failure(4216, "No.", {"title": ["Wrong."]}))).text == (
        '{"type":"reply","id":"c1","error":{"code":4216,"reason":"No.","details":{"title":["Wrong."]}}}'
    )


def test_conversation_of_the_reference_is_made_of_messages():
    lines = re.findall(r"^    (client|server)  (.+)$", REFERENCE.read_text(), re.MULTILINE)
    assert len(lines) > 5
    for side, text in lines:
        codec.decode(text, max_bytes=10_000) if side == "client" else codec.decode_server(text)


def test_examples_of_the_reference_are_messages_of_their_section():
    sections = re.findall(r"^### (\w+)\n(.*?)(?=^##)", REFERENCE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(sections) == len(get_args(ClientMessage)) + len(get_args(ServerObject))
    for name, body in sections:
        for text in re.findall(r'^    (\{"type".+)$', body, re.MULTILINE):
            text = text.replace("[…]", "[]")
            assert json.loads(text)["type"] == name
            clients = {"hello", "authenticate", "subscribe", "unsubscribe", "call", "send", "present", "ack"}
            kinds = ClientMessage if name in clients else ServerObject
            msgspec.json.decode(text, type=kinds)


def test_codes_of_the_reference_are_those_of_the_source():
    table = dict(re.findall(r"^\| (\d{4}) \| `(\w+)` \|", REFERENCE.read_text(), re.MULTILINE))
    assert table == {str(code.value): code.name.lower() for code in Code}
