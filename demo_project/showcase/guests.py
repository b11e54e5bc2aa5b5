"""The guests of the showcase: two users without a password, whose pages identify them by a token, not by a cookie."""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core import signing

GUESTS = {"mia": "Mia Berg", "noah": "Noah Adeyemi"}
PLAYER = ("robin", "Robin Lindqvist")

SALT = "demo_project.showcase"
HOUR = 3600


def sign(guest: AbstractBaseUser) -> str:
    """Return a token that identifies the guest for an hour."""
    return signing.dumps([guest.pk, int(time.time()) + HOUR], salt=SALT)


def authenticate(token: str) -> tuple[AbstractBaseUser | None, int] | None:
    """Return the guest of a token and when it expires, as `REALTIME_AUTHENTICATE` wants it. Nobody else has tokens."""
    try:
        pk, expires = signing.loads(token, salt=SALT, max_age=HOUR)
    except signing.BadSignature:
        return None
    return get_user_model().objects.filter(pk=pk, username__in=GUESTS).first(), expires


def make_guest(username: str, name: str) -> Any:
    first_name, last_name = name.split()
    user = get_user_model()(username=username, first_name=first_name, last_name=last_name)
    user.set_unusable_password()
    user.save()
    return user
