"""Reception: the one place where a client is let in, whichever transport it comes by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from realtime import drain, reporting
from realtime.connection import Connection, Transport
from realtime.exceptions import GoingAway
from realtime.figures import count
from realtime.hub import get_hub
from realtime.identity import identity_of
from realtime.origins import check_origin
from realtime.quotas import client_address


def check_scope(scope: Mapping[str, Any]) -> None:
    """Whether the page that made this request, or this handshake, may connect. Raise `OriginRefused`."""
    headers = _headers(scope["headers"])
    check_origin(
        origin=headers.get(b"origin"),
        host=headers.get(b"host"),
        forwarded_host=headers.get(b"x-forwarded-host"),
    )


async def let_in(
    transport: Transport, *, scope: Mapping[str, Any], user: Any, session: Any, windows: int = 1
) -> Connection:
    """A connection for whoever has sent this ASGI scope; user and session are what the middleware found in it.

    A server that is stopping tells it so at once.
    It may be sent `windows` times REALTIME_WINDOW_FRAMES messages before it acknowledges; the bytes are the same.
    Raise `OriginRefused`, or `Overloaded` where the user or the address has too many connections.
    """
    check_scope(scope)
    hub = get_hub()
    identity = await hub.run(identity_of, user, session)
    address = client_address(peer=(scope.get("client") or [None])[0], headers=_headers(scope["headers"]))
    connection = Connection(hub=hub, transport=transport, identity=identity, address=address, windows=windows)
    count("connections", scope["type"])
    drain.watch(hub)
    reporting.watch(hub)
    if hub.draining:
        connection.end(GoingAway())
    return connection


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    return {name.lower(): value.decode("latin1") for name, value in pairs}
