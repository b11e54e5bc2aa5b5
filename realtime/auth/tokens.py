"""Page tokens: the subscriptions that a page may make, signed by the server that rendered it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from django.core import signing

from realtime.exceptions import TokenExpired, TokenInvalid
from realtime.streams.surroundings import SITE, Surroundings

SALT = "realtime.subscription"


class Token(msgspec.Struct, array_like=True, frozen=True):
    """A subscription in a page; `user` is the key of the user for whom it was rendered."""

    stream: str
    params: dict[str, Any]
    format: str
    user: str | None
    surroundings: Surroundings = SITE  # of the page


def sign(
    *, stream: str, params: Mapping[str, Any], format: str, user: str | None, surroundings: Surroundings = SITE
) -> str:
    """Return the token as text. It is signed, not encrypted: anyone can read its contents."""
    plain = msgspec.to_builtins(Token(stream, dict(params), format, user, surroundings))
    if surroundings == SITE:  # as on most sites
        plain = plain[:-1]
    return signing.dumps(plain, salt=SALT, compress=True)


def read(text: str, *, user: str | None, max_age: float) -> Token:
    """Return the token if this server has signed it for this user within `max_age` seconds.

    Keys in `SECRET_KEY_FALLBACKS` are accepted. Raise `TokenExpired` or `TokenInvalid`.
    """
    try:
        token = msgspec.convert(signing.loads(text, salt=SALT, max_age=timedelta(seconds=max_age)), Token)
    except signing.SignatureExpired:
        raise TokenExpired("This page has expired. Reload it.") from None
    except Exception:  # a forged text fails in base64, zlib, JSON or the signature
        raise TokenInvalid("The token of this subscription was not issued by this server. Reload the page.") from None
    if token.user != user:
        raise TokenInvalid("This page belongs to another user. Reload it.")
    return token
