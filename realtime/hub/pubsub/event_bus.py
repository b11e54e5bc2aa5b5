"""Events: ephemeral messages for the subscribers of a live query, or for one user. They may be lost.

An event reaches the hubs of its own process at once. It is sent to other processes through the channel layer if there
is one that reaches them, else with NOTIFY if the default database is PostgreSQL. Each hub finds its own clients. Parts
of live texts are sent in the same way.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from realtime.changelog.base import origin
from realtime.hub.pubsub import channel_layer, postgresql
from realtime.hub.pubsub.listener import Listener
from realtime.hub.pubsub.outage import Outage
from realtime.hub.pubsub.sender import Carrier, ChannelLayerCarrier, Message, is_usable, send
from realtime.protocol.envelope import Envelope
from realtime.protocol.live_text import TextEnd, TextMessage, TextPart, TextStop

logger = logging.getLogger("realtime.wakeups")

GROUP = "realtime.events"

PROCESSES = 1000  # whose minimum delays are stored
CLOCK_SECONDS = 10.0  # after which the clock of another process is compared again

Deliver = Callable[[Envelope, float], None]
"""Takes an event, and when it was sent, by this process's monotonic clock."""

TakeText = Callable[[TextMessage], None]

_decoder = msgspec.json.Decoder(Envelope | TextPart | TextEnd | TextStop)
_lock = threading.Lock()
_buses: set[EventBus] = set()


def publish(envelope: Envelope, *, but: EventBus | None = None) -> None:
    """Pass an event to every hub, except `but`, which has it already. Never block, never raise; for any thread."""
    with _lock:
        buses = [bus for bus in _buses if bus is not but]
    for bus in buses:
        bus.put(envelope)
    if not _send_to_others(envelope, sent=time.time()) and not buses and but is None:
        _warn_lost()


def publish_text(message: TextMessage) -> None:
    """Send a message about a live text to every process. Never block, never raise; for any thread."""
    with _lock:
        buses = list(_buses)
    for bus in buses:
        bus.put_text(message)
    _send_to_others(message)


def _send_to_others(message: Envelope | TextMessage, **fields: Any) -> bool:
    """Send a message to the other processes; return whether there is a carrier."""
    by = carrier()
    if by is None:
        return False
    body = msgspec.json.encode(msgspec.structs.replace(message, origin=origin(), **fields))
    send(GROUP, {"type": "realtime.event", "body": body.decode()}, by=by)
    return True


def carrier() -> type[Carrier] | None:
    """Return the carrier of events to other processes: the channel layer, PostgreSQL, or None."""
    if is_usable():
        return ChannelLayerCarrier
    return postgresql.EventsCarrier if postgresql.carries_events() else None


class EventBus(Listener):
    """Receives events, and messages about live texts, for one event loop, until `close`."""

    def __init__(self, deliver: Deliver, take_text: TakeText, joined: Callable[[], None] = lambda: None) -> None:
        self._report_joined = joined  # called whenever messages of other processes arrive from now on
        self._deliver = deliver
        self._take_text = take_text
        # by process: the delay of its quickest event in seconds, and when it was measured
        self._quickest: dict[str, tuple[float, float]] = {}
        self._joined = False  # whether the layer reaches this process
        super().__init__(self._listen(), name="realtime events")
        with _lock:
            _buses.add(self)

    def put(self, envelope: Envelope) -> None:
        """Deliver an event; for any thread."""
        self._call_soon(self._deliver, envelope, time.monotonic())

    def put_text(self, message: TextMessage) -> None:
        """Deliver a message about a live text; for any thread."""
        self._call_soon(self._take_text, message)

    def _unregister(self) -> None:
        with _lock:
            _buses.discard(self)

    def _listen(self) -> Coroutine[None, None, None] | None:
        by = carrier()
        if by is postgresql.EventsCarrier:
            return postgresql.listen_to_events(self._take, joined=self._join)
        if by is None:
            return None
        outage = Outage(
            "the channel layer",
            gone="The channel layer is gone (%s): events reach this process alone.",
            back="The channel layer is back: events reach all processes again.",
        )
        return channel_layer.listen_to(GROUP, self._take_message, joined=self._join, outage=outage)

    def _join(self) -> None:
        self._joined = True
        self._report_joined()

    def _take_message(self, message: Message) -> None:
        if message["type"] != channel_layer.WAKE_UP:
            self._take(message.get("body"))

    def _take(self, body: Any) -> None:
        try:
            envelope = _decoder.decode(body)
        except (TypeError, msgspec.DecodeError):
            logger.warning("Another process sent a message to %s that is not an event.", GROUP)
            return
        if envelope.origin == origin():
            return
        if not isinstance(envelope, Envelope):
            self._take_text(envelope)
        else:
            self._deliver(envelope, time.monotonic() - self._delay(envelope))

    def _delay(self, envelope: Envelope) -> float:
        """Return an event's delay in seconds beyond its process's quickest one, which shows how the clocks differ."""
        if not envelope.sent:  # by a process with an older version
            return 0.0
        now, seconds = time.monotonic(), time.time() - envelope.sent
        least, since = self._quickest.get(envelope.origin, (seconds, now))
        if seconds <= least or now - since > CLOCK_SECONDS:
            if len(self._quickest) >= PROCESSES:
                self._quickest.clear()
            self._quickest[envelope.origin] = least, since = (seconds, now)
        return seconds - least


_warned = False


def _warn_lost() -> None:
    global _warned
    if not _warned:
        _warned = True
        logger.warning(
            "An event was sent in a process without clients, and nothing carries it to others: nobody receives it. "
            'Use PostgreSQL, or set CHANNEL_LAYERS["default"]["BACKEND"] to '
            '"channels_redis.pubsub.RedisPubSubChannelLayer".'
        )
