"""Reception: one connection for all subscribers of an event loop, which ends with the last of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from realtime.hub.pubsub import listener
from realtime.hub.pubsub.listener import Reception, Subscriber
from realtime.hub.pubsub.outage import hints_outage
from tests.support.waiting import seconds


class Losing(Reception):
    """Loses its first cancellation, as libraries do."""

    ended = False

    def __init__(self) -> None:
        super().__init__("losing")
        self.begun = asyncio.Event()

    def _note_new(self, subscriber: Subscriber) -> None:
        pass

    async def _stay_connected(self) -> None:
        self.begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True


async def test_connection_that_loses_a_cancellation_ends_with_its_last_subscriber(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listener, "CANCEL_SECONDS", 0.01)
    reception = Losing()
    subscriber = Subscriber("channel", lambda message: None, lambda: None, hints_outage("the test"))
    serving = asyncio.create_task(reception.serve(subscriber))
    async with asyncio.timeout(seconds(20)):
        await reception.begun.wait()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert (reception.ended, serving.cancelled()) == (True, True)
