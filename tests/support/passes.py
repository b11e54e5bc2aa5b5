"""Who has a token, in the tests: a name, and the seconds that it is good for."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core import signing
from django.utils import timezone

SALT = "tests.passes"
withdrawn: set[str] = set()
_ends: dict[str, float] = {}


def token(user: str, *, seconds: float | None = None) -> str:
    """A token of the user, which ends so many seconds after it is first shown: however slow the machine is."""
    return signing.dumps([user, seconds, secrets.token_hex(8)], salt=SALT)


def _end(token: str, seconds: float) -> float:
    return _ends.setdefault(token, (timezone.now() + timedelta(seconds=seconds)).timestamp())


def authenticate(token: str) -> Any:
    """The hook that REALTIME_AUTHENTICATE names."""
    try:
        name, seconds, _ = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    user = User.objects.filter(username=name).first()
    return None if token in withdrawn else (user, None if seconds is None else _end(token, seconds))


async def aauthenticate(token: str) -> Any:
    """The same as a coroutine, without an end."""
    return await User.objects.filter(username=token).afirst()


def fail(token: str) -> Any:
    raise RuntimeError("secret")
