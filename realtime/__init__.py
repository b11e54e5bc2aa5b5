"""Rows of Django models, live in the browser.

The path of a change, and the room that each step is in:

    a row changes          capture     the ORM's statements, or triggers, notice it
    it is written down     changelog   in the writer's own transaction; on commit, wakeups
    it is read             hub         one per process; queries finds the live queries it concerns,
                                       reads what changed in them, and encodes it once
    it is handed on        connection  protocol's ClientSession says what each client may be sent
    it travels             transports  WebSocket, Server-Sent Events, long-poll
    it is shown            static      the browser's half applies the frame whole

and back: transports, connection, actions, the stream's own method, the ORM, and so to capture again.

Beside it: events carries what nobody needs to keep, judged by sending; attendance knows who is here, and presence
writes it down, as rows like any other.

Its names are loaded when they are asked for. So this module reaches no model, and can be imported before Django's apps
are ready; and `realtime.client`, which lies in the same package, needs no Django at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime.exceptions import (
        ActionError,
        BadParameters,
        ClientError,
        EventTooLarge,
        Forbidden,
        InvalidArguments,
        NotFound,
        RealtimeError,
        Refusal,
        StreamDefinitionError,
        UnknownAction,
        UnknownEvent,
        UnknownStream,
    )
    from realtime.streams.decorators import action, event, live_value
    from realtime.streams.presence import PresenceStream
    from realtime.streams.registry import register
    from realtime.streams.stream import ModelStream
else:  # where a type checker would take every name for one that there is

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_MODULES.get(name, "realtime.exceptions")), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


_MODULES = {
    "ModelStream": "realtime.streams.stream",
    "PresenceStream": "realtime.streams.presence",
    "action": "realtime.streams.decorators",
    "event": "realtime.streams.decorators",
    "live_value": "realtime.streams.decorators",
    "register": "realtime.streams.registry",
}

__version__ = "0.1.0"


def revoke(user: object) -> None:
    """Have a user's access asked again, in every process, within a second.

    Django's own grounds (logout, password, `is_active`, groups, permissions) and the models named in a stream's
    `authorize_depends_on` are noticed without this; it is for grounds that the database does not hold. `user` is one
    or a user's primary key. Subscriptions that `authorize` now refuses end, and their rows leave the page.

        blocklist.add(user)
        realtime.revoke(user)
    """
    from realtime.capture import access  # reaches models

    access.revoke(user)


async def arevoke(user: object) -> None:
    """`revoke`, for async code."""
    from asgiref.sync import sync_to_async  # which comes with Django

    await sync_to_async(revoke)(user)


_EVERYONE: object = object()


def send_event(
    stream: str, params: Mapping[str, object], name: str, data: object = None, *, audience: object = _EVERYONE
) -> None:
    """Send an event to all who look at a live query now, from any process. It may be lost.

    `data` is anything that JSON has, up to 8 KiB. `audience` narrows it down to those whose audience the stream gives
    as this value. It never waits: nothing is known of who got it. In a transaction, send it with `on_commit`. Other
    processes are reached through a channel layer on Redis. Raise `UnknownStream`, `BadParameters` or `EventTooLarge`.

        realtime.send_event("tasks", {"project": 7}, "imported", {"count": 120})
    """
    from realtime import events, sending  # reach models

    narrowed = sending.EVERYONE if audience is _EVERYONE else audience
    events.publish(sending.event_for(stream, params, name, data, audience=narrowed))


async def asend_event(
    stream: str, params: Mapping[str, object], name: str, data: object = None, *, audience: object = _EVERYONE
) -> None:
    """`send_event`, for async code."""
    send_event(stream, params, name, data, audience=audience)


def send_user_event(user: object, name: str, data: object = None) -> None:
    """Send an event to all pages that a user has open and connected, from any process. It may be lost.

    `user` is one or a user's primary key; the rest is as for `send_event`.

        realtime.send_user_event(request.user, "toast", {"text": "Your export is ready."})
    """
    from realtime import events, sending  # reach models

    events.publish(sending.user_event(user, name, data))


async def asend_user_event(user: object, name: str, data: object = None) -> None:
    """`send_user_event`, for async code."""
    send_user_event(user, name, data)


__all__ = [
    "ActionError",
    "BadParameters",
    "ClientError",
    "EventTooLarge",
    "Forbidden",
    "InvalidArguments",
    "ModelStream",
    "NotFound",
    "PresenceStream",
    "RealtimeError",
    "Refusal",
    "StreamDefinitionError",
    "UnknownAction",
    "UnknownEvent",
    "UnknownStream",
    "action",
    "arevoke",
    "asend_event",
    "asend_user_event",
    "event",
    "live_value",
    "register",
    "revoke",
    "send_event",
    "send_user_event",
]
