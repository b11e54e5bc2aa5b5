"""The connections of a server's threads end their own transactions, whatever the project does with its own."""

from __future__ import annotations

import pytest
from django.db import connection, connections

from realtime.hub.threads import ReaderThread, Workers
from tests.support.waiting import seconds

MAKERS = [lambda: Workers(1, "tests"), lambda: ReaderThread("tests")]


@pytest.mark.parametrize("make", MAKERS, ids=["workers", "reader"])
def test_project_without_autocommit(committed, monkeypatch, make):
    def look():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return connection.get_autocommit()

    threads = make()
    try:
        with monkeypatch.context() as patch:  # undone before the fixture empties the tables
            patch.setitem(connections["default"].settings_dict, "AUTOCOMMIT", False)
            assert threads.submit(look).result(seconds(10)) is True
    finally:
        for ended in threads.close():
            ended.result(seconds(10))
