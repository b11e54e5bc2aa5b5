"""Events: ephemeral messages, and their callbacks by name."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from realtime.client.subscriptions import Message

logger = logging.getLogger("realtime.client")


@dataclass(slots=True, frozen=True)
class Event:
    """An ephemeral message from another subscriber or from the server.

    `sender` is the sending user's primary key, or None for an anonymous user. `from_server` is true if it came from
    the server itself.
    """

    name: str
    data: Any
    sender: str | None
    from_server: bool


EventListener = Callable[[Event], object]
Cancel = Callable[[], None]


class EventListeners:
    """Callbacks by event name. An exception in one is logged and does not affect the others."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[EventListener]] = {}

    def on(self, name: str, callback: EventListener) -> Cancel:
        """Call `callback` for each event with this name. Returns a function that stops it."""

        def listener(event: Event) -> object:  # the same callback may be added twice
            return callback(event)

        listeners = self._by_name.setdefault(name, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener) if listener in listeners else None

    def dispatch(self, message: Message) -> None:
        event = Event(message["name"], message.get("data"), message.get("sender"), "sender" not in message)
        for listener in list(self._by_name.get(event.name, ())):
            call_safely(listener, event)


def call_safely(callback: Callable[..., object], *args: object) -> None:
    """Call a callback, and log its exception, so that the connection continues."""
    try:
        callback(*args)
    except Exception:
        logger.exception("A listener has failed.")
