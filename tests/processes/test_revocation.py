"""Revocation by one process of what another process serves, with Redis there, away, and not asked for."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from tests.connections.transports.conftest import Daphne, client, session
from tests.models import Shelf
from tests.support.processes import free_port, start
from tests.support.waiting import seconds

__all__ = ["client", "session"]

pytestmark = pytest.mark.databases

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "tests.processes.settings"
MOST_SECONDS = seconds(5)  # a second where nothing else is run; far less than until a session is looked at anyway

WRITER = """
import json, sys, time
import django
django.setup()
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
import realtime
for line in sys.stdin:
    ann = User.objects.get(username="ann")
    exec(json.loads(line))
    print(time.time(), flush=True)
    connection.close()
"""
REVOCATIONS = {
    "logout": "c = Client(); c.cookies['sessionid'] = {session!r}; c.logout()",
    "password": "ann.set_password('new'); ann.save()",
    "is_active": "ann.is_active = False; ann.save()",
    "permission": "ann.user_permissions.clear()",
    "deleted sessions": "Session.objects.all().delete()",
    "deleted user": "ann.delete()",
}


@pytest.fixture(scope="module", params=["no Redis", "Redis", "Redis away"])
def daphne(request: Any, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daphne]:
    layers = {"no Redis": lambda: "", "Redis away": lambda: f"redis://127.0.0.1:{free_port()}"}
    layer = layers.get(request.param, lambda: request.getfixturevalue("redis_url"))()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REALTIME_TEST_LAYER", layer)
        daphne = Daphne(tmp_path_factory.mktemp("processes"), settings=SETTINGS)
        daphne.layer = layer
        daphne.start()
        yield daphne
        daphne.stop()


@pytest.fixture
def server(daphne: Daphne, committed: None) -> Daphne:
    return daphne


@pytest.fixture
def shelves(session, elsewhere) -> None:
    """One shelf, which ann may see by a permission of her own."""

    def make() -> None:
        ann = User.objects.get(username="ann")
        ann.user_permissions.add(Permission.objects.get(codename="view_shelf", content_type__app_label="tests"))
        Shelf.objects.create(name="one")

    elsewhere(make)


@pytest.fixture(scope="module")
def writer(daphne: Daphne) -> Iterator[Any]:
    """`await writer(code)`: run in a process of its own; the time at which it was done."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": SETTINGS, "REALTIME_TEST_LAYER": daphne.layer}
    command = [sys.executable, "-c", WRITER]
    with start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def run(code: str) -> float:
            process.stdin.write(json.dumps(code) + "\n")
            process.stdin.flush()
            return float(process.stdout.readline())

        yield lambda code: asyncio.to_thread(run, code)
        process.stdin.close()


@pytest.mark.parametrize("ground", REVOCATIONS)
async def test_of_another_process_is_noticed_soon(client, session, shelves, writer, ground):
    async with client(session) as remote:
        await remote.subscribe("shelves")
        assert remote.protocol.subscriptions[1].live
        revoking = asyncio.create_task(writer(REVOCATIONS[ground].format(session=session)))
        while (await remote.step())["type"] not in ("refused", "bye"):
            pass
        noticed = time.time()
        assert remote.received[-1]["code"] in (4101, 4214)
        assert noticed - await revoking < MOST_SECONDS


async def test_revoke_of_another_process_has_access_asked_again(client, session, shelves, writer):
    async with client(session) as remote:
        await remote.subscribe("shelves")
        code = "connection.cursor().execute('DELETE FROM auth_user_user_permissions'); realtime.revoke(ann)"
        revoking = asyncio.create_task(writer(code))
        while (await remote.step())["type"] != "refused":
            pass
        noticed = time.time()
        assert noticed - await revoking < MOST_SECONDS
