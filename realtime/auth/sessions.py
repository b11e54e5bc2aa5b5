"""Sessions and their users, read for many connections at once.

A thousand clients that reconnect at once cost a few statements. This covers sessions in the database, and users of
`ModelBackend.get_user`, which Django reads one by one. For everything else (another store, another backend, an invalid
login), Django's own functions decide.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from functools import cached_property, partial
from importlib import import_module
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string

from realtime.auth.users import user_model, visitor

UNKNOWN_END_SECONDS = 600.0  # how often to check sessions whose end is not recorded


class Login(NamedTuple):
    """A session and its user, who may be anonymous."""

    user: Any
    session: Any


def is_session_key(text: str) -> bool:
    """Return whether a session store may have created this key; databases and caches refuse other characters."""
    return text.isascii() and text.isprintable() and " " not in text


class Logins:
    """The current logins of these sessions. There must not be more of them than one statement may contain."""

    def __init__(self, session_keys: Iterable[str]) -> None:
        self._ends: dict[str, Any] = {}
        # a key that Django has not created might break the statement for all
        keys = {key for key in session_keys if key.isascii() and key.isalnum()}
        self._sessions: dict[str, Any] = {}
        self._missing: set[str] = set()  # keys without a session
        if keys and self._store and _reads_rows(self._store):
            self._sessions = self._read_sessions(keys)
            found = {key.casefold() for key in self._sessions}  # MySQL ignores case
            self._missing = {key for key in keys if key.casefold() not in found}
        self._users = _read_users(self._user_keys())

    @cached_property
    def _store(self) -> Any:
        return session_store()

    def __getitem__(self, session_key: str) -> Login:
        """Return the login of one of these sessions, or of another one, which is read by itself."""
        if self._store is None:
            return Login(visitor(), None)
        session = self._sessions.get(session_key)
        if session is None:
            session = self._store(None if session_key in self._missing else session_key)
        if not apps.is_installed("django.contrib.auth"):
            return Login(visitor(), session)
        user = self._user(session) or get_user(_Request(session))  # type: ignore[arg-type]
        return Login(user, session)

    def _read_sessions(self, keys: Collection[str]) -> dict[str, Any]:
        found = {}
        rows = self._store.get_model_class().objects
        for row in rows.filter(session_key__in=keys, expire_date__gt=timezone.now()):
            session = found[row.session_key] = self._store(row.session_key)
            session.load = partial(session.decode, row.session_data)
            self._ends[row.session_key] = row.expire_date
        return found

    def _user_keys(self) -> set[str]:
        found = set()
        for session_key, session in list(self._sessions.items()):
            if not apps.is_installed("django.contrib.auth"):
                break
            try:
                found.add(_user_key(session))
            except Exception:  # Django raises it again, for this session only
                del self._sessions[session_key]
        return {key for key in found if key}

    def _user(self, session: Any) -> Any:
        """Return the user if the login passes all of Django's checks, or None to leave the decision to Django."""
        key = _user_key(session)
        user = self._users.get(key) if key else None
        proof = session.get(HASH_SESSION_KEY)
        if user is None or not proof or not hasattr(user, "get_session_auth_hash"):
            return None
        backend = import_string(session[BACKEND_SESSION_KEY])()
        holds = backend.user_can_authenticate(user) and constant_time_compare(proof, user.get_session_auth_hash())
        return user if holds else None

    def seconds_left(self, session: Any) -> float:
        """Return in how many seconds the session of a login expires."""
        if not hasattr(session, "get_model_class"):  # other stores do not report when a session ends
            return min(float(session.get_expiry_age()), UNKNOWN_END_SECONDS)
        ends = self._ends.get(session.session_key)
        if ends is None:
            rows = session.model.objects.filter(session_key=session.session_key)
            ends = rows.values_list("expire_date", flat=True).first()
        return 0.0 if ends is None else max(0.0, (ends - timezone.now()) / timedelta(seconds=1))


def session_store() -> Any:
    """Return the class of the session store, or None if the project has no sessions."""
    try:
        store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    except (ImportError, AttributeError):  # requests that need a session raise it
        return None
    if hasattr(store, "get_model_class"):
        try:
            store.get_model_class()
        except RuntimeError:  # "isn't in an application in INSTALLED_APPS"
            return None
    return store


class _Request:
    """The part of a request that Django's `get_user` uses."""

    def __init__(self, session: Any) -> None:
        # with a key of SECRET_KEY_FALLBACKS, `get_user` would change the session key, but no response sets the cookie
        session.cycle_key = lambda: None
        self.session = session


def _reads_rows(store: Any) -> bool:
    """Return whether the store reads sessions from rows of the database exactly as Django does."""
    names = ("load", "_get_session_from_db")
    return issubclass(store, SessionStore) and all(
        getattr(store, each) is getattr(SessionStore, each) for each in names
    )


def _user_key(session: Any) -> str | None:
    """Return the key of the user that `ModelBackend` would look up for this session."""
    from django.contrib.auth.backends import ModelBackend  # its module has models, which need the app

    path = session.get(BACKEND_SESSION_KEY)
    if path not in settings.AUTHENTICATION_BACKENDS:
        return None
    by_model = getattr(import_string(path), "get_user", None) is ModelBackend.get_user
    return session.get(SESSION_KEY) if by_model else None


def _read_users(keys: Collection[str]) -> dict[str, Any]:
    model = user_model()
    if not keys or model is None:
        return {}
    known = set()
    for key in keys:
        try:
            known.add(model._meta.pk.to_python(key))
        except ValidationError:
            continue
    return {model._meta.pk.value_to_string(user): user for user in model._default_manager.filter(pk__in=known)}
