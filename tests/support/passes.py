"""Who has a token, in the tests: a name, and the seconds that it is good for from the test's own moment on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core import signing
from django.utils import timezone

SALT = "tests.passes"
withdrawn: set[str] = set()


def token(user: str, *, seconds: float | None = None) -> str:
    """A token of the user, which ends after so many seconds."""
    ends = None if seconds is None else (timezone.now() + timedelta(seconds=seconds)).timestamp()
    return signing.dumps([user, ends], salt=SALT)


def authenticate(token: str) -> Any:
    """The hook that REALTIME_AUTHENTICATE names."""
    try:
        name, ends = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    user = User.objects.filter(username=name).first()
    return None if token in withdrawn else (user, ends)


async def aauthenticate(token: str) -> Any:
    """The same as a coroutine, without an end."""
    return await User.objects.filter(username=token).afirst()


def fail(token: str) -> Any:
    raise RuntimeError("secret")
