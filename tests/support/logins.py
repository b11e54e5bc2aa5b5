"""Logins: sessions of people who are logged in, without the half a second that checking a password takes by design."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


def session_data(user: Any, **other: Any) -> dict[str, Any]:
    """What Django keeps in the session of a user, and `other`; a None takes out what has this name."""
    data = {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: MODEL_BACKEND,
        HASH_SESSION_KEY: user.get_session_auth_hash(),
        **other,
    }
    return {name: value for name, value in data.items() if value is not None}


def new_session(user: Any, *, engine: str = "", **other: Any) -> str:
    """The key of a new session of the user, in the store of the settings or another one."""
    store = import_module(engine or settings.SESSION_ENGINE).SessionStore()
    store.update(session_data(user, **other))
    store.save()
    return str(store.session_key)
