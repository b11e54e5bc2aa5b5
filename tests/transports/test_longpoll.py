"""Long-poll: when a request is answered, and with what."""

from __future__ import annotations

import asyncio
import time

import pytest

from realtime import exchange
from tests.models import Book
from tests.support.waiting import seconds
from tests.support.wire import until
from tests.transports.inside import HELLO, call, kinds, messages, post, subscribe

pytestmark = pytest.mark.usefixtures("hub")


async def poll(*asked, wait: str = "") -> list[dict[str, object]]:
    return await messages(await post(f"poll/{wait}", HELLO, *asked))


async def held(shelf) -> dict[str, str]:
    """The cursor and view of a client that has all rows."""
    _, subscribed, frame = await poll(subscribe("top", shelf=shelf.pk), wait="?wait=0")
    return {"cursor": frame["cursor"], "view": subscribed["view"]}


async def test_answer_waits_for_news(settings, shelf, elsewhere):
    settings.REALTIME_BEAT_SECONDS = seconds(10)
    has = await held(shelf)
    polling = asyncio.create_task(poll(subscribe("top", shelf=shelf.pk, **has)))
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
    frames = [message for message in await polling if message["type"] == "frame"]
    assert [put["row"]["title"] for frame in frames for delta in frame["deltas"] for put in delta["puts"]] == ["a"]


async def test_answer_comes_without_news_after_a_beat(shelf):
    has = await held(shelf)
    started = time.monotonic()
    received = await poll(subscribe("top", shelf=shelf.pk, **has))
    assert time.monotonic() - started >= 0.3
    assert [message.get("deltas") for message in received if message["type"] == "frame"] == [[]]


async def test_client_that_does_not_wait_is_answered_at_once(settings, shelf):
    settings.REALTIME_BEAT_SECONDS = 60
    has = await held(shelf)
    assert kinds(await poll(subscribe("top", shelf=shelf.pk, **has), wait="?wait=0")) == [
        "welcome",
        "subscribed",
        "frame",
    ]


async def test_all_rows_are_news(settings, shelf, elsewhere):
    settings.REALTIME_BEAT_SECONDS = 60
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
    assert kinds(await poll(subscribe("top", shelf=shelf.pk)))[-1] == "frame"


async def test_refusal_is_news(settings, shelf):
    settings.REALTIME_BEAT_SECONDS = 60
    assert kinds(await poll(subscribe("shelves"))) == ["welcome", "refused"]


async def test_bye_is_news(settings):
    settings.REALTIME_BEAT_SECONDS = 60
    assert kinds(await poll(HELLO)) == ["welcome", "bye"]


@pytest.mark.parametrize("wait", ["-1", "nan", "x", ""])
async def test_wait_that_is_no_time_is_refused(wait):
    assert [message["code"] for message in await poll(wait=f"?wait={wait}")] == [4200]


async def test_calls_have_their_replies_in_their_order():
    received = await messages(await post("call/", HELLO, call("c1"), call("c2")))
    assert [message["id"] for message in received[1:]] == ["c1", "c2"]


@pytest.mark.parametrize(
    "asked", [[], [HELLO], [call()], [HELLO, HELLO], [HELLO, call(), {"type": "ack", "messages": 0}]]
)
async def test_address_of_calls_takes_nothing_else(asked):
    received = await messages(await post("call/", *asked))
    assert [message["code"] for message in received] == [4203]


async def test_hub_stays_up_between_two_requests_and_no_longer(hub, shelf, monkeypatch):
    monkeypatch.setattr(exchange, "PAUSE_SECONDS", 0.1)
    await held(shelf)
    assert len(hub._clients) == 1
    logs = hub._logs
    await held(shelf)
    assert hub._logs is logs
    await until(lambda: not hub._clients)


async def test_request_that_is_given_up_leaves_no_client(hub, shelf):
    has = await held(shelf)
    polling = asyncio.create_task(poll(subscribe("top", shelf=shelf.pk, **has)))
    await until(lambda: len(hub._clients) == 2)
    polling.cancel()
    await until(lambda: len(hub._clients) == 1)
    await asyncio.gather(polling, return_exceptions=True)
