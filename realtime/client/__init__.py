"""A live query client in async Python, for other services. It does not need Django.

Install it with `pip install django-live-queries[client]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from realtime.client.errors import RemoteError, extra_required
from realtime.client.events import Event
from realtime.client.live_query import Change, LiveQuery, Presence

if TYPE_CHECKING:
    from realtime.client.client import Client
    from realtime.client.connection import Token

__all__ = ["Change", "Client", "Event", "LiveQuery", "Presence", "RemoteError", "connect"]


def connect(
    url: str, *, token: Token | None = None, session: str = "", headers: Mapping[str, str] | None = None
) -> Client:
    """Return a client of the server at this URL ("wss://example.com/realtime/ws/").

    `token` identifies the user: a string, or a function or coroutine function that returns one. The function is called
    for each connection, and before the current token expires. `session` is the key of a Django session, sent as the
    cookie `sessionid`. `headers` are sent with each handshake.

        async with connect("wss://example.com/realtime/ws/", token=new_token) as client:
            tasks = client.subscribe("tasks", {"project": 7})
            print(await tasks.ready())
    """
    # imported here because they need the extra; the rest of this package does not
    with extra_required():
        from realtime.client.client import Client
        from realtime.client.connection import Connection

    cookie = {"Cookie": f"sessionid={session}"} if session else {}
    return Client(Connection(url, token=token, headers={**cookie, **(headers or {})}))


def __getattr__(name: str) -> Any:
    if name != "Client":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from realtime.client.client import Client

    return Client
