"""Sessions in stores other than the database: what another process ends there is noticed here."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest
from django.contrib.auth.models import User
from django.db import connections

from realtime.auth.identity import Identity
from tests.models import Book
from tests.support.logins import new_session
from tests.support.processes import run
from tests.support.wire import WireClient, until

BACKEND = "django.contrib.auth.backends.ModelBackend"
SCRIPT = """
import json, os
from django.conf import settings
for name, value in json.loads(os.environ["STORE"]).items(): setattr(settings, name, value)
import django; django.setup()
from django.test import Client
from django.contrib.auth.models import User
client = Client(); client.cookies["sessionid"] = os.environ["SESSION"]
"""


class Store:
    """A store of sessions that this process and others share."""

    def __init__(self, options: dict[str, object]) -> None:
        self.options = options

    def log_in(self, user: User, number: int) -> str:
        """The key of a new session."""
        # a signed cookie of the same second would be the same, but for the number
        return new_session(user, engine=str(self.options["SESSION_ENGINE"]), number=number)

    def run(self, session: str, code: str) -> None:
        """Run code in another process, whose `client` has the session."""
        name = str(connections["default"].settings_dict["NAME"])
        more = {"DJANGO_SETTINGS_MODULE": "tests.settings", "STORE": json.dumps(self.options), "SESSION": session}
        script = f"from django.conf import settings; settings.DATABASES['default']['NAME'] = {name!r}\n{SCRIPT}{code}"
        done = run([sys.executable, "-c", script], env={**os.environ, **more})
        assert done.returncode == 0, done.stderr


@pytest.fixture(params=["cache", "signed_cookies"])
def store(request, settings, redis_url) -> Store:
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis_url}
    options = {
        "SESSION_ENGINE": f"django.contrib.sessions.backends.{request.param}",
        "CACHES": {"default": {**cache, "KEY_PREFIX": f"sessions-{os.getpid()}"}},
    }
    for name, value in options.items():
        setattr(settings, name, value)
    return Store(options)


@pytest.fixture
async def clients(store, elsewhere, shelf):
    """Two of ann's pages, each with a session of its own."""
    ann = await elsewhere.soon(User.objects.create_user, "ann")
    keys = [await elsewhere.soon(store.log_in, ann, number) for number in range(2)]
    async with (
        WireClient(Identity(str(ann.pk), keys[0])) as one,
        WireClient(Identity(str(ann.pk), keys[1])) as other,
    ):
        for client in (one, other):
            await client.subscribe("books", shelf=shelf.pk)
            assert client.refusals == {}
        yield one, other


async def test_logout_ends_the_connection_and_no_other(store, clients, elsewhere, shelf):
    one, other = clients
    await asyncio.to_thread(store.run, one.identity.session, "client.logout()")
    await until(lambda: one.closed)
    assert one.closed[0] == 4101
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
    await until(lambda: other.titles() == ["a"])
    assert (other.closed, one.titles()) == (None, [])


async def test_new_password_ends_all(store, clients):
    code = "ann = User.objects.get(username='ann'); ann.set_password('new'); ann.save()"
    await asyncio.to_thread(store.run, clients[0].identity.session, code)
    await until(lambda: all(client.closed for client in clients))
    assert [client.closed[0] for client in clients] == [4101, 4101]
