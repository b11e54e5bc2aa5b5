"""Identity: who a connection belongs to, and whether that login is still valid."""

from __future__ import annotations

import hashlib
import inspect
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync
from django.contrib.auth import SESSION_KEY
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.utils import timezone
from django.utils.module_loading import import_string

from realtime.auth import locale
from realtime.auth.sessions import Logins
from realtime.auth.users import user_model, visitor
from realtime.changelog.caches import bypass_caches
from realtime.conf import settings as own_settings
from realtime.exceptions import BadMessage, SessionEnded
from realtime.streams.surroundings import SITE, Surroundings


class Identity(NamedTuple):
    """A user's key, and the session or token of the login; all None for a visitor.

    With both, the token identifies the user, and the identity also ends with the same user's session.

    `visitor` is a digest of a visitor's session, if there is one; it distinguishes calls of different visitors.
    `surroundings` are those of the connection, such as the language of messages to the user.
    """

    user: str | None = None
    session: str | None = None
    token: str | None = None
    visitor: str | None = None
    surroundings: Surroundings = SITE

    @property
    def owner(self) -> str:
        """The owner of calls with this identity."""
        return f"visitor {self.visitor or ''}" if self.user is None else f"user {self.user}"


class Standing(NamedTuple):
    """The current user of an identity. `holds` is false after a logout; `seconds` is the time until the next check."""

    user: Any
    holds: bool
    seconds: float | None = None


class SessionCookie(NamedTuple):
    """The session key in a client's cookie, if there is one, and the surroundings according to its headers."""

    session_key: str | None
    surroundings: Surroundings


def identity_of(user: Any, session: Any, surroundings: Surroundings = SITE) -> Identity:
    """Return a connection's identity, from the middleware's user and session, if the user comes from the session."""
    key = user_key(user)
    here = locale.of_viewer(surroundings, user, session)
    if session is None or not session.session_key:
        return Identity(key, surroundings=here)
    if key is None:
        return Identity(visitor=session_digest(session.session_key), surroundings=here)
    own = session.session_key if str(session.get(SESSION_KEY)) == key else None
    return Identity(key, own, surroundings=here)


def identity_by_cookie(cookie: SessionCookie, logins: Logins) -> Identity:
    """Return the identity of a connection without middleware, by the session key in its cookie."""
    if not cookie.session_key:
        return Identity(surroundings=cookie.surroundings)
    login = logins[cookie.session_key]
    return identity_of(login.user, login.session, cookie.surroundings)


def user_key(user: Any) -> str | None:
    """Return the user's primary key as text, or None for a visitor who is not logged in."""
    return str(user.pk) if getattr(user, "is_authenticated", False) else None


def session_digest(session_key: str) -> str:
    """Return the name of a session in the log; with the key itself, readers of the log could log in."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:40]


@bypass_caches
def current(identity: Identity, logins: Logins | None = None) -> Standing:
    """Read who this is now: session, password, `is_active` and all. Sessions in `logins` have already been read."""
    if identity.user is None:
        return Standing(visitor(), holds=True)
    if identity.token is not None:
        return _by_token(identity.user, identity.token)
    if identity.session is not None:
        logins = logins or Logins([identity.session])
        login = logins[identity.session]
        if user_key(login.user) != identity.user:
            return Standing(visitor(), holds=False)
        return Standing(login.user, holds=True, seconds=logins.seconds_left(login.session))
    model = user_model()
    if model is None:
        return Standing(visitor(), holds=False)
    try:
        user = model._default_manager.get(pk=identity.user)
    except (ObjectDoesNotExist, ValidationError, ValueError):
        return Standing(visitor(), holds=False)
    return Standing(user, holds=True) if user.is_active else Standing(visitor(), holds=False)


def identify(token: str) -> tuple[Identity, Standing]:
    """Return the user of a bearer token. Raise `SessionEnded`, or `BadMessage` if the server takes no tokens."""
    if not own_settings.AUTHENTICATE:
        raise BadMessage("This server does not accept tokens: REALTIME_AUTHENTICATE is not set.")
    standing = _by_token(None, token)
    if not standing.holds:
        raise SessionEnded("The token is invalid or has expired.")
    return Identity(user_key(standing.user), token=token), standing


def _by_token(key: str | None, token: str) -> Standing:
    anonymous = Standing(visitor(), holds=False)
    if not own_settings.AUTHENTICATE:
        return anonymous
    authenticate = import_string(own_settings.AUTHENTICATE)
    answer = async_to_sync(authenticate)(token) if inspect.iscoroutinefunction(authenticate) else authenticate(token)
    user, expires = answer if isinstance(answer, tuple) else (answer, None)
    if user_key(user) is None or not user.is_active or key not in (None, user_key(user)):
        return anonymous
    if expires is None:
        return Standing(user, holds=True)
    seconds = (_moment(expires) - timezone.now()) / timedelta(seconds=1)
    return Standing(user, holds=True, seconds=seconds) if seconds > 0 else anonymous


def _moment(expires: datetime | float) -> datetime:
    """Return when a token expires; `expires` is a datetime, or the seconds since 1970 of a JWT."""
    if not isinstance(expires, datetime):
        return datetime.fromtimestamp(expires, tz=UTC)
    return expires if timezone.is_aware(expires) else timezone.make_aware(expires)
