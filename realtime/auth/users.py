"""Users of the project. It may have none, and leave out `django.contrib.auth` and sessions."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import router

from realtime.models import HAS_USERS, Change


class Visitor:
    """An anonymous user in a project without `django.contrib.auth`; other projects have Django's `AnonymousUser`."""

    pk = id = None
    username = ""
    is_authenticated = is_active = is_staff = is_superuser = False
    is_anonymous = True

    def __str__(self) -> str:
        return "AnonymousUser"

    def get_username(self) -> str:
        return self.username

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return False

    def has_perms(self, perm_list: object, obj: object = None) -> bool:
        return False

    def has_module_perms(self, module: str) -> bool:
        return False


def visitor() -> Any:
    """Return an anonymous user."""
    if not apps.is_installed("django.contrib.auth"):
        return Visitor()
    from django.contrib.auth.models import AnonymousUser  # its module has models, which need the app

    return AnonymousUser()


def described(user: Any) -> str:
    """Return how a hint calls the user, by name with DEBUG alone: hints are logged, and a name may be an address."""
    if not user.is_authenticated:
        return "a visitor who is not logged in"
    return f"the user {user.get_username()!r}" if settings.DEBUG else "the user"


def user_model() -> Any:
    """Return the user model, or None if there is none."""
    return get_user_model() if HAS_USERS else None


def access_log_model() -> Any:
    """Return a model of the database whose log records access changes: the user model, or the log without users."""
    return user_model() or Change


def user_database() -> str:
    """Return the database of the users, whose log also records access changes."""
    return router.db_for_write(access_log_model())
