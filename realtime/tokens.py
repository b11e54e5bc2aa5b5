"""Tokens: what a page may subscribe to, signed by the server that rendered it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from django.core import signing

from realtime.exceptions import TokenExpired, TokenInvalid

SALT = "realtime.subscription"


class Token(msgspec.Struct, array_like=True, frozen=True):
    """A subscription that a page carries; `user` is the key of the user it was rendered for."""

    stream: str
    params: dict[str, Any]
    format: str
    user: str | None


def sign(*, stream: str, params: Mapping[str, Any], format: str, user: str | None) -> str:
    """The token as text. It is signed, not encrypted: its reader sees what it names."""
    plain = msgspec.to_builtins(Token(stream, dict(params), format, user))
    return signing.dumps(plain, salt=SALT, compress=True)


def read(text: str, *, user: str | None, max_age: float) -> Token:
    """The token, if this server has signed it for this user within `max_age` seconds.

    Keys in `SECRET_KEY_FALLBACKS` are accepted. Raise `TokenExpired` or `TokenInvalid`.
    """
    try:
        token = msgspec.convert(signing.loads(text, salt=SALT, max_age=timedelta(seconds=max_age)), Token)
    except signing.SignatureExpired:
        raise TokenExpired("This page is too old. Load it again.") from None
    except Exception:  # a forged text fails in base64, zlib, JSON or the signature
        raise TokenInvalid(
            "The token of this subscription was not made by this server. Load the page again."
        ) from None
    if token.user != user:
        raise TokenInvalid("This page was made for another user. Load it again.")
    return token
