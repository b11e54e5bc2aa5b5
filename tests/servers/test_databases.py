"""The ways to keep connections to PostgreSQL that the docs name: rows, changes and actions work with each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connections.transports.conftest import ROOT, Daphne
from tests.models import Book
from tests.settings import BACKEND
from tests.support.remotes import REMOTES

pytestmark = [pytest.mark.databases, pytest.mark.skipif(BACKEND != "postgresql", reason="about PostgreSQL")]

PAGE = (ROOT / "docs" / "operations" / "postgresql.md").read_text()
WAYS = ['OPTIONS["pool"]', "CONN_MAX_AGE", "DISABLE_SERVER_SIDE_CURSORS", "DATABASE_ROUTERS"]


@pytest.fixture(scope="module", params=WAYS)
def daphne(request, django_db_setup, tmp_path_factory) -> Iterator[Daphne]:
    assert f"\n| `{request.param}`" in PAGE
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REALTIME_TEST_CONNECTIONS", request.param)
        daphne = Daphne(tmp_path_factory.mktemp("daphne"), settings="tests.servers.database_settings")
    daphne.start()
    yield daphne
    daphne.stop()


@pytest.mark.parametrize("transport", ["websocket", "longpoll"])
async def test_rows_changes_and_calls_come(server, session, shelf, elsewhere, transport):
    await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
    async with REMOTES[transport](server.host, session=session) as remote:
        await remote.subscribe("books", shelf=shelf.pk)
        assert remote.titles() == ["a"]
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="b")
        await remote.until(lambda: remote.titles() == ["a", "b"])
        reply = await remote.call("c1", "books", "add", {"title": "c"}, shelf=shelf.pk)
        await remote.until(lambda: remote.titles() == ["a", "b", "c"])
    assert reply["result"]["pk"]
