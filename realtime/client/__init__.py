"""A client of live queries for other services, in async Python; it imports no Django.

Install it with `pip install django-live-queries[client]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from realtime.client.errors import RemoteError
from realtime.client.events import Event
from realtime.client.live_query import Change, LiveQuery, Presence

if TYPE_CHECKING:
    from realtime.client.client import Client
    from realtime.client.connection import Token

__all__ = ["Change", "Client", "Event", "LiveQuery", "Presence", "RemoteError", "connect"]


def connect(
    url: str, *, token: Token | None = None, session: str = "", headers: Mapping[str, str] | None = None
) -> Client:
    """A client of the server at this address ("wss://example.com/realtime/ws/").

    `token` names the user: a string, or a function (a coroutine function too) that is asked for one on each
    connection, and again before the one at hand ends. `session` is the key of a Django session, sent as the cookie
    `sessionid`. `headers` are sent with each handshake.

        async with connect("wss://example.com/realtime/ws/", token=new_token) as client:
            tasks = client.subscribe("tasks", {"project": 7})
            print(await tasks.ready())
    """
    # here, since both need the extra, and what else is in this package does not
    from realtime.client.client import Client
    from realtime.client.connection import Connection

    cookie = {"Cookie": f"sessionid={session}"} if session else {}
    return Client(Connection(url, token=token, headers={**cookie, **(headers or {})}))


def __getattr__(name: str) -> Any:
    if name != "Client":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from realtime.client.client import Client

    return Client
