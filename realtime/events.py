"""Events: ephemeral messages for those who look at a live query, or for one user. They may be lost.

An event reaches the hubs of its own process at once. To other processes it goes through the channel layer, where there
is one that reaches them: all hubs are in one group, with one channel per process, and each finds its own clients.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import threading
from collections.abc import Callable
from typing import Any

import msgspec
from channels.layers import get_channel_layer

from realtime.relay import Listener, Outage, is_usable, send

logger = logging.getLogger("realtime.wakeups")

GROUP = "realtime.events"
MAX_EVENT_BYTES = 8 * 1024  # of its data as JSON
JOIN_SECONDS = 20.0  # a layer that was flushed has forgotten its groups

_PROCESS = secrets.token_hex(8)


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event and whom it is for: a user, or a live query, whose `params` are as `ModelStream.params_key` has them.

    `audience` narrows it down to one: its type and its text. `origin` is the process that it comes from.
    """

    name: str
    data: msgspec.Raw
    stream: str = ""
    params: str = ""
    audience: tuple[str, str] | None = None
    user: str | None = None
    sender: str | msgspec.UnsetType | None = msgspec.UNSET
    origin: str = ""


Deliver = Callable[[Envelope], None]

_decoder = msgspec.json.Decoder(Envelope)
_lock = threading.Lock()
_exchanges: set[Exchange] = set()


def audience_text(audience: object) -> tuple[str, str]:
    """An audience as an envelope has it: True and 1 are two."""
    return type(audience).__name__, str(audience)


def publish(envelope: Envelope, *, but: Exchange | None = None) -> None:
    """Hand an event to every hub; `but` is one that has it already. Never block, never raise; from any thread."""
    with _lock:
        exchanges = [exchange for exchange in _exchanges if exchange is not but]
    for exchange in exchanges:
        exchange.put(envelope)
    if is_usable():
        body = msgspec.json.encode(msgspec.structs.replace(envelope, origin=_origin()))
        send(GROUP, {"type": "realtime.event", "body": body.decode()})
    elif not exchanges and but is None:
        _say_alone()


class Exchange(Listener):
    """Takes in the events for one hub, in its event loop, until `close`."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._joined = False  # the layer reaches this process
        super().__init__(self._listen() if is_usable() else None, name="realtime events")
        with _lock:
            _exchanges.add(self)

    def put(self, envelope: Envelope) -> None:
        """May be called from any thread."""
        self._hear(self._deliver, envelope)

    def _forget(self) -> None:
        with _lock:
            _exchanges.discard(self)

    async def _listen(self) -> None:
        layer: Any = get_channel_layer()
        outage = Outage(
            "the channel layer",
            gone="The channel layer is gone (%s): events reach this process alone.",
            back="The channel layer is back: events reach all processes again.",
        )
        while True:
            try:
                channel = await layer.new_channel("realtime")
                while True:
                    await layer.group_add(GROUP, channel)
                    self._joined = True
                    outage.over()
                    try:
                        async with asyncio.timeout(JOIN_SECONDS):
                            while True:
                                self._take(await layer.receive(channel))
                    except TimeoutError:
                        continue
            except Exception as error:  # every layer has errors of its own
                await asyncio.sleep(outage.failed(error))

    def _take(self, message: dict[str, Any]) -> None:
        try:
            envelope = _decoder.decode(message["body"])
        except (KeyError, TypeError, msgspec.DecodeError):
            logger.warning("Something that is no event came through the group %s of the channel layer.", GROUP)
            return
        if envelope.origin != _origin():
            self._deliver(envelope)


_said_alone = False


def _origin() -> str:
    return f"{_PROCESS}.{os.getpid()}"  # a forked process has the same first half


def _say_alone() -> None:
    global _said_alone
    if not _said_alone:
        _said_alone = True
        logger.warning(
            "An event was sent in a process without clients, and no channel layer reaches other processes: "
            'nobody gets it. Set CHANNEL_LAYERS["default"]["BACKEND"] to '
            '"channels_redis.pubsub.RedisPubSubChannelLayer".'
        )
