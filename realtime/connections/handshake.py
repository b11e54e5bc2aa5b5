"""Handshake: the one place where a client's connection is opened, for every transport."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.http import parse_cookie

from realtime.auth import locale
from realtime.auth.identity import Identity, SessionCookie, identity_by_cookie, identity_of
from realtime.auth.limits import client_address
from realtime.auth.origins import check_origin
from realtime.auth.sessions import Logins, is_session_key
from realtime.connections.connection import Connection
from realtime.connections.peer import Transport
from realtime.exceptions import GoingAway, OriginRefused, Overloaded
from realtime.hub import shutdown, status
from realtime.hub.counters import count
from realtime.hub.hub import get_hub

logger = logging.getLogger("realtime.connections")

Found = TypeVar("Found")

UNKNOWN = object()


class Handshake(NamedTuple):
    """A client's address, after its origin was accepted. Created only by `check_handshake`."""

    address: str  # "" if unknown
    scheme: str  # "websocket" or "http"
    cookie: SessionCookie


def log_refusal(error: OriginRefused) -> None:
    """Log the reason, which a page of another site is not shown."""
    logger.warning("Refused: %s", error, extra={"code": error.code.name.lower()})


def check_handshake(scope: Mapping[str, Any], *, logs: bool = True) -> Handshake:
    """Check the headers of a request or handshake. Raise `OriginRefused` if its origin may not connect.

    `logs`: the reason is logged.
    """
    headers: dict[bytes, str] = {}
    for name, value in ((name.lower(), value.decode("latin1")) for name, value in scope["headers"]):
        # some proxies append a line instead of a value
        headers[name] = f"{headers[name]}, {value}" if name == b"x-forwarded-for" and name in headers else value
    try:
        check_origin(
            origin=headers.get(b"origin"),
            host=headers.get(b"host"),
            forwarded_host=headers.get(b"x-forwarded-host"),
        )
    except OriginRefused as error:
        if logs:
            log_refusal(error)
        raise
    address = client_address(peer=(scope.get("client") or [None])[0], headers=headers)
    cookies = parse_cookie(headers.get(b"cookie", ""))
    surroundings = locale.of_headers(
        prefix=scope.get("root_path", ""), cookies=cookies, accept_language=headers.get(b"accept-language", "")
    )
    session_key = cookies.get(settings.SESSION_COOKIE_NAME) or None
    if session_key is not None and not is_session_key(session_key):
        session_key = None  # anonymous
    return Handshake(address, scope["type"], SessionCookie(session_key, surroundings))


async def _identify(cookie: SessionCookie) -> Identity:
    identity: Identity = (await get_hub().run_together(identity_by_cookie, _logins, cookie)).answer
    return identity


async def look_up(
    handshake: Handshake, work: Coroutine[Any, Any, Found], *, whose: Callable[[Found], str | None]
) -> Found:
    """Look up a session cookie with `work`, within limits; `whose` returns the user's key from its result.

    Cookies can be invented, so a cookie counts for its address until its user is known.
    Raise `Overloaded` if the anonymous clients of the address, or the user, exceed the limit.
    """
    if handshake.cookie.session_key is None:
        return await work
    quotas, now = get_hub().quotas, asyncio.get_running_loop().time()
    visitors = quotas.of(user=None, address=handshake.address, now=now)
    try:
        visitors.take_check(now)
    except Overloaded:
        work.close()
        raise
    found = await work
    if (user := whose(found)) is not None:
        visitors.checks.give_back()
        quotas.of(user=user, address="", now=now).take_check(now)
    return found


def _logins(cookies: Sequence[SessionCookie]) -> Logins:
    return Logins(cookie.session_key for cookie in cookies if cookie.session_key)


async def open_connection(
    transport: Transport, handshake: Handshake, *, user: Any = UNKNOWN, session: Any = None, windows: int = 1
) -> Connection:
    """Open a connection for a new client.

    `user` and `session` come from middleware. Without them, they are looked up by the session cookie, in a
    thread whose database connection is already open.
    If the server is stopping, the client is disconnected at once, with the reason.
    Up to `windows` times the limit `window_frames` may be sent before the client acknowledges;
    the limit of bytes is unchanged.
    Raise `Overloaded` if the user or the address exceeds its limit of connections or of session look-ups.
    """
    hub = get_hub()
    if user is UNKNOWN:
        identity = await look_up(handshake, _identify(handshake.cookie), whose=lambda identity: identity.user)
    else:
        identity = await hub.run(identity_of, user, session, handshake.cookie.surroundings)
    connection = Connection(
        hub=hub, transport=transport, identity=identity, address=handshake.address, windows=windows
    )
    count("connections", handshake.scheme)
    shutdown.watch(hub)
    status.watch(hub)
    if hub.draining:
        connection.end(GoingAway())
    return connection
