"""Through PgBouncer in transaction mode LISTEN seems to succeed. That nothing is heard is said once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
from django.db import connection

from realtime.hub.pubsub import postgresql
from realtime.hub.pubsub.notifications import Waiter
from realtime.management.doctor import layers
from realtime.management.doctor.findings import Outcome
from tests.conftest import give_up
from tests.hub.pubsub.test_contract import SOON, settled, write_elsewhere
from tests.settings import BACKEND
from tests.support import services
from tests.support.pgbouncer import PgBouncer
from tests.support.waiting import FACTOR

pytestmark = [
    pytest.mark.databases,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(BACKEND != "postgresql", reason="about PostgreSQL"),
]


@pytest.fixture
def pooler(request, pytestconfig, monkeypatch) -> Iterator[PgBouncer]:
    """The way of Django's connections, while the test runs."""
    if PgBouncer.programs() is None:
        give_up(pytestconfig, "There is no PgBouncer: install it (on Debian: apt-get install pgbouncer).")
    pooler = PgBouncer(services.url("postgresql"), mode=getattr(request, "param", "transaction"))
    pooler.start()
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", str(pooler.port))
    monkeypatch.setattr(postgresql, "ANSWER_SECONDS", 5.0 * FACTOR)
    yield pooler
    pooler.remove()


@pytest.fixture
def impatient(pooler, monkeypatch) -> None:
    """It does not take long to notice that nothing is heard."""
    monkeypatch.setattr(postgresql, "ANSWER_SECONDS", 0.5)


async def test_nothing_heard_is_said_once_and_changes_are_left_to_polling(impatient, monkeypatch, caplog):
    monkeypatch.setattr(postgresql, "POOLER_SECONDS", 0.1)
    with caplog.at_level(logging.WARNING, "realtime"):
        waiter = Waiter("default")
        for _ in range(3):  # it tries again
            assert await waiter.wait(SOON)
    await waiter.close()
    [record] = caplog.records
    assert record.getMessage() == (
        "Wake-ups by LISTEN on the database 'default' are not available (NoNotification: LISTEN succeeds and no "
        "notification comes, as through PgBouncer in transaction mode; set REALTIME_LISTEN_DSN['default'] to a way "
        "around the pooler); changes are found by polling."
    )


@pytest.mark.parametrize("pooler", ["session"], indirect=True)
async def test_pooler_in_session_mode_is_heard_through(pooler, caplog):
    await expect_to_hear(caplog)


async def test_way_around_the_pooler_is_heard(pooler, settings, caplog):
    server = pooler.server
    settings.REALTIME_LISTEN_DSN = {
        "default": f"host={server.hostname} port={server.port or 5432} user={server.username} "
        f"password='{server.password or ''}' dbname={connection.settings_dict['NAME']}"
    }
    await expect_to_hear(caplog)


async def expect_to_hear(caplog) -> None:
    with caplog.at_level(logging.WARNING, "realtime"):
        waiter = Waiter("default")
        await settled(waiter)
        await asyncio.to_thread(write_elsewhere)
        assert await waiter.wait(SOON)
        await waiter.close()
    assert caplog.text == ""


async def test_doctor_does_not_call_it_good(impatient, monkeypatch):
    monkeypatch.setattr(layers, "ANSWER_SECONDS", 2.0)
    [found, *_] = await layers.wakeups()
    assert (found.what, found.state) == ("wake-up default", Outcome.BROKEN)
    assert "REALTIME_LISTEN_DSN" in found.text
