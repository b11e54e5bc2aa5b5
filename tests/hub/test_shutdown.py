"""Draining: whoever is there is told to come back, and whoever comes is told so at once."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal

import pytest
from hypercorn.config import Config

from realtime.exceptions import Code
from realtime.hub.hub import get_hub
from realtime.hub.shutdown import drain, watch
from tests.connections.transports.inside import HELLO, messages, post, subscribe
from tests.support.wire import WireClient, until

pytestmark = pytest.mark.usefixtures("committed")
GOING_AWAY = (Code.GOING_AWAY, "The server is restarting; please reconnect.")


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
        assert one.received[-1] == {
            "type": "bye",
            "code": 4000,
            "reason": "The server is restarting; please reconnect.",
        }
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
    assert answer == [{"type": "bye", "code": 4000, "reason": "The server is restarting; please reconnect."}]


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


async def test_handler_of_the_loop_is_called_when_the_clients_have_gone(monkeypatch):
    """As gunicorn's own worker and granian have one."""
    hub, heard = type(get_hub())(), []
    loop = asyncio.get_running_loop()

    async def drain(hub):
        await asyncio.sleep(0.1)
        heard.append("drained")

    monkeypatch.setattr("realtime.hub.shutdown.drain", drain)
    loop.add_signal_handler(signal.SIGTERM, heard.append, "stopped")
    try:
        watch(hub)
        signal.raise_signal(signal.SIGTERM)
        await until(lambda: len(heard) == 2)
        assert heard == ["drained", "stopped"]
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def test_worker_of_hypercorn_drains_when_its_parent_says_so(monkeypatch):
    hub, event = type(get_hub())(), multiprocessing.Event()
    process = multiprocessing.current_process()
    monkeypatch.setattr(process, "_kwargs", {"config": Config(), "shutdown_event": event}, raising=False)
    watch(hub)
    event.set()
    await until(lambda: hub.draining)
