"""Sites below a path: pushed rows have the addresses that pages have, whichever a process renders first."""

from __future__ import annotations

import asyncio
import re

import pytest

from realtime.client import connect
from tests.connections.transports.conftest import Daphne
from tests.models import Shelf
from tests.support import http
from tests.support.waiting import seconds


@pytest.fixture(params=["--root-path", "FORCE_SCRIPT_NAME"])
def daphne(request, django_db_setup, tmp_path, monkeypatch):
    if request.param == "FORCE_SCRIPT_NAME":  # the proxy takes the prefix away
        monkeypatch.setenv("REALTIME_TEST_SCRIPT_NAME", "/app")
        daphne = Daphne(tmp_path)
    else:
        daphne = Daphne(tmp_path, root_path="/app")
    daphne.below = "/app" if request.param == "--root-path" else ""
    daphne.start()
    yield daphne
    daphne.stop()


async def test_process_that_pushes_first(daphne, committed, elsewhere):
    async with connect(f"ws://{daphne.host}{daphne.below}/realtime/ws/") as client:
        rows = client.subscribe("addressed", format="html")
        async with asyncio.timeout(seconds(20)):
            await rows.ready()
            await elsewhere.soon(lambda: Shelf.objects.create(name="one"))
            async for change in rows:
                if change.rows:
                    break
    response = await http.request(f"http://{daphne.host}{daphne.below}/addressed/", method="GET")
    page = await response.text()

    expected = '<a href="/app/admin/">one</a><img src="/app/static/x.png"></li>'
    assert re.sub("<li[^>]*>", "", rows.rows[0]) == expected
    assert (page.startswith("/app/static/y.png<div"), expected in page) == (True, True)
