"""EventQueue: an event reaches its clients soon, or not at all, and holds up nothing else."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import msgspec
import pytest

from realtime.hub import event_queue
from realtime.hub.counters import get_counters
from realtime.hub.event_queue import EventQueue
from realtime.protocol.envelope import Envelope
from realtime.protocol.flow_control import EVENT_SECONDS
from tests.support.wire import until


def event(number: int) -> Envelope:
    return Envelope(f"event {number}", msgspec.Raw(b"null"))


def dropped(reason: str = "late") -> float:
    return get_counters().counts().get("events_dropped", {}).get(reason, 0)


@pytest.fixture
def delivered() -> list[str]:
    return []


@pytest.fixture
async def queue(delivered):
    queue = EventQueue(lambda envelope, sender: delivered.append(envelope.name))
    yield queue
    queue.close()


async def test_events_are_delivered_in_their_order(queue, delivered):
    for number in range(3):
        queue.put(event(number), time.monotonic())
    await until(lambda: len(delivered) == 3)
    assert delivered == ["event 0", "event 1", "event 2"]


async def test_what_has_waited_too_long_is_dropped_and_counted(queue, delivered):
    before, now = dropped(), time.monotonic()
    queue.put(event(1), now - EVENT_SECONDS - 1)
    queue.put(event(2), now)
    await until(lambda: delivered)
    assert (delivered, dropped() - before) == (["event 2"], 1)


async def test_more_events_than_can_be_delivered_grow_no_older_than_they_may(monkeypatch):
    """Each takes ten milliseconds, and two hundred come in a second: what arrives at last is new, not the oldest."""
    ages, now = [], 1000.0
    monkeypatch.setattr(event_queue, "time", SimpleNamespace(monotonic=lambda: now))

    def deliver(envelope, sender) -> None:
        nonlocal now
        now += 0.01
        ages.append(now - sent[envelope.name])

    queue, sent = EventQueue(deliver), {}
    before = dropped()
    for number in range(600):
        sent[f"event {number}"] = at = now - 3 * EVENT_SECONDS * (1 - number / 600)
        queue.put(event(number), at)
    await until(lambda: not queue._queue)
    assert 0 < len(ages) == 600 - (dropped() - before)
    assert max(ages) <= EVENT_SECONDS + 0.02


async def test_other_work_has_its_turn_meanwhile(delivered):
    queue = EventQueue(lambda envelope, sender: time.sleep(event_queue.SLICE_SECONDS))
    for number in range(20):
        queue.put(event(number), time.monotonic())
    turns = 0
    while queue._queue:
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 19


async def test_the_oldest_of_too_many_are_dropped(queue, delivered, monkeypatch):
    monkeypatch.setattr(event_queue, "MAX_QUEUED", 3)
    before = dropped()
    for number in range(5):
        queue.put(event(number), time.monotonic())
    await until(lambda: delivered)
    assert (delivered, dropped() - before) == (["event 2", "event 3", "event 4"], 2)


async def test_nothing_is_delivered_after_the_end(queue, delivered):
    queue.put(event(1), time.monotonic())
    queue.close()
    await asyncio.sleep(0.01)
    assert delivered == []
