"""Frames made up by chance, over real sockets: each ends its own connection at most, and says why.

`REALTIME_TEST_FUZZ=100000` tries so many of them; without it there are few.
"""

from __future__ import annotations

import itertools
import json
import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.demo import TROUBLE
from tests.support.rawsocket import BINARY, CLOSE, TEXT, RawSocket, frame
from tests.support.waiting import wait_until

FRAMES = int(os.environ.get("REALTIME_TEST_FUZZ", "300"))
AT_ONCE = 20  # frames of one connection, at most
HELLO = {"type": "hello", "version": 1}
LAST = json.dumps({"type": "call", "id": "last", "stream": "top", "action": "x", "params": {"shelf": 1}})


class Junk(str):
    """A long text that is not printed whole."""

    def __new__(cls, size: int) -> Junk:
        return super().__new__(cls, "x" * size)

    def __repr__(self) -> str:
        return f"Junk({len(self)})"


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
kinds = st.sampled_from(["hello", "authenticate", "subscribe", "unsubscribe", "call", "ack", "frame", "bye", "shout"])
names = st.sampled_from(["books", "top", "mine", "shelves", "noted", "__class__", "tests.book", "'; --", ""])
fields = {
    "id": st.integers(-1, 5) | st.sampled_from(["c1", "", "x" * 65, 2**40]),
    "version": st.integers(0, 3),
    "token": st.text(max_size=30),
    "stream": names,
    "params": st.dictionaries(st.sampled_from(["shelf", "self", "user", "x"]), scalars, max_size=3) | anything,
    "format": st.sampled_from(["html", "data", "value:count", "value:__init__", "xml", ""]),
    "cursor": st.text(max_size=30) | st.sampled_from(["0", "-1", "e.1", "a.b.c", "9" * 500]),
    "fingerprint": st.text(max_size=5),
    "action": st.sampled_from(["add", "authorize", "get_queryset", "__init__", "burn", "delete", ""]),
    "args": st.dictionaries(st.sampled_from(["pk", "title", "self", "user", "x"]), anything, max_size=3),
    "messages": st.integers(-1, 3) | st.just(2**60),
}
well_formed = st.fixed_dictionaries({"type": kinds}, optional=fields).map(json.dumps)
spoilt = st.builds(
    lambda text, place, junk: text[: place % len(text)] + junk + text[place % len(text) :],
    well_formed,
    st.integers(0, 200),
    st.text(max_size=3),
)
deep = st.sampled_from([1, 15, 16, 17, 1000]).map(lambda depth: '{"type":"call","args":' + "[" * depth)
frames = st.one_of(
    well_formed,
    well_formed,
    spoilt,
    anything.map(json.dumps),
    st.text(max_size=100),
    st.binary(max_size=100),
    deep,
    st.sampled_from([Junk(65_536), Junk(65_537), Junk(1_000_000)]),
)


def play(port: int, sent: list[str | bytes]) -> list[dict]:
    """What the server answers to these frames, up to the end of the connection or its reply to a last call."""
    socket = RawSocket(port)
    answers: list[dict] = []
    code = None
    try:
        for data in [*sent, LAST]:
            whole = frame(TEXT, data.encode()) if isinstance(data, str) else frame(BINARY, data)
            if not socket.try_to_send(whole):
                break
        while (found := socket.read()) is not None:
            if found[0] == CLOSE:
                code = int.from_bytes(found[1][:2], "big")
                break
            answers.append(json.loads(found[1]))
            if answers[-1].get("id") == "last":
                break
    finally:
        socket.close()
    # without a code the server has closed while more was coming, and what it said was lost with that
    assert code is None or (answers[-1]["type"], answers[-1]["code"]) == ("bye", code)
    return answers


@pytest.fixture
def neighbour(raw):
    """`neighbour()` asks something on a connection that breaks no rule, and is answered."""
    socket = raw()
    socket.send(frame(TEXT, json.dumps(HELLO).encode()))
    assert socket.message()["type"] == "welcome"

    def neighbour() -> None:
        socket.send(frame(TEXT, LAST.encode()))
        while (answer := socket.message())["type"] == "heartbeat":
            pass
        assert answer["id"] == "last"

    return neighbour


@pytest.mark.timeout(3600)
def test_no_frame_does_any_harm(server, neighbour, memory):
    counter = itertools.count()
    play(server.port, [json.dumps(HELLO)])  # what is made once is there
    before = memory()

    @settings(
        max_examples=max(1, FRAMES // 5),
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.booleans(), st.lists(frames, min_size=1, max_size=AT_ONCE))
    def attack(greets, made):
        sent = [json.dumps(HELLO), *made] if greets else made
        for answer in play(server.port, sent):
            assert answer["type"] in {
                "welcome",
                "subscribed",
                "refused",
                "frame",
                "behind",
                "reply",
                "heartbeat",
                "bye",
            }
            assert answer.get("code") != 4001, f"The server failed at {sent}"[:5000]
        for _ in sent:
            if next(counter) % 100 == 0:
                neighbour()

    attack()
    wait_until(lambda: memory() - before < 60, what="the memory to be as it was")
    neighbour()
    print(f"{next(counter)} frames; the server's memory grew by {memory() - before:.1f} MiB")
    news = server.news()
    assert not TROUBLE.search(news), news[TROUBLE.search(news).start() :][:5000]
