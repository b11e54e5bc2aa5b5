"""Server-Sent Events: how a response begins, what its events are, and when it ends."""

from __future__ import annotations

import asyncio
import itertools
import json
import time

import pytest
from django.test import AsyncClient

from realtime.auth import tokens
from realtime.connections.connection import Connection
from tests.connections.transports.inside import HELLO, events, kinds, messages, post, subscribe, text
from tests.models import Book
from tests.support.limits import limit
from tests.support.waiting import seconds

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def lasting(hub, settings) -> None:
    """A response lasts longer than its rows take to come."""
    settings.REALTIME_HEARTBEAT_SECONDS = 60


async def begun(response, *, accepted: int = 1) -> list[dict[str, object]]:
    """The events of a response, up to the rows of so many subscriptions."""
    parts, body = aiter(response), ""
    while body.count('"subscribed"') < accepted or '"frame"' not in body:
        body += (await anext(parts)).decode()
    await parts.aclose()
    return events(body)


async def get(query: dict[str, object], *, accepted: int = 1, **headers: str) -> list[dict[str, object]]:
    """The events that an `EventSource` gets, up to the rows."""
    response = await AsyncClient().get("/realtime/sse/", query, headers={**headers})
    return await begun(response, accepted=accepted)


def token(shelf) -> str:
    return tokens.sign(stream="top", params={"shelf": shelf.pk}, format="data", user=None)


def rows(received: list[dict[str, object]]) -> list[str]:
    frames = [event["data"] for event in received if event["data"].get("type") == "frame"]
    return [put["row"]["title"] for frame in frames for delta in frame["deltas"] for put in delta.get("puts", ())]


async def test_stream_begins_with_so_much_that_proxies_pass_it_on(shelf):
    body = await text(await post("sse/", HELLO))
    assert body.startswith(":" + " " * 2048 + "\nretry: 1000\n\n")


async def test_each_message_is_an_event(lasting, shelf):
    found = await begun(await post("sse/", HELLO, subscribe("top", shelf=shelf.pk)))
    assert kinds([event["data"] for event in found]) == ["welcome", "subscribed", "frame"]


async def test_stream_ends_after_two_heartbeats_and_says_so():
    started = time.monotonic()
    found = events(await text(await post("sse/", HELLO)))
    assert time.monotonic() - started >= 0.6
    assert found[-1] == {"event": "end", "data": {}}


async def test_stream_ends_when_the_window_is_used_up(settings, shelf, elsewhere):
    settings.REALTIME_HEARTBEAT_SECONDS = 60
    limit(settings, window_bytes=250)  # which the rows use up
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a" * 100)
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="b" * 100)
    found = events(await text(await post("sse/", HELLO, subscribe("top", shelf=shelf.pk))))
    assert kinds([event["data"] for event in found[:-1]]) == ["welcome", "subscribed", "frame"]
    assert found[-1]["event"] == "end"


async def test_client_that_reads_slowly_asks_anew_and_is_not_told_that_it_is_behind(hub, settings, shelf, elsewhere):
    settings.REALTIME_HEARTBEAT_SECONDS = 60
    limit(settings, window_bytes=1000)
    response = await post("sse/", HELLO, subscribe("top", shelf=shelf.pk))
    parts = aiter(response)
    body = ""
    while '"frame"' not in body:
        body += (await anext(parts)).decode()
    [connection] = [client for client in hub._clients if isinstance(client, Connection)]
    numbers = itertools.count()
    async with asyncio.timeout(seconds(10)):
        while not connection.peer.session.behind:  # one frame may have many of these, so their number does not matter
            number = next(numbers)
            await elsewhere.soon(Book.objects.create, shelf=shelf, title=f"{number:02}" + "x" * 100, pages=number)
    found = events(body + b"".join([part async for part in parts]).decode())
    assert set(kinds([event["data"] for event in found[:-1]])) == {"welcome", "subscribed", "frame"}
    assert found[-1]["event"] == "end"


async def test_bye_is_the_last_event():
    found = events(await text(await post("sse/", HELLO, HELLO)))
    assert kinds([event["data"] for event in found]) == ["welcome", "bye"]


async def test_event_source_names_its_tokens_in_the_query(lasting, shelf, elsewhere):
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
    assert rows(await get({"token": token(shelf)})) == ["a"]


async def test_event_source_names_streams_in_the_query(lasting, shelf, elsewhere):
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
    wanted = json.dumps({"stream": "top", "params": {"shelf": shelf.pk}})
    found = await get({"token": token(shelf), "subscribe": wanted}, accepted=2)
    assert [event["data"]["id"] for event in found if event["data"].get("type") == "subscribed"] == [1, 2]


async def test_event_source_goes_on_where_its_last_event_was(lasting, shelf, elsewhere):
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
    last = [event["id"] for event in await get({"token": token(shelf)}) if "id" in event][-1]
    assert rows(await get({"token": token(shelf)}, **{"Last-Event-ID": last})) == []
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="b", pages=5)
    assert "b" in rows(await get({"token": token(shelf)}, **{"Last-Event-ID": last}))


@pytest.mark.parametrize("last", ["x", "é", "W10=", "MQ==", "eyJhIjogMX0=", "eyIxIjogWzEsIDIsIDNdfQ=="])
async def test_event_id_of_no_meaning_brings_all_rows(lasting, shelf, elsewhere, last):
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
    assert rows(await get({"token": token(shelf)}, **{"Last-Event-ID": last})) == ["a"]


@pytest.mark.parametrize("wanted", ["noise", "1", "[]", "[" * 100_000])
async def test_query_that_makes_no_message_is_refused(wanted):
    response = await AsyncClient().get("/realtime/sse/", {"subscribe": wanted})
    assert response.status_code == 400


async def test_query_holds_no_more_messages_than_a_body(settings):
    limit(settings, request_messages=3)
    query = "&".join(["token=x"] * 3)
    response = await AsyncClient().get(f"/realtime/sse/?{query}")
    assert (response.status_code, (await messages(response))[0]["code"]) == (400, 4201)


async def test_fields_of_the_query_cannot_say_another_message(lasting, shelf):
    wanted = json.dumps({"type": "call", "id": 9, "stream": "top", "params": {"shelf": shelf.pk}})
    found = await get({"subscribe": wanted})
    assert [event["data"].get("id") for event in found if event["data"].get("type") == "subscribed"] == [1]
