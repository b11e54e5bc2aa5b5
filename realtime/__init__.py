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

This module reaches no model, so that it can be imported before Django's apps are ready.
"""

from __future__ import annotations

from asgiref.sync import sync_to_async

from realtime.exceptions import (
    ActionError,
    BadParameters,
    ClientError,
    Forbidden,
    InvalidArguments,
    NotFound,
    RealtimeError,
    Refusal,
    StreamDefinitionError,
    UnknownAction,
    UnknownStream,
)
from realtime.streams.decorators import action, live_value
from realtime.streams.registry import register
from realtime.streams.stream import ModelStream

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
    await sync_to_async(revoke)(user)


__all__ = [
    "ActionError",
    "BadParameters",
    "ClientError",
    "Forbidden",
    "InvalidArguments",
    "ModelStream",
    "NotFound",
    "RealtimeError",
    "Refusal",
    "StreamDefinitionError",
    "UnknownAction",
    "UnknownStream",
    "action",
    "arevoke",
    "live_value",
    "register",
    "revoke",
]
