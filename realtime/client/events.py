"""Events: what others say, and those who listen to it, by name."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from realtime.client.wires import Message

logger = logging.getLogger("realtime.client")


@dataclass(slots=True, frozen=True)
class Event:
    """What somebody who sees the same has said, or the server; it is kept nowhere.

    `sender` is the key of the user who sent it, None for a visitor; with `from_server` nobody did but the server.
    """

    name: str
    data: Any
    sender: str | None
    from_server: bool


EventListener = Callable[[Event], object]
Forget = Callable[[], None]


class EventListeners:
    """Those who listen, by name. What one of them raises is logged, and keeps nothing from the others."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[EventListener]] = {}

    def on(self, name: str, callback: EventListener) -> Forget:
        """Have this called for each event of the name; return what ends it."""

        def listener(event: Event) -> object:  # the same callback may come twice
            return callback(event)

        listeners = self._by_name.setdefault(name, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener) if listener in listeners else None

    def tell(self, message: Message) -> None:
        event = Event(message["name"], message.get("data"), message.get("sender"), "sender" not in message)
        for listener in list(self._by_name.get(event.name, ())):
            call_safely(listener, event)


def call_safely(callback: Callable[..., object], *args: object) -> None:
    """What a user's callback raises must not end the connection."""
    try:
        callback(*args)
    except Exception:
        logger.exception("A listener has failed.")
