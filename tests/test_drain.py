"""Draining: whoever is there is told to come back, and whoever comes is told so at once."""

from __future__ import annotations

import asyncio
import signal

import pytest

from realtime.drain import drain, watch
from realtime.exceptions import Code
from realtime.hub import get_hub
from tests.support.wire import WireClient, until
from tests.transports.inside import HELLO, messages, post, subscribe

pytestmark = pytest.mark.usefixtures("committed")
GOING_AWAY = (Code.GOING_AWAY, "The server is stopping; come back.")


@pytest.fixture
async def hub():
    hub = get_hub()
    yield hub
    hub.draining = False


async def test_all_clients_are_told_and_the_rest_is_quick(hub):
    async with WireClient() as one, WireClient() as two:
        await until(lambda: one.received and two.received)
        draining = asyncio.create_task(drain(hub, within=3600))
        await until(lambda: one.closed and two.closed)
        assert not draining.done()  # until they have closed their side
        assert (one.closed, two.closed) == (GOING_AWAY, GOING_AWAY)
        assert one.received[-1] == {"type": "bye", "code": 4000, "reason": "The server is stopping; come back."}
    async with asyncio.timeout(60):  # far less than what it may take
        await draining


async def test_client_whose_call_does_not_end_is_told_when_the_time_is_over(hub, monkeypatch):
    async with WireClient() as client:
        await until(lambda: client.received)
        monkeypatch.setattr(type(client.connection), "busy", True)
        await drain(hub, within=0.2)
        assert client.closed == GOING_AWAY


@pytest.mark.parametrize("path", ["sse/", "poll/"])
async def test_request_to_a_server_that_is_stopping_is_sent_on(hub, settings, path):
    settings.ALLOWED_HOSTS = ["testserver"]
    hub.draining = True
    answer = await messages(await post(path, HELLO, subscribe("top", shelf=1)))
    assert answer == [{"type": "bye", "code": 4000, "reason": "The server is stopping; come back."}]


async def test_signal_is_left_alone_where_no_server_handles_it(hub):
    before = signal.getsignal(signal.SIGTERM)
    watch(hub)
    assert signal.getsignal(signal.SIGTERM) is before


async def test_signal_goes_on_to_the_server_when_the_clients_have_gone(monkeypatch):
    hub, heard = type(get_hub())(), []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        watch(hub)
        signal.raise_signal(signal.SIGTERM)
        assert (heard, hub.draining) == ([], True)
        await until(lambda: heard)
        signal.raise_signal(signal.SIGTERM)
        assert heard == [signal.SIGTERM, signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
