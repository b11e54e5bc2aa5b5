"""Reception: the one place where a client is let in, whichever transport it comes by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.http import parse_cookie

from realtime import drain, reporting
from realtime.connection import Connection, Transport
from realtime.exceptions import GoingAway
from realtime.figures import count
from realtime.hub import get_hub
from realtime.identity import identity_by_cookie, identity_of
from realtime.logins import Logins
from realtime.origins import check_origin
from realtime.quotas import client_address

UNKNOWN = object()


class Arrival(NamedTuple):
    """Where a client comes from, whose origin is one that may connect; `arrive` makes it, nothing else does."""

    address: str  # "" where it is not known
    scheme: str  # "websocket" or "http"
    session_key: str | None  # of its session cookie


def arrive(scope: Mapping[str, Any]) -> Arrival:
    """Look at the headers of a request, or of a handshake. Raise `OriginRefused` where its page may not connect."""
    headers = {name.lower(): value.decode("latin1") for name, value in scope["headers"]}
    check_origin(
        origin=headers.get(b"origin"),
        host=headers.get(b"host"),
        forwarded_host=headers.get(b"x-forwarded-host"),
    )
    address = client_address(peer=(scope.get("client") or [None])[0], headers=headers)
    session_key = parse_cookie(headers.get(b"cookie", "")).get(settings.SESSION_COOKIE_NAME)
    return Arrival(address, scope["type"], session_key)


def _logins(session_keys: Sequence[str | None]) -> Logins:
    return Logins(key for key in session_keys if key)


async def let_in(
    transport: Transport, arrival: Arrival, *, user: Any = UNKNOWN, session: Any = None, windows: int = 1
) -> Connection:
    """A connection for whoever has arrived.

    User and session are what the middleware has found; without them they are looked up by the session cookie, in a
    thread whose connection to the database is open already.
    A server that is stopping tells it so at once.
    It may be sent `windows` times REALTIME_WINDOW_FRAMES messages before it acknowledges; the bytes are the same.
    Raise `Overloaded` where the user or the address has too many connections.
    """
    hub = get_hub()
    if user is UNKNOWN:
        identity = await hub.run_together(identity_by_cookie, _logins, arrival.session_key)
    else:
        identity = await hub.run(identity_of, user, session)
    connection = Connection(hub=hub, transport=transport, identity=identity, address=arrival.address, windows=windows)
    count("connections", arrival.scheme)
    drain.watch(hub)
    reporting.watch(hub)
    if hub.draining:
        connection.end(GoingAway())
    return connection
