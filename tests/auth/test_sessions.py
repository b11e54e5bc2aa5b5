"""Logins of many sessions at once: the same results as Django's `get_user`, in few statements."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpRequest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from realtime.auth.sessions import Logins
from tests.support.logins import new_session

pytestmark = [pytest.mark.django_db, pytest.mark.databases]

MODEL = "django.contrib.auth.backends.ModelBackend"


class BackendWithoutBen(ModelBackend):
    """A backend that refuses some users."""

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and not user.username.startswith("ben")


class OwnLookup(ModelBackend):
    """A backend with its own `get_user`."""

    def get_user(self, user_id: Any) -> Any:
        return User.objects.get(username="ada")


@pytest.fixture(autouse=True)
def backends(settings):
    here = __name__
    settings.AUTHENTICATION_BACKENDS = [MODEL, f"{here}.BackendWithoutBen", f"{here}.OwnLookup"]


def session_key(user: User, backend: str = MODEL, **other: Any) -> str:
    return new_session(user, **{BACKEND_SESSION_KEY: backend, **other})


def by_django(key: str) -> Any:
    request = HttpRequest()
    request.session = import_module("django.contrib.sessions.backends.db").SessionStore(key)
    return get_user(request)


def test_same_results_as_django(settings):
    ada, ben, gone, idle = (User.objects.create_user(name) for name in ("ada", "ben", "gone", "idle"))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old" * 20, []
    of_old_secret = session_key(ada)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, ["old" * 20]
    keys = {
        "ada": session_key(ada),
        "ben": session_key(ben),
        "ben of a backend that does not want him": session_key(ben, f"{__name__}.BackendWithoutBen"),
        "ben of a backend that finds ada": session_key(ada, f"{__name__}.OwnLookup"),
        "backend that is not there": session_key(ada, "elsewhere.Backend"),
        "user who has been deleted": session_key(gone),
        "user who is not active": session_key(idle),
        "hash of another password": session_key(ada, **{HASH_SESSION_KEY: "x" * 64}),
        "no hash": session_key(ada, **{HASH_SESSION_KEY: None}),
        "session of a visitor": session_key(ada, **{SESSION_KEY: None}),
        "session that has ended": session_key(ada),
        "secret that was replaced": of_old_secret,
        "no session": "nothing0here",
        "case": session_key(ada).upper(),
        "no key of Django's": "x-y:z'\u00e9",
    }
    gone.delete()
    User.objects.filter(pk=idle.pk).update(is_active=False)
    Session.objects.filter(pk=keys["session that has ended"]).update(expire_date=timezone.now() - timedelta(seconds=1))

    logins = Logins(keys.values())
    found = {name: logins[key].user.username for name, key in keys.items()}
    assert found == {name: by_django(key).username for name, key in keys.items()}
    assert {name for name, username in found.items() if username} >= {"ada", "ben", "secret that was replaced"}


def test_invalid_user_key_is_left_to_django():
    ada = User.objects.create_user("ada")
    good, bad = session_key(ada), session_key(ada, **{SESSION_KEY: "x"})
    logins = Logins([good, bad])
    assert logins[good].user == ada
    with pytest.raises(Exception, match="must be an integer"):
        by_django(bad)
    with pytest.raises(Exception, match="must be an integer"):
        logins[bad]


def test_invalid_session_key_affects_no_other_session():
    ada = User.objects.create_user("ada")
    good = session_key(ada)
    assert Logins([good, "nul\x00nul\x00"])[good].user == ada


def test_unreadable_session_affects_no_other_session(monkeypatch):
    ada = User.objects.create_user("ada")
    good, bad = session_key(ada), session_key(ada, old="x")
    store = import_module("django.contrib.sessions.backends.db").SessionStore
    decode = store.decode
    lost = Session.objects.get(pk=bad).session_data

    def reading(self: Any, data: str) -> Any:
        if data == lost:
            raise LookupError("no such class any more")
        return decode(self, data)

    monkeypatch.setattr(store, "decode", reading)
    logins = Logins([good, bad])
    assert logins[good].user == ada
    with pytest.raises(LookupError):
        logins[bad]


def test_no_session_table_is_needed_without_a_session(monkeypatch):
    """`django.contrib.sessions` may not be installed."""
    store = import_module("django.contrib.sessions.backends.db").SessionStore
    monkeypatch.setattr(store, "get_model_class", lambda: 1 / 0)
    with CaptureQueriesContext(connection) as captured:
        Logins([])
    assert len(captured) == 0


def test_statements_do_not_grow_with_the_number():
    users = [User.objects.create_user(f"user{number}") for number in range(30)]
    keys = [session_key(user) for user in users]
    with CaptureQueriesContext(connection) as captured:
        logins = Logins(keys)
        assert [logins[key].user for key in keys] == users
        assert all(logins.seconds_left(logins[key].session) > 1000 for key in keys)
    assert len(captured) == 2


def test_expiry_of_a_session_is_read_on_request():
    logins = Logins([])
    with CaptureQueriesContext(connection) as captured:
        assert not logins["nothing0here"].user.is_authenticated
    assert len(captured) == 1  # that of Django


def test_expiry_of_a_session_is_that_of_its_row():
    key = session_key(User.objects.create_user("ada"))
    Session.objects.filter(pk=key).update(expire_date=timezone.now() + timedelta(seconds=100))
    for logins in (Logins([key]), Logins([])):
        assert 90 < logins.seconds_left(logins[key].session) <= 100


@pytest.mark.parametrize("engine", ["cached_db", "cache", "signed_cookies"])
def test_other_stores_are_read_one_by_one(settings, engine):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    ada = User.objects.create_user("ada")
    key = new_session(ada)
    logins = Logins([key])
    login = logins[key]
    assert login.user == ada
    assert 0 < logins.seconds_left(login.session) <= 600 or engine == "cached_db"


def test_keys_without_a_session_cost_one_statement_together():
    keys = [f"{number:032x}" for number in range(30)]
    with CaptureQueriesContext(connection) as captured:
        logins = Logins(keys)
        assert {logins[key].user.is_authenticated for key in keys} == {False}
        assert {logins[key].session.session_key for key in keys} == {None}
    assert len(captured) == 1
