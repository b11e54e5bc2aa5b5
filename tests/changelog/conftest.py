"""Fixtures of the change log's tests: the log of the default database, and functions to write and read it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection

from realtime.changelog import get_changelog
from realtime.changelog.base import ChangeLog, NewChange, Reading

needs_concurrent_writers = pytest.mark.skipif(
    "connection.vendor == 'sqlite'", reason="SQLite has one writer at a time"
)


def change(key: object, **fields: object) -> NewChange:
    return NewChange("tests.book", str(key), "u", **fields)


@pytest.fixture
def log(committed: None) -> ChangeLog:
    return get_changelog("default")


@pytest.fixture
def write(log: ChangeLog) -> Callable[..., None]:
    """`write(1, 2)` logs a change of each key."""
    return lambda *keys: log.append([change(key) for key in keys])


@pytest.fixture
def read(log: ChangeLog) -> Callable[[str], tuple[list[str], str]]:
    """`keys, cursor = read(cursor)` returns the keys of the new changes, and the new cursor."""

    def read(cursor: str) -> tuple[list[str], str]:
        reading: Reading = log.read(cursor, limit=1000)
        assert reading.complete
        return [item.key for item in reading.changes], reading.cursor

    return read


@pytest.fixture
def vendor() -> str:
    return connection.vendor
